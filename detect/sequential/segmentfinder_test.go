package sequential

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maximalByHand applies the definition. All proper prefixes and suffixes of a segment have positive
// sums, hence every proper part has a smaller sum. No longer segment of this kind contains it.
func maximalByHand(scores []int64) [][2]int64 {
	sums := make([]int64, len(scores)+1)
	for i, s := range scores {
		sums[i+1] = sums[i] + s
	}
	tight := func(from, to int) bool {
		for i := from + 1; i < to; i++ {
			if sums[i] <= sums[from] || sums[i] >= sums[to] {
				return false
			}
		}
		return sums[to] > sums[from]
	}
	var found [][2]int64
	for from := 0; from < len(scores); from++ {
		for to := len(scores); to > from; to-- {
			if tight(from, to) {
				found = append(found, [2]int64{int64(from), int64(to)})
				from = to - 1
				break
			}
		}
	}
	return found
}

func TestSegmentFinderAgreesWithTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	for range 5000 {
		scores := make([]int64, rng.IntN(40))
		spread := 1 + rng.Int64N(5)
		for i := range scores {
			scores[i] = rng.Int64N(2*spread+1) - spread
		}
		var final []candidate
		m := segmentFinder{emit: func(c candidate) { final = append(final, c) }}
		for i, s := range scores {
			m.add(s)
			// Final and open candidates together are the segments so far.
			var got [][2]int64
			for _, c := range append(append([]candidate{}, final...), m.open...) {
				got = append(got, [2]int64{c.from, c.to})
				var sum int64
				for _, s := range scores[c.from:c.to] {
					sum += s
				}
				require.Equal(t, sum, c.score())
			}
			require.Equal(t, maximalByHand(scores[:i+1]), got, "%v", scores[:i+1])
		}
	}
}

func TestSegmentFinderKeepsFewOpen(t *testing.T) {
	rng := rand.New(rand.NewPCG(53, 54))
	for _, rate := range []float64{0.4, 0.5, 0.6, 0.9} {
		t.Run(fmt.Sprintf("rate=%v", rate), func(t *testing.T) {
			most := 0
			m := segmentFinder{emit: func(candidate) {}}
			for range 1_000_000 {
				if rng.Float64() < rate {
					m.add(5)
				} else {
					m.add(-6)
				}
				most = max(most, len(m.open))
			}
			t.Logf("at most %d open", most)
			assert.Less(t, most, 200)
		})
	}
}
