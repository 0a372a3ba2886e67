package kernel

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// notLast decides bytes that are not 255.
var notLast = NewTable(8, 255, 0, 0)

// LastBytes appends to dst where among the first n bytes of the keystream of a nonce the
// bytes of 255 are, in order.
func (k *Keys) LastBytes(s *Scratch, dst []uint32, nonce *Nonce, n int) []uint32 {
	if active == Generic {
		stream := k.streamGeneric(s, nonce, (n+BlockSize-1)&^(BlockSize-1))[:n]
		for at := 0; ; at++ {
			next := bytes.IndexByte(stream[at:], 255)
			if next < 0 {
				return dst
			}
			at += next
			dst = append(dst, uint32(at))
		}
	}
	for at := 0; at < n; at += chunkBytes {
		size := min(n-at, chunkBytes)
		notLast.decide(s, k, nonce, uint32(at/BlockSize), size)
		found := len(dst)
		dst = slices.Grow(dst, size+1)[:found+size+1]
		for i := 0; i < size; i += 64 {
			last := ^binary.LittleEndian.Uint64(s.mask[i/8:])
			if rest := size - i; rest < 64 {
				last &= 1<<rest - 1
			}
			// One in 5 words has a bit and one in 40 has two: no branch on the first.
			dst[found] = uint32(at + i + bits.TrailingZeros64(last))
			found += int((last | -last) >> 63)
			for last &= last - 1; last != 0; last &= last - 1 {
				dst[found] = uint32(at + i + bits.TrailingZeros64(last))
				found++
			}
		}
		dst = dst[:found]
	}
	return dst
}
