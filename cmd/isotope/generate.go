package main

import (
	"fmt"
	"math"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// tokenizerOf returns the tokenizer a profile names, once it is sure that it is the
// same one.
func tokenizerOf(p *watermark.Profile) (tokenize.Tokenizer, error) {
	if p.Tokenizer == watermark.TokenizerNone {
		return nil, usagef("the profile has no tokenizer: it is for token ids from outside")
	}
	t, err := tokenize.Get(p.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("the profile's tokenizer: %w", err)
	}
	if p.Vocab < t.Vocab() {
		return nil, fmt.Errorf("the profile's vocabulary of %d ids is smaller than the %d of %s", p.Vocab, t.Vocab(), p.Tokenizer)
	}
	if t.Digest() != p.TokenizerDigest {
		return nil, fmt.Errorf("the profile is for another %s: its digest is %s, and this program's %s; make the profile anew or use the program that made it",
			p.Tokenizer, p.TokenizerDigest, t.Digest())
	}
	return t, nil
}

func readSelector(p *watermark.Profile, path string) ([]watermark.Key, error) {
	switch {
	case path != "":
		key, err := watermark.ReadKeyFile(path)
		return []watermark.Key{key}, err
	case p.Selector != "":
		return nil, usagef("the profile has a band: --selector FILE must name the key %s", p.Selector)
	}
	return nil, nil
}

func (c *cli) generateCommand() *cobra.Command {
	var (
		keyFile, profileFile, selector, corpus, prompt string
		tokens                                         int
		unmarked, ids                                  bool
		seedNumber                                     uint64
		message                                        uint32
		sampler                                        watermark.Sampler
	)
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write marked text with the embedded model",
		Long: `Generate prints a text that the embedded language model writes, marked with a key.
The model is trained when it is first needed, from the doc comments of the Go
distribution on this machine or from the text files of --corpus. It is a small
n-gram model: it shows how marking works and not how well a model can write.`,
		Example: `  isotope generate --key my.key --profile my.json > text.txt
  isotope generate --key my.key --prompt "The encoder" --tokens 200
  isotope generate --key my.key --profile my.json --message 1234`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case unmarked && (keyFile != "" || selector != ""):
				return usagef("generate: --unmarked uses no key")
			case !unmarked && keyFile == "":
				return usagef("generate: --key FILE is missing; make one with 'isotope keygen FILE'")
			case !(sampler.Temperature >= 0) || math.IsInf(float64(sampler.Temperature), 1):
				return usagef("generate: --temperature %v is no temperature; 0 is greedy", sampler.Temperature)
			case sampler.TopK < 0 || !(sampler.TopP >= 0 && sampler.TopP <= 1) || !(sampler.MinP >= 0 && sampler.MinP <= 1):
				return usagef("generate: --top-k is at least 0, --top-p and --min-p are in [0,1]")
			case tokens < 1 || tokens > 1_000_000:
				return usagef("generate: --tokens %d is outside 1 to 1000000", tokens)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			profile, err := c.profileOrDefault(profileFile)
			if err != nil {
				return err
			}
			if err := checkMessage(profile, unmarked, cmd.Flags().Changed("message"), message); err != nil {
				return err
			}
			t, err := tokenizerOf(profile)
			if err != nil {
				return err
			}
			job := lm.Job{
				Prompts: [][]int32{t.Append(nil, []byte(prompt))},
				Tokens:  tokens,
				Sampler: sampler,
				Seed:    newSeed(cmd.Flags().Changed("seed"), seedNumber).of("generate"),
			}
			if !unmarked {
				key, err := watermark.ReadKeyFile(keyFile)
				if err != nil {
					return err
				}
				selectors, err := readSelector(profile, selector)
				if err != nil {
					return err
				}
				mark, err := profile.MarkMessage(message, key, selectors...)
				if err != nil {
					return err
				}
				job.Marks = []*watermark.Mark{mark}
			}
			bundle, err := c.loadModel(ctx, t, corpus)
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
			if ids {
				_, err = fmt.Fprintln(c.stdout, strings.Trim(fmt.Sprint(texts[0]), "[]"))
				return err
			}
			text, err := t.Decode(nil, texts[0])
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&keyFile, "key", "", "key `FILE`")
	f.StringVar(&profileFile, "profile", "", "profile `FILE` (default: what 'isotope profile' prints)")
	f.StringVar(&selector, "selector", "", "key `FILE` of the profile's band")
	f.StringVar(&corpus, "corpus", "", "train the model on the text files below `DIR`")
	f.StringVar(&prompt, "prompt", "", "`TEXT` to continue; it is not printed")
	f.IntVar(&tokens, "tokens", 400, "length of the text")
	f.Uint32Var(&message, "message", 0, "the number `N` that the text carries, for a profile with a payload")
	f.BoolVar(&unmarked, "unmarked", false, "write without a mark")
	f.BoolVar(&ids, "ids", false, "print token ids instead of text")
	f.Uint64Var(&seedNumber, "seed", 0, "make the text reproducible")
	f.Float32Var(&sampler.Temperature, "temperature", textSampler.Temperature, "0 is greedy")
	f.IntVar(&sampler.TopK, "top-k", textSampler.TopK, "draw among the `K` best, 0: all")
	f.Float32Var(&sampler.TopP, "top-p", 0, "draw among the best that have this mass, 0: all")
	f.Float32Var(&sampler.MinP, "min-p", textSampler.MinP, "drop what is less probable than this times the best, 0: nothing")
	return cmd
}

// checkMessage finds a message that is missing, too large, or has nothing to carry it.
// There is no default: a text that carries 0 by accident would be attributed to 0.
func checkMessage(p *watermark.Profile, unmarked, given bool, message uint32) error {
	switch {
	case given && unmarked:
		return usagef("generate: --unmarked text carries no message")
	case given && p.Payload == 0:
		return usagef("generate: --message needs a profile with a payload: 'isotope profile --payload BITS'")
	case !given && !unmarked && p.Payload > 0:
		return usagef("generate: the profile has a payload of %d bits: --message N is missing", p.Payload)
	case message >= 1<<p.Payload && given:
		return usagef("generate: --message %d needs more than the %d bits of the profile's payload", message, p.Payload)
	}
	return nil
}

// textSampler suits the embedded model, whose improbable tokens are mostly noise.
var textSampler = watermark.Sampler{Temperature: 1, TopK: 50, MinP: 0.03}

// profileOrDefault reads a profile, or returns the one that 'isotope profile' prints.
func (c *cli) profileOrDefault(path string) (*watermark.Profile, error) {
	if path != "" {
		return watermark.ReadProfile(path)
	}
	t, err := tokenize.Get(defaultTokenizer)
	if err != nil {
		return nil, err
	}
	return newProfile(t, watermark.GreenList{Gamma: defaultGamma, Delta: defaultDelta, Width: defaultWidth}), nil
}
