package null

import (
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// exponentialLaw is the law of a Gumbel score under one key, or of the weighted sum of the scores
// under two keys.
//
// A score is the integer part of ScoreUnit * (sum of a_k s_k). The weights a_k are positive. The
// s_k are independent, and a standard exponential variable E_k stochastically dominates each of
// them: P(s_k >= x) <= e^-x for every x. So there is a probability space on which s_k <= E_k for
// all k (Strassen). There a score is at most ScoreUnit * (sum of a_k E_k). A sum of scores with
// nonnegative weights is at most ScoreUnit times the same sum of the E_k, which are independent.
// Rounding down only lowers it. Hence the tail of the sum of exponentials is never below that of
// the sum of scores. Except for the resolution of the score, the two are equal. The p-value is an
// upper bound from an exact law, not from a fit to the moments.
type exponentialLaw struct {
	weights []float64 // of the keys, positive
	sum     float64   // of the weights
	largest float64   // of the weights
}

func newExponentialLaw(l watermark.Exponential) exponentialLaw {
	var e exponentialLaw
	for _, a := range []float64{l.First, l.Second} {
		if !(a >= 0 && a <= 1<<20) {
			panic("detect: the weight of a key of an Exponential law is outside [0, 2^20]")
		}
		if a > 0 {
			e.weights = append(e.weights, a)
		}
		e.sum += a
		e.largest = max(e.largest, a)
	}
	if len(e.weights) == 0 {
		panic("detect: an Exponential law needs a key with a positive weight")
	}
	return e
}

func (l exponentialLaw) Survival(units *Units, sum Sum) float64 {
	return tail.WeightedExponential(l.groups(units), sum.Float()/watermark.ScoreUnit)
}

// groups returns the exponential terms of these units.
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

// scoreLoss bounds how much a score falls short of its real value, in units of the score: 2^-30 of
// a nat. [watermark.Exponential] has the reason.
const scoreLoss = watermark.ScoreUnit >> 30

// maxScore is above -ln of the smallest number of 65 bits, 2^-65.
const maxScore = 46

func (l exponentialLaw) Top() int64 {
	return int64(maxScore * watermark.ScoreUnit * min(l.sum, 1<<25))
}

func (exponentialLaw) Colours() bool { return false }

func (l exponentialLaw) Green(score int64) bool {
	return float64(score) > watermark.ScoreUnit*l.sum
}

// Full returns the rise in mean score if every token is a fair choice between two, which is one bit
// of entropy. The key takes the token with the larger of two uniform variables. Its score is the
// larger of two exponentials, E + E'/2 (Renyi 1953), with the mean 3/2. If there are two keys, one
// of them decides each token, with a probability in proportion to its weight.
func (l exponentialLaw) Full() (full, most float64) {
	for _, a := range l.weights {
		full += float64(a * a)
	}
	full /= 2 * l.sum
	return full, full
}

func (exponentialLaw) Unit() float64 { return watermark.ScoreUnit }

// Raised adds the E'/2 of Full in a share of the units, rounded down. It lowers every score by
// scoreLoss, because scores are rounded down by less than that.
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

// tilt returns theta s - K(theta) with K(theta) = -(sum of ln(1 - theta a)). The exponential of it
// has the mean 1 for exponential variables, and at most 1 for scores.
func (l exponentialLaw) tilt(theta, unit float64, round func(float64) float64) func(int64) int64 {
	k := 0.0
	for _, a := range l.weights {
		k -= tail.Log1p(-float64(theta * a))
	}
	return func(score int64) int64 {
		s := min(float64(score)/watermark.ScoreUnit, maxScore*l.sum)
		return int64(round(float64(unit*(float64(theta*s)-k)) - roundingOfRatios))
	}
}

// roundingOfRatios is more than the rounding of floating point adds to a ratio, in the ratio's
// unit.
const roundingOfRatios = 0x1p-16

// minimaxDeltas are the values of D for which the e-process of one key mixes the minimax score of
// Li et al. (2025): the score of the worst next-token law whose largest probability is at most 1-D.
var minimaxDeltas = [...]float64{0.02, 0.1, 0.3}

// Text that is edited, or mixed with other text, has a small share of marked tokens. All minimax
// scores fall on average there, however long the text is. A tilt by theta rises on average if the
// mean score is above -ln(1-theta)/theta, which is 1 + theta/2 for a small theta. So the tilts halve
// down to an eightieth: a share of 5 % of fair choices between two has the mean 1.025.
const (
	smallTilts     = 5   // of one key, besides the minimax scores
	largestSmall   = 0.2 // the first of them
	tiltsOfTwoKeys = 7
	firstOfTwoKeys = 4 // those of encodings of the second version
)

// Bets returns the minimax scores of a single key, and small tilts. The scores of two keys come as
// one sum, which does not tell the keys apart. So two keys have exponential tilts alone.
func (l exponentialLaw) Bets() []Bet {
	var bets []Bet
	add := func(theta float64) {
		tilt, offset := theta/watermark.ScoreUnit, 0.0
		for _, a := range l.weights {
			offset -= tail.Log1p(-float64(theta * a))
		}
		offset += 1.1 / RatioUnit // rounding down, and roundingOfRatios
		bets = append(bets, Bet{Strength: theta, Gain: l.tilt(theta, RatioUnit, math.Floor), Tilt: tilt, Offset: offset})
	}
	if len(l.weights) == 1 && l.largest == 1 {
		for _, delta := range minimaxDeltas {
			bets = append(bets, Bet{Strength: delta, Gain: func(score int64) int64 { return minimaxGain(score, delta) }})
		}
		for i := range smallTilts {
			add(math.Ldexp(largestSmall, -i))
		}
		return bets
	}
	for i := range tiltsOfTwoKeys {
		add(math.Ldexp(0.4, -i) / l.largest)
	}
	return bets
}

func (l exponentialLaw) FirstBets() int {
	if len(l.weights) == 1 && l.largest == 1 {
		return len(minimaxDeltas)
	}
	return firstOfTwoKeys
}

// minimaxGain returns the minimax score h(r), r = 1 - e^-s, in units of 1/RatioUnit. h increases in
// r, and is taken at the left end of the bin of s. So the mean of e^gain is at most that of e^h,
// which is 1. At the left end of the first bin h is -Inf. There the gain is that of the mean of e^h
// over the bin.
func minimaxGain(score int64, delta float64) int64 {
	var h float64
	if score == 0 {
		h = tail.MinimaxBelow(tail.LogRank(1.0/watermark.ScoreUnit), delta)
	} else {
		h = tail.Minimax(tail.LogRank(float64(score)/watermark.ScoreUnit), delta)
	}
	return int64(math.Floor(float64(RatioUnit*h) - roundingOfRatios))
}
