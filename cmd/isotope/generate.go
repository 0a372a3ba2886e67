package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

const generateHelp = `Generate prints a text that the embedded language model writes, marked with a key. The
first call trains the model on the doc comments of the Go distribution of this machine, or
on the text files of --corpus. It is a small n-gram model. It shows how marking works, and
not how well a model can write.

With --gguf the model in FILE writes, run by llama.cpp. Without --profile its mark is the
default one over the tokenizer in the file. To detect, make that profile with
'isotope profile new --tokenizer FILE', and give 'isotope detect' the file with --tokenizer.

Give --profile and --key several times, a key for each profile, to mark one text with
several marks. These are biases with disjoint bands, and at most one keyed draw. If a
profile has --variants, the text gets one of its keys, which the seed chooses.`

// generateFlags are the flags of generate.
type generateFlags struct {
	keys, profiles           []string
	tokenizers               []string
	selector, corpus, prompt string
	gguf, llamaLib           string
	chat                     bool
	committed                string
	book                     *provenance.KeyBook // of --committed, or nil
	tokens                   int
	unmarked, ids            bool
	seed                     uint64
	message                  uint32
	payload                  bool // a profile has one, and --message is for it
	sampler                  watermark.Sampler
	given                    func(name string) bool // flags of the call
}

func (c *cli) generateCommand() *cobra.Command {
	var o generateFlags
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write marked text with the embedded model",
		Long:  generateHelp,
		Example: `  isotope generate --key my.key --profile my.json > text.txt
  isotope generate --key my.key --prompt "The encoder" --length 200
  isotope generate --key my.key --profile my.json --message 1234
  isotope generate --key my.key --gguf model.gguf --chat --prompt "What is a lighthouse?"
  isotope generate --profile trace.json --key trace.key --profile provenance.json --key provenance.key`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = cmd.Flags().Changed
			o.settle()
			if err := o.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return c.generate(ctx, &o)
		},
	}
	o.register(cmd)
	c.oldFlags(cmd, map[string]string{"tokens": "length", "ids": "print-ids"})
	return cmd
}

// settle completes the flags from the environment.
func (o *generateFlags) settle() {
	if !o.unmarked {
		o.keys = filesFromEnv(o.keys, keyFileEnv)
	}
	o.profiles = filesFromEnv(o.profiles, profileFileEnv)
}

// register adds the flags to a command.
func (o *generateFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&o.keys, "key", "k", nil, "key `FILE`, one for each --profile")
	f.StringArrayVarP(&o.profiles, "profile", "p", nil, "profile `FILE` (default: the profile that 'isotope profile new' prints)")
	f.StringVar(&o.selector, "selector", "", "key `FILE` that selects the profiles' bands")
	registerTokenizers(f, &o.tokenizers)
	f.StringVar(&o.committed, "committed", "", "refuse a key that the log in `DIR` has no commitment to, or that was revealed or revoked")
	f.StringVar(&o.corpus, "corpus", "", "train the model on the text files below `DIR`")
	f.StringVar(&o.gguf, "gguf", "", "write with the model in `FILE`")
	registerLlamaLib(f, &o.llamaLib)
	f.BoolVar(&o.chat, "chat", false, "with --gguf: ask the prompt as a question, by the model's own template")
	f.StringVar(&o.prompt, "prompt", "", "`TEXT` to continue; it is not printed")
	f.IntVar(&o.tokens, "length", 400, "length of the text, in tokens")
	f.Uint32Var(&o.message, "message", 0, "number `N` that the text carries, for a profile with a payload or with variants")
	f.BoolVar(&o.unmarked, "unmarked", false, "write without a mark")
	f.BoolVar(&o.ids, "print-ids", false, "print token ids instead of text")
	f.Uint64Var(&o.seed, "seed", 0, "make the text reproducible")
	f.Float32Var(&o.sampler.Temperature, "temperature", textSampler.Temperature, "sampling temperature; 0 is greedy")
	f.IntVar(&o.sampler.TopK, "top-k", textSampler.TopK, "draw among the `K` most probable tokens; 0 is all")
	f.Float32Var(&o.sampler.TopP, "top-p", 0, "draw among the most probable tokens that have this mass, in [0,1]; 0 is all")
	f.Float32Var(&o.sampler.MinP, "min-p", textSampler.MinP, "leave out tokens less probable than this times the most probable one, in [0,1]; 0 is none")
}

// check returns a usage error for a call that cannot be right before any file is read.
func (o *generateFlags) check() error {
	profiles := max(len(o.profiles), 1)
	return check([]rule{
		noSecrets(slices.Concat(o.keys, o.profiles, o.tokenizers, []string{o.selector, o.gguf, o.llamaLib, o.committed})...),
		{o.unmarked && (len(o.keys) > 0 || o.selector != ""), "--unmarked uses no key; leave out --key and --selector"},
		{!o.unmarked && len(o.keys) == 0, "--key FILE is missing; make a key with 'isotope key new FILE'"},
		{o.unmarked && o.committed != "", "--unmarked uses no key; leave out --committed"},
		{o.unmarked && profiles > 1, "--unmarked takes one --profile at most"},
		{!o.unmarked && len(o.keys) != profiles, keysAndProfiles(len(o.keys), len(o.profiles))},
		{o.gguf != "" && (o.corpus != "" || len(o.tokenizers) > 0), "--gguf has a model with its tokenizer; leave out --corpus and --tokenizer"},
		{o.gguf == "" && (o.chat || o.llamaLib != ""), "--chat and --llama-lib are for --gguf; leave them out"},
		{o.chat && o.prompt == "", "--chat asks the question of --prompt; give one"},
		within("temperature", o.sampler.Temperature, notNegative()),
		within("top-k", o.sampler.TopK, notNegative()),
		within("top-p", o.sampler.TopP, closed(0, 1)),
		within("min-p", o.sampler.MinP, closed(0, 1)),
		within("length", o.tokens, fromTo(1, 1_000_000)),
	})
}

// generate writes one text.
func (c *cli) generate(ctx context.Context, o *generateFlags) error {
	if o.gguf != "" {
		return c.generateGGUF(ctx, o)
	}
	if err := c.loadTokenizers(o.tokenizers); err != nil {
		return err
	}
	profiles, err := o.readProfiles()
	if err != nil {
		return err
	}
	t, err := c.tokenizerOf(described(profiles[0]))
	if err != nil {
		return err
	}
	if t == nil {
		return usagef("the profile has no tokenizer, and the model needs one; give the profile of a tokenizer, such as %s", defaultTokenizer)
	}
	job := lm.Job{
		Prompts: [][]int32{t.Append(nil, []byte(o.prompt))},
		Tokens:  o.tokens,
		Sampler: o.sampler,
		Seed:    newSeed(o.given("seed"), o.seed).of("generate"),
	}
	if o.committed != "" {
		l, err := openReadOnly(o.committed, "")
		if err != nil {
			return err
		}
		o.book = l.Keys()
	}
	if job.Marks, err = o.marks(profiles, job.Seed); err != nil {
		return err
	}
	bundle, err := c.loadModel(ctx, t, o.corpus)
	if err != nil {
		return err
	}
	var finish func()
	job.Progress, finish = c.progress()
	defer finish()
	texts, err := bundle.Model.Generate(ctx, job)
	if err != nil {
		return err
	}
	return c.printIDs(t, texts[0], o.ids)
}

// printIDs prints token ids, as such or as the text that they are.
func (c *cli) printIDs(t tokenize.Tokenizer, ids []int32, asIDs bool) error {
	if asIDs {
		_, err := fmt.Fprintln(c.stdout, strings.Trim(fmt.Sprint(ids), "[]"))
		return err
	}
	text, err := t.Decode(nil, ids)
	if err != nil {
		return err
	}
	c.exact()
	_, err = c.stdout.Write(text)
	return err
}

// readProfiles reads the profiles of a call, or returns the default one.
func (o *generateFlags) readProfiles() ([]*watermark.Profile, error) {
	paths := o.profiles
	if len(paths) == 0 {
		paths = []string{""}
	}
	var profiles []*watermark.Profile
	for _, path := range paths {
		p, err := profileOrDefault(path)
		if err != nil {
			return nil, err
		}
		profiles = append(profiles, p)
	}
	return profiles, o.checkMessage(profiles)
}

// marks binds the profiles to their keys, and returns an error unless one text can have all of
// them.
func (o *generateFlags) marks(profiles []*watermark.Profile, seed [32]byte) ([]*watermark.Mark, error) {
	var marks []*watermark.Mark
	for i, file := range o.keys {
		p := profiles[i]
		if p.Tokenizer != profiles[0].Tokenizer || p.TokenizerDigest != profiles[0].TokenizerDigest {
			return nil, usagef("the profiles are for two tokenizers, %s and %s", profiles[0].Tokenizer, p.Tokenizer)
		}
		mark, err := o.mark(p, file, seed)
		if err != nil {
			return nil, err
		}
		marks = append(marks, mark)
	}
	if o.selector != "" && !slices.ContainsFunc(profiles, func(p *watermark.Profile) bool { return p.Selector != "" }) {
		return nil, usagef("no profile has a band; leave out --selector")
	}
	if _, err := watermark.NewSequence(marks...); err != nil {
		return nil, usageError{err}
	}
	return marks, nil
}

// mark binds a profile to the key of a file, for one text.
func (o *generateFlags) mark(p *watermark.Profile, keyFile string, seed [32]byte) (*watermark.Mark, error) {
	key, err := readNativeKey(keyFile)
	if err != nil {
		return nil, err
	}
	if o.book != nil {
		if err := o.book.Check("", p.ID(), key); err != nil {
			return nil, fmt.Errorf("--committed %s: %w", o.committed, err)
		}
	}
	var selectors []watermark.Key
	if p.Selector != "" {
		if selectors, err = readSelector(p, o.selector); err != nil {
			return nil, err
		}
	}
	if p.Payload > 0 {
		return p.MarkMessage(o.message, key, selectors...)
	}
	marks, err := p.Marks(key, selectors...)
	if err != nil {
		return nil, err
	}
	if len(marks) > 1 && o.given("message") && !o.payload {
		return marks[o.message], nil
	}
	return marks[int(binary.LittleEndian.Uint32(seed[:])%uint32(len(marks)))], nil
}

// checkMessage returns a usage error for a message that is missing, is too large, or has no
// profile to carry it. There is no default: a text that carries 0 by accident would be
// attributed to 0.
func (o *generateFlags) checkMessage(profiles []*watermark.Profile) error {
	bits, payloads := 0, 0
	variants, draws := 0, 0
	for _, p := range profiles {
		if p.Variants > 1 {
			variants = p.Variants
			draws++
		}
		if p.Payload > 0 {
			bits = p.Payload
			payloads++
		}
	}
	message := o.given("message")
	o.payload = payloads > 0
	return check([]rule{
		{message && payloads == 0 && draws > 1, "two profiles have variants, and --message is one number; leave one of the profiles out"},
		{message && payloads == 0 && draws == 1 && int64(o.message) >= int64(variants), fmt.Sprintf("--message %d is not below the %d variants of the profile", o.message, variants)},
		{payloads > 1, "two profiles have a payload, and --message is one number; leave one of the profiles out"},
		{message && o.unmarked, "--unmarked text carries no message; leave out --message"},
		{message && bits == 0 && draws == 0, "--message needs a profile with a payload, or a keyed draw with variants; 'isotope profile new --payload BITS' and '--variants N' make one"},
		{!message && !o.unmarked && bits > 0, fmt.Sprintf("the profile has a payload of %d bits; give the number that the text carries with --message N", bits)},
		{message && payloads > 0 && o.message >= 1<<bits, fmt.Sprintf("--message %d needs more than the %d bits of the profile's payload", o.message, bits)},
	})
}
