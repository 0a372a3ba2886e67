package kernel

import "slices"

// Stream returns the first n bytes, rounded up to whole blocks, of the keystream of a nonce:
// block j is AES(k, nonce || BE32(j)). The result is valid until the next call with s.
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
