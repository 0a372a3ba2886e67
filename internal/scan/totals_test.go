package scan

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

// TestIntervalIsThatOfBisection compares the fast interval with plain bisection, bit by bit.
func TestIntervalIsThatOfBisection(t *testing.T) {
	each := math.Log10((1 - confidence) / 2)
	rng := rand.New(rand.NewPCG(83, 84))
	for i := range 60 {
		n := int64(1 + rng.IntN(1<<(1+i%20)))
		k := 1 + rng.Int64N(n)
		if i%3 == 0 { // as unmarked text has
			k = max(1, n/2+int64(float64(n)*0.01*rng.NormFloat64()))
		}
		k = min(k, n)

		want := bisect(func(p float64) bool { return tail.Binomial(k, n, p) <= each })
		require.Equal(t, want, lowest(k, n, each), "%d of %d", k, n)
		bounds := map[[2]int64]float64{}
		low, high := clopperPearson(k, n, bounds)
		require.Equal(t, want, low)
		// The bounds of n-k are those of k, and are not computed again.
		lowOther, highOther := clopperPearson(n-k, n, bounds)
		require.Equal(t, 1-low, highOther)
		if k < n {
			require.Equal(t, high, 1-lowOther)
		}
		require.LessOrEqual(t, len(bounds), 2)
	}
}
