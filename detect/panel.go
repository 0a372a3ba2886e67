package detect

import (
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/watermark"
)

// A Panel tests many marks over the same texts: keys, profiles, or both. It keeps the pairs once
// for each context width, for any number of keys.
//
// Its results are those of an Accumulator for each mark, adjusted for the number of marks (Sidak).
// Given the text, p-values under independent keys are independent. One key may have several gammas,
// bands, lanes or statistics. Their p-values all fall when shared independent bits rise, so the
// bound holds for them as well (Harris 1960). A Panel may be used by one goroutine at a time.
type Panel struct {
	scorers  []Scorer
	options  Options
	evidence []*evidence.Evidence // one for each width, and one more if scorers of it name inputs
	of       []int                // index into evidence for each scorer
	counts   *counting            // nil until Smallest needs it
}

// NewPanel returns an empty Panel. o may be nil; see [OptionsOf]. It panics without scorers, and if they differ in
// vocabulary. It panics if two of them have one ID, since the same test twice is not two tests. It
// also panics as [NewAccumulator] does.
func NewPanel(s []Scorer, o *Options) *Panel {
	if len(s) == 0 {
		panic("detect: a Panel needs at least one scorer")
	}
	p := &Panel{scorers: s, options: o.of(s...).orDefault(), of: make([]int, len(s))}
	if p.options.Tests > math.MaxInt64/int64(len(s)) {
		panic("detect: Tests times the number of scorers overflows")
	}
	seen := make(map[string]bool, len(s))
	type kind struct {
		width  int
		naming evidence.Naming
	}
	byKind := make(map[kind]int)
	for i, scorer := range s {
		if scorer.Vocab() != s[0].Vocab() {
			panic("detect: the scorers of a Panel differ in vocabulary")
		}
		if seen[scorer.ID()] {
			panic("detect: two scorers of a Panel have one ID")
		}
		seen[scorer.ID()] = true
		config := p.options.config(scorer)
		at, ok := byKind[kind{config.Width, config.Naming}]
		if !ok {
			at = len(p.evidence)
			byKind[kind{config.Width, config.Naming}] = at
			p.evidence = append(p.evidence, evidence.New(config))
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

// AddPacked calls AddPair for each of packed pairs, in less time. It panics if a scorer is wider than
// [watermark.MaxPackedWidth].
func (p *Panel) AddPacked(pairs []watermark.Packed) {
	if slices.ContainsFunc(p.scorers, func(s Scorer) bool { return s.Width() > watermark.MaxPackedWidth }) {
		panic("detect: AddPacked: a scorer is wider than MaxPackedWidth")
	}
	for _, e := range p.evidence {
		e.AddPacked(pairs)
	}
}

// Exclude takes contexts out of the test; see [Accumulator.Exclude].
func (p *Panel) Exclude(tokens []Token) {
	for _, e := range p.evidence {
		e.Exclude(tokens)
	}
}

// Results returns a Result for each scorer, in the order that NewPanel received.
func (p *Panel) Results() []Result {
	results := make([]Result, len(p.scorers))
	keys := int64(len(p.scorers))
	for i, s := range p.scorers {
		t := p.evidence[p.of[i]].Score(s)
		r := testOf(&t, s, p.options, keys)
		r.Power = rememberedPower(s, t.Law, t.Units(), p.options, r.Tests)
		r.decide(s, p.options)
		results[i] = r
	}
	return results
}

// Reset removes everything that was added or excluded.
func (p *Panel) Reset() {
	for _, e := range p.evidence {
		e.Reset()
	}
}
