package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

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

With --spans the text is tested twice: as a whole, and in its parts. A text of which
only a part is marked shows it there, at the price of counting a second test. What is
found is listed with its place and with a p-value that counts every part that was
looked at. Choose before looking: to ask for the parts once the whole stayed silent is
a second chance that no p-value counts.

With a profile that has a payload the text is tested twice as well: for the mark, in the
contexts that are free of the message, and for the best of all messages. The message is
printed when it can be believed: when the text depends on the key, and the contexts that
carry a message depend on this one. --keyring tests for the mark alone.

--profile and --key can be given several times, a key for each profile, as they are for
generate: the text is tested for each of these marks, or bands, and every test is
counted. A green list has the role of the master's trace band and a keyed draw that of
the provenance band; several green lists have disjoint bands, and --role says whose they
are. Then detect says what was found, which explanations the verdicts are consistent
with, and what does not follow: trace and provenance together are what forwarded or
copied output of the marked service shows, a trace band alone what a model that was
trained on it does, and other things beside. --fail-on applies when any band is detected.

Text is read as it is: as bytes, with special tokens as the text they are spelt with. A
note says when it is not UTF-8 or has NULs, as UTF-16 has: the mark of a text that was
turned into another encoding is not found.`,
		Example: `  isotope detect --key my.key --profile my.json text.txt
  pbpaste | isotope detect --key my.key --profile my.json --normalize
  isotope detect --key my.key --profile my.json --tokens ids.json --json
  isotope detect --key my.key --profile my.json --spans --report found.html text.txt
  isotope detect --profile trace.json --key trace.key --profile provenance.json --key provenance.key text.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			input := "-"
			if len(args) == 1 {
				input = args[0]
			}
			if o.report != "" {
				if err := checkPage(o.report); err != nil {
					return err
				}
			}
			if len(o.profiles) > 1 {
				return c.detectBands(o, input)
			}
			return c.detect(o, input)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.keys, "key", nil, "key `FILE`, one for each --profile")
	f.StringArrayVar(&o.profiles, "profile", nil, "profile `FILE`; repeat to test several marks on the text")
	f.StringArrayVar(&o.roles, "role", nil, "`ROLE` of each of several marks, in their order: "+strings.Join(roles, ", ")+" (default: by the scheme)")
	f.StringVar(&o.keyring, "keyring", "", "test every key of `FILE`, one derivation path a line (tenant/acme), derived from that of --key")
	f.StringArrayVar(&o.selectors, "selector", nil, "key `FILE` of the profile's band; repeat where the profiles have several")
	f.StringVar(&o.tokens, "tokens", "", "read token ids from `FILE` (- is standard input) instead of text: a JSON array, or separated by white space")
	f.StringArrayVar(&o.prompts, "prompt", nil, "a prompt's `FILE`, whose contexts are left out; token ids with --tokens; repeat for more")
	f.Float64Var(&o.alpha, "alpha", 1e-6, "the largest p-value that is called detected")
	f.Float64Var(&o.minShare, "min-share", 0.5, "the share of marked text that must have been detectable before silence counts")
	f.BoolVar(&o.normalize, "normalize", false, "also test the text with line ends, no-break spaces and quotes as they were before pasting, as a second test")
	f.BoolVar(&o.spans, "spans", false, "also find marked parts of the text, as a second test")
	f.StringVar(&o.report, "report", "", "write an HTML page that shows the text as the test saw it to `FILE`")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.StringVar(&o.failOn, "fail-on", "", `exit with status 3 when the verdict is "detected"`)
	return cmd
}

func (c *cli) detect(o detectFlags, input string) error {
	profile, err := watermark.ReadProfile(o.profiles[0])
	if err != nil {
		return err
	}
	key, err := watermark.ReadKeyFile(o.keys[0])
	if err != nil {
		return err
	}
	selectors, err := readSelector(profile, strings.Join(o.selectors, "")) // one at most
	if err != nil {
		return err
	}
	marks, err := profile.Marks(key, selectors...)
	if err != nil {
		return err
	}
	text, prompts, err := c.inputs(o, profile, input)
	if err != nil {
		return err
	}
	options := &detect.Options{Dedup: dedupOf(profile), Exempt: profile.Exempt, Alpha: o.alpha, MinShare: o.minShare}
	options.Tests = int64(len(text.forms)) * int64(len(marks))
	if o.keyring != "" {
		return c.detectMany(o, key, selectors, profile, options, text, prompts)
	}
	testing := c.busy("testing")
	best := o.test(marks, text, options, prompts)
	testing()
	if o.report != "" {
		best.colours = detect.Colours(best.mark, best.tokens, options, prompts...)
		if err := writePage(detectPage(best, best.mark, profile.ID(), text.tokenizer), o.report); err != nil {
			return err
		}
	}
	if o.json {
		j := toJSON(best.result, profile.ID(), best.mark.KeyID())
		j.Spans = append(j.Spans, best.spans...) // [] and not null when there are none
		j.Payload = toPayloadJSON(best.message)
		err = json.NewEncoder(c.stdout).Encode(j)
	} else {
		err = printResult(c.stdout, best, best.mark.KeyID())
	}
	if err != nil {
		return err
	}
	if o.failOn != "" && best.result.Verdict == detect.Verdict(o.failOn) {
		return errVerdict
	}
	return nil
}

// An outcome is what came of one form of a text under one mark.
type outcome struct {
	mark    *watermark.Mark
	form    int
	tokens  []watermark.Token
	result  detect.Result
	scan    detect.Scan
	spans   []spanJSON      // of the scan
	colours []detect.Colour // when there is a report
	message *detect.Decoded // when the profile has a payload
}

// testForm tests one form of a text in every way that was asked for.
func (o *detectFlags) testForm(mark *watermark.Mark, tokens []watermark.Token, options *detect.Options, prompts [][]watermark.Token) *outcome {
	a := &outcome{mark: mark, tokens: tokens}
	payload := mark.PayloadBits() > 0
	if payload {
		a.message = new(detect.Decoded)
	}
	if o.spans {
		if payload {
			a.result, a.scan, *a.message = detect.LocateAndDecode(mark, tokens, options, prompts...)
		} else {
			a.result, a.scan = detect.Locate(mark, tokens, options, prompts...)
		}
		return a
	}
	acc := detect.New(mark, options)
	for _, p := range prompts {
		acc.Exclude(p)
	}
	acc.Add(tokens)
	if payload {
		a.result, *a.message = acc.LabelAndMessage()
	} else {
		a.result = acc.Result()
	}
	return a
}

// test tests every form of a text under every key that a text of the profile can have, and
// returns the outcome with the smallest p-value. All of them are counted: options.Tests is
// their number.
func (o *detectFlags) test(marks []*watermark.Mark, text *subject, options *detect.Options, prompts [][]watermark.Token) *outcome {
	var all []*outcome
	for _, mark := range marks {
		for i, tokens := range text.forms {
			a := o.testForm(mark, tokens, options, prompts)
			a.form = i
			all = append(all, a)
		}
	}
	better := func(a, b *outcome) int {
		return cmp.Or(cmp.Compare(a.result.Log10PAdjusted, b.result.Log10PAdjusted), cmp.Compare(a.result.Log10P, b.result.Log10P))
	}
	best := slices.MinFunc(all, better) // the first of equals
	if len(text.forms) > 1 {
		first := slices.IndexFunc(all, func(a *outcome) bool { return a.mark == best.mark })
		best.result.Warnings = append(best.result.Warnings, fmt.Errorf("tested as it is (log10 p %s) and normalized (log10 p %s); the smaller p-value is shown and both are counted",
			logP(all[first].result.Log10P), logP(all[first+1].result.Log10P)))
	}
	if len(marks) > 1 {
		best.result.Warnings = append(best.result.Warnings, fmt.Errorf("tested under %d keys, of which a text has one; the smallest p-value is shown and all are counted", len(marks)))
	}
	best.result.Warnings = append(best.result.Warnings, text.encoding()...)
	best.spans = text.locate(best.form, best.scan.Spans)
	for i := range best.spans {
		best.spans[i].draw = best.mark.IsKeyedDraw()
	}
	return best
}

// inputs reads the text and the prompts with the tokenizer of a profile.
func (c *cli) inputs(o detectFlags, profile *watermark.Profile, input string) (text *subject, prompts [][]watermark.Token, err error) {
	read, err := c.readers(o, profile)
	if err != nil {
		return nil, nil, err
	}
	if o.tokens != "" {
		input = o.tokens
	}
	if text, err = read(input); err != nil {
		return nil, nil, err
	}
	for _, name := range o.prompts {
		prompt, err := read(name)
		if err != nil {
			return nil, nil, err
		}
		prompts = append(prompts, prompt.forms...)
	}
	return text, prompts, nil
}

// readers returns how this call reads a file.
func (c *cli) readers(o detectFlags, profile *watermark.Profile) (func(name string) (*subject, error), error) {
	if o.tokens != "" {
		return func(name string) (*subject, error) {
			text, err := c.readInput(name)
			if err != nil {
				return nil, err
			}
			ids, err := parseTokens(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return &subject{forms: [][]watermark.Token{ids}}, nil
		}, nil
	}
	if profile.Tokenizer == watermark.TokenizerNone {
		return nil, usagef("detect: the profile has no tokenizer, so that only --tokens can be tested")
	}
	t, err := tokenizerOf(profile)
	if err != nil {
		return nil, err
	}
	return func(name string) (*subject, error) {
		text, err := c.readInput(name)
		if err != nil {
			return nil, err
		}
		defer c.busy("tokenizing")()
		s := &subject{text: text, tokenizer: t, forms: [][]watermark.Token{t.Append(nil, text)}}
		if o.normalize {
			s.forms = append(s.forms, t.Append(nil, normalize(text)))
		}
		return s, nil
	}, nil
}
