package sequential

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/lawtest"
)

// TestLeastSumLosesNothing compares streams with and without the bound that spares candidates the
// computation of their p-value.
func TestLeastSumLosesNothing(t *testing.T) {
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(67, 68))
			found := 0
			for i := range 300 {
				bound := int64(i % 2 * 200)
				o := &detect.Options{Alpha: 0.9, Tests: 1 + int64(i%3)}
				fast, slow := NewSegments(c.Law, bound, o), NewSegments(c.Law, bound, o)
				slow.least = math.MinInt64
				for at := range 200 {
					score := lawtest.Draw(rng, c.Law)
					if at >= 150 { // a weak mark
						score = max(score, lawtest.Draw(rng, c.Law))
					}
					fast.Add(score)
					slow.Add(score)
				}
				require.Equal(t, slow.Found(), fast.Found())
				found += len(slow.Found())
			}
			assert.Greater(t, found, 30, "the streams have segments")
		})
	}
}
