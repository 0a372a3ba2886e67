package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// detectFlags are the flags of detect.
type detectFlags struct {
	key, profile, selector string
	tokens                 string
	prompts                []string
	alpha, minShare        float64
	normalize, json        bool
	failOn                 string
}

func (c *cli) detectCommand() *cobra.Command {
	var o detectFlags
	cmd := &cobra.Command{
		Use:   "detect --key FILE --profile FILE [FILE|-]",
		Short: "Test one text for a mark",
		Long: `Detect tests the hypothesis that a text does not depend on a key, and prints how
probable a result like this one would be if it did not: log10 p, exact at any depth.
The text comes from FILE, or from standard input.

The verdict is "detected" when the p-value, counting every test made, is at most
--alpha. It is "not_detected" when it is not although a text of which only --min-share
is marked would have been detected with a probability of 0.9, and "inconclusive"
otherwise. A detected text depends on the key; the test does not say who wrote it. A
text in which nothing is detected may have been edited, paraphrased or translated.

Text is read as it is: as bytes, with special tokens as the text they are spelt with.`,
		Example: `  isotope detect --key my.key --profile my.json text.txt
  pbpaste | isotope detect --key my.key --profile my.json --normalize
  isotope detect --key my.key --profile my.json --tokens ids.json --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			input := "-"
			if len(args) == 1 {
				input = args[0]
			}
			return c.detect(o, input)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.key, "key", "", "key `FILE`")
	f.StringVar(&o.profile, "profile", "", "profile `FILE`")
	f.StringVar(&o.selector, "selector", "", "key `FILE` of the profile's band")
	f.StringVar(&o.tokens, "tokens", "", "read token ids from `FILE` (- is standard input) instead of text: a JSON array, or separated by white space")
	f.StringArrayVar(&o.prompts, "prompt", nil, "a prompt's `FILE`, whose contexts are left out; token ids with --tokens; repeat for more")
	f.Float64Var(&o.alpha, "alpha", 1e-6, "the largest p-value that is called detected")
	f.Float64Var(&o.minShare, "min-share", 0.5, "the share of marked text that must have been detectable before silence counts")
	f.BoolVar(&o.normalize, "normalize", false, "also test the text with line ends, no-break spaces and quotes as they were before pasting, as a second test")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.StringVar(&o.failOn, "fail-on", "", `exit with status 3 when the verdict is "detected"`)
	return cmd
}

// check finds calls that cannot be right before any file is read.
func (o *detectFlags) check(args []string) error {
	switch {
	case o.key == "":
		return usagef("detect: --key FILE is missing")
	case o.profile == "":
		return usagef("detect: --profile FILE is missing; 'isotope profile' prints the default one")
	case o.tokens != "" && len(args) > 0:
		return usagef("detect: a text and --tokens are two inputs")
	case o.tokens != "" && o.normalize:
		return usagef("detect: --normalize is for text, not for --tokens")
	case !(o.alpha > 0 && o.alpha < 1):
		return usagef("detect: --alpha %v is outside (0,1)", o.alpha)
	case !(o.minShare > 0 && o.minShare <= 1):
		return usagef("detect: --min-share %v is outside (0,1]", o.minShare)
	case o.failOn != "" && o.failOn != string(detect.Detected):
		return usagef("detect: --fail-on %q: only %q can be failed on", o.failOn, detect.Detected)
	}
	return nil
}

func (c *cli) detect(o detectFlags, input string) error {
	profile, err := watermark.ReadProfile(o.profile)
	if err != nil {
		return err
	}
	key, err := watermark.ReadKeyFile(o.key)
	if err != nil {
		return err
	}
	selectors, err := readSelector(profile, o.selector)
	if err != nil {
		return err
	}
	mark, err := profile.Mark(key, selectors...)
	if err != nil {
		return err
	}
	options := &detect.Options{Exempt: profile.Exempt, Alpha: o.alpha, MinShare: o.minShare}
	if profile.Dedup == watermark.DedupContext {
		options.Dedup = detect.DedupContext
	}
	read, err := c.readers(o, profile)
	if err != nil {
		return err
	}
	if o.tokens != "" {
		input = o.tokens
	}
	texts, err := read(input)
	if err != nil {
		return err
	}
	options.Tests = int64(len(texts))
	var prompts [][]watermark.Token
	for _, name := range o.prompts {
		forms, err := read(name)
		if err != nil {
			return err
		}
		prompts = append(prompts, forms...)
	}
	best := -1
	var results []detect.Result
	for i, text := range texts {
		acc := detect.New(mark, options)
		for _, p := range prompts {
			acc.Exclude(p)
		}
		acc.Add(text)
		results = append(results, acc.Result())
		if best < 0 || results[i].Log10P < results[best].Log10P {
			best = i
		}
	}
	r := results[best]
	if o.normalize {
		r.Warnings = append(r.Warnings, fmt.Errorf("tested as it is (log10 p %.3f) and normalized (log10 p %.3f); the smaller p-value is shown and both are counted",
			results[0].Log10P, results[1].Log10P))
	}
	if o.json {
		err = json.NewEncoder(c.stdout).Encode(toJSON(r, profile.ID(), key.ID()))
	} else {
		err = printResult(c.stdout, r, key.ID())
	}
	if err != nil {
		return err
	}
	if o.failOn != "" && r.Verdict == detect.Verdict(o.failOn) {
		return errVerdict
	}
	return nil
}

// readers returns how this call reads a file: into token ids, in each of the forms
// that are tested.
func (c *cli) readers(o detectFlags, profile *watermark.Profile) (func(name string) ([][]watermark.Token, error), error) {
	if o.tokens != "" {
		return func(name string) ([][]watermark.Token, error) {
			text, err := c.readInput(name)
			if err != nil {
				return nil, err
			}
			ids, err := parseTokens(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return [][]watermark.Token{ids}, nil
		}, nil
	}
	if profile.Tokenizer == watermark.TokenizerNone {
		return nil, usagef("detect: the profile has no tokenizer, so that only --tokens can be tested")
	}
	t, err := tokenizerOf(profile)
	if err != nil {
		return nil, err
	}
	return func(name string) ([][]watermark.Token, error) {
		text, err := c.readInput(name)
		if err != nil {
			return nil, err
		}
		return forms(t, text, o.normalize), nil
	}, nil
}

// forms returns the ids of a text, and of what it was before pasting.
func forms(t tokenize.Tokenizer, text []byte, normalized bool) [][]watermark.Token {
	all := [][]watermark.Token{t.Append(nil, text)}
	if normalized {
		all = append(all, t.Append(nil, normalize(text)))
	}
	return all
}

// printResult prints a result for people.
func printResult(w io.Writer, r detect.Result, keyID string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s for key %s\n", verdictWords[r.Verdict], keyID)
	fmt.Fprintf(&b, "  log10 p   %.3f", r.Log10PAdjusted)
	if r.Tests > 1 {
		fmt.Fprintf(&b, " (%.3f before counting %d tests)", r.Log10P, r.Tests)
	}
	fmt.Fprintf(&b, "\n  green     %d of %d scored", r.Green, r.Scored)
	if r.Scored > 0 {
		fmt.Fprintf(&b, " (z %.2f)", r.Z)
	}
	s := r.Skipped
	fmt.Fprintf(&b, "\n  skipped   %d of %d tokens: %d outside the vocabulary, %d at the start, %d outside the band, %d from prompts, %d repeated\n",
		s.Total(), r.Tokens, s.Vocab, s.ShortContext, s.Band, s.Excluded, s.Duplicate)
	if r.Verdict != detect.Detected {
		fmt.Fprintf(&b, "  power     %s\n", powerWords(r))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "  note      %v\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var verdictWords = map[detect.Verdict]string{
	detect.Detected:     "detected: this text depends on the key",
	detect.NotDetected:  "not detected",
	detect.Inconclusive: "inconclusive: too little text to tell",
}

// powerWords says what a silent test could have shown.
func powerWords(r detect.Result) string {
	p := r.Power
	if p.MinShare > 1 {
		return fmt.Sprintf("%d scored tokens are too few to detect even a text that is marked throughout (alpha %g)", r.Scored, p.Alpha)
	}
	return fmt.Sprintf("would have detected, 9 times in 10, a text of which %.0f %% is marked at best (green rate up by %.3f, alpha %g)", 100*p.MinShare, p.MinExcess, p.Alpha)
}
