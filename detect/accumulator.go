package detect

import (
	"errors"
	"fmt"
	"iter"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
)

// ErrMismatch is wrapped by errors about evidence that cannot be put together.
var ErrMismatch = errors.New("evidence of different tests")

// An Accumulator gathers evidence about one mark over any number of texts. Its
// Result does not depend on the order of calls or on how the texts were spread over
// accumulators that were merged. One goroutine at a time.
type Accumulator struct {
	scorer   Scorer
	options  Options
	evidence *evidence.Evidence
}

// NewAccumulator returns an empty Accumulator. o may be nil. It panics if [Options.Check]
// refuses o, if the scorer's width or vocabulary is out of range, or if its law has no test.
func NewAccumulator(s Scorer, o *Options) *Accumulator {
	options := o.orDefault()
	null.Of(s.Law()) // panics early
	return &Accumulator{scorer: s, options: options, evidence: evidence.New(options.config(s))}
}

// Add counts one text. Contexts do not reach over its borders: text that continues
// must come in one piece. The tokens are not kept or changed.
func (a *Accumulator) Add(tokens []Token) { a.evidence.Add(tokens, nil) }

// AddWeighted is Add with a weight for each token, 0 to [MaxWeight]. It panics when
// there are not as many weights as tokens, when one is too large, and when the
// Weighting is not WeightGiven.
func (a *Accumulator) AddWeighted(tokens []Token, weights []uint8) {
	a.evidence.AddWeighted(tokens, weights)
}

// AddPair counts one position, as a text of its own: next after context, whose last
// Width tokens matter. For a student under teacher forcing, next is its guess.
func (a *Accumulator) AddPair(context []Token, next Token) { a.evidence.AddPair(context, next) }

// Exclude takes every context that occurs in tokens out of the test: give it the
// prompts, and whatever else the writer saw that may depend on the key. It beats Add
// and AddPair in any order, and after Merge. Leaving out the prompts' pairs alone
// would not do: what the writer copies would go and what it does not copy would stay.
// A width of 0 has one context, so any prompt excludes everything.
func (a *Accumulator) Exclude(tokens []Token) { a.evidence.Exclude(tokens) }

// Merge adds what b holds, and leaves b as it is. Both must have been made for the
// same mark and the same options down to Exempt, or the error wraps [ErrMismatch].
func (a *Accumulator) Merge(b *Accumulator) error {
	if a.scorer.ID() != b.scorer.ID() {
		return fmt.Errorf("detect: cannot merge %q with %q: %w", a.scorer.ID(), b.scorer.ID(), ErrMismatch)
	}
	if !a.options.sameUnits(&b.options) {
		return fmt.Errorf("detect: cannot merge tests with other Dedup, Weighting, Sample or Exempt: %w", ErrMismatch)
	}
	a.evidence.Merge(b.evidence)
	return nil
}

// Result tests everything added so far. More may follow, but a Result that decided
// whether more follows is no longer a fixed test: its p-value would not hold.
func (a *Accumulator) Result() Result {
	return resultOf(a.evidence.Score(a.scorer), a.scorer, a.options, 1)
}

// Reset forgets everything added and excluded.
func (a *Accumulator) Reset() { a.evidence.Reset() }

// Clone returns an independent copy.
func (a *Accumulator) Clone() *Accumulator {
	c := *a
	c.evidence = a.evidence.Clone()
	return &c
}

// A Unit is what a test scores once: a distinct pair, or the pair that stands for its context.
type Unit struct {
	Pair
	Count    int64 // positions that the unit stands for, at least 1
	Excluded bool  // its context occurs in an excluded text, or its token is exempt
}

// Units yields the units of everything added so far. Their order means nothing.
func (a *Accumulator) Units() iter.Seq[Unit] {
	return func(yield func(Unit) bool) {
		for u := range a.evidence.Units(a.scorer) {
			if !yield(Unit(u)) {
				return
			}
		}
	}
}
