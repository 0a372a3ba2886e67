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

const detectHelp = `Detect tests the hypothesis that a text does not depend on a key. It prints log10 p: the
probability of a result at least this strong if the text does not depend on the key. The
p-value is exact, however small it is. The text comes from FILE or from standard input.

The verdict is one of three:

  detected      The p-value, adjusted for every test, is at most --alpha.
  not_detected  The p-value is larger. The test would have detected a text like this one of
                which --min-share is marked, with probability 0.9.
  inconclusive  The p-value is larger, and silence says nothing. The text is too short, or
                it is not known how much a marked text like this one would show.

A detected text depends on the key. The test does not say who wrote it. A text in which
nothing is detected may be a marked text that was edited, paraphrased or translated.

--spans tests the text twice: as a whole and in its parts. It finds a text of which only a
part is marked, and counts a second test for it. Each part that it finds is listed with its
place and with a p-value adjusted for every part that was tested. Decide on --spans before
you see a result. Adding it afterwards is a second test that the p-value does not count.

A profile with a payload makes two tests as well. One is for the mark, in the contexts that
carry no message. The other is for the best of all messages. A message is called readable
if the text depends on the key, and if the contexts that carry a message depend on this
one. --keyring tests for the mark alone.

Give --profile and --key several times, a key for each profile, to test for several marks
at once, as generate writes them. Each mark is a band, and every test is counted. A green
list is the master's trace band and a keyed draw is the provenance band, unless --role
says otherwise. Several green lists have disjoint bands, and --role says whose they are.
Detect then says what was found, which explanations agree with it, and what does not
follow. Both bands together are what forwarded or copied output of the marked service
shows. A trace band alone is what a model shows that was trained on marked output, though
there are other explanations. --fail-on applies if any band is detected.

The text is read as bytes, and special tokens as the text that spells them. A note warns
if the text is not UTF-8 or has NULs, as UTF-16 has. In another encoding a marked text
shows no mark.`

func (c *cli) detectCommand() *cobra.Command {
	var o detectFlags
	cmd := &cobra.Command{
		Use:   "detect --key FILE --profile FILE [FILE|-]",
		Short: "Test one text for a mark",
		Long:  detectHelp,
		Example: `  isotope detect --key my.key --profile my.json text.txt
  pbpaste | isotope detect --key my.key --profile my.json --normalize
  isotope detect --key my.key --profile my.json --tokens ids.json --json
  isotope detect --key my.key --profile my.json --spans --report found.html text.txt
  isotope detect --profile trace.json --key trace.key --profile provenance.json --key provenance.key text.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			return check([]rule{{len(args) > 1, fmt.Sprintf("detect tests one text at a time, and %d were given", len(args))}})
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			if err := checkReport(o.report); err != nil {
				return err
			}
			input := "-"
			if len(args) == 1 {
				input = args[0]
			}
			if len(o.profiles) > 1 {
				return c.detectBands(o, input)
			}
			return c.detect(o, input)
		},
	}
	o.register(cmd)
	return cmd
}

// A textTest is everything that the test of one text depends on, but for the keys.
type textTest struct {
	profile   *watermark.Profile
	selectors []watermark.Key
	options   *detect.Options
	text      *inputText
	prompts   [][]watermark.Token
}

// detect tests one text for the mark of one profile.
func (c *cli) detect(o detectFlags, input string) error {
	t := &textTest{}
	var err error
	if t.profile, err = watermark.ReadProfile(o.profiles[0]); err != nil {
		return err
	}
	key, err := watermark.ReadKeyFile(o.keys[0])
	if err != nil {
		return err
	}
	if t.selectors, err = readSelector(t.profile, strings.Join(o.selectors, "")); err != nil { // one at most
		return err
	}
	marks, err := t.profile.Marks(key, t.selectors...)
	if err != nil {
		return err
	}
	if t.text, t.prompts, err = c.inputs(o, t.profile, input); err != nil {
		return err
	}
	t.options = &detect.Options{Dedup: dedupOf(t.profile), Exempt: t.profile.Exempt, Alpha: o.alpha, MinShare: o.minShare}
	t.options.Tests = int64(len(t.text.forms)) * int64(len(marks))
	if o.keyring != "" {
		return c.detectKeyring(o, key, t)
	}
	testing := c.busy("testing")
	best := t.best(marks, o.spans)
	testing()
	if o.report != "" {
		best.colours = coloursOf(best.mark, best.tokens, t.options, t.prompts)
		if err := writePage(detectPage(best, best.mark, t.profile.ID(), t.text.tokenizer), o.report); err != nil {
			return err
		}
	}
	if err := c.printOutcome(best, t.profile.ID(), o.json); err != nil {
		return err
	}
	if o.failOn != "" && best.result.Verdict == detect.Verdict(o.failOn) {
		return errVerdict
	}
	return nil
}

// printOutcome prints an outcome as JSON or for people.
func (c *cli) printOutcome(best *outcome, profile string, asJSON bool) error {
	if !asJSON {
		return printResult(c.stdout, best, best.mark.KeyID())
	}
	j := toJSON(best.result, profile, best.mark.KeyID())
	j.Spans = append(j.Spans, best.spans...) // [] and not null if there are none
	j.Payload = toPayloadJSON(best.message)
	return json.NewEncoder(c.stdout).Encode(j)
}

// An outcome is the result of testing one form of a text under one mark.
type outcome struct {
	mark    *watermark.Mark
	form    int
	tokens  []watermark.Token
	result  detect.Result
	scan    detect.Scan
	spans   []spanJSON      // of the scan
	colours []detect.Colour // for a report
	message *detect.Decoded // if the profile has a payload
}

// form tests one form of the text under one mark.
func (t *textTest) form(mark *watermark.Mark, tokens []watermark.Token, spans bool) *outcome {
	r := detect.Text(mark, tokens, &detect.TextOptions{
		Options: *t.options, Prompts: t.prompts, Spans: spans, Message: mark.PayloadBits() > 0,
	})
	a := &outcome{mark: mark, tokens: tokens, result: r.Result, message: r.Message}
	if r.Scan != nil {
		a.scan = *r.Scan
	}
	return a
}

// coloursOf returns the colour of each token, for display.
func coloursOf(s detect.Scorer, tokens []watermark.Token, o *detect.Options, prompts [][]watermark.Token) []detect.Colour {
	return detect.Text(s, tokens, &detect.TextOptions{Options: *o, Prompts: prompts, Colours: true}).Colours
}

// best tests every form of the text under every mark that a text of the profile can have. It
// returns the outcome with the smallest p-value, which options.Tests adjusts for all of them.
func (t *textTest) best(marks []*watermark.Mark, spans bool) *outcome {
	var all []*outcome
	for _, mark := range marks {
		for i, tokens := range t.text.forms {
			a := t.form(mark, tokens, spans)
			a.form = i
			all = append(all, a)
		}
	}
	smaller := func(a, b *outcome) int {
		return cmp.Or(cmp.Compare(a.result.Log10PAdjusted, b.result.Log10PAdjusted), cmp.Compare(a.result.Log10P, b.result.Log10P))
	}
	best := slices.MinFunc(all, smaller) // the first of equals
	warn := func(format string, args ...any) {
		best.result.Warnings = append(best.result.Warnings, fmt.Errorf(format, args...))
	}
	if len(t.text.forms) > 1 {
		first := slices.IndexFunc(all, func(a *outcome) bool { return a.mark == best.mark })
		warn("the text was tested as it is (log10 p %s) and normalized (log10 p %s); the smaller p-value is shown, adjusted for both tests",
			logP(all[first].result.Log10P), logP(all[first+1].result.Log10P))
	}
	if len(marks) > 1 {
		warn("the text was tested under %d keys, of which a text has one; the smallest p-value is shown, adjusted for all of them", len(marks))
	}
	best.result.Warnings = append(best.result.Warnings, t.text.encoding()...)
	best.spans = t.text.locate(best.form, best.scan.Spans)
	for i := range best.spans {
		best.spans[i].draw = best.mark.IsKeyedDraw()
	}
	return best
}

// inputs reads the text and the prompts with the tokenizer of a profile.
func (c *cli) inputs(o detectFlags, profile *watermark.Profile, input string) (text *inputText, prompts [][]watermark.Token, err error) {
	read, err := c.reader(o, profile)
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

// reader returns the function that reads a file of this call: as token ids, or as text.
func (c *cli) reader(o detectFlags, profile *watermark.Profile) (func(name string) (*inputText, error), error) {
	if o.tokens != "" {
		return func(name string) (*inputText, error) {
			text, err := c.readInput(name)
			if err != nil {
				return nil, err
			}
			ids, err := parseTokens(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return &inputText{forms: [][]watermark.Token{ids}}, nil
		}, nil
	}
	if profile.Tokenizer == watermark.TokenizerNone {
		return nil, usagef("the profile has no tokenizer, so text cannot be tested; give token ids with --tokens FILE")
	}
	t, err := tokenizerOf(profile)
	if err != nil {
		return nil, err
	}
	return func(name string) (*inputText, error) {
		text, err := c.readInput(name)
		if err != nil {
			return nil, err
		}
		defer c.busy("tokenizing")()
		s := &inputText{text: text, tokenizer: t, forms: [][]watermark.Token{t.Append(nil, text)}}
		if o.normalize {
			s.forms = append(s.forms, t.Append(nil, normalize(text)))
		}
		return s, nil
	}, nil
}
