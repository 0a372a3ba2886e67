package student

import (
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
)

// A Marked is a [Choices] of texts that carry the mark: outputs of one's own
// model, as they were served, prompts included. Such texts depend on the key, so the
// argument for a fixed test is not available: what text holds a window depends on colours
// elsewhere, in circles over several texts. What does hold is an order. Each window counts
// once over all texts, where it occurs first: at that moment nobody has read a colour of
// the window, neither the sampler that wrote the text so far nor the test, and the
// suspect's choice is a function of the text so far. So each choice is green with
// probability gamma given all before it, and an e-process may count it (see [sequential.Test]).
//
// Texts must come in an order that was fixed without looking at the key, that of the log,
// and whatever a text could quote from must come before it or be excluded. The result
// depends on that order, and two of them cannot be merged. It may be looked at at any time.
// One goroutine at a time.
type Marked struct {
	scorer  detect.Scorer
	test    *sequential.Test
	decoys  *Decoys
	options WeightsOptions
	counts  readingCounts
	fresh   pairs
}

// NewMarked returns an empty Marked. o may be nil. It returns an error as [New] does.
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

// Add counts the next text of the order and the model's choices; see [Choices.Add].
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
		whole := len(window) == s.Width() && !slices.ContainsFunc(window, func(t detect.Token) bool { return !inVocab(t) })
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

// skip takes the window at the end of a text out: the text has read it, and the model was not
// asked about it.
func (m *Marked) skip(text []detect.Token) {
	// A width of 0 has one window, which occurs in every text that is not empty.
	m.test.Prompt(text[len(text)-max(m.scorer.Width(), 1):])
}

// Exclude takes contexts out of the test that the texts or the model may have known from
// the beginning; see [sequential.Test.Exclude] for its error.
func (m *Marked) Exclude(tokens []detect.Token) error { return m.test.Exclude(tokens) }

// A MarkedResult tests the hypothesis that the model does not depend on the key,
// whatever the texts do.
type MarkedResult struct {
	sequential.Result
	Decoys   DecoyPanel
	Texts    int64 // texts read
	Unread   int64 // positions where the model was not asked; they are in no other count
	Filtered int64 // positions that the filter left out; they are in no other count
	Filter   string
}

// detect.Result returns what is known now, and runs the decoys.
func (m *Marked) Result() MarkedResult {
	r := MarkedResult{
		Result: m.test.Result(),
		Texts:  m.counts.texts, Unread: m.counts.unread, Filtered: m.counts.filtered, Filter: m.options.Filter.Name,
	}
	log10P := make([]float64, m.decoys.Len())
	each(len(log10P), func(i int) { log10P[i] = replay(m.decoys.scorers[i], m.fresh) })
	r.Decoys = newDecoyPanel(m.decoys.runKey, r.Log10P, r.Log10P, log10P)
	r.Warnings = append(r.Warnings, r.Decoys.Warnings()...)
	return r
}
