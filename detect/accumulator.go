package detect

import (
	"errors"
	"fmt"
	"iter"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
)

// ErrMismatch is wrapped by errors about evidence of different tests, which cannot be merged or
// read back.
var ErrMismatch = errors.New("the evidence belongs to different tests")

// An Accumulator gathers evidence about one mark from any number of texts. Its Result does not
// depend on the order of calls, or on how the texts were spread over accumulators that were merged.
// The zero Accumulator is not usable. An Accumulator may be used by one goroutine at a time.
type Accumulator struct {
	scorer   Scorer
	law      null.Law
	options  Options
	evidence *evidence.Evidence
}

// NewAccumulator returns an empty Accumulator. o may be nil; see [OptionsOf]. It panics if [Options.Check] refuses
// o, if the scorer's width or vocabulary is out of range, or if no test exists for its law.
func NewAccumulator(s Scorer, o *Options) *Accumulator {
	options := o.of(s).orDefault()
	law := null.Of(s.Law()) // panics early
	return &Accumulator{scorer: s, law: law, options: options, evidence: evidence.New(options.config(s))}
}

// Add counts one text. Contexts do not reach over its borders, so a text must come in one piece.
// Add does not keep or change the tokens.
func (a *Accumulator) Add(tokens []Token) { a.evidence.Add(tokens, nil) }

// AddWeighted is Add with a weight for each token, from 0 to [MaxWeight]. It panics if the
// Weighting is not WeightGiven, if the number of weights differs from that of tokens, or if a
// weight is too large.
func (a *Accumulator) AddWeighted(tokens []Token, weights []uint8) {
	a.evidence.AddWeighted(tokens, weights)
}

// AddPair counts one position as a text of its own: next after context. Only the last Width tokens
// of context matter. When a student is tested under teacher forcing, next is its guess.
func (a *Accumulator) AddPair(context []Token, next Token) { a.evidence.AddPair(context, next) }

// Exclude takes every context that occurs in tokens out of the test. Call it with the prompts, and
// with everything else that the writer saw and that may depend on the key. Exclude beats Add and
// AddPair in any order, and after Merge.
//
// Leaving out only the pairs of the prompts would be wrong. The test would lose the tokens that the
// writer copied, and keep those that it did not copy. A width of 0 has one context, so any prompt
// that is not empty excludes everything.
func (a *Accumulator) Exclude(tokens []Token) { a.evidence.Exclude(tokens) }

// Merge adds the evidence of b and leaves b unchanged. Both must have been made for the same mark,
// with the same Dedup, Weighting, Sample and Exempt. Otherwise the error wraps [ErrMismatch], and a
// is unchanged.
func (a *Accumulator) Merge(b *Accumulator) error {
	if a.scorer.ID() != b.scorer.ID() {
		return fmt.Errorf("detect: cannot merge marks %q and %q: %w", a.scorer.ID(), b.scorer.ID(), ErrMismatch)
	}
	if !a.options.sameUnits(&b.options) {
		return fmt.Errorf("detect: cannot merge tests that differ in Dedup, Weighting, Sample or Exempt: %w",
			ErrMismatch)
	}
	a.evidence.Merge(b.evidence)
	return nil
}

// Result tests everything added so far. More texts may follow. But if this Result decides whether
// more follow, the next one is not a fixed test, and its p-value does not hold. Package sequential
// has tests that may be looked at.
func (a *Accumulator) Result() Result {
	return resultOf(a.evidence.ScoreUnder(a.law, a.scorer), a.scorer, a.options, 1)
}

// Reset removes everything that was added or excluded.
func (a *Accumulator) Reset() { a.evidence.Reset() }

// Clone returns an independent copy.
func (a *Accumulator) Clone() *Accumulator {
	c := *a
	c.evidence = a.evidence.Clone()
	return &c
}

// A Unit is scored once: a distinct pair, or the pair that stands for its context.
type Unit struct {
	Pair
	Count    int64 // positions that the unit stands for, at least 1
	Excluded bool  // its context occurs in an excluded text, or its token is exempt
}

// Units yields the units of everything added so far, in no particular order.
func (a *Accumulator) Units() iter.Seq[Unit] {
	return func(yield func(Unit) bool) {
		for u := range a.evidence.Units(a.scorer) {
			if !yield(Unit(u)) {
				return
			}
		}
	}
}
