package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// The trace profile: what generate and demo use unless they are told otherwise.
const (
	defaultTokenizer = "cl100k_base"
	defaultGamma     = 0.5
	defaultDelta     = 2.0
	defaultWidth     = 2
)

// newProfile describes a green list for a tokenizer of this program.
func newProfile(t tokenize.Tokenizer, g watermark.GreenList) *watermark.Profile {
	return &watermark.Profile{Scheme: g, Vocab: t.Vocab(), Tokenizer: t.Name(), TokenizerDigest: t.Digest()}
}

func (c *cli) profileCommand() *cobra.Command {
	var (
		p        watermark.Profile
		g        watermark.GreenList
		band     string
		selector string
		exempt   []int32
	)
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Print a mark's public description, for generate and detect",
		Long: `Profile prints the JSON that generation and detection of a mark share. It holds no
secret. Two profiles that mean the same have the same id, which goes to stderr.

The defaults are a trace mark: a green list of half the vocabulary with two tokens of
context, which survives training and finds short texts. A lower delta disturbs the
text less and needs more of it; a larger width is harder to learn, for attackers and
for students alike.

With --payload each text can carry a number of that many bits, which generate takes and
detect reads. Half of the contexts carry it; the other half carry the mark alone, so
that finding the mark takes about twice as much text.`,
		Example: `  isotope profile > trace.json
  isotope profile --tokenizer o200k_base --gamma 0.25 --delta 1.5
  isotope profile --tokenizer none --vocab 128256
  isotope profile --payload 16`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
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
			if p.Mask == watermark.MaskContext && !cmd.Flags().Changed("dedup") {
				p.Dedup = watermark.DedupContext // the right test of a single document
			}
			if cmd.Flags().Changed("band") {
				var err error
				if p.BandLo, p.BandHi, err = parseBand(band); err != nil {
					return err
				}
			}
			if selector != "" {
				key, err := watermark.ReadKeyFile(selector)
				if err != nil {
					return err
				}
				p.Selector = key.ID()
			}
			p.Scheme, p.Exempt = g, exempt
			text, err := p.MarshalJSON()
			if err != nil {
				return usageError{err}
			}
			c.hint("profile %s", p.ID())
			_, err = fmt.Fprintln(c.stdout, string(bytes.TrimSpace(text)))
			return err
		},
	}
	f := cmd.Flags()
	f.Float64Var(&g.Gamma, "gamma", defaultGamma, "green share of the vocabulary, m/256")
	f.Float64Var(&g.Delta, "delta", defaultDelta, "bias of green logits, in nats")
	f.IntVar(&g.Width, "width", defaultWidth, "context width in tokens, 0 to 16")
	f.StringVar(&p.Tokenizer, "tokenizer", defaultTokenizer, "tokenizer `NAME`, one of "+strings.Join(tokenize.Names(), ", ")+`, or "none" for token ids from outside`)
	f.IntVar(&p.Vocab, "vocab", 0, "vocabulary size (default: the tokenizer's)")
	f.StringVar(&band, "band", "", "part `LO,HI` of the 65536 parts of contexts; needs --selector")
	f.StringVar(&selector, "selector", "", "key `FILE` that splits the contexts into bands")
	f.StringVar(&p.Mask, "mask", watermark.MaskNone, `"context" leaves repeated contexts of a text unmarked`)
	f.StringVar(&p.Dedup, "dedup", watermark.DedupPair, `"context" tests each context once; the default under --mask context, right for single documents`)
	f.BoolVar(&p.NoPromptContext, "no-prompt-context", false, "the prompt is no context of the text")
	f.Uint32Var(&p.Lane.Group, "group", 0, "tenant group")
	f.IntVar(&p.Lane.Index, "lane", 0, "tenant lane within the group")
	f.IntVar(&p.Payload, "payload", 0, "`BITS` of the message a text carries, 0 to 20; needs gamma 1/2")
	f.Int32SliceVar(&exempt, "exempt", nil, "ascending token `IDS` that are never scored")
	return cmd
}

func parseBand(s string) (lo, hi int, err error) {
	a, b, ok := strings.Cut(s, ",")
	lo, errLo := strconv.Atoi(strings.TrimSpace(a))
	hi, errHi := strconv.Atoi(strings.TrimSpace(b))
	if !ok || errLo != nil || errHi != nil {
		return 0, 0, usagef("profile: --band %q is not LO,HI", s)
	}
	if lo == 0 && hi == 0 {
		return 0, 0, usagef("profile: --band 0,0 is empty")
	}
	return lo, hi, nil
}
