package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/forms"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// An outcome is the result of testing a subject for one candidate: of its forms and of the variants
// of the candidate, the one with the smallest p-value, which is adjusted for all of them.
type outcome struct {
	candidate *candidate
	scorer    interop.AnyScorer
	form      string // of the text; "" is as it is
	changed   []string
	result    detect.Result
	share     float64 // of bands
	scan      detect.Scan
	spans     []spanJSON // of the scan
	message   *detect.Decoded
	engineSum *float64         // the statistic in the unit of another engine, where that is not the result's
	informed  *informedOutcome // with probabilities; nil without
	warnings  []error          // besides those of the result
	capped    bool             // detected, if so small a p-value could be claimed for the engine
	withheld  bool             // no p-value that small can be claimed at all
	shown     *shownText
	variant   *variantJSON // which of several keys the text has; nil for a profile with one
}

// A shownText is the text of an outcome as a page shows it.
type shownText struct {
	tokens  []watermark.Token
	breaks  []int
	colours []detect.Colour
	spans   []detect.Span
	reader  *textReader
}

// A finding is what the tests of one subject gave.
type finding struct {
	place    corpus.Place
	file     int // number of the file in the ledger
	bytes    int64
	kinds    []string // of the parts
	outcomes []*outcome
	tested   int64    // candidates, of which outcomes may leave out the last
	untested int64    // candidates without a tokenizer for this text
	warnings []string // about the forms of the text that were tested
	notes    []string // about what was read

	verdict  detect.Verdict // of all candidates together
	adjusted float64        // log10 p of the best candidate, adjusted for all tests of the call
	q        float64        // log10 of the smallest false discovery rate, with --fdr
	triage   bool
	pattern  detect.Conclusion // of bands
}

// best returns the outcome with the smallest p-value.
func (f *finding) best() *outcome { return f.outcomes[0] }

// strongest returns the outcome with the smallest adjusted p-value, of bands too.
func (f *finding) strongest() *outcome { return slices.MinFunc(f.outcomes, byP) }

// forget drops all candidates but those that a table shows, and the one whose silence says least,
// on which the verdict of all of them depends.
func (f *finding) forget() {
	if len(f.outcomes) <= keptOutcomes {
		return
	}
	rest := f.outcomes[keptOutcomes-1:]
	weakest := slices.MaxFunc(rest, func(a, b *outcome) int { return cmp.Compare(a.weakness(), b.weakness()) })
	f.outcomes = append(slices.Clone(f.outcomes[:keptOutcomes-1]), weakest)
}

// keyID returns the id of the key of the outcome, which variants tell apart.
func (o *outcome) keyID() string {
	if mark, ok := o.scorer.(*watermark.Mark); ok {
		return mark.KeyID()
	}
	return o.candidate.keyID
}

// weakness says how little silence means: not at all, or less the larger the share is that would
// have been detected.
func (o *outcome) weakness() float64 {
	if o.result.Verdict == detect.Inconclusive {
		return math.Inf(1)
	}
	return o.result.Power.MinShare
}

// keptOutcomes is how many candidates of a subject are kept if there are several subjects.
const keptOutcomes = 20

// A scorer tests subjects for the candidates of a call.
type scorer struct {
	set    *candidateSet
	flags  *detectFlags
	chains []forms.Chain
	colour bool // a page shows the texts
	// weights are those of --weights, or nil.
	weights *textWeights
	probs   *tokenProbs // nil: none
	failed  error       // why the call cannot go on

	controls *controlSet // of a declared test, or nil
}

// test tests one subject. refused says why it cannot be tested.
func (d *scorer) test(s *subject) (f *finding, refused string) {
	f = &finding{place: s.place, bytes: s.bytes()}
	for _, p := range s.parts {
		if k := p.Kind.String(); !slices.Contains(f.kinds, k) {
			f.kinds = append(f.kinds, k)
		}
	}
	list := s.forms(d.chains)
	reads := make(map[*textReader]*readText)
	for _, r := range d.set.readers {
		x := &readText{given: append(slices.Clip(r.prompts), r.given(s, d.chains)...), prompt: r.prompt(s)}
		for i := range list {
			t, ok := r.tokens(s, &list[i])
			if !ok {
				x = nil
				break
			}
			x.texts = append(x.texts, t)
		}
		reads[r] = x
	}
	var tests int64
	for _, c := range d.set.list {
		if reads[c.reader] != nil {
			tests += int64(len(c.bound)) * int64(len(list))
		}
	}
	tests *= d.statistics()
	if tests == 0 {
		return nil, "this is a text, and the profile has no tokenizer; give token ids with --ids, or a profile with the tokenizer of the model"
	}
	if d.weights != nil {
		x := reads[d.set.list[0].reader]
		if x.weights, d.failed = d.weights.of(placeName(f), len(x.texts[0].ids)); d.failed != nil {
			return nil, ""
		}
		f.warnings = append(f.warnings, d.weights.words())
	}
	if d.controls != nil {
		for _, c := range d.set.list {
			if x := reads[c.reader]; x != nil {
				d.controls.add(c, &x.texts[0], x.given)
			}
		}
	}
	switch {
	case d.set.bands:
		x := reads[d.set.list[0].reader]
		d.testBands(f, &x.texts[0], x.given)
	case d.isPanel(list):
		x := reads[d.set.list[0].reader]
		d.testPanel(f, &x.texts[0], x.given)
	default:
		for _, c := range d.set.list {
			if x := reads[c.reader]; x != nil {
				f.outcomes = append(f.outcomes, d.testCandidate(c, s, list, x, tests))
			}
		}
	}
	f.tested, f.untested = int64(len(f.outcomes)), int64(len(d.set.list)-len(f.outcomes))
	if f.untested > 0 {
		f.warnings = append(f.warnings, fmt.Sprintf("%d of %d marks were not tested, since their profiles have no tokenizer and this is a text", f.untested, len(d.set.list)))
	}
	for _, n := range s.notes {
		f.notes = append(f.notes, n.Detail)
	}
	for _, o := range f.outcomes {
		d.limit(o, s, reads[o.candidate.reader].texts[0].ids)
	}
	if !d.set.bands {
		slices.SortStableFunc(f.outcomes, byP)
	}
	if d.colour {
		b := f.outcomes
		if !d.set.bands {
			b = b[:1]
		}
		for _, o := range b {
			x := reads[o.candidate.reader]
			i := slices.IndexFunc(list, func(g form) bool { return g.name == o.form })
			d.show(o, &x.texts[i], x)
		}
	}
	if len(list) > 1 {
		f.warnings = append(f.warnings, formWords(f.best(), list))
	}
	return f, ""
}

// byP orders outcomes by their adjusted p-values, and equal ones by the p-value of the test alone.
func byP(a, b *outcome) int {
	return cmp.Or(cmp.Compare(a.result.Log10PAdjusted, b.result.Log10PAdjusted), cmp.Compare(a.result.Log10P, b.result.Log10P))
}

// formWords says which forms were tested and which one the result is of.
func formWords(o *outcome, list []form) string {
	names := make([]string, 0, len(list))
	for _, f := range list[1:] {
		names = append(names, f.name)
	}
	which := "the result is of the text as it is"
	if o.form != "" {
		which = fmt.Sprintf("the result is of the text in the form %s, in which %s changed something", o.form, joinWords(o.changed))
	}
	return fmt.Sprintf("%d forms of the text were tested, as it is and %s, and the p-value is adjusted for all of them; %s", len(list), joinWords(names), which)
}

// isPanel reports whether one pass can test all candidates: keys under one profile of isotope/1, on
// the text as it is.
func (d *scorer) isPanel(list []form) bool {
	first := d.set.list[0]
	if len(d.set.list) == 1 || len(list) > 1 || d.flags.spans || d.probs != nil || first.profile.Native == nil {
		return false
	}
	return !slices.ContainsFunc(d.set.list, func(c *candidate) bool { return c.profile != first.profile || len(c.bound) > 1 })
}

// testPanel tests one text under every key of one profile.
func (d *scorer) testPanel(f *finding, t *tokenText, given [][]watermark.Token) {
	scorers := make([]detect.Scorer, len(d.set.list))
	for i, c := range d.set.list {
		scorers[i] = c.bound[0].Scorer
	}
	panel := detect.NewPanel(scorers, &d.set.list[0].options)
	for _, p := range given {
		panel.Exclude(p)
	}
	for part := range t.parts() {
		panel.Add(part)
	}
	for i, r := range panel.Results() {
		f.outcomes = append(f.outcomes, &outcome{candidate: d.set.list[i], scorer: scorers[i], result: r})
	}
}

// testBands tests one text for several marks that it can have together.
func (d *scorer) testBands(f *finding, t *tokenText, given [][]watermark.Token) {
	var bands []detect.Band
	for _, c := range d.set.list {
		bands = append(bands, detect.Band{Role: c.role, Scorer: c.bound[0].Scorer, Dedup: c.options.Dedup, Rate: c.options.Rate})
	}
	tests := detect.NewBands(bands, &d.set.list[0].options)
	for _, p := range given {
		tests.Exclude(p)
	}
	for part := range t.parts() {
		tests.Add(part)
	}
	for i, r := range tests.Results() {
		f.outcomes = append(f.outcomes, &outcome{candidate: d.set.list[i], scorer: bands[i].Scorer, result: r.Result, share: r.Share})
	}
}

// parts yields the parts of a text.
func (t *tokenText) parts() func(yield func([]watermark.Token) bool) {
	return func(yield func([]watermark.Token) bool) {
		for i, from := range t.starts {
			to := len(t.ids)
			if i+1 < len(t.starts) {
				to = t.starts[i+1]
			}
			if !yield(t.ids[from:to]) {
				return
			}
		}
	}
}

// testCandidate tests every form of a subject under every variant of a candidate.
func (d *scorer) testCandidate(c *candidate, s *subject, list []form, x *readText, tests int64) *outcome {
	var best *outcome
	number, next := 0, 0.0 // variant of best, and the smallest log10 p of another one
	for b := range c.bound {
		var own *outcome
		for i := range list {
			o := d.testForm(c, &c.bound[b], &x.texts[i], x, tests)
			d.inform(o, &c.bound[b], s, &x.texts[i], x.given, tests)
			o.form, o.changed = list[i].name, list[i].changed
			if len(o.scan.Spans) > 0 {
				o.spans = spansOf(c, s, &list[i], &x.texts[i], o.scan.Spans)
			}
			if own == nil || byP(o, own) < 0 {
				own = o
			}
		}
		switch {
		case best == nil:
			best = own
		case byP(own, best) < 0:
			next = min(next, best.result.Log10P)
			best, number = own, b
		default:
			next = min(next, own.result.Log10P)
		}
	}
	if len(c.bound) > 1 {
		best.variant = newVariant(number, len(c.bound), next)
		best.warnings = append(best.warnings, fmt.Errorf("the text was tested under %d keys, of which a text has one; the smallest p-value is shown, adjusted for all of them", len(c.bound)))
	}
	return best
}

// testForm tests one form of a text for one mark.
func (d *scorer) testForm(c *candidate, b *interop.Bound, t *tokenText, x *readText, tests int64) *outcome {
	o := &outcome{candidate: c, scorer: b.Scorer}
	if c.profile.Dedup() == interop.DedupNone {
		compare(o, b, t, x.prompt)
		return o
	}
	if d.weights != nil {
		testWeighted(o, b, t, x, x.weights, tests)
		return o
	}
	options := &detect.TextOptions{Options: c.options, Prompts: x.excluded(b), Spans: d.flags.spans}
	options.Tests = tests
	// Candidates are told apart by the mark alone.
	options.Message = c.payloadBits() > 0 && len(d.set.list) == 1
	framed := frame(b, t, x.prompt)
	options.Breaks = framed.breaks
	o.engineSum = engineSum(b, framed, options)
	r := detect.Text(b.Scorer, framed.ids, options)
	o.result, o.message = r.Result, r.Message
	framed.count(o)
	if r.Scan != nil {
		o.scan = *r.Scan
		for i := range o.scan.Spans {
			framed.unframe(&o.scan.Spans[i])
		}
	}
	return o
}

// A framedText is a text in the sequence that an engine scores.
type framedText struct {
	tokenText
	shift []int // of each part: what to add to a token offset to have that of the text
	framing
}

// A framing is how many tokens the sequence of an engine has more and fewer than the text.
type framing struct {
	before     int // padding and ends of prompts
	start, end int // of the text, which the engine leaves out
}

func (f *framing) add(x *interop.Frame) {
	f.before, f.start, f.end = f.before+x.Before, f.start+x.Start, f.end+x.End
}

// count turns the counts of the sequence into those of the text. Tokens that the engine leaves out at
// the end are not among them, and a warning says so.
func (f *framing) count(o *outcome) {
	more := int64(f.start - f.before)
	o.result.Tokens += more
	o.result.Skipped.ShortContext += more
	if f.end == 0 {
		return
	}
	p := o.candidate.profile.Engine
	if p.EOS != nil {
		o.warnings = append(o.warnings, fmt.Errorf("%d tokens at the end were left out, from the first id %d on, which ends a text (eos of the profile)", f.end, *p.EOS))
		return
	}
	o.warnings = append(o.warnings, fmt.Errorf("%d tokens at the end were left out, because the engine marks the first %d contexts of a text alone", f.end, p.MaxContexts))
}

// engineSum returns the statistic of a framed text in the unit of its engine, or nil if that is the
// sum of the scores.
func engineSum(b *interop.Bound, t *framedText, o *detect.TextOptions) *float64 {
	if _, colours := b.Scorer.Law().(watermark.Bernoulli); colours || b.Engine == nil {
		return nil
	}
	a := detect.NewAccumulator(b.Scorer, &o.Options)
	for _, p := range o.Prompts {
		a.Exclude(p)
	}
	for part := range t.parts() {
		a.Add(part)
	}
	return sumOf(b.Engine, a)
}

// sumOf returns the statistic of what was scored in the unit of the engine.
func sumOf(s interop.Scorer, a *detect.Accumulator) *float64 {
	sum := s.Sum(func(yield func(watermark.Pair) bool) {
		for u := range a.Units() {
			if !u.Excluded && !yield(u.Pair) {
				return
			}
		}
	})
	return &sum
}

// A readText is a subject as the reader of some candidates has it.
type readText struct {
	texts  []tokenText         // one for each form
	given  [][]watermark.Token // what the model was shown
	prompt []watermark.Token   // that directly before the text, or nil if it is not known
	// weights has one weight for each token of the text as it is; nil without --weights.
	weights []uint8
}

// excluded returns the texts whose contexts are left out of a test. The end of a prompt that is
// context of the text's first token stays in: no token follows it in the prompt.
func (x *readText) excluded(b *interop.Bound) [][]watermark.Token {
	if len(x.prompt) == 0 || b.Frame(x.prompt, x.prompt).Before == b.Frame(nil, x.prompt).Before {
		return x.given
	}
	out := slices.Clone(x.given)
	for i, p := range out {
		if slices.Equal(p, x.prompt) {
			out[i] = p[:len(p)-1]
		}
	}
	return out
}

// frame puts the parts of a text into the sequence that the detector of a mark scores. prompt is what
// stands before the first part, or nil.
func frame(b *interop.Bound, t *tokenText, prompt []watermark.Token) *framedText {
	if b.Engine == nil {
		return &framedText{tokenText: *t}
	}
	f := &framedText{}
	i := 0
	for part := range t.parts() {
		if i > 0 {
			prompt = nil
		}
		x := b.Frame(prompt, part)
		f.starts = append(f.starts, len(f.ids))
		if i > 0 {
			f.breaks = append(f.breaks, len(f.ids))
		}
		f.shift = append(f.shift, t.starts[i]+x.Start-len(f.ids)-x.Before)
		f.ids = append(f.ids, x.Tokens...)
		f.add(&x)
		i++
	}
	return f
}

// place returns the offset in the text of an offset in the sequence.
func (f *framedText) place(at int, end bool) int {
	if f.shift == nil {
		return at
	}
	part := len(f.starts) - 1
	for part > 0 && (at < f.starts[part] || end && at == f.starts[part]) {
		part--
	}
	return max(at+f.shift[part], 0)
}

func (f *framedText) unframe(s *detect.Span) {
	s.Start, s.End = f.place(s.Start, false), f.place(s.End, true)
	s.DisplayStart, s.DisplayEnd = f.place(s.DisplayStart, false), f.place(s.DisplayEnd, true)
}

// compare counts every position, as the detector of an engine does, for a comparison of numbers.
// What stands for the p-value is no p-value, and is not adjusted to one.
func compare(o *outcome, b *interop.Bound, t *tokenText, prompt []watermark.Token) {
	each := interop.Each(b.Engine)
	if each == nil {
		o.result = detect.Result{Verdict: detect.Inconclusive, Tests: 1, Z: math.NaN()}
		o.warnings = append(o.warnings, fmt.Errorf("the context is too wide for dedup none; give the profile another dedup"))
		return
	}
	a := detect.NewAccumulator(each, &detect.Options{Exempt: o.candidate.options.Exempt, Alpha: o.candidate.options.Alpha})
	var framing framing
	pairs, short, tokens := 0, 0, 0
	for part := range t.parts() {
		f := b.Frame(prompt, part)
		for p := range interop.EachPair(b.Engine, f) {
			a.AddPair(p.Context, p.Token)
			pairs++
		}
		framing.add(&f)
		tokens += len(f.Tokens)
		short += min(len(f.Tokens), b.Engine.Width())
		prompt = nil
	}
	o.scorer = each
	o.result = a.Result()
	o.engineSum = sumOf(each, a)
	// A token without a whole context of known ids gives no pair.
	o.result.Tokens += int64(tokens - pairs)
	o.result.Skipped.ShortContext += int64(short)
	o.result.Skipped.Vocab += int64(tokens - short - pairs)
	framing.count(o)
	o.result.Log10PAdjusted, o.result.Verdict = 0, detect.Inconclusive
	o.warnings = append(o.warnings, fmt.Errorf("the profile counts repeated text each time, so that the numbers compare with the engine's; log10_p is not that of a p-value here, and a profile with dedup pair or context tests"))
}

// limit applies what a test of the mark cannot claim, and says what speaks against the tokenizer.
func (d *scorer) limit(o *outcome, s *subject, ids []watermark.Token) {
	limits := o.candidate.bound[0].Limits()
	o.warnings = append(o.warnings, limits.Warnings...)
	r := &o.result
	if r.Log10PAdjusted < limits.Floor {
		r.Log10PAdjusted = limits.Floor
		if r.Verdict == detect.Detected && limits.Floor > tail.Log10(o.candidate.options.Alpha) {
			r.Verdict, o.capped = detect.Inconclusive, true
		}
	}
	if limits.NoVerdict {
		r.Verdict = detect.Inconclusive
	}
	o.withhold(1)
	if t := o.candidate.reader.tokenizer; t != nil && s.hasIDs() {
		if n, first := foreignIDs(t, ids); n > 0 {
			o.warnings = append(o.warnings, fmt.Errorf("%d of %d ids, such as %d, are not those of any text in %s: they belong to another tokenizer, or are special tokens; check which model wrote them",
				n, len(ids), first, t.Name()))
			if r.Verdict == detect.NotDetected {
				r.Verdict = detect.Inconclusive // silence under a wrong tokenizer says nothing
			}
		}
	}
}

// show keeps the text of an outcome with its colours, for a page.
func (d *scorer) show(o *outcome, t *tokenText, x *readText) {
	c := o.candidate
	o.shown = &shownText{tokens: t.ids, breaks: t.breaks, reader: c.reader, spans: o.scan.Spans}
	o.shown.colours = make([]detect.Colour, len(t.ids))
	if !c.tests() {
		return
	}
	b := &c.bound[slices.IndexFunc(c.bound, func(b interop.Bound) bool { return b.Scorer == o.scorer })]
	framed := frame(b, t, x.prompt)
	colours := detect.Text(b.Scorer, framed.ids, &detect.TextOptions{Options: c.options, Prompts: x.excluded(b), Breaks: framed.breaks, Colours: true}).Colours
	for i, colour := range colours {
		if at := framed.place(i, false); colour != detect.Unscored && at < len(o.shown.colours) {
			o.shown.colours[at] = colour
		}
	}
}

// spansOf returns the spans of a form with their places in the text.
func spansOf(c *candidate, s *subject, f *form, t *tokenText, spans []detect.Span) []spanJSON {
	out := make([]spanJSON, len(spans))
	offsets, ends := make([]int, 0, 2*len(spans)), make([]bool, 0, 2*len(spans))
	for i, p := range spans {
		out[i] = spanJSON{
			Start: p.Start, End: p.End, DisplayStart: p.DisplayStart, DisplayEnd: p.DisplayEnd,
			Scored: p.Scored, Green: p.Green, Log10P: number(p.Log10P), Log10PAdjusted: number(p.Log10PAdjusted), draw: c.isDraw(),
		}
		// The displayed parts are in order and disjoint, so their offsets ascend.
		offsets, ends = append(offsets, p.DisplayStart, p.DisplayEnd), append(ends, false, true)
	}
	if c.reader.tokenizer == nil {
		return out
	}
	places := c.reader.cuts(s, f, t, offsets, ends)
	for i := range out {
		from, to := places[2*i], places[2*i+1]
		if s.parts[from.part].IDs != nil || s.parts[to.part].IDs != nil {
			continue
		}
		a, b := from.at, to.at
		if s.place.Row == 0 && len(s.parts) == 1 && s.parts[0].Offset > 0 { // behind a byte order mark
			a, b = a+int(s.parts[0].Offset), b+int(s.parts[0].Offset)
		}
		out[i].ByteStart, out[i].ByteEnd = &a, &b
		out[i].Field = s.parts[from.part].Field
		if to.part != from.part {
			out[i].FieldEnd = s.parts[to.part].Field
		}
	}
	return out
}

// withhold takes back what a result says of its power if none of n texts can be called detected,
// because nothing so small is claimed for the engine. Silence then says nothing.
func (o *outcome) withhold(n int64) {
	alpha := o.candidate.options.Alpha
	if floor := o.candidate.bound[0].Limits().Floor; !(floor > tail.Log10(alpha/float64(n))) {
		return
	}
	o.withheld = true
	p := &o.result.Power
	p.MinExcess, p.MinShare = math.Inf(1), math.Inf(1)
	if p.Rate > 0 {
		p.RateShare = math.Inf(1)
	}
	if o.result.Verdict == detect.NotDetected {
		o.result.Verdict = detect.Inconclusive
	}
}

// powerWords says which mark the test would have detected.
func (o *outcome) powerWords() string {
	if o.withheld {
		return fmt.Sprintf("no text can be called detected at alpha %g, because nothing below 10^%g is claimed for this engine; a larger --alpha allows it", o.candidate.options.Alpha, o.candidate.bound[0].Limits().Floor)
	}
	return powerWords(o.scorer.Law(), o.result)
}
