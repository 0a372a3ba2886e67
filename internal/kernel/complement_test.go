package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The complement is that of the specification, in all three ways to a decision.
func TestComplement(t *testing.T) { onEachBackend(t, testComplement) }

func testComplement(t *testing.T) {
	const n, delta = 300, 1.5
	rng := rand.New(rand.NewPCG(31, 32))
	for _, lane := range []int{0, 1, 7, 8, 63, 127} {
		table := NewTable(1, 1, lane, delta)
		other := table.Complement()
		stream := make([]byte, (n+127)/128*BlockSize)
		for i := range stream {
			stream[i] = byte(rng.Uint32())
		}
		row, mask := make([]float32, n), make([]uint64, (n+63)/64)
		other.Bias(new(Scratch), row, stream)
		other.Mask(mask, stream, n)
		for v := range n {
			want := !greenBit(stream, v, 1, 1, lane)
			require.Equal(t, want, row[v] == delta, "lane %d, token %d", lane, v)
			require.Equal(t, want, mask[v/64]>>(v%64)&1 == 1, "lane %d, token %d", lane, v)
			block := [BlockSize]byte(stream[int(other.BlockOf(uint32(v)))*BlockSize:])
			require.Equal(t, want, other.Green(&block, uint32(v)), "lane %d, token %d", lane, v)
		}
		again := other.Complement()
		assert.Equal(t, table, again)
	}
	for _, width := range []int{2, 4, 8} {
		assert.Panics(t, func() { NewTable(width, 1, 0, delta).Complement() })
	}
}
