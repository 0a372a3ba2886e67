package detect

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// drawMarked draws the score of a token that the mark chose from two that were equally
// likely.
func drawMarked(rng *rand.Rand, l watermark.Law) int64 {
	switch l := l.(type) {
	case watermark.Exponential:
		first := rng.Float64()*(l.First+l.Second) < l.First // which key decided
		one, two := rng.ExpFloat64(), rng.ExpFloat64()
		if first {
			one = max(one, rng.ExpFloat64())
		} else {
			two = max(two, rng.ExpFloat64())
		}
		return int64(watermark.ScoreUnit * (l.First*one + l.Second*two))
	case watermark.Layers:
		candidates := newLayersLaw(l).candidates
		// Tokens 0 and 1 have bits in each layer; p is the probability of 0 among the
		// candidates of the layer.
		p, score := 0.5, [2]int64{}
		for _, v := range l.Weights() {
			bits := [2]int64{rng.Int64N(2), rng.Int64N(2)}
			switch {
			case bits[0] > bits[1]:
				p = 1 - math.Pow(1-p, float64(candidates))
			case bits[0] < bits[1]:
				p = math.Pow(p, float64(candidates))
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

// TestPowerOfDraws writes texts of the share that a statement of power names: nine in ten
// are detected at least, and not many more.
func TestPowerOfDraws(t *testing.T) {
	texts := 500
	if testing.Short() {
		texts = 150
	}
	for name, public := range lawsToTest() {
		if _, ok := public.(watermark.Bernoulli); ok {
			continue
		}
		l, rng := lawOf(public), rand.New(rand.NewPCG(211, 212))
		for _, weights := range []unitCounts{{1: 500}, {1: 200, 4: 200, 15: 300}} {
			tl := tally{law: l}
			for w, n := range weights {
				tl.classes[w].Scored = n
			}
			p := tl.power(Options{Alpha: 1e-4}, 3)
			require.Greater(t, p.MinShare, 0.1, name)
			require.Less(t, p.MinShare, 1.0, name)
			full, _ := l.full()
			assert.InEpsilon(t, p.MinExcess/full, p.MinShare, 1e-12)
			assert.LessOrEqual(t, l.survival(&weights, wide{}.plus(1, p.MinSum)), math.Log10(1e-4/3))
			var found int64
			for range texts {
				var sum int64
				for w, n := range weights {
					for i := range n {
						score := drawScore(rng, public)
						if float64(i) < p.MinShare*float64(n) {
							score = drawMarked(rng, public)
						}
						sum += int64(w) * score
					}
				}
				if sum >= p.MinSum {
					found++
				}
			}
			t.Logf("%s: a share of %.3f is found in %d of %d", name, p.MinShare, found, texts)
			missed := int64(texts) - found
			assert.Greater(t, tail.Binomial(missed, int64(texts), 0.1), -6.0, "%s: %d of %d", name, found, texts)
			less := l.raised(&weights, wide{}.plus(1, p.MinSum), p.MinExcess/1.3, true)
			assert.Less(t, less, math.Log10(0.9), "%s: the statement is far too modest", name)
		}
	}
}

// TestFairChoice compares the gain of each layer with its definition: the sum over the bits
// of two tokens in all layers.
func TestFairChoice(t *testing.T) {
	for _, shape := range []tournament{{2, 1}, {2, 6}, {3, 5}, {5, 4}, {16, 3}} {
		n, got := float64(shape.candidates), shape.fairChoice()
		want := make([]float64, shape.depth)
		all := 1 << (2 * shape.depth)
		for bits := range all {
			p := 0.5
			for l := range shape.depth {
				switch bits >> (2 * l) & 3 {
				case 1:
					p = 1 - math.Pow(1-p, n)
				case 2:
					p = math.Pow(p, n)
				}
			}
			for l := range want {
				first, second := bits>>(2*l)&1, bits>>(2*l+1)&1
				want[l] += (p*float64(first) + (1-p)*float64(second)) / float64(all)
			}
		}
		for l := range want {
			assert.LessOrEqual(t, got[l], want[l]-0.5+1e-12, "%+v layer %d", shape, l)
			assert.InDelta(t, want[l]-0.5, got[l], 3e-3, "%+v layer %d", shape, l)
		}
	}
}

// TestSharePlan: the number of tokens that a plan names is the smallest that has the power,
// and a green list's is that of its Plan.
func TestSharePlan(t *testing.T) {
	for name, public := range lawsToTest() {
		p := SharePlan{Law: public, Share: 0.5, Alpha: 1e-3}
		n, err := p.Tokens(0.9)
		require.NoError(t, err, name)
		t.Logf("%s: %d tokens", name, n)
		assert.GreaterOrEqual(t, p.Power(n), 0.9-1e-12, name)
		assert.Less(t, p.Power(n-1), 0.9, name)
		more := p
		more.Share = 0.25
		m, err := more.Tokens(0.9)
		require.NoError(t, err, name)
		assert.InDelta(t, 4, float64(m)/float64(n), 1, "%s: tokens grow as 1/share^2", name)
		if b, ok := public.(watermark.Bernoulli); ok {
			plan := Plan{Gamma: b.P, Green: b.P + 0.5*(b.Marked-b.P), Alpha: 1e-3}
			want, err := plan.Tokens(0.9)
			require.NoError(t, err)
			assert.Equal(t, want, n)
			assert.InDelta(t, plan.Power(n), p.Power(n), 1e-12)
		}
	}
	_, err := SharePlan{Law: watermark.Bernoulli{P: 0.5}, Share: 1}.Tokens(0.9)
	assert.ErrorIs(t, err, ErrNoEffect)
	_, err = SharePlan{Law: watermark.Exponential{First: 1}, Share: 1e-5}.Tokens(0.9)
	assert.ErrorIs(t, err, ErrOutOfReach)
	assert.Panics(t, func() { SharePlan{Law: watermark.Exponential{First: 1}}.Power(10) })
	assert.Panics(t, func() { SharePlan{Law: watermark.Exponential{First: 1}, Share: 1}.Power(-1) })
	assert.Panics(t, func() { SharePlan{Law: watermark.Exponential{}, Share: 1}.Power(1) })
	assert.Zero(t, SharePlan{Law: watermark.Layers{Depth: 30}, Share: 1}.Power(0))
}
