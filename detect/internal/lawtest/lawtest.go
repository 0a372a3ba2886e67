// Package lawtest holds laws of every kind, and draws of their scores, for tests.
package lawtest

import (
	"math"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/watermark"
)

// A Case is a law with a name.
type Case struct {
	Name string
	Law  watermark.Law
}

// Cases returns laws of every kind.
func Cases() []Case {
	return []Case{
		{"green list", watermark.Bernoulli{P: 0.25, Marked: 0.7}},
		{"gumbel", watermark.Exponential{First: 1}},
		{"gumbel, sum of two", watermark.Exponential{First: 1, Second: 1}},
		{"gumbel, weighted sum of two", watermark.Exponential{First: 0.75, Second: 0.25}},
		{"tournament, weighted", watermark.Layers{Depth: 30, Weighted: true, Marked: 0.75}},
		{"tournament", watermark.Layers{Depth: 30, Marked: 0.75}},
		{"tournament of three", watermark.Layers{Depth: 10, Weighted: true, Marked: 0.875}},
	}
}

// Draw draws a score under the null, as a mark makes it.
func Draw(rng *rand.Rand, l watermark.Law) int64 {
	switch l := l.(type) {
	case watermark.Bernoulli:
		if rng.Float64() < l.P {
			return 1
		}
		return 0
	case watermark.Exponential:
		return int64(watermark.ScoreUnit * (l.First*rng.ExpFloat64() + l.Second*rng.ExpFloat64()))
	case watermark.Layers:
		var sum int64
		for _, v := range l.Weights() {
			sum += v * rng.Int64N(2)
		}
		return sum
	}
	panic("unknown law")
}

// DrawMarked draws the score of a token that a keyed draw chose from two equally likely ones. It
// panics for a green list, which is a bias.
func DrawMarked(rng *rand.Rand, l watermark.Law) int64 {
	switch l := l.(type) {
	case watermark.Exponential:
		first := rng.Float64()*(l.First+l.Second) < l.First // the first key decides
		one, two := rng.ExpFloat64(), rng.ExpFloat64()
		if first {
			one = max(one, rng.ExpFloat64())
		} else {
			two = max(two, rng.ExpFloat64())
		}
		return int64(watermark.ScoreUnit * (l.First*one + l.Second*two))
	case watermark.Layers:
		candidates := -math.Log2(1 - l.Marked)
		// Tokens 0 and 1 have a bit in each layer. p is the probability of token 0 among the
		// candidates of the layer.
		p, score := 0.5, [2]int64{}
		for _, v := range l.Weights() {
			bits := [2]int64{rng.Int64N(2), rng.Int64N(2)}
			switch {
			case bits[0] > bits[1]:
				p = 1 - math.Pow(1-p, candidates)
			case bits[0] < bits[1]:
				p = math.Pow(p, candidates)
			}
			score[0] += v * bits[0]
			score[1] += v * bits[1]
		}
		if rng.Float64() < p {
			return score[0]
		}
		return score[1]
	}
	panic("unknown law")
}
