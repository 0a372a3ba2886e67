package detect

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

const notScored = watermark.NotScored

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
	ErrKeySpace      = errors.New("log10 p is below the key space: it measures the misfit, and as an error rate nothing below 2^-128 is claimed")
)

// log10KeySpace is log10 of 2^-128.
const log10KeySpace = -38.53

// Skipped counts the positions that were not scored. Each has one reason, the first
// that applies in this order.
type Skipped struct {
	Vocab        int64 // the token or one of its context is outside the vocabulary
	ShortContext int64 // the text begins later than the context
	Band         int64 // the context is outside the mark's band
	Excluded     int64 // the context occurs in an excluded text, or the token is exempt
	Duplicate    int64 // the pair, or the context under DedupContext, was scored already
}

// Total returns the number of positions skipped.
func (s Skipped) Total() int64 {
	return s.Vocab + s.ShortContext + s.Band + s.Excluded + s.Duplicate
}

// A Result tests the hypothesis that the text does not depend on the key.
type Result struct {
	Mark string // ID of the Scorer

	// Log10P is log10 of the p-value of this test alone: the exact probability,
	// under the null, of a Sum at least as large. 0 when nothing was scored.
	Log10P float64
	// Log10PAdjusted counts every test this one belongs to. It decides.
	Log10PAdjusted float64
	// Z is the z-score, to compare with papers; NaN when nothing was scored.
	Z float64

	Tokens  int64   // positions added: Scored + Skipped.Total()
	Scored  int64   // units scored
	Green   int64   // of them green
	Sum     int64   // of scores; Green, for a green list
	Skipped Skipped // positions not scored
	Tests   int64   // tests that Log10PAdjusted counts

	Verdict  Verdict
	Power    Power
	Warnings []error // what to know before trusting the rest
}

// String returns the one line to log.
func (r Result) String() string {
	return fmt.Sprintf("%s log10p=%.3f z=%.2f scored=%d green=%d skipped=%d tests=%d",
		r.Verdict, r.Log10PAdjusted, r.Z, r.Scored, r.Green, r.Skipped.Total(), r.Tests)
}

// result tests a tally. keys is the number of keys of the Panel it is of, whose
// p-values are independent given the text: Sidak. The tests of Options need not be:
// Bonferroni.
func (t tally) result(s Scorer, o Options, keys int64) Result {
	law, ok := s.Law().(watermark.Bernoulli)
	if !ok {
		panic(fmt.Sprintf("detect: no test for scores with the law %T", s.Law()))
	}
	n := float64(t.scored)
	r := Result{
		Mark:    s.ID(),
		Z:       (float64(t.sum) - n*law.P) / math.Sqrt(n*law.P*(1-law.P)), // 0/0 when n is 0
		Tokens:  t.tokens,
		Scored:  t.scored,
		Green:   t.sum,
		Sum:     t.sum,
		Skipped: t.skipped,
		Tests:   o.Tests * keys,
	}
	r.Log10P = tail.Binomial(t.sum, t.scored, law.P)
	r.Log10PAdjusted = tail.Bonferroni(tail.Sidak(r.Log10P, keys), o.Tests)
	r.Power = powerOf(t.scored, law, o, r.Tests)
	switch {
	case t.scored > 0 && r.Log10PAdjusted <= math.Log10(o.Alpha):
		r.Verdict = Detected
	case r.Power.MinShare <= o.MinShare:
		r.Verdict = NotDetected
	default:
		r.Verdict = Inconclusive
	}
	if t.scored == 0 {
		r.Warnings = append(r.Warnings, ErrNothingScored)
	}
	if s.Width() == 0 {
		r.Warnings = append(r.Warnings, ErrWidthZero)
	}
	if r.Log10PAdjusted < log10KeySpace {
		r.Warnings = append(r.Warnings, ErrKeySpace)
	}
	return r
}
