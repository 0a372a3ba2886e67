package kernel

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	keys := NewKeys(&[16]byte{3, 1, 4, 1, 5})
	var s Scratch
	for _, backend := range Available() {
		defer Use(backend)()
		for n := range 70 {
			nonce := Nonce{byte(n), 9, 2}
			index, got := make([]uint32, n), make([][BlockSize]byte, n)
			for i := range index {
				index[i] = rng.Uint32()
			}
			keys.Blocks(&s, got, &nonce, index)
			for i, j := range index {
				var in, want [BlockSize]byte
				copy(in[:], nonce[:])
				binary.BigEndian.PutUint32(in[len(nonce):], j)
				keys.Block(&want, &in)
				require.Equal(t, want, got[i], "%v, block %d of %d", backend, i, n)
			}
		}
	}
}

func TestLastBytes(t *testing.T) {
	keys := NewKeys(&[16]byte{2, 7, 1, 8})
	var s Scratch
	for _, backend := range Available() {
		defer Use(backend)()
		for _, n := range []int{0, 1, 15, 16, 63, 64, 65, 1000, 4095, 4096, 4097, 20_000} {
			nonce := Nonce{byte(n), byte(n >> 8)}
			want := []uint32{7}
			for i, b := range keys.Stream(&s, &nonce, n)[:n] {
				if b == 255 {
					want = append(want, uint32(i))
				}
			}
			require.Equal(t, want, keys.LastBytes(&s, []uint32{7}, &nonce, n), "%v, n=%d", backend, n)
		}
	}
}
