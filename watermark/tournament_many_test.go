package watermark

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSettleMany compares the two ways to settle a tournament: layer by layer, and by patterns of bits.
func TestSettleMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []Tournament{
		{Depth: 1, Width: 1}, {Depth: 7, Width: 2}, {Depth: 8, Width: 2}, {Depth: 9, Width: 2, Candidates: 3},
		{Depth: 30, Width: 4}, {Depth: 32, Width: 5, Candidates: 16},
	} {
		for _, n := range []int{2, 100, 5000} {
			t.Run(fmt.Sprintf("%v, %d candidates", c, n), func(t *testing.T) {
				mark, err := New(NewKey(), c, 20000, Lane{Group: 3, Index: 2})
				require.NoError(t, err)
				g := mark.keyed.(*tournament)
				var s scratch
				list := make([]candidate, n)
				ids := rng.Perm(20000)[:n]
				slices.Sort(ids)
				for i := range list {
					list[i] = candidate{id: Token(ids[i]), weight: rng.ExpFloat64()}
				}
				list[n/2].weight = 0
				many := slices.Clone(list)
				context := []Token{1, 2, 3, 4, Token(n)}
				g.setContext(&s, context)
				g.settleMany(&s, many)
				g.setContext(&s, context)
				for i, c := range list {
					require.Equal(t, g.bits(&s.Scratch, uint32(c.id)^g.lane), s.bits[i])
				}
				want := settleByLayers(g, s.bits, list)
				var before, after float64
				for i := range want {
					assert.InDelta(t, want[i].weight, many[i].weight, 1e-13*float64(n), "within rounding of the sum")
					before += list[i].weight
					after += many[i].weight
				}
				assert.InEpsilon(t, before, after, 1e-9, "a tournament moves mass, and does not make any")
			})
		}
	}
}

// settleByLayers is the definition: in each layer a token with a 1 wins against tokens with a 0.
func settleByLayers(g *tournament, bits []uint32, list []candidate) []candidate {
	list = slices.Clone(list)
	for l := range g.params.Depth {
		var total, ones float64
		for i, c := range list {
			total += c.weight
			if bits[i]>>l&1 == 1 {
				ones += c.weight
			}
		}
		miss := 1 - ones/total
		one, zero := 1.0, 1.0
		for range g.params.Candidates - 1 {
			zero *= miss
			one += zero
		}
		for i := range list {
			if bits[i]>>l&1 == 1 {
				list[i].weight *= one
			} else {
				list[i].weight *= zero
			}
		}
	}
	return list
}
