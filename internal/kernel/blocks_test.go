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
