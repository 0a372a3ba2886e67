package tail_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/tail"
)

func TestLogGamma(t *testing.T) {
	t.Run("factorials", func(t *testing.T) {
		for n := int64(1); n <= 170; n++ {
			f, _ := new(big.Float).SetInt(new(big.Int).MulRange(1, n)).Float64()
			assert.InEpsilon(t, 1+math.Log(f), 1+tail.LogGamma(float64(n)+1), 2e-14, "%d!", n)
		}
	})
	t.Run("halves", func(t *testing.T) {
		want := math.Log(math.Pi) / 2 // Gamma(1/2) is the root of pi, and Gamma(x+1) is x Gamma(x)
		for x := 0.5; x < 100; x++ {
			want += math.Log(x)
			assert.InEpsilon(t, 1+want, 1+tail.LogGamma(x+1), 2e-14, "%v", x)
		}
	})
	t.Run("the standard library", func(t *testing.T) {
		for x := 1.0; x < 1e9; x *= 1.01 {
			want, _ := math.Lgamma(x)
			assert.InDelta(t, want, tail.LogGamma(x), 2e-14+2e-15*x*math.Log(x), "%v", x)
		}
	})
	for _, bad := range []float64{0.999, 0, -1, math.NaN(), math.Inf(-1)} {
		assert.Panics(t, func() { tail.LogGamma(bad) }, "%v", bad)
	}
}
