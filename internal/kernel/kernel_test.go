package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// greenBit reads docs/spec.md literally: token v is green if lane v XOR lane of a little-endian bit
// string is below m.
func greenBit(stream []byte, v, width, m, lane int) bool {
	v ^= lane
	value := 0
	for i := range width {
		bit := v*width + i
		value |= int(stream[bit/8]>>(bit%8)&1) << i
	}
	return value < m
}

// eachShape runs f on every backend over lane widths, thresholds, tenant lanes and row lengths.
func eachShape(t *testing.T, f func(t *testing.T, width, m, lane, n int, stream []byte)) {
	onEachBackend(t, func(t *testing.T) { eachShapeHere(t, f) })
}

func eachShapeHere(t *testing.T, f func(t *testing.T, width, m, lane, n int, stream []byte)) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, width := range []int{1, 2, 4, 8} {
		for _, m := range []int{1, 1<<width - 1, 1 + rng.IntN(1<<width-1)} {
			for _, lane := range []int{0, 1, 128/width - 1, rng.IntN(128 / width)} {
				t.Run(fmt.Sprintf("w=%d/m=%d/lane=%d", width, m, lane), func(t *testing.T) {
					for n := 0; n < 200; n += 1 + n/70*9 {
						stream := make([]byte, (n*width+127)/128*16)
						for i := range stream {
							stream[i] = byte(rng.Uint32())
						}
						f(t, width, m, lane, n, stream)
					}
				})
			}
		}
	}
}

func TestBias(t *testing.T) {
	eachShape(t, func(t *testing.T, width, m, lane, n int, stream []byte) {
		table := NewTable(width, m, lane, 1.5)
		require.Equal(t, len(stream), table.StreamSize(n))
		var scratch Scratch
		// Guards on both sides show writes outside the row.
		whole := make([]float32, n+16)
		for i := range whole {
			whole[i] = special[i%len(special)]
		}
		want := make([]float32, len(whole))
		copy(want, whole)
		for v := range n {
			if greenBit(stream, v, width, m, lane) {
				want[8+v] += 1.5
			} else {
				want[8+v] += 0
			}
		}
		table.Bias(&scratch, whole[8:8+n:8+n], stream)
		for i := range want {
			require.Equal(t, math.Float32bits(want[i]), math.Float32bits(whole[i]), "n=%d entry %d", n, i-8)
		}
	})
}

func TestMask(t *testing.T) {
	eachShape(t, func(t *testing.T, width, m, lane, n int, stream []byte) {
		table := NewTable(width, m, lane, 1)
		words := (n + 63) / 64
		got := make([]uint64, words+1)
		for i := range got {
			got[i] = 0xdeadbeefdeadbeef
		}
		table.Mask(got, stream, n)
		assert.Equal(t, uint64(0xdeadbeefdeadbeef), got[words], "the word after the mask")
		for v := range 64 * words {
			want := v < n && greenBit(stream, v, width, m, lane)
			require.Equal(t, want, got[v/64]>>(v%64)&1 == 1, "n=%d token %d", n, v)
		}
	})
}

func TestGreen(t *testing.T) {
	eachShape(t, func(t *testing.T, width, m, lane, n int, stream []byte) {
		table := NewTable(width, m, lane, 1)
		for v := range n {
			j := table.BlockOf(uint32(v))
			block := (*[16]byte)(stream[16*j:])
			want := greenBit(stream, v, width, m, lane)
			require.Equal(t, want, table.Green(block, uint32(v)), "token %d", v)
		}
	})
}

func TestBlockOfTheLargestToken(t *testing.T) {
	assert.Equal(t, uint32((1<<24-2)>>4), NewTable(8, 1, 0, 1).BlockOf(1<<24-2))
}
