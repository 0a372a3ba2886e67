package null

import (
	"fmt"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// MaxWeight is the largest weight of a unit.
const MaxWeight = 15

// TargetPower is the power for which statements about silence are made.
const TargetPower = 0.9

// Log10KeySpace is log10 of 2^-128, rounded up. No test claims an error rate below it.
const Log10KeySpace = -38.53

// widePRF is the smallest context width at which a context is hashed to 96 bits before it is the
// input of the keyed function.
const widePRF = 5

// Log10Floor returns log10 of the smallest probability that a test of so many units claims as an
// error rate. It is that of the key space, or the chance that two of the contexts collide if that is
// larger: units^2/2^97. docs/statistics.md, section 3, has the proof.
func Log10Floor(width int, units int64) float64 {
	if width < widePRF || units < 2 {
		return Log10KeySpace
	}
	return max(Log10KeySpace, float64(2*tail.Log10(float64(units)))-float64(97*tail.Log10(2)))
}

// LevelSlack lets a value that equals its threshold reach it, although logarithms round. It is a
// few ulps of a log10 p-value, and far below the accuracy of one.
const LevelSlack = 1e-13

// Units holds the number of scored units of each weight.
type Units [MaxWeight + 1]int64

// A Law is the law of one score under the null hypothesis. Laws are safe for concurrent use.
type Law interface {
	// Survival returns log10 of the probability, under the null, that the weighted sum of the
	// scores of these units is at least sum. It is exact or an upper bound.
	Survival(units *Units, sum Sum) float64
	// Moments returns the mean and the variance of a score under the null. Displays and the
	// starting points of searches use them. p-values do not.
	Moments() (mean, variance float64)
	// Top returns a number that no score exceeds.
	Top() int64
	// Colours reports whether a score is 1 for green and 0 for not green.
	Colours() bool
	// Green reports whether a score speaks for the mark.
	Green(score int64) bool
	// Full returns the rise in mean score of fully marked reference text, and the largest
	// possible rise. Both have the unit of Power.MinExcess.
	Full() (full, most float64)
	// Unit returns the score that an excess of 1 stands for.
	Unit() float64
	// Raised is Survival for a text in which the mark raises the mean score of each weight by
	// excess, in (0, most]. It is a lower bound. Under the law's model of marked text it is exact
	// if fine is set, or if exactness takes no longer.
	Raised(units *Units, sum Sum, excess float64, fine bool) float64
	// Likely returns log10 of a lower bound of the probability that the weighted sum is at least sum,
	// in text in which the mean score of each weight is above that of the null by excess, above 0.
	// Unlike Raised it does not assume how the excess is spread over the units.
	Likely(units *Units, sum Sum, excess float64) float64
	// Digits returns the relative tolerance for solving for an excess.
	Digits() float64
	// Ratio returns the log likelihood ratio of a score as a whole multiple of 2^-20. The
	// alternative is the exponential tilt of the null whose mean is sum / units. Ratio returns nil
	// if that mean is not above the mean under the null.
	Ratio(units, sum int64) func(score int64) int64
	// Bets returns the alternatives that tests of streams use. The first FirstBets of them are those
	// that encodings of the second version hold.
	Bets() []Bet
	FirstBets() int
}

// A Bet is an alternative to the null, for tests of streams.
type Bet struct {
	// Strength orders the bets of a law: the green rate for a green list, else a tilt.
	Strength float64
	// Gain returns the log likelihood ratio of a score in units of 1/RatioUnit, rounded down.
	// Its exponential has a mean of at most 1 under the null.
	Gain func(score int64) int64
	// Tilt and Offset are those of a linear bet, in nats: Gain is Tilt times the score, less Offset,
	// rounded down. Offset is rounded up. Tilt is 0 if the bet is not linear.
	Tilt, Offset float64
}

// RatioUnit is the fixed point of the log likelihood ratios of a [Bet].
const RatioUnit = 1 << 24

// displayUnit is the fixed point of the ratios that estimate where a mark begins and ends. They
// are whole numbers, so that their sums are equal on every machine.
const displayUnit = 1 << 20

// CheckScore panics if score is outside [0, top]. Such a score would pass for evidence, and
// only a mistake in a Scorer can cause it.
func CheckScore(score, top int64) {
	if score < 0 || score > top {
		panic("detect: the scorer returned a score outside the range of its law")
	}
}

// Survival is l.Survival. It does not allocate for the law of a green list.
func Survival(l Law, units *Units, sum Sum) float64 {
	if b, ok := l.(bernoulliLaw); ok {
		return b.Survival(units, sum)
	}
	u := *units // escapes, and units does not
	return l.Survival(&u, sum)
}

// Of returns the law that a scorer declared. It panics if no test exists for it.
func Of(l watermark.Law) Law {
	switch l := l.(type) {
	case watermark.Bernoulli:
		return bernoulliLaw{l}
	case watermark.Exponential:
		return newExponentialLaw(l)
	case watermark.Layers:
		return newLayersLaw(l)
	}
	panic(fmt.Sprintf("detect: scores with the law %T have no test", l))
}
