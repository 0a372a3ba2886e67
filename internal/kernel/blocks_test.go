package kernel

import (
	"crypto/aes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newTestKey returns a key and, for the same bytes, the block cipher of the standard library.
func newTestKey(t testing.TB, seed byte) (*Keys, func(in []byte) (out Input)) {
	t.Helper()
	key := [16]byte{seed, 1, 2, 3, 0xff, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, seed}
	block, err := aes.NewCipher(key[:])
	require.NoError(t, err)
	return NewKeys(&key), func(in []byte) (out Input) {
		block.Encrypt(out[:], in)
		return out
	}
}

// TestKnownAnswers has the key schedule of FIPS 197, appendix A.1, and the block of appendix B.
func TestKnownAnswers(t *testing.T) {
	key := [16]byte{
		0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
	}
	keys := NewKeys(&key)
	if len(available) > 1 {
		last := [16]byte{
			0xd0, 0x14, 0xf9, 0xa8, 0xc9, 0xee, 0x25, 0x89, 0xe1, 0x3f, 0x0c, 0xc8, 0xb6, 0x63, 0x0c, 0xa6,
		}
		assert.Equal(t, last, keys.round[10])
	}
	onEachBackend(t, func(t *testing.T) {
		block := []Input{{
			0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34,
		}}
		keys.Encrypt(new(Scratch), block, block)
		want := Input{
			0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32,
		}
		assert.Equal(t, want, block[0])
	})
}

func TestEncryptIsAES(t *testing.T) {
	keys, encrypt := newTestKey(t, 9)
	onEachBackend(t, func(t *testing.T) {
		for n := range 70 {
			src, dst := make([]Input, n), make([]Input, n+1)
			for i := range src {
				src[i] = Input{byte(i), byte(n), 3}
			}
			keys.Encrypt(new(Scratch), dst, src)
			for i := range src {
				require.Equal(t, encrypt(src[i][:]), dst[i], "n=%d block %d", n, i)
			}
			require.Equal(t, Input{}, dst[n], "past the end")
			keys.Encrypt(new(Scratch), src, src)
			require.Equal(t, dst[:n], src, "in place")
		}
	})
}

func TestBlocks(t *testing.T) {
	keys := NewKeys(&[16]byte{3, 1, 4, 1, 5})
	onEachBackend(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(51, 52))
		var s Scratch
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
				require.Equal(t, want, got[i], "block %d of %d", i, n)
			}
		}
	})
}

func TestFind255(t *testing.T) {
	keys := NewKeys(&[16]byte{2, 7, 1, 8})
	onEachBackend(t, func(t *testing.T) {
		var s Scratch
		for _, n := range []int{0, 1, 15, 16, 63, 64, 65, 1000, 4095, 4096, 4097, 20_000} {
			nonce := Nonce{byte(n), byte(n >> 8)}
			want := []uint32{7}
			for i, b := range keys.Stream(&s, &nonce, n)[:n] {
				if b == 255 {
					want = append(want, uint32(i))
				}
			}
			require.Equal(t, want, keys.Find255(&s, []uint32{7}, &nonce, n), "n=%d", n)
		}
	})
}

// TestCounterCarries: the counter is 32 bits, big-endian, and carries through all of its bytes.
func TestCounterCarries(t *testing.T) {
	keys, encrypt := newTestKey(t, 9)
	onEachBackend(t, func(t *testing.T) {
		if Active() == Generic {
			t.Skip("the specification starts at block 0")
		}
		for _, first := range []uint32{0, 0xf8, 0xfff7, 0xfffff5, 1<<32 - 3} {
			const blocks = 41
			got := make([]byte, blocks*BlockSize)
			nonce := Nonce{1, 2, 3}
			streamBlocks(&got[0], blocks, keys, &nonce, first)
			for i := range uint32(blocks) {
				in := binary.BigEndian.AppendUint32(nonce[:], first+i)
				want := encrypt(in)
				require.Equal(t, want[:], got[BlockSize*i:BlockSize*(i+1)], "block %d+%d", first, i)
			}
		}
	})
}
