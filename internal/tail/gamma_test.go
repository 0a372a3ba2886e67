package tail_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

func TestGammaReference(t *testing.T) {
	for _, c := range []struct {
		n       int64
		s, want float64
	}{
		{1, 10, -4.34294481903252}, {10, 20, -2.30142866042440}, {100, 150, -5.22734533941186},
		{100, 1000, -293.219263178439}, {1000, 2000, -135.164477507022},
		{1000, 4000, -703.199894631774}, {200, 200, -0.309275481867205},

		// 50-digit quadrature.
		{1000, 1000, -0.3046980712159881790197}, {1e6, 1e6, -0.3011455166480231180813},
		{1e6, 1003000.5, -2.86661660697242863263}, {1e6, 995000, -1.194127741748069183349e-7},
		{1e6, 1500000, -41059.07995852511104477}, {1e12, 1e12, -0.3010301111696172060704},
		{1e12, 1000005000000, -6.542627652698105608465},
		{1e12, 1000012345678.25, -34.58980088804298820703},
		{1e12, 999998000000, -0.009994355540255476361051},
		{1e9, 1e10, -2908650342.982598892568},
		{3, 1e-5, -7.238187078461108238297e-17}, {5, 700, -294.003471189321395065},
	} {
		t.Run(fmt.Sprintf("n=%d/s=%v", c.n, c.s), func(t *testing.T) {
			got := tail.Gamma(c.n, c.s)
			assert.InEpsilon(t, c.want, got, 1e-13)
			t.Logf("relative error %.1g", got/c.want-1)
		})
	}
}

// gammaTail returns e^s P(Gamma(n) >= s) and e^s P(Gamma(n) < s), as Poisson sums.
func gammaTail(n int64, s float64) (upper, lower *big.Float) {
	term, x := bigInt(1), bigFloat(s)
	upper, lower = bigZero(), bigZero()
	for j := int64(0); j < n || float64(j) < s || matters(term, lower); j++ {
		if j < n {
			upper.Add(upper, term)
		} else {
			lower.Add(lower, term)
		}
		term.Mul(term, x)
		term.Quo(term, bigInt(j+1))
	}
	return upper, lower
}

// lnBig returns the natural logarithm of a positive number.
func lnBig(x *big.Float) float64 {
	m := bigZero()
	e := x.MantExp(m)
	f, _ := m.Float64()
	return float64(e)*math.Ln2 + math.Log(f)
}

// log10Scaled returns log10 of e^-x * upper. It uses the complement e^-x * lower if that is smaller.
func log10Scaled(x float64, upper, lower *big.Float) float64 {
	if upper.Cmp(lower) > 0 && lower.Sign() > 0 {
		return math.Log1p(-math.Exp(lnBig(lower)-x)) / math.Ln10
	}
	return (lnBig(upper) - x) / math.Ln10
}

func TestGammaWhole(t *testing.T) {
	worst := 0.0
	for _, n := range []int64{1, 2, 3, 10, 57, 191, 192, 193, 300, 454, 500, 1000} {
		last := 0.0
		for i := 1; i < 60; i++ {
			s := float64(n) * math.Exp(float64(i-30)/12)
			if i > 50 {
				s *= float64(i - 49)
			}
			upper, lower := gammaTail(n, s)
			want, got := log10Scaled(s, upper, lower), tail.Gamma(n, s)
			require.InDelta(t, want, got, tolerance*max(1, -want), "n=%d s=%v", n, s)
			require.LessOrEqual(t, got, last, "n=%d s=%v", n, s)
			worst = max(worst, math.Abs(want-got)/max(1, -want))
			last = got
		}
	}
	t.Logf("worst error %.2g", worst)
}

func TestGammaEdges(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		n       int64
		s, want float64
	}{
		{0, 0, 0}, {0, -1, 0}, {0, 1e-300, -inf}, {5, 0, 0}, {5, -3, 0}, {5, -inf, 0},
		{5, inf, -inf}, {1, 5e-324, 0}, {7, 1e-300, 0}, {1 << 62, 1, 0},
	} {
		t.Run(fmt.Sprintf("n=%d/s=%v", c.n, c.s), func(t *testing.T) {
			got := tail.Gamma(c.n, c.s)
			assert.Equal(t, c.want, got)
			assert.False(t, got == 0 && math.Signbit(got), "negative zero")
		})
	}
	assert.InEpsilon(t, -1e300/math.Ln10, tail.Gamma(5, 1e300), 1e-14)
	assert.InEpsilon(t, -1e-200/math.Ln10, tail.Gamma(1, 1e-200), 1e-13)
	assert.Panics(t, func() { tail.Gamma(-1, 1) })
	assert.Panics(t, func() { tail.Gamma(1, math.NaN()) })
}

func BenchmarkGamma(b *testing.B) {
	for _, n := range []int64{200, 10000, 1e6, 1e12} {
		for _, z := range []float64{0.1, 5, 30} {
			s := float64(n) + z*math.Sqrt(float64(n))
			b.Run(fmt.Sprintf("n=%d/z=%v", n, z), func(b *testing.B) {
				for b.Loop() {
					tail.Gamma(n, s)
				}
			})
		}
	}
}
