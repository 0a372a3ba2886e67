package informed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/watermark"
)

var probabilities = []float64{least, 1e-4, 0.01, 0.1, 0.37, 0.5, 0.8, 0.97, 0.9999, most}

// TestRatiosAreFair: under the null the mean of e^gain is 1, and not above it.
func TestRatiosAreFair(t *testing.T) {
	for _, p := range probabilities {
		t.Run(fmt.Sprintf("gumbel, p=%v", p), func(t *testing.T) {
			// The score is in the bin [x, x+1)/2^32 with probability e^-x/2^32 (1 - e^-1/2^32). Wide bins
			// take the gain at their right end, which is larger, so the sum bounds the mean from above.
			var above, below float64
			for at := int64(0); at < 45*watermark.ScoreUnit; {
				next := at + max(1, at>>12)
				mass := math.Exp(-float64(at)/watermark.ScoreUnit) * -math.Expm1(-float64(next-at)/watermark.ScoreUnit)
				below += mass * math.Exp(gumbel{}.gain(at, p))
				above += mass * math.Exp(gumbel{}.gain(next-1, p))
				at = next
			}
			assert.LessOrEqual(t, below, 1+1e-9)
			assert.Greater(t, above, 1-1e-3)
			assert.InDelta(t, below, above, 0.01)
		})
		for _, l := range []watermark.Bernoulli{{P: 0.5, Marked: 0.88}, {P: 0.25, Marked: 0.7}, {P: 0.5, Marked: 1}} {
			t.Run(fmt.Sprintf("green list %v, p=%v", l, p), func(t *testing.T) {
				g := newGreen(l)
				mean := l.P*math.Exp(g.gain(1, p)) + (1-l.P)*math.Exp(g.gain(0, p))
				assert.InDelta(t, 1, mean, 1e-12)
				assert.GreaterOrEqual(t, g.gain(1, p), g.gain(0, p))
			})
		}
		t.Run(fmt.Sprintf("tournament, p=%v", p), func(t *testing.T) {
			l := watermark.Layers{Depth: 8, Weighted: true, Marked: 0.75}
			model := newTilted(l)
			var mean float64
			for bits := range 1 << l.Depth {
				var score int64
				for i, v := range l.Weights() {
					score += v * int64(bits>>i&1)
				}
				mean += math.Exp(model.gain(score, p)) / float64(int(1)<<l.Depth)
			}
			assert.InDelta(t, 1, mean, 1e-12)
		})
		for _, candidates := range []int{2, 3} {
			t.Run(fmt.Sprintf("bits of a tournament of %d, p=%v", candidates, p), func(t *testing.T) {
				model := newLayered(watermark.Layers{Depth: 8, Weighted: true, Marked: 1 - math.Exp2(float64(-candidates))})
				require.Equal(t, candidates, model.candidates)
				var mean float64
				for bits := range 1 << 8 {
					mean += math.Exp(model.gain(int64(bits), p)) / 256
				}
				assert.InDelta(t, 1, mean, 1e-12)
				assert.GreaterOrEqual(t, model.gain(255, p), model.gain(0, p))
			})
		}
		t.Run(fmt.Sprintf("two keys, p=%v", p), func(t *testing.T) {
			model := newTilted(watermark.Exponential{First: 0.75, Second: 0.25})
			slope := model.gain(watermark.ScoreUnit, p) - model.gain(0, p)
			mean := math.Exp(model.gain(0, p)) / (1 - 0.75*slope) / (1 - 0.25*slope)
			assert.InDelta(t, 1, mean, 1e-9)
		})
	}
}

// TestGumbelRatioIsBeta compares the ratio with the density of the largest of 1/p uniform numbers.
func TestGumbelRatioIsBeta(t *testing.T) {
	for _, p := range []float64{0.01, 0.25, 0.5, 0.9} {
		for _, u := range []float64{0.001, 0.3, 0.9, 0.9999} {
			score := int64(watermark.ScoreUnit * -math.Log1p(-u))
			assert.InDelta(t, math.Log(1/p*math.Pow(u, 1/p-1)), gumbel{}.gain(score, p), 1e-3/p, "p=%v u=%v", p, u)
		}
	}
	assert.Less(t, gumbel{}.gain(0, 0.5), -190.0)
	assert.Greater(t, gumbel{}.gain(40*watermark.ScoreUnit, 0.001), 6.0)
}

// TestGreenRatioIsBayes compares the ratio with the law of the drawn token's colour by enumeration:
// all colours of 12 tokens, and the draw from the biased row.
func TestGreenRatioIsBayes(t *testing.T) {
	const gamma, delta = 0.5, 2.0
	e := math.Exp(delta)
	g := newGreen(watermark.Bernoulli{P: gamma, Marked: gamma * e / (1 + gamma*(e-1))})
	require.InDelta(t, e, g.odds, 1e-9)
	row := []float64{0.35, 0.2, 0.1, 0.08, 0.06, 0.05, 0.04, 0.04, 0.03, 0.02, 0.02, 0.01}
	for _, at := range []int{0, 1, 4, 11} {
		var drawn, green float64
		for colours := range 1 << len(row) {
			var mass float64
			for i, p := range row {
				mass += p * float64(colours>>i&1)
			}
			weight, colour := 1.0, float64(colours>>at&1)
			if colour == 1 {
				weight = e
			}
			x := row[at] * weight / (1 + (e-1)*mass)
			drawn += x
			green += colour * x
		}
		ratio, _ := g.ratios(row[at])
		assert.InDelta(t, green/drawn, gamma*ratio, 0.02, "p=%v", row[at])
	}
}

// TestGreenSumIsExact enumerates the colours of 14 units.
func TestGreenSumIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, l := range []watermark.Bernoulli{{P: 0.5, Marked: 0.88}, {P: 0.25, Marked: 0.7}} {
		const n = 14
		p := make([]float64, n)
		for i := range p {
			p[i] = rng.Float64()
		}
		g := newGreen(l)
		weight := g.sum().(*classSum).weight
		tails := make(map[int]float64) // probability of each sum
		for colours := range 1 << n {
			mass, sum := 1.0, 0
			for i := range p {
				if colours>>i&1 == 1 {
					mass *= l.P
					sum += weight(p[i])
				} else {
					mass *= 1 - l.P
				}
			}
			tails[sum] += mass
		}
		for range 30 {
			s, sum := g.sum(), 0
			for i := range p {
				score := rng.Int64N(2)
				s.add(score, p[i])
				sum += int(score) * weight(p[i])
			}
			var want float64
			for x, mass := range tails {
				if x >= sum {
					want += mass
				}
			}
			assert.InDelta(t, math.Log10(want), s.log10P(), 1e-9)
		}
	}
}

// TestGumbelSumIsExact compares the p-value with that of two exponentials in closed form, and looks
// that it rises with every score that falls.
func TestGumbelSumIsExact(t *testing.T) {
	for _, x := range []float64{0.01, 0.4, 2} {
		s := gumbel{}.sum()
		p := []float64{1 / (1 + 2.0), 1 / (1 + 0.5)} // weights 2 and 1/2, which are on the grid
		score := int64(watermark.ScoreUnit * -math.Log(-math.Expm1(-x)))
		for _, p := range p {
			s.add(score, p)
		}
		total := 2.5 * x
		want := 1 - (2*math.Exp(-total/2)-0.5*math.Exp(-total/0.5))/1.5
		assert.InEpsilon(t, want, math.Pow(10, s.log10P()), 1e-7)
	}
	last := 0.0
	for score := int64(0); score < 8*watermark.ScoreUnit; score += watermark.ScoreUnit / 4 {
		s := gumbel{}.sum()
		s.add(watermark.ScoreUnit, 0.3)
		s.add(score, 0.6)
		log10P := s.log10P()
		assert.LessOrEqual(t, log10P, last)
		last = log10P
	}
}

// TestProcessIsAMartingale enumerates the colours of 12 units, with blocks of 2, 3 and 5: at every
// time the mean of the value is 1, but for the rounding.
func TestProcessIsAMartingale(t *testing.T) {
	defer func(kept [3]int64) { blockLengths = kept }(blockLengths)
	blockLengths = [...]int64{2, 3, 5}
	g := newGreen(watermark.Bernoulli{P: 0.25, Marked: 0.7})
	const n = 12
	var mean [n + 1]float64
	var walk func(p process, i int, mass float64)
	walk = func(p process, i int, mass float64) {
		mean[i] += mass * math.Pow(10, p.log10E())
		require.GreaterOrEqual(t, p.sup, p.log10E()-1e-12)
		if i == n {
			return
		}
		for score, chance := range []float64{0.75, 0.25} {
			next := p
			next.shares, next.open, next.blocks = slices.Clone(p.shares), slices.Clone(p.open), slices.Clone(p.blocks)
			next.add(g.gain(int64(score), probabilities[1+i%8]))
			walk(next, i+1, mass*chance)
		}
	}
	walk(newProcess(), 0, 1)
	for i, m := range mean {
		assert.LessOrEqual(t, m, 1+1e-12, "unit %d", i)
		assert.Greater(t, m, 1-1e-6, "unit %d", i)
	}
}

// TestEveryLawHasAModel draws scores of every law under the null. No process explodes, and the sums
// have p-values.
func TestEveryLawHasAModel(t *testing.T) {
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			model := likelihoodOf(c.Law, false)
			below := 0
			const tests = 300
			for range tests {
				p, s := newProcess(), model.sum()
				for range 40 {
					x := probabilities[rng.IntN(len(probabilities))]
					score := lawtest.Draw(rng, c.Law)
					p.add(model.gain(score, x))
					s.add(score, x)
				}
				require.Less(t, p.sup, 5.0)
				if s.log10P() <= -1 {
					below++
				}
			}
			assert.Less(t, float64(below), 0.1*tests+4*math.Sqrt(0.09*tests))
		})
	}
	assert.Panics(t, func() { likelihoodOf(nil, false) })
}

// TestLayeredRatioIsBayes compares the ratio of bits with that of a tournament over two tokens, whose
// other token has all of the mass that is left. The mean over the other token's bits is over all of
// them, and the formula has that mean in each layer.
func TestLayeredRatioIsBayes(t *testing.T) {
	for _, p := range []float64{0.05, 0.3, 0.6, 0.95} {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			model := newLayered(watermark.Layers{Depth: 1, Marked: 0.75})
			for bit := range int64(2) {
				var want float64
				for other := range int64(2) {
					ones := p*float64(bit) + (1-p)*float64(other)
					want += (1 + float64(bit) - ones) / 2
				}
				assert.InDelta(t, math.Log(want), model.gain(bit, p), 1e-12)
			}
		})
	}
}

// TestLayeredSumIsExact compares the p-value of the sum with all rows of bits of three tokens.
func TestLayeredSumIsExact(t *testing.T) {
	model := newLayered(watermark.Layers{Depth: 4, Weighted: true, Marked: 0.75})
	p := []float64{0.02, 0.4, 0.9}
	sumOf := func(rows int) *layeredSum {
		s := model.sum().(*layeredSum)
		for i, p := range p {
			s.add(int64(rows>>(4*i)&15), p)
		}
		return s
	}
	for _, rows := range []int{0, 0xfff, 0x0f3, 0x5a1, 0x70f} {
		t.Run(fmt.Sprintf("%03x", rows), func(t *testing.T) {
			s, reach := sumOf(rows), 0
			for other := range 1 << 12 {
				if sumOf(other).total >= s.total {
					reach++
				}
			}
			assert.InDelta(t, math.Log10(float64(reach)/(1<<12)), s.log10P(), 1e-10)
		})
	}
	assert.Zero(t, model.sum().log10P())
}
