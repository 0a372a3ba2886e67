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

// tolerance is stricter than the promised 1e-12. The package reaches about 1e-15.
const tolerance = 1e-13

func TestBinomialReference(t *testing.T) {
	// From exact rational or 50-digit arithmetic.
	for _, c := range []struct {
		k, n int64
		p    float64
		want float64
	}{
		{50, 100, 0.25, -7.17792987793797},
		{60, 100, 0.5, -1.54600983663022},
		{140, 200, 0.5, -8.12289900381878},
		{300, 1000, 0.25, -3.71311635792210},
		{700, 1000, 0.25, -195.122168535125},
		{999, 1000, 0.1, -996.045709238299},
		{5500, 10000, 0.5, -23.1104002617118},
		{260000, 1e6, 0.25, -116.557866419378},
		{251000000, 1e9, 0.25, -1159.35309018762},
		{250002598076, 1e12, 0.25, -9.00584191836469},

		// From 60-digit quadrature of the incomplete beta integral.
		{700, 1000, 0.25, -195.1221685351248572022094},
		{250002598076, 1e12, 0.25, -9.005841918364689362484653},
		{250000000001, 1e12, 0.25, -0.301030462474640305260393},
		{250001299039, 1e12, 0.25, -2.869698139157450935599119},
		{300000000000, 1e12, 0.25, -2780117455.484184075819219},
		{500000000001, 1e12, 0.5, -0.3010303421809813879117885},
		{500010000000, 1e12, 0.5, -88.5600866413691717766271},
		{1050, 1e12, 1e-9, -1.224547363336047182707653},
		{1400, 1e12, 1e-9, -32.2922357505703850996238},
		{996093950000, 1e12, 255.0 / 256, -3.172434424148895560678579},
		{999999999500, 1e12, 1 - 1e-9, -68.08071523864970253408812},
		{250001000000000, 1e15, 0.25, -1160.380258504303384658326},
		{900000000001, 1e12, 0.1, -763394007559.239179418437},
		{100000000001, 1e12, 0.1, -0.3010307271937828971179776},
	} {
		t.Run(fmt.Sprintf("k=%d/n=%d/p=%v", c.k, c.n, c.p), func(t *testing.T) {
			got := tail.Binomial(c.k, c.n, c.p)
			assert.InEpsilon(t, c.want, got, 2e-14)
			t.Logf("relative error %.1g", got/c.want-1)
		})
	}
}

func TestBinomialEdges(t *testing.T) {
	inf := math.Inf(-1)
	for _, c := range []struct {
		k, n int64
		p    float64
		want float64
	}{
		{0, 0, 0.5, 0}, {-3, 0, 0.5, 0}, {1, 0, 0.5, inf}, {0, 0, 0, 0}, {1, 0, 1, inf},
		{0, 10, 0.25, 0}, {-1, 10, 0.25, 0}, {math.MinInt64, 10, 0.25, 0},
		{11, 10, 0.25, inf}, {math.MaxInt64, 10, 0.25, inf},
		{0, 10, 0, 0}, {1, 10, 0, inf}, {10, 10, 0, inf}, {11, 10, 0, inf},
		{0, 10, 1, 0}, {1, 10, 1, 0}, {10, 10, 1, 0}, {11, 10, 1, inf},
		{10, 10, 0.5, 10 * math.Log10(0.5)}, {1, 1, 0.25, math.Log10(0.25)},
		{1000000, 1000000, 0.1, -1000000}, {1 << 40, 1 << 40, 0.5, -(1 << 40) * math.Log10(2)},
		{1, 1000000000000, 1e-12, math.Log10(-math.Expm1(-1))},
		{1, 3, 1e-300, math.Log10(3) - 300},
		{1, 1, 0x1p-1074, -1074 * math.Log10(2)}, {1, 2, 0x1p-1074, -1073 * math.Log10(2)},
		{2, 3, 0x1p-1074, -2148*math.Log10(2) + math.Log10(3)},
	} {
		t.Run(fmt.Sprintf("k=%d/n=%d/p=%v", c.k, c.n, c.p), func(t *testing.T) {
			got := tail.Binomial(c.k, c.n, c.p)
			if c.want == 0 || math.IsInf(c.want, -1) {
				assert.Equal(t, c.want, got)
				assert.False(t, math.Signbit(got) && got == 0, "negative zero")
			} else {
				assert.InEpsilon(t, c.want, got, 1e-12)
			}
		})
	}
	for _, c := range []struct {
		n int64
		p float64
	}{{-1, 0.5}, {10, -0.1}, {10, 1.1}, {10, math.NaN()}, {10, math.Inf(1)}} {
		assert.Panics(t, func() { tail.Binomial(1, c.n, c.p) }, "n=%d p=%v", c.n, c.p)
		assert.Panics(t, func() { tail.BinomialCritical(c.n, c.p, -2) }, "n=%d p=%v", c.n, c.p)
	}
}

// TestBinomialWhole checks every k of every small n: the whole law, on both sides of the mean.
func TestBinomialWhole(t *testing.T) {
	worst, where := 0.0, ""
	for _, p := range []float64{0.5, 0.25, 0.375, 1.0 / 256, 255.0 / 256, 0.1, 1e-9, 1 - 1e-9} {
		for _, n := range []int64{1, 2, 3, 7, 16, 33, 100, 257, 400} {
			tails := binomialTails(n, p)
			last := 0.0
			for k := int64(0); k <= n+1; k++ {
				want, got := log10Big(t, tails[k]), tail.Binomial(k, n, p)
				requireClose(t, want, got, tolerance, "k=%d n=%d p=%v", k, n, p)
				require.LessOrEqual(t, got, last, "k=%d n=%d p=%v", k, n, p)
				last = got
				if want < -1e-70 && !math.IsInf(want, -1) { // the oracle has no more bits
					// The relative error must be small near 1, too.
					require.InEpsilon(t, want, got, tolerance, "k=%d n=%d p=%v", k, n, p)
					if e := math.Abs(got/want - 1); e > worst {
						worst, where = e, fmt.Sprintf("k=%d n=%d p=%v", k, n, p)
					}
				}
			}
		}
	}
	t.Logf("worst relative error %.2g at %s", worst, where)
}

func TestBinomialLarge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	worst, where := 0.0, ""
	sizes := []int64{1000, 30011, 100000}
	if !testing.Short() {
		sizes = append(sizes, 1000000)
	}
	for _, n := range sizes {
		for _, p := range []float64{0.5, 0.25, 3.0 / 256, 0.1, 1e-5, 0.999} {
			mean, sd := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
			ks := []int64{1, 2, n - 1, n, random.Int64N(n), int64(mean) + random.Int64N(n-int64(mean))}
			for _, z := range []float64{-8, -1, -0.01, 0, 0.01, 0.5, 3, 8, 30} {
				ks = append(ks, int64(mean+z*sd), int64(mean+z*sd)+1)
			}
			for _, k := range ks {
				if k < 1 || k > n || n == 1000000 && k%3 != 0 {
					continue
				}
				want, got := log10Big(t, binomialTail(k, n, p)), tail.Binomial(k, n, p)
				if want > -1e-70 { // the oracle has no more bits
					require.InDelta(t, want, got, 1e-70, "k=%d n=%d p=%v", k, n, p)
					continue
				}
				if e := math.Abs(got/want - 1); e > worst {
					worst, where = e, fmt.Sprintf("k=%d n=%d p=%v", k, n, p)
				}
				require.InEpsilon(t, want, got, 1e-13, "k=%d n=%d p=%v", k, n, p)
			}
		}
	}
	t.Logf("worst relative error %.2g at %s", worst, where)
}

func TestBinomialCritical(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 400 {
		n := int64(math.Exp(random.Float64() * 27))
		p := math.Ldexp(float64(random.IntN(257)), -8)
		level := -math.Exp(random.Float64()*12 - 4)
		k := tail.BinomialCritical(n, p, level)
		require.True(t, 0 <= k && k <= n+1)
		require.LessOrEqual(t, tail.Binomial(k, n, p), level, "n=%d p=%v level=%v", n, p, level)
		require.Greater(t, tail.Binomial(k-1, n, p), level, "n=%d p=%v level=%v", n, p, level)
	}
	assert.Equal(t, int64(0), tail.BinomialCritical(100, 0.5, 0))
	assert.Equal(t, int64(0), tail.BinomialCritical(0, 0.5, 0))
	assert.Equal(t, int64(1), tail.BinomialCritical(0, 0.5, -1))
	assert.Equal(t, int64(1), tail.BinomialCritical(10, 0, -5))
	assert.Equal(t, int64(11), tail.BinomialCritical(10, 1, -5))
	assert.Equal(t, int64(11), tail.BinomialCritical(10, 0.5, -5))
	assert.Equal(t, int64(10), tail.BinomialCritical(10, 0.5, -3.01))
	assert.Equal(t, int64(11), tail.BinomialCritical(10, 0.5, math.Inf(-1)))
	assert.Panics(t, func() { tail.BinomialCritical(10, 0.5, math.NaN()) })
}

// TestBinomialMonotone: the tail does not rise with k, also where the integral takes over from the
// series, and for n far beyond the reach of an exact oracle.
func TestBinomialMonotone(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		n := int64(math.Exp(8 + random.Float64()*20))
		p := math.Ldexp(float64(1+random.IntN(255)), -8)
		sd := math.Sqrt(float64(n) * p * (1 - p))
		k := int64(float64(n)*p + sd*random.NormFloat64()*4)
		last := tail.Binomial(k, n, p)
		for range 20 {
			k++
			got := tail.Binomial(k, n, p)
			require.LessOrEqual(t, got, last, "k=%d n=%d p=%v", k, n, p)
			last = got
		}
	}
}

func BenchmarkBinomial(b *testing.B) {
	for _, n := range []int64{200, 10000, 1e6, 1e9, 1e12} {
		for _, z := range []float64{-2, 0.1, 1, 5, 30} {
			k := int64(float64(n)*0.25 + z*math.Sqrt(float64(n)*0.1875))
			if k < 0 || k > n {
				continue
			}
			b.Run(fmt.Sprintf("n=%d/z=%v", n, z), func(b *testing.B) {
				for b.Loop() {
					tail.Binomial(k, n, 0.25)
				}
			})
		}
	}
}

func BenchmarkBinomialCritical(b *testing.B) {
	for _, n := range []int64{200, 1e6, 1e12} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			for b.Loop() {
				tail.BinomialCritical(n, 0.25, -6)
			}
		})
	}
}
