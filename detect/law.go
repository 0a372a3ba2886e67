package detect

import (
	"fmt"

	"github.com/isotope-wm/isotope/watermark"
)

// unitCounts is the number of scored units of each weight.
type unitCounts = [MaxWeight + 1]int64

// A law is what the tests do with the null law of a score. It is the one place where they
// differ: tallies, results, spans, sequential tests and plans ask for nothing else.
type law interface {
	// survival returns log10 of the probability that the scores of so many units, each
	// times its weight, add up to at least sum under the null: exact, or bounded from
	// above.
	survival(units *unitCounts, sum wide) float64
	// moments returns the mean and the variance of a score under the null, for display
	// and for where a search begins; no p-value rests on them.
	moments() (mean, variance float64)
	// top is no less than any score.
	top() int64
	// colours reports that a score is 1 for green, else 0.
	colours() bool
	// green reports whether a score speaks for the mark.
	green(score int64) bool

	// full is by how much the mark raises the mean of a score in the text that statements
	// of power compare with, in the unit of Power.MinExcess, and most how far it can be
	// raised at all.
	full() (full, most float64)
	// unit is the score that an excess of 1 stands for.
	unit() float64
	// raised is survival in a text in which the mark raises the mean score of every weight
	// by excess, in (0, most]: bounded from below, and exact when that takes no longer or fine
	// asks for it.
	raised(units *unitCounts, sum wide, excess float64, fine bool) float64
	// tokens returns the smallest number of units of weight 1 whose test at 10^level detects an
	// excess with a probability of 10^power; false when there is none to speak of.
	tokens(excess, level, power float64) (n int64, ok bool)
	// digits is the relative accuracy to which it pays to solve for an excess.
	digits() float64

	// ratio returns the log likelihood ratio of a score in displayUnit, under the
	// exponential tilt of the null whose mean is sum / units; nil when that is no more than
	// the mean under the null.
	ratio(units, sum int64) func(score int64) int64
	// bets returns alternatives for streams: log likelihood ratios of a score in
	// ratioUnit, rounded down, such that the mean of their exponential under the null is at
	// most 1.
	bets() []bet
	// process returns an e-process that has seen nothing.
	process() process
}

// checkScore panics on a score that a law does not have: below 0 or above its top it would
// pass for evidence, and it is a mistake of whoever scored.
func checkScore(score, top int64) {
	if score < 0 || score > top {
		panic("detect: the scorer gave a score that its law does not have")
	}
}

// A bet is an alternative under which scores have a log likelihood ratio.
type bet struct {
	strength float64 // what [Segment].Rate says
	gain     func(score int64) int64
}

// ratioUnit is the fixed point of log likelihood ratios, rounded down.
const ratioUnit = 1 << 24

// displayUnit is that of the ratios that estimate where a mark begins and ends. They are
// whole numbers so that their sums are the same everywhere.
const displayUnit = 1 << 20

// lawOf returns the law of a score. It panics when there is no test for it.
func lawOf(l watermark.Law) law {
	switch l := l.(type) {
	case watermark.Bernoulli:
		return bernoulliLaw{l}
	case watermark.Exponential:
		return newExponentialLaw(l)
	case watermark.Layers:
		return newLayersLaw(l)
	}
	panic(fmt.Sprintf("detect: no test for scores with the law %T", l))
}
