package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// The defaults of keyed draws.
const (
	defaultDrawWidth = 4
	defaultDepth     = 30 // SynthID-Text's
)

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
	exempt         []int32
	explain        bool
	given          func(name string) bool // flags of the call
}

func (c *cli) profileCommand() *cobra.Command {
	var o profileFlags
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Print a mark's public description, for generate and detect",
		Long: `Profile prints the JSON that generation and detection of a mark share. It holds no
secret. Two profiles that mean the same have the same id, which goes to stderr.

The defaults are a trace mark: a green list of half the vocabulary with two tokens of
context, which survives training and finds short texts. A lower delta disturbs the
text less and needs more of it; a larger width is harder to learn, for attackers and
for students alike. --kl chooses delta by what it costs: so many nats a token at most
whatever the model writes, or with --text on average in that kind of text.

--scheme gumbelmax and --scheme tournament are keyed draws with four tokens of context:
they leave the distribution of each token as it is and find still shorter texts, but
greedy decoding shows none of them and training does not carry them over. A gumbelmax
gives the same answer to the same request; --variants gives it several keys, of which
each text has one, and --dual two keys between which contexts change.

--explain says on stderr what the mark costs and how much text it needs.

With --payload each text can carry a number of that many bits, which generate takes and
detect reads. Half of the contexts carry it; the other half carry the mark alone, so
that finding the mark takes about twice as much text.`,
		Example: `  isotope profile > trace.json
  isotope profile --kl 0.05 --text chat --explain > trace.json
  isotope profile --scheme gumbelmax --explain > provenance.json
  isotope profile --scheme tournament --depth 20
  isotope profile --tokenizer o200k_base --gamma 0.25 --delta 1.5
  isotope profile --tokenizer none --vocab 128256
  isotope profile --payload 16`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = cmd.Flags().Changed
			p := &o.profile
			var err error
			if p.Scheme, err = o.schemeOf(); err != nil {
				return err
			}
			if p.Tokenizer != watermark.TokenizerNone {
				t, err := tokenize.Get(p.Tokenizer)
				if err != nil {
					return usageError{err}
				}
				p.TokenizerDigest = t.Digest()
				switch {
				case p.Vocab == 0:
					p.Vocab = t.Vocab()
				case p.Vocab < t.Vocab():
					return usagef("profile: --vocab %d is smaller than the %d of %s; only padding can make it larger", p.Vocab, t.Vocab(), p.Tokenizer)
				}
			}
			if p.Vocab == 0 {
				return usagef("profile: --tokenizer none needs --vocab")
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
				key, err := watermark.ReadKeyFile(o.selector)
				if err != nil {
					return err
				}
				p.Selector = key.ID()
			}
			p.Exempt = o.exempt
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
			_, err = fmt.Fprintln(c.stdout, string(bytes.TrimSpace(text)))
			return err
		},
	}
	f, p := cmd.Flags(), &o.profile
	f.StringVar(&o.scheme, "scheme", schemeGreenList, "`SCHEME` of the mark: "+strings.Join(schemes, ", "))
	f.Float64Var(&o.green.Gamma, "gamma", defaultGamma, "greenlist: green share of the vocabulary, m/256")
	f.Float64Var(&o.green.Delta, "delta", defaultDelta, "greenlist: bias of green logits, in nats")
	f.Float64Var(&o.kl, "kl", 0, "greenlist: choose delta so that the mark costs so many `NATS` a token, at temperature 1")
	f.StringVar(&o.text, "text", "", "with --kl: `KIND` of text it costs as much in, "+strings.Join(detect.Texts(), ", ")+" (default: any model at most)")
	f.Float64Var(&o.gumbel.Dual, "dual", 0, "gumbelmax: probability of the first of two keys, m/256; 0: one key")
	f.IntVar(&o.tournament.Depth, "depth", defaultDepth, "tournament: layers, 1 to 32")
	f.IntVar(&o.tournament.Candidates, "candidates", 2, "tournament: tokens in a match, 2 to 16; more than 2 distort")
	f.IntVar(&p.Variants, "variants", 1, "gumbelmax, tournament: number of keys, of which each text has one")
	f.IntVar(&o.width, "width", 0, "context width in tokens, 0 to 16 (default: 2 for greenlist, else 4)")
	f.StringVar(&p.Tokenizer, "tokenizer", defaultTokenizer, "tokenizer `NAME`, one of "+strings.Join(tokenize.Names(), ", ")+`, or "none" for token ids from outside`)
	f.IntVar(&p.Vocab, "vocab", 0, "vocabulary size (default: the tokenizer's)")
	f.StringVar(&o.band, "band", "", "part `LO,HI` of the 65536 parts of contexts; needs --selector")
	f.StringVar(&o.selector, "selector", "", "key `FILE` that splits the contexts into bands")
	f.StringVar(&p.Mask, "mask", "", `"context" leaves repeated contexts of a text unmarked, "none" does not (default: none for greenlist, else context)`)
	f.StringVar(&p.Dedup, "dedup", watermark.DedupPair, `"context" tests each context once; the default under mask context, right for single documents`)
	f.BoolVar(&p.NoPromptContext, "no-prompt-context", false, "the prompt is no context of the text")
	f.Uint32Var(&p.Lane.Group, "group", 0, "tenant group")
	f.IntVar(&p.Lane.Index, "lane", 0, "tenant lane within the group")
	f.IntVar(&p.Payload, "payload", 0, "`BITS` of the message a text carries, 0 to 20; needs gamma 1/2")
	f.Int32SliceVar(&o.exempt, "exempt", nil, "ascending token `IDS` that are never scored")
	f.BoolVar(&o.explain, "explain", false, "say on stderr what the mark costs and how many tokens find it")
	return cmd
}
