package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestComplement compares the three ways to a decision with the opposite of the specification.
func TestComplement(t *testing.T) {
	onEachBackend(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(31, 32))
		for _, lane := range []int{0, 1, 7, 8, 63, 127} {
			t.Run(fmt.Sprintf("lane=%d", lane), func(t *testing.T) { testComplement(t, rng, lane) })
		}
	})
	for _, width := range []int{2, 4, 8} {
		assert.Panics(t, func() { NewTable(width, 1, 0, 1).Complement() }, "width %d", width)
	}
}

func testComplement(t *testing.T, rng *rand.Rand, lane int) {
	const n, delta = 300, 1.5
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
		require.Equal(t, want, row[v] == delta, "token %d", v)
		require.Equal(t, want, mask[v/64]>>(v%64)&1 == 1, "token %d", v)
		block := [BlockSize]byte(stream[int(other.BlockOf(uint32(v)))*BlockSize:])
		require.Equal(t, want, other.Green(&block, uint32(v)), "token %d", v)
	}
	again := other.Complement()
	assert.Equal(t, table, again)
}
