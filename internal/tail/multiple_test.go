package tail_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

func TestSidakReference(t *testing.T) {
	assert.InDelta(t, -5.000002, tail.Sidak(-8, 1000), 5e-7)
	assert.InDelta(t, -294, tail.Sidak(-300, 1e6), 1e-12)
	assert.InDelta(t, -0.000019, tail.Sidak(-2, 1000), 5e-7)
}

func TestSidakExact(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 150 {
		// p is dyadic, so its oracle is exact. Its logarithm is rounded once.
		p := math.Ldexp(float64(1+random.Int64N(1<<20)), -20-random.IntN(60))
		tests := int64(math.Exp(random.Float64() * 40))
		x := math.Log10(p)
		none := power(bigZero().Sub(bigInt(1), bigFloat(p)), tests)
		want := log10Big(t, bigZero().Sub(bigInt(1), none))
		got := tail.Sidak(x, tests)
		// Near 1, tests * p multiplies the rounding of log10 p.
		if want < -1e-6 {
			require.InDelta(t, want, got, 1e-13, "p=%v tests=%d", p, tests)
			require.GreaterOrEqual(t, got, want-1e-13, "p=%v tests=%d", p, tests)
		}
		require.InDelta(t, want, got, 1e-13, "p=%v tests=%d", p, tests)
		require.LessOrEqual(t, got, tail.Bonferroni(x, tests))
		require.GreaterOrEqual(t, got, min(x, 0))
	}
}

func TestMultipleEdges(t *testing.T) {
	for _, c := range []struct {
		name   string
		adjust func(log10P float64, tests int64) float64
	}{{"Sidak", tail.Sidak}, {"Bonferroni", tail.Bonferroni}} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, -12.5, c.adjust(-12.5, 1))
			assert.Equal(t, math.Inf(-1), c.adjust(math.Inf(-1), 1<<62))
			assert.Equal(t, 0.0, c.adjust(0, 1))
			assert.Equal(t, 0.0, c.adjust(0, 1000))
			assert.Equal(t, 0.0, c.adjust(1e-17, 1000))
			assert.InDelta(t, -1e6+3, c.adjust(-1e6, 1000), 1e-9)
			assert.Panics(t, func() { c.adjust(-1, 0) })
			assert.Panics(t, func() { c.adjust(-1, -1) })
			assert.Panics(t, func() { c.adjust(math.NaN(), 1) })
		})
	}
	assert.Equal(t, 0.0, tail.Bonferroni(-2, 1000))
	assert.InDelta(t, -5, tail.Bonferroni(-8, 1000), 1e-14)
}
