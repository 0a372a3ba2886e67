package detect

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A Verdict is the outcome of a test. It does not say who wrote a text.
type Verdict string

const (
	// Detected means that the adjusted p-value is at most Alpha.
	Detected Verdict = "detected"
	// NotDetected means that the adjusted p-value is above Alpha, although a text of the stated Rate
	// of which a share MinShare is marked would have been detected with probability 0.9 or more. See
	// [Power.RateShare]. Marks that were removed or learned weakly stay silent too.
	NotDetected Verdict = "not_detected"
	// Inconclusive means that the adjusted p-value is above Alpha, and that silence says nothing:
	// there was too little text, or no Rate was stated for text like this one.
	Inconclusive Verdict = "inconclusive"
)

// Warnings of a Result. Compare with errors.Is.
var (
	ErrNothingScored = errors.New("nothing was scored: every position was skipped. " +
		"See the reasons that are counted, or test more text")
	ErrWidthZero = errors.New("the context width is 0: one list holds for every text, " +
		"so error rates hold over keys and not over texts under one key")
	ErrMostlyOutside = errors.New("most tokens or their contexts are outside the vocabulary: " +
		"check that profile and tokenizer belong to the text")
	ErrKeySpace = errors.New("log10 p is below the smallest error rate that is claimed, 2^-128, " +
		"or n^2/2^97 for n units of a context width above 4: " +
		"it measures how badly chance explains the text, and is not an error rate")
)

// Skipped counts the positions that were not scored. Each position has one reason: the first that
// applies, in the order of the fields. All counts are at least 0.
type Skipped struct {
	Vocab        int64 // the token, or one of its context, is outside the vocabulary
	ShortContext int64 // the context would begin before the text
	Band         int64 // the context is outside the mark's band
	Payload      int64 // the context carries a message, see watermark.Payload
	Excluded     int64 // the context occurs in an excluded text, or the token is exempt
	Duplicate    int64 // the pair, or the context under DedupContext, occurred before
	Unweighted   int64 // the weight of the unit is 0
	Sampled      int64 // the pair is not in the Sample; another reason may apply to it too
}

// Total returns the number of skipped positions.
func (s Skipped) Total() int64 {
	return s.Vocab + s.ShortContext + s.Band + s.Payload + s.Excluded + s.Duplicate + s.Unweighted + s.Sampled
}

// A WeightClass is the units of one weight. Given the law of a score, a p-value depends on the
// classes alone. Those of tests over disjoint evidence add up.
type WeightClass struct {
	Scored int64 // scored units, at least 0
	Green  int64 // green units, at most Scored; 0 if scores are not colours
	// Sum is the sum of the scores, and equals Green if scores are colours. It stays at
	// math.MaxInt64 once it reaches that, at about two billion Gumbel scores. This understates the
	// evidence.
	Sum int64
}

// A Result tests the hypothesis that the text does not depend on the key.
type Result struct {
	Mark string // ID of the Scorer

	// Log10P is log10 of the p-value of this test alone, at most 0: the probability, under the
	// null, of a Sum at least as large. It is exact, and for a Gumbel mark an upper bound, because
	// scores are rounded down. It is 0 if nothing was scored.
	Log10P float64
	// Log10PAdjusted is log10 of the p-value, adjusted for every test that this one belongs to, at
	// most 0. The verdict rests on it.
	Log10PAdjusted float64
	// Log10Floor is log10 of the smallest error rate that is claimed. Below it Log10PAdjusted
	// measures how badly chance explains the text, and Warnings have ErrKeySpace.
	Log10Floor float64
	// Z is the z-score, to compare with papers. It is NaN if nothing was scored.
	Z float64

	Tokens  int64 // positions added: Scored + Skipped.Total()
	Scored  int64 // scored units
	Green   int64 // green units, at most Scored; 0 if scores are not colours
	Sum     int64
	Skipped Skipped // positions that were not scored
	Tests   int64   // tests that Log10PAdjusted is adjusted for, at least 1

	// Classes splits Scored, Green and Sum by weight: Classes[w] holds the units of weight w.
	Classes [MaxWeight + 1]WeightClass

	Verdict  Verdict
	Power    Power   // what a test of this size would have detected
	Warnings []error // reasons not to trust the rest; errors.Is finds ErrNothingScored and others
}

// String returns one line for a log.
func (r Result) String() string {
	return fmt.Sprintf("%s log10p=%s z=%s scored=%d green=%d skipped=%d tests=%d",
		r.Verdict, evidence.Rounded(r.Log10PAdjusted, 3), evidence.Rounded(r.Z, 2),
		r.Scored, r.Green, r.Skipped.Total(), r.Tests)
}

// resultOf tests a tally. keys is the number of keys of its Panel. Their p-values are independent
// given the text (Sidak). The tests of Options may depend on each other (Bonferroni).
func resultOf(t evidence.Tally, s Scorer, o Options, keys int64) Result {
	r := measure(&t, s, o, keys)
	r.decide(s, o)
	return r
}

// measure returns a result without its verdict.
func measure(t *evidence.Tally, s Scorer, o Options, keys int64) Result {
	r := testOf(t, s, o, keys)
	r.Power = rememberedPower(s, t.Law, t.Units(), o, r.Tests)
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
		r.Log10P = null.Survival(t.Law, units, sum)
	}
	r.Log10PAdjusted = tail.Bonferroni(tail.Sidak(r.Log10P, keys), o.Tests)
	return r
}

// decide draws the verdict from the adjusted p-value, and adds warnings.
func (r *Result) decide(s Scorer, o Options) {
	switch {
	case r.Log10PAdjusted <= tail.Log10(o.Alpha):
		r.Verdict = Detected
	case r.Power.RateShare <= o.MinShare:
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
	r.Log10Floor = null.Log10Floor(s.Width(), r.Scored)
	if r.Log10PAdjusted < r.Log10Floor {
		r.Warnings = append(r.Warnings, ErrKeySpace)
	}
}

// OneOf returns the result as that of one of n tests, such as those of the documents of a list, at
// least 1. It multiplies the adjusted p-value and Tests by n (Bonferroni), and draws Power, Verdict
// and Warnings from that. s is the scorer of the result, and o has its Alpha and MinShare. o may be
// nil. OneOf panics on Options that [Options.Check] refuses, and if n is not positive or too large.
func (r Result) OneOf(n int64, s Scorer, o *Options) Result {
	if n < 1 || r.Tests > math.MaxInt64/n {
		panic("detect: the number of tests is out of range")
	}
	options := o.orDefault()
	r.Tests *= n
	r.Log10PAdjusted = tail.Bonferroni(r.Log10PAdjusted, n)
	var units null.Units
	for w, c := range r.Classes {
		units[w] = c.Scored
	}
	r.Power = rememberedPower(s, null.Of(s.Law()), &units, options, r.Tests)
	r.Warnings = nil
	r.decide(s, options)
	return r
}
