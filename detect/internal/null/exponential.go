package null

import (
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// exponentialLaw is the law of a Gumbel score of one key or of several.
//
// A score is the integer part of ScoreUnit * sum of a_k s_k with weights a_k > 0 and
// independent s_k, each stochastically dominated by a standard exponential variable E_k:
// P(s_k >= x) <= e^-x for every x. So there are s_k <= E_k on one probability space
// (Strassen), a score is at most ScoreUnit * sum of a_k E_k there, and a sum of
// scores with weights that are not negative is at most ScoreUnit times the same sum
// of exponentials, which are independent. Rounding down only lowers it. Hence the tail of
// the sum of exponentials is never below that of the sum of scores, and below the
// resolution of the score it is equal: p-values are bounded from above, by the exact law
// and not by a fit to its moments.
type exponentialLaw struct {
	weights []float64 // of the keys
	sum     float64   // of the weights
	largest float64   // of the weights
}

func newExponentialLaw(l watermark.Exponential) exponentialLaw {
	var e exponentialLaw
	for _, a := range []float64{l.First, l.Second} {
		if !(a >= 0 && a <= 1<<20) {
			panic("detect: the weight of a key is out of range")
		}
		if a > 0 {
			e.weights = append(e.weights, a)
		}
		e.sum += a
		e.largest = max(e.largest, a)
	}
	if len(e.weights) == 0 {
		panic("detect: a law without keys")
	}
	return e
}

func (l exponentialLaw) Survival(units *Units, sum Sum) float64 {
	return tail.WeightedExponential(l.groups(units), sum.Float()/watermark.ScoreUnit)
}

// groups are the exponential terms of so many units.
func (l exponentialLaw) groups(units *Units) []tail.Exponential {
	var groups []tail.Exponential
	for w, n := range units {
		for _, a := range l.weights {
			if n > 0 && w > 0 {
				groups = append(groups, tail.Exponential{Weight: float64(float64(w) * a), Count: n})
			}
		}
	}
	return groups
}

func (l exponentialLaw) Moments() (mean, variance float64) {
	for _, a := range l.weights {
		variance += float64(a * a)
	}
	const unit = float64(watermark.ScoreUnit)
	return unit * l.sum, unit * unit * variance
}

// scoreLoss is 2^-30, see [watermark.Exponential].
const scoreLoss = watermark.ScoreUnit >> 30

// maxScore is above -ln of the smallest number of 65 bits.
const maxScore = 46

func (l exponentialLaw) Top() int64 {
	return int64(maxScore * watermark.ScoreUnit * min(l.sum, 1<<25))
}

func (exponentialLaw) Colours() bool { return false }

func (l exponentialLaw) Green(score int64) bool {
	return float64(score) > watermark.ScoreUnit*l.sum
}

// full is the excess where every token was a fair choice between two, which is one bit of
// entropy: the key takes the token with the larger of two uniform variables, so that its
// score is the larger of two exponentials, E + E'/2 (Renyi 1953), and has the mean 3/2. Of
// several keys one decides each token, with a probability in proportion to its weight.
func (l exponentialLaw) Full() (full, most float64) {
	for _, a := range l.weights {
		full += float64(a * a)
	}
	full /= 2 * l.sum
	return full, full
}

func (exponentialLaw) Unit() float64 { return watermark.ScoreUnit }

// raised has the E'/2 on top in a share of the units, rounded down. Scores are rounded
// down as well, each by less than scoreLoss.
func (l exponentialLaw) Raised(units *Units, sum Sum, excess float64, _ bool) float64 {
	full, _ := l.Full()
	share := min(excess/full, 1)
	groups := l.groups(units)
	for w, n := range units {
		sum = sum.Plus(int64(w)*scoreLoss, n)
		for _, a := range l.weights {
			if m := int64(float64(n) * share * (a / l.sum)); m > 0 {
				groups = append(groups, tail.Exponential{Weight: float64(float64(w) * a / 2), Count: m})
			}
		}
	}
	return tail.WeightedExponential(groups, sum.Float()/watermark.ScoreUnit)
}

func (exponentialLaw) Digits() float64 { return 1e-4 }

func (l exponentialLaw) Ratio(units, sum int64) func(int64) int64 {
	mean := float64(sum) / float64(units) / watermark.ScoreUnit
	if !(mean > l.sum) {
		return nil
	}
	// The mean under the tilt theta is sum of a/(1 - theta a).
	lo, hi := 0.0, 1/l.largest
	for range 60 {
		theta := (lo + hi) / 2
		tilted := 0.0
		for _, a := range l.weights {
			tilted += a / (1 - float64(theta*a))
		}
		if tilted < mean {
			lo = theta
		} else {
			hi = theta
		}
	}
	return l.tilt(lo, displayUnit, math.Round)
}

// tilt is theta s - K(theta), K(theta) = -sum of ln(1 - theta a), whose exponential has
// the mean 1 for exponentials, and at most 1 for scores.
func (l exponentialLaw) tilt(theta, unit float64, round func(float64) float64) func(int64) int64 {
	k := 0.0
	for _, a := range l.weights {
		k -= math.Log1p(-float64(theta * a))
	}
	return func(score int64) int64 {
		s := min(float64(score)/watermark.ScoreUnit, maxScore*l.sum)
		return int64(round(unit*(float64(theta*s)-k) - roundingOfRatios))
	}
}

// roundingOfRatios is more than floating point adds to a ratio, in its unit.
const roundingOfRatios = 0x1p-16

// minimaxDeltas are the classes of laws for which the e-process of one key holds a
// minimax score: the largest probability is at most 1-Delta. Most tokens of a language
// model are nearly certain, so that Delta is small.
var minimaxDeltas = [...]float64{0.02, 0.1, 0.3}

// bets are the minimax scores of a single key. The sum of several keys' scores does not
// tell them apart, so there they are exponential tilts.
func (l exponentialLaw) Bets() []Bet {
	var bets []Bet
	if len(l.weights) == 1 && l.largest == 1 {
		for _, delta := range minimaxDeltas {
			bets = append(bets, Bet{delta, func(score int64) int64 { return minimaxGain(score, delta) }})
		}
		return bets
	}
	for i := range 4 {
		theta := math.Ldexp(0.4, -i) / l.largest
		bets = append(bets, Bet{theta, l.tilt(theta, RatioUnit, math.Floor)})
	}
	return bets
}

// minimaxGain is the minimax score of r = 1 - e^-s. The score is that of the left end of
// the bin of s, and h increases in r, so that the mean of e^gain is at most that of e^h,
// which is 1. In the first bin the left end would be -Inf; there it is the mean of e^h over
// the bin.
func minimaxGain(score int64, delta float64) int64 {
	var h float64
	if score == 0 {
		h = tail.MinimaxBelow(tail.LogRank(1.0/watermark.ScoreUnit), delta)
	} else {
		h = tail.Minimax(tail.LogRank(float64(score)/watermark.ScoreUnit), delta)
	}
	return int64(math.Floor(RatioUnit*h - roundingOfRatios))
}
