package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// The defaults of keyed draws.
const (
	defaultDrawWidth = 4
	defaultDepth     = 30 // SynthID-Text's
)

const profileGroupHelp = `A profile is the public description of a mark. Generation and detection share it. It holds
no secret.`

const profileHelp = `New prints the JSON object that generation and detection of a mark share. It holds no
secret. Two profiles that mean the same have the same id, which goes to stderr.

The defaults are a trace mark: a green list of half the vocabulary with two tokens of
context. It survives training and is found in short texts. A lower delta changes the text
less, and detection needs more of it. A larger context width is harder to learn, for
attackers and for students alike. --kl NATS picks the delta that costs at most NATS per
token, whatever the model writes. With --text it costs that much on average in that kind of
text.

--scheme gumbelmax and --scheme tournament are keyed draws with four tokens of context.
They leave the distribution of each token as it is, and are found in still shorter texts.
Greedy decoding shows neither of them, and training is not known to carry them over. A
gumbelmax always continues the same beginning alike. --variants gives it several keys, of
which each text has one. --dual gives it two keys, between which contexts change.

--for picks the scheme for an aim. It is compliance for a service that marks all its text,
and forensics for evidence at 1e-6. It is students for models that were trained on the text.
Leave out the other flags of the scheme then.

--explain says on stderr what the mark costs and how much text a test needs.

--payload BITS lets each text carry a number of that many bits, which generate takes and
detect reads. Half of the contexts carry it. The other half carry the mark alone, so a
test for the mark needs about twice as much text.`

// profileFlags are the flags of profile.
type profileFlags struct {
	profile        watermark.Profile
	scheme         string
	green          watermark.GreenList
	gumbel         watermark.GumbelMax
	tournament     watermark.Tournament
	width          int
	kl             float64
	text           string
	band, selector string
	exempt         tokenIDs
	explain        bool
	aim            string
	padding        int                    // ids of the profile without a token
	given          func(name string) bool // flags of the call
}

func (c *cli) profileCommand() *cobra.Command {
	var o profileFlags // of the old spelling, without a verb
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Make, identify and explain the public descriptions of marks",
		Long:  profileGroupHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return needsVerb(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = cmd.Flags().Changed
			c.hint("note: 'isotope profile' is now 'isotope profile new'; the old spelling still works")
			return c.profile(&o)
		},
	}
	o.register(cmd)
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	cmd.AddCommand(c.profileNewCommand(), c.profileIDCommand(), c.profileExplainCommand())
	return cmd
}

func (c *cli) profileNewCommand() *cobra.Command {
	var o profileFlags
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Print the public description of a mark, for generate and detect",
		Long:  profileHelp,
		Example: `  isotope profile new > trace.json
  isotope profile new --kl 0.05 --text chat --explain > trace.json
  isotope profile new --for compliance > provenance.json
  isotope profile new --scheme gumbelmax --explain > provenance.json
  isotope profile new --scheme tournament --depth 20
  isotope profile new --tokenizer o200k_base --gamma 0.25 --delta 1.5
  isotope profile new --tokenizer models/qwen3/tokenizer.json
  isotope profile new --tokenizer none --vocab 128256
  isotope profile new --payload 16`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = cmd.Flags().Changed
			return c.profile(&o)
		},
	}
	o.register(cmd)
	return cmd
}

func (c *cli) profileIDCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "id FILE...",
		Short: "Print the identities of profiles",
		Long: `ID prints the identities of profiles, a line for each FILE. Profiles that mean the same have
the same one.`,
		Example: `  isotope profile id my.json`,
		Args:    someFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return c.printIDsOf(args, func(path string) (string, error) {
				p, err := readProfile(path)
				if err != nil {
					return "", err
				}
				return p.ID(), nil
			})
		},
	}
}

func (c *cli) profileExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain FILE",
		Short: "Say what a mark costs, and how much text a test needs",
		Long: `Explain says what the mark of a profile costs in several kinds of text, and how many tokens a
test needs.`,
		Example: `  isotope profile explain my.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			return check([]rule{noSecrets(args...), {len(args) != 1, "explain takes one FILE: a profile"}})
		},
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := readNativeProfile(args[0])
			if err != nil {
				return err
			}
			return explain(c.stdout, p)
		},
	}
}

// register adds the flags to a command.
func (o *profileFlags) register(cmd *cobra.Command) {
	f, p := cmd.Flags(), &o.profile
	f.StringVar(&o.aim, "for", "", "`AIM` that picks the scheme: "+strings.Join(aims, ", "))
	f.StringVar(&o.scheme, "scheme", schemeGreenList, "`SCHEME` of the mark: "+strings.Join(schemes, ", "))
	f.Float64Var(&o.green.Gamma, "gamma", defaultGamma, "greenlist: green share of the vocabulary, m/256")
	f.Float64Var(&o.green.Delta, "delta", defaultDelta, "greenlist: bias of green logits, in nats")
	f.Float64Var(&o.kl, "kl", 0, "greenlist: pick the delta that costs at most `NATS` per token, at temperature 1")
	f.StringVar(&o.text, "text", "", "with --kl: `KIND` of text in which it costs that much on average, one of "+strings.Join(plan.TextKinds(), ", ")+" (default: any text)")
	f.Float64Var(&o.gumbel.Dual, "dual", 0, "gumbelmax: probability of the first of two keys, m/256, where 0 means one key")
	f.IntVar(&o.tournament.Depth, "depth", defaultDepth, "tournament: number of layers, 1 to 32")
	f.IntVar(&o.tournament.Candidates, "candidates", 2, "tournament: tokens in a match, 2 to 16, where more than 2 distort the distribution")
	f.IntVar(&p.Variants, "variants", 1, "gumbelmax, tournament: number of keys, of which each text has one")
	f.IntVar(&o.width, "width", 0, "context width in tokens, 0 to 16 (default: 2 for greenlist, 4 for the others)")
	f.StringVar(&p.Tokenizer, "tokenizer", defaultTokenizer, "tokenizer `NAME`: one of "+strings.Join(tokenize.Names(), ", ")+`. A model that has one of these and the file of a tokenizer are names, too. Token ids from outside have "none"`)
	f.IntVar(&p.Vocab, "vocab", 0, "number of logits in a row of the model, control tokens included; ids from it on are never drawn (default: those of the tokenizer)")
	f.StringVar(&o.band, "band", "", "part `LO,HI` of the 65536 parts of contexts; needs --selector")
	f.StringVar(&o.selector, "selector", "", "key `FILE` that divides the contexts between bands")
	f.StringVar(&p.Mask, "mask", "", `"context" leaves repeated contexts of a text unmarked, "none" marks them (default: none for greenlist, context for the others)`)
	f.StringVar(&p.Dedup, "dedup", watermark.DedupPair, `"context" scores each context once; it is the default with --mask context, and suits single documents`)
	f.BoolVar(&p.NoPromptContext, "no-prompt-context", false, "leave the prompt out of the contexts of the text")
	f.Uint32Var(&p.Lane.Group, "group", 0, "group of tenants that share a key")
	f.IntVar(&p.Lane.Index, "lane", 0, "the tenant's lane within the group")
	f.IntVar(&p.Payload, "payload", 0, "`BITS` of the message that a text carries, 0 to 20; needs gamma 1/2")
	f.Var(&o.exempt, "exempt", `token IDS with commas, ascending, that are never scored, or "none" (default: the control tokens of the tokenizer)`)
	f.StringVar(&p.Marked, "marked", watermark.MarkedScored, `"scored" leaves what no test scores unmarked: the first tokens of a text, and the ids of --exempt; "all" marks every position`)
	f.Float64Var(&o.green.Gate, "gate", 0, "greenlist: bias only rows whose entropy is at least `NATS` at temperature 1")
	f.BoolVar(&o.explain, "explain", false, "say on stderr what the mark costs and how many tokens a test needs")
}

// profile prints the profile that the flags describe.
func (c *cli) profile(o *profileFlags) error {
	if err := o.describe(); err != nil {
		return err
	}
	p := &o.profile
	text, err := p.MarshalJSON()
	if err != nil {
		return usageError{err}
	}
	if o.explain {
		if err := explain(c.stderr, p); err != nil {
			return err
		}
	}
	c.hint("profile %s", p.ID())
	if o.padding > 0 {
		c.hint("%d of the %d ids have no token; heads of models often have such rows at the end", o.padding, p.Vocab)
	}
	_, err = fmt.Fprintln(c.stdout, string(bytes.TrimSpace(text)))
	return err
}

// describe completes the profile from the flags that do not stand for one field of it.
func (o *profileFlags) describe() error {
	p := &o.profile
	var err error
	if err := o.applyAim(); err != nil {
		return err
	}
	if p.Scheme, err = o.schemeOf(); err != nil {
		return err
	}
	if err := o.tokenizer(); err != nil {
		return err
	}
	if p.Mask == "" && o.scheme != schemeGreenList {
		p.Mask = watermark.MaskContext // the default of keyed draws
	}
	if p.Mask == watermark.MaskContext && !o.given("dedup") {
		p.Dedup = watermark.DedupContext // the right test of a single document
	}
	if o.given("band") {
		if p.BandLo, p.BandHi, err = parseBand(o.band); err != nil {
			return err
		}
	}
	if o.selector != "" {
		key, err := readNativeKey(o.selector)
		if err != nil {
			return err
		}
		p.Selector = key.ID()
	}
	if o.given("exempt") {
		p.Exempt = o.exempt
	}
	return nil
}

// tokenizer sets the digest of the tokenizer and the size of the vocabulary.
func (o *profileFlags) tokenizer() error {
	p := &o.profile
	if p.Tokenizer == watermark.TokenizerNone {
		return check([]rule{{p.Vocab == 0, "--tokenizer none needs --vocab: the number of logits in a row of the model"}})
	}
	t, err := loadTokenizer(p.Tokenizer)
	if err != nil {
		return usageError{err}
	}
	p.Tokenizer, p.TokenizerDigest = t.Name(), t.Digest()
	if p.Vocab == 0 {
		p.Vocab = t.Vocab()
	}
	if t, ok := t.(interface{ Special() []watermark.Token }); ok {
		p.Exempt = t.Special() // a mark that touched them would change where turns end
	}
	if t, ok := t.(*tokenize.BPE); ok {
		if o.padding, err = t.CheckRows(p.Vocab); err != nil {
			return usageError{fmt.Errorf("--vocab %d: %s", p.Vocab, strings.TrimPrefix(err.Error(), "tokenize: "))}
		}
	}
	return nil
}

// tokenIDs is the value of --exempt: a list of ids, or "none".
type tokenIDs []watermark.Token

func (t *tokenIDs) String() string { return "" }
func (t *tokenIDs) Type() string   { return "IDS" }

func (t *tokenIDs) Set(text string) error {
	*t = nil
	if text == "none" {
		return nil
	}
	for word := range strings.SplitSeq(text, ",") {
		id, err := strconv.ParseInt(strings.TrimSpace(word), 10, 32)
		if err != nil {
			return errors.New("not a list of ids")
		}
		*t = append(*t, watermark.Token(id))
	}
	return nil
}

// parseBand parses "LO,HI".
func parseBand(s string) (lo, hi int, err error) {
	a, b, ok := strings.Cut(s, ",")
	lo, errLo := strconv.Atoi(strings.TrimSpace(a))
	hi, errHi := strconv.Atoi(strings.TrimSpace(b))
	return lo, hi, check([]rule{
		{!ok || errLo != nil || errHi != nil, fmt.Sprintf("--band %q is not LO,HI, such as 0,32768", s)},
		{lo == 0 && hi == 0, "--band 0,0 is empty; give LO,HI with LO below HI"},
	})
}
