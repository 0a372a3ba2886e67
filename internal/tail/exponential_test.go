package tail_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

func TestWeightedExponentialReference(t *testing.T) {
	many := []tail.Exponential{{1, 5}, {2, 4}, {3, 3}}
	few := []tail.Exponential{{1, 1}, {2, 1}, {3, 1}}
	million := []tail.Exponential{{1, 1e6}, {2, 1e6}}
	for _, c := range []struct {
		groups  []tail.Exponential
		s, want float64
	}{
		{many, 30, -0.899488332606067}, {many, 60, -4.09006603754062},
		{many, 100, -9.22046899970713}, {many, 200, -22.9483498716517},
		{few, 10, -0.874180922697119}, {few, 30, -3.69234123976398}, {few, 100, -13.8232702386374},

		// 50-digit quadrature along a straight line.
		{million, 3e6, -0.301122985846949482587}, {million, 3.01e6, -5.401722646956405601677},
		{million, 6e6, -230444.5325181387571862},
		{[]tail.Exponential{{1, 1e12}, {3, 1e11}}, 1300010000000, -12.69632939201269820225},
		{[]tail.Exponential{{0.5, 5000}, {1.25, 300}, {7, 40}}, 4000, -25.62009182879271510724},
	} {
		t.Run(fmt.Sprintf("%v/s=%v", c.groups, c.s), func(t *testing.T) {
			got := tail.WeightedExponential(c.groups, c.s)
			assert.InEpsilon(t, c.want, got, 1e-13)
			t.Logf("relative error %.2g", got/c.want-1)
		})
	}
}

// exponentialTail returns x = s/w for the least weight w, e^x P(S >= s) and e^x P(S < s).
//
// In units of w, an exponential of weight v is a geometric number of standard exponentials, with
// success probability w/v. So S is a Gamma variable with a random number of terms, and both results
// are sums of positive numbers.
func exponentialTail(groups []tail.Exponential, s float64) (x float64, upper, lower *big.Float) {
	w := math.Inf(1)
	for _, g := range groups {
		w = min(w, g.Weight)
	}
	var advance, stay []*big.Float
	for _, g := range groups {
		for range g.Count {
			p := bigZero().Quo(bigFloat(w), bigFloat(g.Weight))
			advance = append(advance, p)
			stay = append(stay, bigZero().Sub(bigInt(1), p))
		}
	}
	stages := make([]*big.Float, len(stay)) // mass in each stage after j steps
	for i := range stages {
		stages[i] = bigZero()
	}
	stages[0].SetInt64(1)
	absorbed := bigZero()

	ratio := bigZero().Quo(bigFloat(s), bigFloat(w))
	x, _ = ratio.Float64()
	term := bigInt(1) // x^j/j!
	upper, lower = bigZero(), bigZero()
	t := bigZero()
	for j := 0; float64(j) < x || matters(term, lower); j++ {
		alive := bigZero()
		for _, m := range stages {
			alive.Add(alive, m)
		}
		upper.Add(upper, t.Mul(term, alive))
		lower.Add(lower, bigZero().Mul(term, absorbed))
		absorbed.Add(absorbed, t.Mul(stages[len(stages)-1], advance[len(stages)-1]))
		for i := len(stages) - 1; i >= 0; i-- {
			stages[i].Mul(stages[i], stay[i])
			if i > 0 {
				stages[i].Add(stages[i], t.Mul(stages[i-1], advance[i-1]))
			}
		}
		term.Mul(term, ratio)
		term.Quo(term, bigInt(int64(j+1)))
	}
	return x, upper, lower
}

func TestWeightedExponentialWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	weights := []float64{1, 1.5, 2, 3, 7.25, 10, 0.25, 1.0000001, 40}
	worst := 0.0
	for range 40 {
		var groups []tail.Exponential
		mean := 0.0
		for range 1 + random.IntN(4) {
			g := tail.Exponential{Weight: weights[random.IntN(len(weights))], Count: 1 + random.Int64N(6)}
			if random.IntN(2) == 0 {
				g.Count = 1
			}
			groups = append(groups, g)
			mean += g.Weight * float64(g.Count)
		}
		last := 0.0
		for _, f := range []float64{0.001, 0.1, 0.5, 0.9, 1, 1.01, 1.2, 2, 5, 20} {
			s := mean * f
			if s > 1500 {
				break
			}
			x, upper, lower := exponentialTail(groups, s)
			want, got := log10Scaled(x, upper, lower), tail.WeightedExponential(groups, s)
			e := (got - want) / max(1, -want)
			if math.Abs(e) > math.Abs(worst) {
				worst = e
				t.Logf("%.2g %v s=%v", worst, groups, s)
			}
			require.InDelta(t, 0, e, tolerance, "%v s=%v: want %v, got %v", groups, s, want, got)
			require.LessOrEqual(t, got, last+1e-14, "%v s=%v", groups, s)
			last = got
		}
	}
}

// TestWeightedExponentialGamma: one weight gives the gamma law. Two nearly equal weights are close to
// it, and take the integral.
func TestWeightedExponentialGamma(t *testing.T) {
	for _, n := range []int64{1, 2, 5, 39, 1000, 1e6, 1e9} {
		for _, f := range []float64{0.01, 0.7, 1, 1.1, 3, 50} {
			s := float64(n) * f
			want := tail.Gamma(n, s)
			require.Equal(t, want, tail.WeightedExponential([]tail.Exponential{{4, n}, {0, 7}, {3, 0}}, 4*s))
			if n > 1 && n < 1e8 { // else the weights differ too much
				near := math.Nextafter(1, 0)
				got := tail.WeightedExponential([]tail.Exponential{{1, n / 2}, {near, n - n/2}}, s)
				require.InDelta(t, want, got, tolerance*max(1, -want), "n=%d s=%v", n, s)
			}
			// A negligible second group changes nothing, however few terms the first has.
			got := tail.WeightedExponential([]tail.Exponential{{1, n}, {1e-18, 1}}, s)
			require.InDelta(t, want, got, tolerance*max(1, -want), "n=%d s=%v", n, s)
		}
	}
}

func TestWeightedExponentialEdges(t *testing.T) {
	one := []tail.Exponential{{2, 3}, {1, 1}}
	inf := math.Inf(1)
	assert.Equal(t, 0.0, tail.WeightedExponential(one, 0))
	assert.Equal(t, 0.0, tail.WeightedExponential(one, -inf))
	assert.Equal(t, -inf, tail.WeightedExponential(one, inf))
	assert.Equal(t, 0.0, tail.WeightedExponential(nil, 0))
	assert.Equal(t, -inf, tail.WeightedExponential(nil, 1))
	assert.Equal(t, -inf, tail.WeightedExponential([]tail.Exponential{{0, 3}, {1, 0}}, 1))
	for _, s := range []float64{1e-200, 1e-20, 1e6, 1e12} {
		got := tail.WeightedExponential(one, s)
		assert.LessOrEqual(t, got, 0.0)
		if s > 1 {
			// The tail of the largest weight times a polynomial.
			assert.InEpsilon(t, -s/2/math.Ln10, got, 1e-4, "s=%v", s)
		} else {
			assert.Greater(t, got, -1e-30)
		}
	}
	// The unit does not matter.
	want := tail.WeightedExponential(one, 30)
	for _, unit := range []float64{0x1p-900, 0x1p900} {
		got := tail.WeightedExponential([]tail.Exponential{{2 * unit, 3}, {unit, 1}}, 30*unit)
		assert.Equal(t, want, got)
	}
	tiny := []tail.Exponential{{1e-300, 1}, {1e-301, 2}}
	assert.Equal(t, -math.MaxFloat64/16, tail.WeightedExponential(tiny, 1e300))
	for _, bad := range []tail.Exponential{{-1, 1}, {1, -1}, {math.NaN(), 1}, {inf, 1}} {
		assert.Panics(t, func() { tail.WeightedExponential([]tail.Exponential{bad}, 1) })
	}
	assert.Panics(t, func() { tail.WeightedExponential(one, math.NaN()) })
}

func BenchmarkWeightedExponential(b *testing.B) {
	for _, groups := range []int{2, 15} {
		for _, count := range []int64{1, 1000} {
			var law []tail.Exponential
			mean := 0.0
			for w := range groups {
				law = append(law, tail.Exponential{Weight: float64(w + 1), Count: count})
				mean += float64(w+1) * float64(count)
			}
			b.Run(fmt.Sprintf("groups=%d/count=%d", groups, count), func(b *testing.B) {
				for b.Loop() {
					tail.WeightedExponential(law, 1.5*mean)
				}
			})
		}
	}
}

// TestWeightedExponentialFarOut: where the quadrature has no digits left, the result is a bound. It is
// at least the tail of the largest term alone.
func TestWeightedExponentialFarOut(t *testing.T) {
	for _, s := range []float64{1e16, 1e17, 1e300, 1.7e308} {
		for _, groups := range [][]tail.Exponential{
			{{0.999, 1}, {0.5, 1}}, {{0.6, 3}, {0.5, 2}}, {{0.999, 1}},
		} {
			got := tail.WeightedExponential(groups, s)
			least := -s / groups[0].Weight * math.Log10E
			assert.GreaterOrEqual(t, got, least*(1+1e-12), "%v at %v", groups, s)
			if !math.IsInf(least, -1) {
				assert.LessOrEqual(t, got, 0.999*least, "%v at %v", groups, s)
			}
		}
	}
	tiny := []tail.Exponential{{1e-300, 1}, {1e-301, 1}}
	assert.Less(t, tail.WeightedExponential(tiny, 1e300), -1e300)
}
