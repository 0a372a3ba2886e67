package student

import (
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
)

// Marked tests the choices of a model, as [Choices] does, in texts that carry the mark. These are
// outputs of your own model as they were served, with their prompts.
//
// Such texts depend on the key, so the argument for a fixed test does not hold. Which windows a
// text holds may depend on colours in another text, and the other way round. An order makes the
// test possible. Each window counts once over all texts, where it occurs first. At that moment
// nobody has read a colour of the window: neither the sampler, which wrote the text so far, nor the
// test. The suspect's choice is a function of the text so far. So each choice is green with
// probability gamma, given everything before it. An e-process may count it, see [sequential.Test].
//
// Fix the order of the texts without looking at the key: take that of the log. Everything that a
// text could quote from must come before it, or be excluded. The result depends on that order, so
// two Marked cannot be merged. The result may be looked at at any time. Marked may be used by one
// goroutine at a time.
type Marked struct {
	scorer  detect.Scorer
	test    *sequential.Test
	decoys  *Decoys
	options WeightsOptions
	counts  textCounts
	fresh   pairList
}

// NewMarked returns an empty Marked. o may be nil. It returns the errors of [New].
func NewMarked(s detect.Scorer, decoys *Decoys, o *WeightsOptions) (*Marked, error) {
	if err := checkWeights(s, decoys, o); err != nil {
		return nil, err
	}
	c := o.filled()
	m := &Marked{scorer: s, decoys: decoys, options: c}
	m.test = sequential.New(s, &sequential.Options{
		Dedup: detect.DedupContext, Exempt: c.Exempt, Alpha: min(c.Alpha, 0.5), Tests: c.Tests, Futile: math.MaxInt64,
		Observe: m.fresh.add,
	})
	return m, nil
}

// Add counts the next text of the order with the model's choices, as [Choices.Add] does.
func (m *Marked) Add(text, choices []detect.Token) error {
	if len(choices) != len(text) {
		return fmt.Errorf("student: %w: %d choices for %d tokens", ErrRow, len(choices), len(text))
	}
	s := m.scorer
	for _, c := range choices {
		if c < -1 || int(c) >= s.Vocab() {
			return fmt.Errorf("student: %w: choice %d is outside the vocabulary", ErrRow, c)
		}
	}
	m.counts.texts++
	inVocab := func(t detect.Token) bool { return t >= 0 && int(t) < s.Vocab() }
	for i, c := range choices {
		window := text[max(0, i+1-s.Width()) : i+1]
		whole := len(window) == s.Width() &&
			!slices.ContainsFunc(window, func(t detect.Token) bool { return !inVocab(t) })
		switch {
		case whole && c < 0:
			m.counts.unread++
			m.skip(text[:i+1])
		case whole && !m.options.Filter.keeps(window):
			m.counts.filtered++
			m.skip(text[:i+1])
		default:
			m.test.AddPair(window, max(c, 0))
		}
	}
	return nil
}

// skip takes the window at the end of a text out of the test. The text has read it, and the model
// was not asked about it.
func (m *Marked) skip(text []detect.Token) {
	// A width of 0 has one window, which occurs in every text that is not empty.
	m.test.Prompt(text[len(text)-max(m.scorer.Width(), 1):])
}

// Exclude takes contexts out of the test that the texts or the model may have known from the
// beginning. It returns the error of [sequential.Test.Exclude].
func (m *Marked) Exclude(tokens []detect.Token) error { return m.test.Exclude(tokens) }

// A MarkedResult tests the hypothesis that the model does not depend on the key. The texts may.
type MarkedResult struct {
	sequential.Result
	Decoys   DecoyPanel // anytime-valid p-values under the control keys
	Texts    int64      // texts that were read
	Unread   int64      // positions at which the model was not asked; they are not in another count
	Filtered int64      // positions that the filter left out; they are not in another count
	Filter   string     // name of the filter; "" without one
}

// Result returns the present state of the test. It runs the control keys, and takes as long as one
// test for each of them.
func (m *Marked) Result() MarkedResult {
	r := MarkedResult{
		Result: m.test.Result(),
		Texts:  m.counts.texts, Unread: m.counts.unread,
		Filtered: m.counts.filtered, Filter: m.options.Filter.Name,
	}
	log10P := make([]float64, m.decoys.Len())
	each(len(log10P), func(i int) { log10P[i] = replay(m.decoys.scorers[i], &m.fresh) })
	r.Decoys = newDecoyPanel(m.decoys.runKey, r.Log10P, r.Log10P, log10P)
	r.Warnings = append(r.Warnings, r.Decoys.Warnings()...)
	return r
}
