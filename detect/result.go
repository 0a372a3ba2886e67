package detect

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A Verdict is what a test concludes. None says who wrote a text.
type Verdict string

const (
	// Detected: the adjusted p-value is at most Alpha.
	Detected Verdict = "detected"
	// NotDetected: it is not, and a share MinShare of marked text would have been
	// found with a probability of at least 0.9. Marks that were removed or learned
	// weakly stay silent too.
	NotDetected Verdict = "not_detected"
	// Inconclusive: it is not, and there was too little to tell.
	Inconclusive Verdict = "inconclusive"
)

// Warnings of a Result.
var (
	ErrNothingScored = errors.New("nothing was scored: no position has a full context that is new, of the mark's band and outside the prompts")
	ErrWidthZero     = errors.New("context width 0: one list for every text, so error rates hold over keys and not over texts under one key")
	ErrMostlyOutside = errors.New("most tokens or their contexts are outside the vocabulary: is this the profile, and the tokenizer, of the text?")
	ErrKeySpace      = errors.New("log10 p is below the key space: it measures the misfit, and as an error rate nothing below 2^-128 is claimed")
)

// Skipped counts the positions that were not scored. Each has one reason, the first
// that applies in this order.
type Skipped struct {
	Vocab        int64 // the token or one of its context is outside the vocabulary
	ShortContext int64 // the text begins later than the context
	Band         int64 // the context is outside the mark's band
	Payload      int64 // the context carries a message, see watermark.Payload
	Excluded     int64 // the context occurs in an excluded text, or the token is exempt
	Duplicate    int64 // the pair, or the context under DedupContext, came before
	Unweighted   int64 // the weight is 0
	Sampled      int64 // the pair is not in the Sample; it may be outside the band, carry a message or be excluded too
}

// Total returns the number of positions skipped.
func (s Skipped) Total() int64 {
	return s.Vocab + s.ShortContext + s.Band + s.Payload + s.Excluded + s.Duplicate + s.Unweighted + s.Sampled
}

// A WeightClass is the units of one weight: what a test depends on. The classes of
// tests over disjoint evidence add up.
type WeightClass struct {
	Scored int64 // units
	Green  int64 // of them green; 0 where scores are not colours
	// Sum is of the scores: Green, where they are colours. It stays at math.MaxInt64 when
	// it gets there, some two billion Gumbel scores, which understates the evidence.
	Sum int64
}

// A Result tests the hypothesis that the text does not depend on the key.
type Result struct {
	Mark string // ID of the Scorer

	// Log10P is log10 of the p-value of this test alone: the exact probability,
	// under the null, of a Sum at least as large (for a Gumbel mark, of the sum before
	// scores were rounded down). 0 when nothing was scored.
	Log10P float64
	// Log10PAdjusted counts every test this one belongs to. It decides.
	Log10PAdjusted float64
	// Z is the z-score, to compare with papers; NaN when nothing was scored.
	Z float64

	Tokens  int64   // positions added: Scored + Skipped.Total()
	Scored  int64   // units scored
	Green   int64   // of them green; 0 where scores are not colours
	Sum     int64   // of weight times score, at most math.MaxInt64; Green, where scores are colours and all weights 1
	Skipped Skipped // positions not scored
	Tests   int64   // tests that Log10PAdjusted counts

	// Classes splits Scored, Green and Sum by weight: Classes[w] is of weight w.
	Classes [MaxWeight + 1]WeightClass

	Verdict  Verdict
	Power    Power
	Warnings []error // what to know before trusting the rest
}

// String returns the one line to log.
func (r Result) String() string {
	return fmt.Sprintf("%s log10p=%s z=%s scored=%d green=%d skipped=%d tests=%d",
		r.Verdict, evidence.Rounded(r.Log10PAdjusted, 3), evidence.Rounded(r.Z, 2), r.Scored, r.Green, r.Skipped.Total(), r.Tests)
}

// resultOf tests a tally. keys is the number of keys of its Panel, whose p-values are independent
// given the text (Sidak). The tests of Options may depend on each other (Bonferroni).
func resultOf(t evidence.Tally, s Scorer, o Options, keys int64) Result {
	r := measure(&t, s, o, keys)
	r.decide(s, o)
	return r
}

// measure returns a result without its verdict.
func measure(t *evidence.Tally, s Scorer, o Options, keys int64) Result {
	r := testOf(t, s, o, keys)
	r.Power = powerOf(t.Law, t.Units(), o, r.Tests)
	return r
}

// testOf returns a result without its verdict and its power.
func testOf(t *evidence.Tally, s Scorer, o Options, keys int64) Result {
	r := Result{
		Mark:    s.ID(),
		Tokens:  t.Tokens,
		Skipped: Skipped(t.Skipped),
		Tests:   o.Tests * keys,
	}
	for w, c := range t.Classes {
		r.Classes[w] = WeightClass(c)
		r.Scored += c.Scored
		r.Green += c.Green
	}
	units, sum := t.Units(), t.Sum()
	r.Sum = sum.Int64()
	mean, variance := null.Moments(t.Law, units)
	r.Z = (sum.Float() - mean) / math.Sqrt(variance) // 0/0 when nothing is scored
	if r.Scored > 0 {
		r.Log10P = t.Law.Survival(units, sum)
	}
	r.Log10PAdjusted = tail.Bonferroni(tail.Sidak(r.Log10P, keys), o.Tests)
	return r
}

// decide concludes from the adjusted p-value.
func (r *Result) decide(s Scorer, o Options) {
	switch {
	case r.Log10PAdjusted <= math.Log10(o.Alpha):
		r.Verdict = Detected
	case r.Power.MinShare <= o.MinShare:
		r.Verdict = NotDetected
	default:
		r.Verdict = Inconclusive
	}
	if r.Scored == 0 {
		r.Warnings = append(r.Warnings, ErrNothingScored)
	}
	if 2*r.Skipped.Vocab > r.Tokens {
		r.Warnings = append(r.Warnings, ErrMostlyOutside)
	}
	if s.Width() == 0 {
		r.Warnings = append(r.Warnings, ErrWidthZero)
	}
	if r.Log10PAdjusted < null.Log10KeySpace {
		r.Warnings = append(r.Warnings, ErrKeySpace)
	}
}
