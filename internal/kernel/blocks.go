package kernel

import "encoding/binary"

// Blocks sets dst[i] to block index[i] of the keystream of a nonce. dst and index have
// one length.
func (k *Keys) Blocks(s *Scratch, dst [][BlockSize]byte, nonce *Nonce, index []uint32) {
	if len(dst) == 0 {
		return
	}
	_ = dst[len(index)-1]
	for i, j := range index {
		copy(dst[i][:], nonce[:])
		binary.BigEndian.PutUint32(dst[i][len(nonce):], j)
	}
	if active != Generic {
		encryptBlocks(&dst[0], &dst[0], len(index), k)
		return
	}
	for i := range index {
		s.in = dst[i]
		k.block.Encrypt(s.out[:], s.in[:])
		dst[i] = s.out
	}
}
