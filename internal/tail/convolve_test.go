package tail

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConvolveTwoIsTheLoop compares with the loop for any number of atoms, bit for bit.
func TestConvolveTwoIsTheLoop(t *testing.T) {
	for _, step := range []int64{1, 2, 7, 40} {
		t.Run(fmt.Sprintf("step=%d", step), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(step)))
			for range 200 {
				atoms := []int64{0, step}
				tilted := []float64{rng.Float64(), rng.Float64()}
				law := make([]float64, step+1+rng.Int64N(60))
				for i := range law {
					law[i] = rng.ExpFloat64()
				}
				want := append([]float64(nil), law...)
				for x := int64(len(want)) - 1; x >= 0; x-- {
					sum := 0.0
					for i, y := range atoms {
						if y > x {
							break
						}
						sum += float64(tilted[i] * want[x-y])
					}
					want[x] = sum
				}
				convolveTwo(law, tilted[0], tilted[1], step)
				require.Equal(t, want, law)
			}
		})
	}
}
