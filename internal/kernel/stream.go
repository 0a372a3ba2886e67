package kernel

import (
	"crypto/aes"
	"encoding/binary"
	"slices"
)

// tagSize is what GCM appends.
const tagSize = 16

// Stream returns the first n bytes, rounded up to whole blocks, of the keystream of a
// nonce: block j is AES(keys, nonce || BE32(j)). They are overwritten by the next call.
func (k *Keys) Stream(s *Scratch, nonce *Nonce, n int) []byte {
	size := (n + BlockSize - 1) &^ (BlockSize - 1)
	if active == Generic {
		return k.streamGeneric(s, nonce, size)
	}
	s.buf = slices.Grow(s.buf[:0], max(size, BlockSize))
	stream := s.buf[:size]
	if size > 0 {
		streamBlocks(&stream[0], size/BlockSize, k, nonce, 0)
	}
	return stream
}

// streamGeneric encrypts with GCM from counter 2 on, in the fast code of the standard
// library and without allocating, where cipher.NewCTR allocates; its tag is thrown away.
func (k *Keys) streamGeneric(s *Scratch, nonce *Nonce, size int) []byte {
	const head = 2 * aes.BlockSize
	s.buf = slices.Grow(s.buf[:0], max(size, head)+tagSize)
	stream := s.buf[:max(size, head)]
	copy(s.in[:], nonce[:])
	for j := range uint32(2) {
		binary.BigEndian.PutUint32(s.in[len(nonce):], j)
		k.block.Encrypt(stream[j*aes.BlockSize:], s.in[:])
	}
	clear(stream[head:])
	k.stream.Seal(stream[head:head], s.in[:len(nonce)], stream[head:], nil)
	return stream[:size]
}
