package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/informed"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/reading"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// A tokenProbs knows what a model thought of the tokens of a text.
type tokenProbs struct {
	name        string // of the model, with its digest
	temperature float64
	choices     bool                // each row holds the likeliest token
	file        *reading.References // of --probs; nil with a model
	model       ggufModel           // of --reference-gguf; else nil
	endpoint    *rowsEndpoint       // of --reference-endpoint; else nil
	written     *rowsFile           // of --write-rows
	ctx         context.Context     // of the call

	subject *subject // whose rows are kept
	kept    map[string][]student.Row
}

// openProbs makes the probabilities of a call ready, or returns nil if it has none.
func (c *cli) openProbs(ctx context.Context, o *detectFlags, set *candidateSet) (p *tokenProbs, err error) {
	if o.probs == "" && o.referenceGGUF == "" && o.referenceEndpoint == "" {
		return nil, nil
	}
	for _, x := range set.list {
		if x.profile.Native == nil {
			return nil, usagef("the test with a model's probabilities is for marks of isotope/1, and a profile is of another engine; leave out --probs, --reference-gguf and --reference-endpoint, or test that profile without them in a call of its own")
		}
	}
	p = &tokenProbs{ctx: ctx}
	if o.probs != "" {
		var h reading.Header
		var digest string
		if p.file, h, digest, err = readRows(o.probs); err != nil {
			return nil, err
		}
		for _, x := range set.list {
			if err := rowsFit(o.probs, &h, x.profile); err != nil {
				return nil, err
			}
		}
		p.name, p.temperature, p.choices = fmt.Sprintf("%s, rows %s", strconv.Quote(h.Model), digest), h.TemperatureOrOne(), h.Top > 0
		return p, nil
	}
	if o.referenceEndpoint != "" {
		return p, c.openEndpoint(o, set, p)
	}
	if p.model, err = c.openModel(o.llamaLib, o.referenceGGUF); err != nil {
		return nil, fmt.Errorf("the reference model cannot be loaded: %w", err)
	}
	p.temperature, p.choices = o.referenceTemperature, true
	if p.name, err = ggufName(p.model, o.referenceGGUF); err == nil {
		first := set.list[0].profile
		p.written, err = createRows(o.writeRows, p.name, p.temperature, min(p.model.Vocab(), first.Vocab()), first)
	}
	if err != nil {
		p.model.Close()
		return nil, err
	}
	return p, nil
}

// close ends the files and the model.
func (p *tokenProbs) close() error {
	switch {
	case p == nil || p.file != nil:
		return nil
	case p.model != nil:
		p.model.Close()
	}
	return p.written.close()
}

// rows returns the rows of the tokens of one part of a subject, or nil for none.
func (p *tokenProbs) rows(r *textReader, s *subject, part int, ids []watermark.Token) ([]student.Row, error) {
	if p.file != nil {
		return p.file.Rows(nil, ids), nil
	}
	if p.subject != s { // every key and every part of a text asks for the same rows
		p.subject, p.kept = s, make(map[string][]student.Row)
	}
	key := strconv.Itoa(part) + ":" + contextKey(ids)
	if rows, ok := p.kept[key]; ok {
		return rows, nil
	}
	rows, err := p.ask(r, s, part, ids)
	p.kept[key] = rows
	return rows, err
}

// ask asks the model.
func (p *tokenProbs) ask(r *textReader, s *subject, part int, ids []watermark.Token) ([]student.Row, error) {
	if p.endpoint != nil {
		before := beforePart(r, s, part)
		rows, err := p.endpoint.rows(p.ctx, before, ids)
		if err != nil {
			return nil, err
		}
		if p.choices = !p.endpoint.blind; p.written != nil && !p.choices {
			return nil, fmt.Errorf("the server does not name the likeliest tokens, which rows in a file need; leave out --write-rows")
		}
		return rows, p.written.write(before, ids, rows)
	}
	if err := sameText(p.model, r.tokenizer, ids); err != nil {
		return nil, err
	}
	shown, err := ggufPrompt(p.model, s.shown[part])
	if err != nil {
		return nil, err
	}
	rows := make([]student.Row, len(ids))
	tokens := known(p.model, slices.Concat(shown, ids))
	if len(tokens) < len(shown) {
		return rows, nil
	}
	vocab := min(p.model.Vocab(), r.vocabulary())
	err = p.model.Rows(p.ctx, tokens, max(len(shown)-1, 0), p.temperature, func(i int, law []float32) error {
		if at := i + 1 - len(shown); at < len(ids) {
			rows[at] = drawnRow(law[:min(vocab, len(law))], ids[at])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, p.written.write(shown, ids, rows)
}

// drawnRow keeps of a law the token that was drawn and the likeliest one.
func drawnRow(law []float32, drawn watermark.Token) student.Row {
	ids := []watermark.Token{drawn}
	if choice := (student.Row{Probs: law}).Choice(); choice >= 0 && choice != drawn {
		ids = append(ids, choice)
	}
	slices.Sort(ids)
	r := student.Row{}
	for _, t := range ids {
		if t >= 0 && int(t) < len(law) {
			r.Tokens, r.Probs = append(r.Tokens, t), append(r.Probs, reading.Round(float64(law[t])))
		}
	}
	return r
}

// vocabulary returns the number of ids of a reader's texts.
func (r *textReader) vocabulary() int {
	if r.tokenizer != nil {
		return r.tokenizer.Vocab()
	}
	return r.vocab
}

// An informedOutcome is the test of a text with a model's probabilities.
type informedOutcome struct {
	probs     *tokenProbs
	result    informed.Result
	minShare  float64
	choices   float64 // log10 p of the test of the model itself for the mark; 0 without one
	refused   bool    // the model depends on the key
	simulates func() informed.Result
}

// statistics returns how many tests of each form of a text there are for each mark, besides its parts
// and its message.
func (d *scorer) statistics() int64 {
	if d.probs == nil {
		return 1
	}
	return 2
}

// inform adds the test with probabilities to an outcome. The outcome and this test are adjusted for
// tests.
func (d *scorer) inform(o *outcome, b *interop.Bound, s *subject, t *tokenText, given [][]watermark.Token, tests int64) {
	if d.probs == nil || d.failed != nil || !o.candidate.tests() {
		return
	}
	x := &informedOutcome{probs: d.probs, minShare: d.flags.minShare}
	part := 0
	var texts [][]watermark.Token
	var probabilities [][]float64
	choices := newChoiceTest(b.Scorer, &o.candidate.options, given)
	for ids := range t.parts() {
		rows, err := d.probs.rows(o.candidate.reader, s, part, ids)
		if err != nil {
			d.failed = fmt.Errorf("the reference model: %w", err)
			return
		}
		if d.probs.choices {
			choices.add(ids, rows)
		}
		texts, probabilities = append(texts, ids), append(probabilities, reading.Drawn(ids, rows))
		part++
	}
	run := func(minShare float64) informed.Result {
		test := informed.New(b.Scorer, &informed.Options{
			Dedup: o.candidate.options.Dedup, Exempt: o.candidate.options.Exempt, Alpha: o.candidate.options.Alpha, Tests: tests, MinShare: minShare,
		})
		for _, g := range given {
			if err := test.Exclude(g); err != nil {
				d.failed = err
			}
		}
		for i, ids := range texts {
			test.Add(ids, probabilities[i])
		}
		return test.Result()
	}
	x.result, x.choices = run(0), choices.log10P()
	o.informed = x
	if x.refused = x.choices <= log10ModelMarked; x.refused {
		x.result.Log10P, x.result.Log10PAdjusted, x.result.Verdict = 0, 0, detect.Inconclusive
		o.warnings = append(o.warnings, fmt.Errorf("the model of the probabilities depends on the key (log10 p %s), so its test concludes nothing; take a model that learned neither from marked text nor from text that was chosen by a detector", logP(x.choices)))
		return
	}
	if !d.probs.choices && d.probs.endpoint != nil {
		o.warnings = append(o.warnings, fmt.Errorf("the server does not name the likeliest tokens, so nobody tested whether its model depends on the key; a model that learned from marked text makes this p-value false"))
	}
	if n := x.result.Unknown; n > 0 {
		o.warnings = append(o.warnings, fmt.Errorf("%d of %d scored tokens have no probability; this weakens the test with probabilities, and its p-value holds", n, x.result.Scored))
	}
	if x.result.Log10PAdjusted < o.result.Log10PAdjusted {
		o.result.Log10PAdjusted = x.result.Log10PAdjusted
	}
	switch {
	case o.result.Log10PAdjusted <= tail.Log10(o.candidate.options.Alpha):
		o.result.Verdict = detect.Detected
	case x.result.Unknown < x.result.Scored && len(t.ids) <= mostSimulated:
		x.simulates = func() informed.Result { return run(x.minShare) }
	}
	if o.result.Log10PAdjusted < o.result.Log10Floor && !slices.Contains(o.result.Warnings, detect.ErrKeySpace) {
		o.result.Warnings = append(o.result.Warnings, detect.ErrKeySpace)
	}
}

// mostSimulated is the length of the longest text that is simulated, in tokens. It takes some ten
// seconds.
const mostSimulated = 10_000

// settle draws the verdict of silence from simulated texts. It takes time, so it is done for one text
// alone.
func (o *outcome) settle() {
	x := o.informed
	if x == nil || x.simulates == nil || o.result.Verdict != detect.Inconclusive {
		return
	}
	x.result = x.simulates()
	if x.result.Verdict == detect.NotDetected {
		o.result.Verdict = detect.NotDetected
	}
}

// log10ModelMarked is log10 of the p-value from which on a model counts as one that knows the mark.
const log10ModelMarked = -3

// A choiceTest tests the likeliest tokens of a model for the mark: after each context that is new in
// its text. Such a pair cannot have been copied, so a model that does not know the key chooses a
// green token by chance. Both tails count for colours, and the upper one for other scores.
type choiceTest struct {
	scorer interop.AnyScorer
	acc    *detect.Accumulator
	seen   map[string]struct{} // contexts
}

func newChoiceTest(s interop.AnyScorer, o *detect.Options, given [][]watermark.Token) *choiceTest {
	t := &choiceTest{scorer: s, acc: detect.NewAccumulator(s, &detect.Options{Dedup: o.Dedup, Exempt: o.Exempt}), seen: make(map[string]struct{})}
	for _, g := range given {
		t.acc.Exclude(g)
	}
	return t
}

// add adds the choices over one text.
func (t *choiceTest) add(text []watermark.Token, rows []student.Row) {
	width := t.scorer.Width()
	for at := width; at < min(len(text), len(rows)); at++ {
		context := text[at-width : at]
		key := contextKey(context)
		if _, ok := t.seen[key]; ok {
			continue
		}
		t.seen[key] = struct{}{}
		if choice := rows[at].Choice(); choice >= 0 {
			t.acc.AddPair(context, choice)
		}
	}
}

// log10P returns log10 of the p-value, at most 0.
func (t *choiceTest) log10P() float64 {
	r := t.acc.Result()
	if r.Scored == 0 {
		return 0
	}
	law, ok := t.scorer.Law().(watermark.Bernoulli)
	if !ok {
		return r.Log10P
	}
	return tail.Bonferroni(min(r.Log10P, tail.Binomial(r.Scored-r.Green, r.Scored, 1-law.P)), 2)
}

// words says what the test with probabilities found.
func (x *informedOutcome) words() string {
	r := &x.result
	if x.refused {
		return "concludes nothing, since the model depends on the key"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "log10 p %s with the probabilities of %s at temperature %g, over %d scored", logP(r.Log10P), x.probs.name, x.probs.temperature, r.Scored-r.Unknown)
	if r.Unknown > 0 {
		fmt.Fprintf(&b, " (%d more have no probability)", r.Unknown)
	}
	if r.Simulated > 0 {
		b.WriteString("; " + x.simulated())
	}
	return b.String()
}

// simulated says how often simulated texts were detected.
func (x *informedOutcome) simulated() string {
	return fmt.Sprintf("of %d simulated texts with these probabilities, of which %.3g %% is marked, %d were detected", x.result.Simulated, 100*x.minShare, x.result.Found)
}

// silence says why a test with probabilities that detected nothing does not tell.
func (x *informedOutcome) silence() string {
	switch {
	case x.result.Simulated > 0:
		return "nothing was detected, and " + x.simulated()
	case x.simulates == nil:
		return "nothing was detected, and the test with probabilities says nothing"
	}
	return "nothing was detected, and no simulation says how often a marked text like this one would have been"
}

// informedJSON is the JSON object of the test with probabilities.
type informedJSON struct {
	Model          string   `json:"model"`
	Temperature    float64  `json:"temperature"`
	Log10P         *float64 `json:"log10_p"` // of its two statistics, the better one adjusted for both
	Log10PAdjusted *float64 `json:"log10_p_adjusted"`
	Log10PSum      *float64 `json:"log10_p_sum"` // of the weighted sum alone
	Log10E         *float64 `json:"log10_e"`     // of the e-value for text that is marked in part
	Scored         int64    `json:"scored"`
	Unknown        int64    `json:"unknown"` // of those: without a probability
	Tests          int64    `json:"tests"`
	ModelLog10P    *float64 `json:"model_log10_p"` // of the test of the model itself for the mark; null without one
	Refused        bool     `json:"refused"`
	Simulated      int64    `json:"simulated"`
	Found          int64    `json:"found"`
}

// json returns the JSON object, or nil for nil.
func (x *informedOutcome) json() *informedJSON {
	if x == nil {
		return nil
	}
	r := &x.result
	j := &informedJSON{
		Model: x.probs.name, Temperature: x.probs.temperature, Log10P: number(r.Log10P), Log10PAdjusted: number(r.Log10PAdjusted),
		Log10PSum: number(r.Log10PSum), Log10E: number(r.Log10E), Scored: r.Scored, Unknown: r.Unknown, Tests: r.Tests,
		Refused: x.refused, Simulated: r.Simulated, Found: r.Found,
	}
	if x.probs.choices {
		j.ModelLog10P = number(x.choices)
	}
	return j
}

// probRules are the rules of the test with probabilities.
func (o *detectFlags) probRules() []rule {
	models := 0
	for _, name := range []string{o.probs, o.referenceGGUF, o.referenceEndpoint} {
		if name != "" {
			models++
		}
	}
	bands := len(o.profiles) > 1 && !o.any.given
	return []rule{
		{models > 1, "--probs, --reference-gguf and --reference-endpoint name one model each, and each is a test; give one"},
		{(o.referenceEndpoint != "") != (o.referenceModel != ""), "--reference-endpoint and --reference-model need each other"},
		{models > 0 && bands, "the test with probabilities is of one mark, and several profiles were given; give --any, which tests each mark with the model and counts all tests, or leave out the model"},
		{models > 0 && o.alpha > 0.5, "a test with probabilities needs an --alpha of at most 0.5; give a smaller one, or leave out the model"},
		{o.given("reference-temperature") && o.referenceGGUF == "", "--reference-temperature is for --reference-gguf; leave it out"},
		within("reference-temperature", o.referenceTemperature, notNegative()),
		{o.writeRows != "" && o.referenceGGUF == "" && o.referenceEndpoint == "", "--write-rows writes what --reference-gguf or --reference-endpoint gives; give one of them"},
		{o.llamaLib != "" && o.referenceGGUF == "", "--llama-lib is for --reference-gguf; leave it out"},
	}
}
