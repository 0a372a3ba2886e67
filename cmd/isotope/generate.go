package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/watermark"
)

func (c *cli) generateCommand() *cobra.Command {
	var (
		keyFiles, profileFiles   []string
		selector, corpus, prompt string
		tokens                   int
		unmarked, ids            bool
		seedNumber               uint64
		message                  uint32
		sampler                  watermark.Sampler
	)
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write marked text with the embedded model",
		Long: `Generate prints a text that the embedded language model writes, marked with a key.
The model is trained when it is first needed, from the doc comments of the Go
distribution on this machine or from the text files of --corpus. It is a small
n-gram model: it shows how marking works and not how well a model can write.

--profile and --key can be given several times, a key for each profile, to mark one text
with several marks: biases with disjoint bands, and one keyed draw beside them. Of a
profile with --variants the text has one of the keys, by the seed.`,
		Example: `  isotope generate --key my.key --profile my.json > text.txt
  isotope generate --key my.key --prompt "The encoder" --tokens 200
  isotope generate --key my.key --profile my.json --message 1234
  isotope generate --profile trace.json --key trace.key --profile provenance.json --key provenance.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case unmarked && (len(keyFiles) > 0 || selector != ""):
				return usagef("generate: --unmarked uses no key")
			case !unmarked && len(keyFiles) == 0:
				return usagef("generate: --key FILE is missing; make one with 'isotope keygen FILE'")
			case unmarked && len(profileFiles) > 1 || !unmarked && len(keyFiles) != max(len(profileFiles), 1):
				return usagef("generate: --key is given %s and --profile %s; each profile has its key", times(len(keyFiles)), times(len(profileFiles)))
			case !(sampler.Temperature >= 0) || math.IsInf(float64(sampler.Temperature), 1):
				return usagef("generate: --temperature %v is no temperature; 0 is greedy", sampler.Temperature)
			case sampler.TopK < 0 || !(sampler.TopP >= 0 && sampler.TopP <= 1) || !(sampler.MinP >= 0 && sampler.MinP <= 1):
				return usagef("generate: --top-k is at least 0, --top-p and --min-p are in [0,1]")
			case tokens < 1 || tokens > 1_000_000:
				return usagef("generate: --tokens %d is outside 1 to 1000000", tokens)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			profiles, err := c.profilesOrDefault(profileFiles)
			if err != nil {
				return err
			}
			if err := checkMessage(profiles, unmarked, cmd.Flags().Changed("message"), message); err != nil {
				return err
			}
			t, err := tokenizerOf(profiles[0])
			if err != nil {
				return err
			}
			job := lm.Job{
				Prompts: [][]int32{t.Append(nil, []byte(prompt))},
				Tokens:  tokens,
				Sampler: sampler,
				Seed:    newSeed(cmd.Flags().Changed("seed"), seedNumber).of("generate"),
			}
			for i, file := range keyFiles {
				p := profiles[i]
				if p.Tokenizer != profiles[0].Tokenizer || p.TokenizerDigest != profiles[0].TokenizerDigest {
					return usagef("generate: the profiles are for two tokenizers, %s and %s", profiles[0].Tokenizer, p.Tokenizer)
				}
				mark, err := markOf(p, file, selector, message, job.Seed)
				if err != nil {
					return err
				}
				job.Marks = append(job.Marks, mark)
			}
			if selector != "" && !slices.ContainsFunc(profiles, func(p *watermark.Profile) bool { return p.Selector != "" }) {
				return usagef("generate: --selector is given, but no profile has a band")
			}
			if _, err := watermark.NewSequence(job.Marks...); err != nil {
				return usageError{err}
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
	f.StringArrayVar(&keyFiles, "key", nil, "key `FILE`, one for each --profile")
	f.StringArrayVar(&profileFiles, "profile", nil, "profile `FILE` (default: what 'isotope profile' prints)")
	f.StringVar(&selector, "selector", "", "key `FILE` of the profiles' bands")
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

// markOf binds a profile to the key of a file, for one text.
func markOf(p *watermark.Profile, keyFile, selectorFile string, message uint32, seed [32]byte) (*watermark.Mark, error) {
	key, err := watermark.ReadKeyFile(keyFile)
	if err != nil {
		return nil, err
	}
	var selectors []watermark.Key
	if p.Selector != "" {
		if selectors, err = readSelector(p, selectorFile); err != nil {
			return nil, err
		}
	}
	if p.Payload > 0 {
		return p.MarkMessage(message, key, selectors...)
	}
	marks, err := p.Marks(key, selectors...)
	if err != nil {
		return nil, err
	}
	return marks[int(binary.LittleEndian.Uint32(seed[:])%uint32(len(marks)))], nil
}

// checkMessage finds a message that is missing, too large, or has nothing to carry it.
// There is no default: a text that carries 0 by accident would be attributed to 0.
func checkMessage(profiles []*watermark.Profile, unmarked, given bool, message uint32) error {
	var bits int
	for _, p := range profiles {
		if p.Payload > 0 && bits > 0 {
			return usagef("generate: two profiles have a payload, and there is one --message")
		}
		bits = max(bits, p.Payload)
	}
	switch {
	case given && unmarked:
		return usagef("generate: --unmarked text carries no message")
	case given && bits == 0:
		return usagef("generate: --message needs a profile with a payload: 'isotope profile --payload BITS'")
	case !given && !unmarked && bits > 0:
		return usagef("generate: the profile has a payload of %d bits: --message N is missing", bits)
	case message >= 1<<bits && given:
		return usagef("generate: --message %d needs more than the %d bits of the profile's payload", message, bits)
	}
	return nil
}
