package null

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// TestLikelyIsConvex: the mean of e^(-t s) of a marked token, as a function of the rise of its mean
// score, lies below every chord. The proof of exponentialLaw.Likely needs that for chords from 0.
func TestLikelyIsConvex(t *testing.T) {
	const euler = 0.57721566490153286
	harmonic := func(a float64) float64 { // psi(a+1) + euler, by the difference of log-gammas
		if a < 1e6 {
			var sum float64
			z := a + 1
			for ; z < 12; z++ {
				sum -= 1 / z
			}
			r := 1 / (z * z)
			return sum + euler + math.Log(z) - 1/(2*z) - r*(1.0/12-r*(1.0/120-r/252))
		}
		return math.Log(a) + euler + 1/(2*a)
	}
	m := func(a, t float64) float64 {
		x, _ := math.Lgamma(a + 1)
		y, _ := math.Lgamma(t + 1)
		z, _ := math.Lgamma(a + t + 1)
		return math.Exp(x + y - z)
	}
	require.InDelta(t, 1.5, harmonic(2), 1e-10)
	require.InDelta(t, 17.2128, harmonic(1/rarest), 1e-4)
	for _, at := range []float64{0.01, 0.1, 0.5, 1, 2, 5, 30, 200} {
		t.Run(fmt.Sprintf("t=%v", at), func(t *testing.T) {
			require.InDelta(t, 1/(1+at), m(1, at), 1e-9)
			slope := math.Inf(-1)
			last, value := 0.0, m(1, at)
			for a := 1.05; a < 1/rarest; a *= 1.05 {
				h, v := harmonic(a)-1, m(a, at)
				next := (v - value) / (h - last)
				require.GreaterOrEqual(t, next, slope-1e-7, "a=%v", a)
				require.LessOrEqual(t, next, 1e-9)
				slope, last, value = next, h, v
			}
		})
	}
}

// TestLikelyIsABound compares with exact tails where equal units are the worst case, and with unequal
// units of the same mean.
func TestLikelyIsABound(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	l := bernoulliLaw{watermark.Bernoulli{P: 0.25, Marked: 0.7}}
	for _, n := range []int64{20, 200} {
		for _, excess := range []float64{0.05, 0.2, 0.4} {
			p := make([]float64, n)
			var mean float64
			for i := range p {
				if p[i] = 0.25; rng.Float64() < excess/0.6 {
					p[i] = 0.85
				}
				mean += p[i] / float64(n)
			}
			for k := int64(0); k <= n; k += n / 10 {
				got := l.Likely(&Units{1: n}, SumOf(k), mean-0.25)
				if float64(k) > float64(n)*mean {
					assert.True(t, math.IsInf(got, -1), "beyond the theorem nothing is said")
					continue
				}
				assert.LessOrEqual(t, got, tail.PoissonBinomial(p, k)+1e-12)
				assert.LessOrEqual(t, l.Likely(&Units{2: n / 2, 3: n - n/2}, SumOf(2*k), mean-0.25), 0.0)
			}
		}
	}
	// Gumbel scores of one kind of token: the bound is below what 4000 texts show.
	e := newExponentialLaw(watermark.Exponential{First: 1})
	for _, p := range []float64{0.5, 0.1, 0.001} {
		h := 0.0
		for k := 1.0; k <= 1/p; k++ {
			h += 1 / k
		}
		const n, texts = 60, 4000
		sums := make([]float64, texts)
		for i := range sums {
			for range n {
				sums[i] -= math.Log1p(-math.Pow(rng.Float64(), p))
			}
		}
		for _, f := range []float64{0.6, 0.8, 0.9} {
			at := f * n * h
			found := 0
			for _, s := range sums {
				if s >= at {
					found++
				}
			}
			bound := math.Pow(10, e.Likely(&Units{1: n}, SumOf(int64(at*watermark.ScoreUnit)), h-1))
			assert.LessOrEqual(t, bound, float64(found)/texts+0.02, "p=%v at %v of the mean", p, f)
		}
	}
	assert.Greater(t, e.Likely(&Units{1: 5000}, SumOf(5000*watermark.ScoreUnit), 0.5), math.Log10(0.99))
	assert.Less(t, e.Likely(&Units{1: 5000}, SumOf(8000*watermark.ScoreUnit), 0.5), -3.0)
	layers := newLayersLaw(watermark.Layers{Depth: 30, Weighted: true, Marked: 0.75})
	assert.Greater(t, layers.Likely(&Units{1: 2000}, SumOf(2000*layers.sum/2), 0.05), math.Log10(0.99))
	assert.Equal(t, 30, func() (n int) {
		for i := 0; i < len(layers.weights); i += layers.times(i) {
			n += layers.times(i)
		}
		return n
	}())
	plain := newLayersLaw(watermark.Layers{Depth: 30, Marked: 0.75})
	assert.Equal(t, 30, plain.times(0))
}
