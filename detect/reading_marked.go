package detect

import (
	"fmt"
	"slices"
)

// A MarkedReading is a [ChoiceReading] of texts that carry the mark: outputs of one's own
// model, as they were served, prompts included. Such texts depend on the key, so the
// argument for a fixed test is not available: what text holds a window depends on colours
// elsewhere, in circles over several texts. What does hold is an order. Each window counts
// once over all texts, where it occurs first: at that moment nobody has read a colour of
// the window, neither the sampler that wrote the text so far nor the test, and the
// suspect's choice is a function of the text so far. So each choice is green with
// probability gamma given all before it, and an e-process may count it (see [Sequential]).
//
// Texts must come in an order that was fixed without looking at the key, that of the log,
// and whatever a text could quote from must come before it or be excluded. The result
// depends on that order, and two of them cannot be merged. It may be looked at at any time.
// One goroutine at a time.
type MarkedReading struct {
	test    *Sequential
	decoys  *Decoys
	options ReadingOptions
	counts  readingCounts
	fresh   []Pair
}

// NewMarkedReading returns an empty MarkedReading. o may be nil. It panics as [NewStudent]
// does.
func NewMarkedReading(s Scorer, decoys *Decoys, o *ReadingOptions) *MarkedReading {
	greenLaw(s)
	decoys.match(s)
	c := o.orDefault()
	m := &MarkedReading{decoys: decoys, options: c}
	m.test = NewSequential(s, &SequentialOptions{Dedup: DedupContext, Exempt: c.Exempt, Alpha: min(c.Alpha, 0.5), Tests: c.Tests})
	m.test.futile = neverFutile
	return m
}

// Add counts the next text of the order and the model's choices; see [ChoiceReading.Add].
func (m *MarkedReading) Add(text, choices []Token) error {
	if len(choices) != len(text) {
		return fmt.Errorf("detect: %w: %d choices for %d tokens", ErrRow, len(choices), len(text))
	}
	s := m.test.scorer
	for _, c := range choices {
		if c < -1 || int(c) >= s.Vocab() {
			return fmt.Errorf("detect: %w: choice %d is outside the vocabulary", ErrRow, c)
		}
	}
	m.counts.texts++
	l := &m.test.ledger
	for i, c := range choices {
		window := text[max(0, i+1-s.Width()) : i+1]
		whole := len(window) == s.Width() && !slices.ContainsFunc(window, func(t Token) bool { return !m.test.inVocab(t) })
		switch {
		case whole && c < 0:
			m.counts.unread++
			m.skip(window)
			continue
		case whole && !m.options.Filter.keeps(window):
			m.counts.filtered++
			m.skip(window)
			continue
		}
		units := len(l.unit)
		m.test.position(window, max(c, 0), whole)
		if len(l.unit) > units && l.unit[string(l.keyOf(window, c))] != fateExcluded {
			m.fresh = append(m.fresh, Pair{Context: slices.Clone(window), Token: c})
		}
	}
	return nil
}

// skip takes a window out that the text has read and the model was not asked about.
func (m *MarkedReading) skip(window []Token) {
	m.test.ledger.excluded[string(pack(nil, window...))] = struct{}{}
}

// Exclude takes contexts out of the test that the texts or the model may have known from
// the beginning; see [Sequential.Exclude] for its error.
func (m *MarkedReading) Exclude(tokens []Token) error { return m.test.Exclude(tokens) }

// A MarkedReadingResult tests the hypothesis that the model does not depend on the key,
// whatever the texts do.
type MarkedReadingResult struct {
	SequentialResult
	Decoys   DecoyPanel
	Texts    int64 // texts read
	Unread   int64 // positions where the model was not asked; they are in no other count
	Filtered int64 // positions that the filter left out; they are in no other count
	Filter   string
}

// Result returns what is known now, and runs the decoys.
func (m *MarkedReading) Result() MarkedReadingResult {
	r := MarkedReadingResult{
		SequentialResult: m.test.Result(),
		Texts:            m.counts.texts, Unread: m.counts.unread, Filtered: m.counts.filtered, Filter: m.options.Filter.Name,
	}
	log10P := make([]float64, m.decoys.Len())
	each(len(log10P), func(i int) { log10P[i] = replay(m.decoys.scorers[i], m.fresh) })
	r.Decoys = newDecoyPanel(m.decoys.runKey, r.Log10P, r.Log10P, log10P)
	r.Warnings = append(r.Warnings, r.Decoys.Warnings()...)
	return r
}
