package detect

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

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
	ErrMostlyOutside = errors.New("most tokens or their contexts are outside the vocabulary: is this the profile, and the tokenizer, of the text?")
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
		r.Verdict, rounded(r.Log10PAdjusted, 3), rounded(r.Z, 2), r.Scored, r.Green, r.Skipped.Total(), r.Tests)
}

// rounded writes x with so many digits after the point. What rounds to zero has no sign.
func rounded(x float64, digits int) string {
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// result tests a tally. keys is the number of keys of the Panel it is of, whose
// p-values are independent given the text: Sidak. The tests of Options need not be:
// Bonferroni.
func (t tally) result(s Scorer, o Options, keys int64) Result {
	r := t.measure(s, o, keys)
	r.decide(s, o)
	return r
}

// measure is a result without its verdict.
func (t tally) measure(s Scorer, o Options, keys int64) Result {
	r := t.test(s, o, keys)
	r.Power = t.power(o, r.Tests)
	return r
}

// test is measure without the power.
func (t tally) test(s Scorer, o Options, keys int64) Result {
	r := Result{
		Mark:    s.ID(),
		Tokens:  t.tokens,
		Skipped: t.skipped,
		Tests:   o.Tests * keys,
		Classes: t.classes,
	}
	for _, c := range t.classes {
		r.Scored += c.Scored
		r.Green += c.Green
	}
	sum := t.sum()
	r.Sum = sum.int64()
	mean, variance := t.moments()
	r.Z = (sum.float() - mean) / math.Sqrt(variance) // 0/0 when nothing is scored
	if r.Scored > 0 {
		r.Log10P = t.law.survival(t.units(), sum)
	}
	r.Log10PAdjusted = tail.Bonferroni(tail.Sidak(r.Log10P, keys), o.Tests)
	return r
}

// moments returns the mean and the variance of the sum under the null.
func (t *tally) moments() (mean, variance float64) {
	of, spread := t.law.moments()
	for w, c := range t.classes {
		weight, n := float64(w), float64(c.Scored)
		mean += weight * n * of
		variance += weight * weight * n * spread
	}
	return mean, variance
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
	if r.Log10PAdjusted < log10KeySpace {
		r.Warnings = append(r.Warnings, ErrKeySpace)
	}
}
