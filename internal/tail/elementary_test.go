package tail

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestElementary compares with the standard library, which is good to the last bit or two for normal
// numbers.
func TestElementary(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	near := func(want, got, ulps float64, name string, x float64) {
		t.Helper()
		require.InDelta(t, want, got, ulps*0x1p-52*math.Abs(want)+5e-324, "%s(%v)", name, x)
	}
	for range 40000 {
		x := random.NormFloat64() * math.Exp(random.Float64()*12-6)
		near(math.Exp(x), exp(x), 3, "exp", x)
		near(math.Expm1(x), expm1(x), 4, "expm1", x)
		y := math.Exp(random.NormFloat64() * 100)
		near(math.Log(y), ln(y), 3, "ln", y)
		z := math.Abs(x) - random.Float64()
		near(math.Log1p(z), log1p(z), 4, "log1p", z)
		s, c := sincos(x)
		ms, mc := math.Sincos(x)
		require.InDelta(t, ms, s, 3e-16, "sin(%v)", x)
		require.InDelta(t, mc, c, 3e-16, "cos(%v)", x)
		w := random.NormFloat64()
		near(math.Atan2(x, w), atan2(x, w), 3, "atan2", x)
	}
}

func TestElementaryEdges(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	require.Equal(t, -inf, ln(0))
	require.Equal(t, inf, ln(inf))
	for _, x := range []float64{ln(-1), ln(nan), exp(nan), log1p(nan)} {
		require.True(t, math.IsNaN(x))
	}
	require.Equal(t, 0.0, ln(1))
	require.InEpsilon(t, -1074*math.Ln2, ln(5e-324), 1e-15)
	require.Equal(t, -inf, log1p(-1))
	require.Equal(t, inf, log1p(inf))
	require.Equal(t, 1.0, exp(0))
	require.Equal(t, 0.0, exp(-inf))
	require.Equal(t, 0.0, exp(-800))
	require.Equal(t, inf, exp(800))
	require.InEpsilon(t, math.MaxFloat64, exp(math.Log(math.MaxFloat64)), 1e-12)
	require.Equal(t, math.Exp(-744), exp(-744))
	require.Equal(t, -1.0, expm1(-100))
	require.Equal(t, math.Pi, atan2(0, -1))
	require.Equal(t, -math.Pi/2, atan2(-1, 0))

	// Close to -1, the square of the modulus is far from 1.
	for e := -40; e < 0; e++ {
		x := math.Ldexp(1, e)
		re, im := complexLog1p(x-1, 0)
		require.InEpsilon(t, float64(e)*math.Ln2, re, 1e-15)
		require.Zero(t, im)
		re, im = complexLog1p(-1, -x)
		require.InEpsilon(t, float64(e)*math.Ln2, re, 1e-15)
		require.Equal(t, -math.Pi/2, im)
	}
	re, _ := complexLog1p(-1, 0)
	require.Equal(t, -inf, re)
}

// TestRemainders compares ln(1+x)-x and e^x-1-x with their series, whose terms have small rounding
// errors.
func TestRemainders(t *testing.T) {
	for i := range 2000 {
		x := math.Ldexp(float64(i-1000)/1000, -i%40)
		var log, exp float64
		for j := 60; j >= 2; j-- {
			log = -math.Pow(-x, float64(j))/float64(j) + log
			exp += math.Pow(x, float64(j)) / math.Gamma(float64(j)+1)
		}
		if math.Abs(x) < 0.45 && x != 0 {
			require.InEpsilon(t, log, log1pmx(x), 4e-15, "%v", x)
			require.InEpsilon(t, exp, expm1mx(x), 4e-15, "%v", x)
		}
	}
}

func TestStirling(t *testing.T) {
	// Differences of log-gamma values check the table and the series. They lose some digits.
	for n := int64(1); n < 40; n++ {
		x := float64(n)
		lg, _ := math.Lgamma(x + 1)
		want := lg - (x*math.Log(x) - x + 0.5*math.Log(2*math.Pi*x))
		require.InDelta(t, want, stirlingError(n), 1e-13, "%d", n)
	}
	// Computed with 40 digits.
	require.InEpsilon(t, 0.005207655919609640441, stirlingError(16), 1e-15)
	require.InEpsilon(t, 8.333333333305555556e-7, stirlingError(100000), 1e-15)
}

// TestGaussLegendre: the rule integrates every polynomial of a degree below 2n.
func TestGaussLegendre(t *testing.T) {
	for _, degree := range []int{0, 1, 2, 17, 50, 2*legendreNodes - 1} {
		s := 0.0
		for i, x := range legendre.node {
			s += legendre.weight[i] * math.Pow(x, float64(degree))
		}
		require.InEpsilon(t, 1/float64(degree+1), s, 1e-15*float64(degree+1), "degree %d", degree)
	}
}

func TestExcess(t *testing.T) {
	random := rand.New(rand.NewPCG(23, 24))
	for range 20000 {
		n := random.Int64N(1 << (2 + random.IntN(61)))
		p := math.Ldexp(random.Float64(), -random.IntN(50))
		k := int64(float64(n)*p) + random.Int64N(5) - 2 // next to the mean
		want := new(big.Float).SetPrec(300).SetInt64(n)
		want.Mul(want, big.NewFloat(p))
		want.Sub(new(big.Float).SetPrec(300).SetInt64(k), want)
		f, _ := want.Float64()
		slack := 0x1p-51*math.Abs(f) + 0x1p-104*float64(n)
		require.InDelta(t, f, excess(k, n, p), slack, "k=%d n=%d p=%v", k, n, p)
	}
}
