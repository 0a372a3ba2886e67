package student

import (
	"fmt"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// Choices tests a model whose weights you hold by its choices: the most probable next token at each
// position of texts that it is given. (Sander et al. 2024, "reading mode".) Each window, the last
// Width tokens, counts once in a text, where it occurs first, since a model copies what it has seen
// earlier in the text. Each pair of window and choice counts once over all texts.
//
// The null hypothesis is that neither the model nor the texts depend on the key. So use human text,
// prompts, or text that a model wrote without the mark. If something marked stands in them, pass it
// to Exclude. Your own marked outputs depend on the key. [Marked] is for them.
//
// Results do not depend on order or shards. Choices may be used by one goroutine at a time.
type Choices struct {
	scorer   detect.Scorer
	decoys   *Decoys
	options  WeightsOptions
	test     *detect.Accumulator
	counts   textCounts
	position windowTracker
}

// textCounts counts texts, and the positions that are not in another count.
type textCounts struct{ texts, unread, repeated, filtered int64 }

// NewChoices returns empty Choices. o may be nil. It returns the errors of [New].
func NewChoices(s detect.Scorer, decoys *Decoys, o *WeightsOptions) (*Choices, error) {
	if err := checkWeights(s, decoys, o); err != nil {
		return nil, err
	}
	c := o.filled()
	test := detect.NewAccumulator(s, &detect.Options{
		Exempt: c.Exempt, Alpha: c.Alpha, Tests: c.Tests, MinShare: 1,
	})
	return &Choices{scorer: s, decoys: decoys, options: c, test: test}, nil
}

// Add counts one text and the model's choices. choices[i] is the choice after text[:i+1], or -1 if
// the model was not asked there. The error wraps [ErrRow] if the numbers of choices and tokens
// differ, or if a choice is outside the vocabulary. Then nothing is counted.
func (r *Choices) Add(text, choices []detect.Token) error {
	if len(choices) != len(text) {
		return fmt.Errorf("student: %w: %d choices for %d tokens", ErrRow, len(choices), len(text))
	}
	s := r.scorer
	for _, c := range choices {
		if c < -1 || int(c) >= s.Vocab() {
			return fmt.Errorf("student: %w: choice %d is outside the vocabulary", ErrRow, c)
		}
	}
	r.counts.texts++
	r.position.begin()
	for i, c := range choices {
		window, fate := r.position.window(text[:i+1], s, r.options.Filter)
		switch {
		case c < 0:
			r.counts.unread++
		case fate == windowRepeated:
			r.counts.repeated++
		case fate == windowFiltered:
			r.counts.filtered++
		default: // the accumulator counts short windows, and those outside the vocabulary
			r.test.AddPair(window, c)
		}
	}
	return nil
}

// AddModel asks a model for its choices in one text, and counts them. An error is that of the model
// or of Add, and then nothing is counted.
func (r *Choices) AddModel(m ChoiceReader, text []detect.Token) error {
	choices, err := m.Choices(text)
	if err != nil {
		return err
	}
	return r.Add(text, choices)
}

// Exclude takes every context that occurs in tokens out of the test, as
// [detect.Accumulator.Exclude] does.
func (r *Choices) Exclude(tokens []detect.Token) { r.test.Exclude(tokens) }

// Merge adds the evidence of b and leaves b unchanged. Both must have been made for the same mark,
// Exempt and Filter. Otherwise the error wraps [detect.ErrMismatch], and r is unchanged.
func (r *Choices) Merge(b *Choices) error {
	if !r.options.sameUnits(&b.options) {
		return fmt.Errorf("student: cannot merge tests that differ in Exempt or Filter: %w", detect.ErrMismatch)
	}
	if err := r.test.Merge(b.test); err != nil {
		return err
	}
	r.counts.texts += b.counts.texts
	r.counts.unread += b.counts.unread
	r.counts.repeated += b.counts.repeated
	r.counts.filtered += b.counts.filtered
	return nil
}

// A ChoicesResult tests the hypothesis that neither model nor texts depend on the key. Its Verdict
// is detected or inconclusive.
type ChoicesResult struct {
	detect.Result
	Decoys   DecoyPanel // the same statistic under the control keys
	Texts    int64      // texts that were read
	Unread   int64      // positions at which the model was not asked
	Repeated int64      // positions whose window occurred before in their text
	Filtered int64      // positions that the filter left out
	Filter   string     // name of the filter; "" without one
}

// Result tests everything added so far. A fixed test has one Result, see [Test.Result].
func (r *Choices) Result() ChoicesResult {
	out := ChoicesResult{
		Result: r.test.Result(),
		Texts:  r.counts.texts, Unread: r.counts.unread,
		Repeated: r.counts.repeated, Filtered: r.counts.filtered,
		Filter: r.options.Filter.Name,
	}
	set := &pairSet{countsPairs: true}
	for u := range r.test.Units() {
		if !u.Excluded {
			set.pairs.add(u.Pair)
		}
	}
	controls := set.scan(r.decoys.scorers)
	out.Decoys = r.decoys.panel(out.Log10P, out.Log10P, controls, func(t *keyTest) float64 { return t.pairs })
	if out.Verdict == detect.NotDetected {
		out.Verdict = detect.Inconclusive // a green rate does not say anything about a share of training text
	}
	out.Warnings = append(out.Warnings, out.Decoys.Warnings()...)
	return out
}

// A windowFate is the decision about a position.
type windowFate uint8

const (
	windowRead windowFate = iota
	windowShort
	windowOutside
	windowRepeated
	windowFiltered
)

// A windowTracker finds the windows of one text.
type windowTracker struct {
	seen map[string]struct{} // windows of the text so far
	key  []byte
}

func (p *windowTracker) begin() { p.seen = make(map[string]struct{}) }

// window returns the window at the end of a text, and whether it is read.
func (p *windowTracker) window(
	text []detect.Token, s detect.Scorer, f ContextFilter,
) ([]detect.Token, windowFate) {
	window := text[max(0, len(text)-s.Width()):]
	if len(window) < s.Width() {
		return window, windowShort
	}
	for _, t := range window {
		if t < 0 || int(t) >= s.Vocab() {
			return window, windowOutside
		}
	}
	p.key = evidence.Pack(p.key[:0], window...)
	if _, ok := p.seen[string(p.key)]; ok {
		return window, windowRepeated
	}
	p.seen[string(p.key)] = struct{}{}
	if !f.keeps(window) {
		return window, windowFiltered
	}
	return window, windowRead
}
