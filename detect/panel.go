package detect

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/watermark"
)

// A Panel tests many marks over one text: keys, or profiles, or both. Pairs are kept once
// for each context width, whatever the number of keys. Its results are those of an
// Accumulator for each mark, adjusted for the number of marks (Sidak): given the text,
// p-values under independent keys are independent, and those of one key under several
// gammas, bands, lanes or statistics fall together with shared independent bits, for which
// the bound holds as well (Harris 1960). One goroutine at a time.
type Panel struct {
	scorers  []Scorer
	options  Options
	evidence []*evidence.Evidence // one for each width
	of       []int                // the evidence of each scorer
}

// NewPanel returns an empty Panel. o may be nil. It panics without scorers, when they
// differ in vocabulary, when two of them have one ID, since the same test twice is not
// two tests, and as [NewAccumulator] does.
func NewPanel(s []Scorer, o *Options) *Panel {
	if len(s) == 0 {
		panic("detect: a Panel needs scorers")
	}
	p := &Panel{scorers: s, options: o.orDefault(), of: make([]int, len(s))}
	if p.options.Tests > math.MaxInt64/int64(len(s)) {
		panic("detect: Tests times the scorers of a Panel overflows")
	}
	seen := make(map[string]bool, len(s))
	byWidth := make(map[int]int)
	for i, scorer := range s {
		if scorer.Vocab() != s[0].Vocab() {
			panic("detect: scorers of a Panel differ in vocabulary")
		}
		if seen[scorer.ID()] {
			panic("detect: a scorer occurs twice in a Panel")
		}
		seen[scorer.ID()] = true
		at, ok := byWidth[scorer.Width()]
		if !ok {
			at = len(p.evidence)
			byWidth[scorer.Width()] = at
			p.evidence = append(p.evidence, evidence.New(p.options.config(scorer)))
		}
		p.of[i] = at
	}
	return p
}

// Add counts one text; see [Accumulator.Add].
func (p *Panel) Add(tokens []Token) {
	for _, e := range p.evidence {
		e.Add(tokens, nil)
	}
}

// AddWeighted counts one text with weights; see [Accumulator.AddWeighted].
func (p *Panel) AddWeighted(tokens []Token, weights []uint8) {
	for _, e := range p.evidence {
		e.AddWeighted(tokens, weights)
	}
}

// AddPair counts one position; see [Accumulator.AddPair].
func (p *Panel) AddPair(context []Token, next Token) {
	for _, e := range p.evidence {
		e.AddPair(context, next)
	}
}

// Exclude takes contexts out of the test; see [Accumulator.Exclude].
func (p *Panel) Exclude(tokens []Token) {
	for _, e := range p.evidence {
		e.Exclude(tokens)
	}
}

// Results returns a Result for each scorer, in the order given to NewPanel.
func (p *Panel) Results() []Result {
	results := make([]Result, len(p.scorers))
	keys := int64(len(p.scorers))
	// The power depends on the number of units and not on their colours, and takes longer
	// than the rest: keys that share the units share it.
	type size struct {
		law   watermark.Law
		units null.Units
	}
	powers := make(map[size]Power)
	for i, s := range p.scorers {
		t := p.evidence[p.of[i]].Score(s)
		r := testOf(&t, s, p.options, keys)
		of := size{s.Law(), *t.Units()}
		power, ok := powers[of]
		if !ok {
			power = powerOf(t.Law, t.Units(), p.options, r.Tests)
			powers[of] = power
		}
		r.Power = power
		r.decide(s, p.options)
		results[i] = r
	}
	return results
}

// Reset forgets everything added and excluded.
func (p *Panel) Reset() {
	for _, e := range p.evidence {
		e.Reset()
	}
}
