package tail_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

func TestMinimaxReference(t *testing.T) {
	for _, c := range []struct{ delta, r, want float64 }{
		{0.1, 0.9, 0.3190223128}, {0.1, 0.99, 0.6483596079},
		{0.3, 0.9, 0.5526752936}, {0.6, 0.9, 0.8602408530},
	} {
		t.Run(fmt.Sprintf("delta=%v/r=%v", c.delta, c.r), func(t *testing.T) {
			assert.InDelta(t, c.want, tail.Minimax(math.Log(c.r), c.delta), 1e-10)
			k := math.Floor(1 / (1 - c.delta))
			rest := 1 - k*(1-c.delta)
			direct := math.Log(k*math.Pow(c.r, c.delta/(1-c.delta)) + math.Pow(c.r, 1/rest-1))
			assert.InDelta(t, direct, tail.Minimax(math.Log(c.r), c.delta), 1e-14)
		})
	}
	assert.InDelta(t, math.Log(2), tail.Minimax(0, 0.3), 1e-15, "the largest value is ln(k+1)")
	assert.InDelta(t, math.Log(2), tail.Minimax(0, 0.5), 1e-15, "two tokens of 1/2 leave no rest")
	assert.Equal(t, math.Inf(-1), tail.Minimax(math.Inf(-1), 0.3))
	assert.Equal(t, math.Inf(-1), tail.MinimaxBelow(math.Inf(-1), 0.3))
	for _, f := range []func(lnR, delta float64) float64{tail.Minimax, tail.MinimaxBelow} {
		assert.Panics(t, func() { f(0.1, 0.5) })
		assert.Panics(t, func() { f(math.NaN(), 0.5) })
		assert.Panics(t, func() { f(-1, 0) })
		assert.Panics(t, func() { f(-1, 1) })
	}
}

// TestMinimaxIsAnEValue: the mean of e^h over (0,1) is 1, E[e^h | r <= x] is the integral up to x over
// x, and h rises with r.
func TestMinimaxIsAnEValue(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for _, delta := range []float64{0.02, 0.1, 0.3, 0.5, 0.6, 0.9, 0.001} {
		assert.InDelta(t, 0, tail.MinimaxBelow(0, delta), 1e-13, "delta %v", delta)
		// The averages give the integral between two values. It is at least the width times the
		// lower end, and at most the width times the upper end.
		for range 200 {
			a := -20 * rng.Float64()
			b := a * rng.Float64()
			low, high := tail.Minimax(a, delta), tail.Minimax(b, delta)
			require.LessOrEqual(t, low, high)
			part := math.Exp(tail.MinimaxBelow(b, delta)+b) - math.Exp(tail.MinimaxBelow(a, delta)+a)
			width := math.Exp(b) - math.Exp(a)
			require.GreaterOrEqual(t, part, math.Exp(low)*width*(1-1e-9)-1e-15)
			require.LessOrEqual(t, part, math.Exp(high)*width*(1+1e-9)+1e-15)
		}
		// A midpoint rule whose nodes are dense where the integrand is steep.
		const n = 200_000
		sum := 0.0
		for i := range n {
			u := (float64(i) + 0.5) / n
			sum += math.Exp(tail.Minimax(2*math.Log(u), delta)) * 2 * u / n // r = u^2
		}
		assert.InDelta(t, 1, sum, 1e-4, "delta %v", delta)
	}
}

func TestLogRank(t *testing.T) {
	for _, s := range []float64{1e-9, 0.1, 1, 5, 30, 45} {
		want := math.Log(-math.Expm1(-s))
		if s > 1 {
			want = math.Log1p(-math.Exp(-s))
		}
		assert.InEpsilon(t, want, tail.LogRank(s), 1e-12)
	}
	assert.Equal(t, math.Inf(-1), tail.LogRank(0))
	assert.Panics(t, func() { tail.LogRank(-1) })
	assert.Panics(t, func() { tail.LogRank(math.NaN()) })
}
