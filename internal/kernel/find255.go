package kernel

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// below255 decides that a token is green if its byte of keystream is below 255.
var below255 = NewTable(8, 255, 0, 0)

// Find255 appends to dst, in order, the positions of the bytes 255 among the first n bytes of
// the keystream of a nonce.
func (k *Keys) Find255(s *Scratch, dst []uint32, nonce *Nonce, n int) []uint32 {
	if active == Generic {
		return k.find255Generic(s, dst, nonce, n)
	}
	for at := 0; at < n; at += chunkBytes {
		size := min(n-at, chunkBytes)
		below255.decide(s, k, nonce, uint32(at/BlockSize), size)
		found := len(dst)
		dst = slices.Grow(dst, size+1)[:found+size+1]
		for i := 0; i < size; i += 64 {
			hits := ^binary.LittleEndian.Uint64(s.mask[i/8:])
			if rest := size - i; rest < 64 {
				hits &= 1<<rest - 1
			}
			// One word in 5 has a hit and one in 40 has two, so the first takes no branch.
			dst[found] = uint32(at + i + bits.TrailingZeros64(hits))
			found += int((hits | -hits) >> 63)
			for hits &= hits - 1; hits != 0; hits &= hits - 1 {
				dst[found] = uint32(at + i + bits.TrailingZeros64(hits))
				found++
			}
		}
		dst = dst[:found]
	}
	return dst
}
