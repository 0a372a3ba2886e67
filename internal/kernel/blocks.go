package kernel

import "encoding/binary"

// Block encrypts one block. Both arguments escape to the heap unless they live in a Scratch.
func (k *Keys) Block(dst, src *[BlockSize]byte) { k.block.Encrypt(dst[:], src[:]) }

// Blocks sets dst[i] to block index[i] of the keystream of a nonce. It panics if dst is shorter
// than index.
func (k *Keys) Blocks(s *Scratch, dst [][BlockSize]byte, nonce *Nonce, index []uint32) {
	dst = dst[:len(index)]
	for i, j := range index {
		copy(dst[i][:], nonce[:])
		binary.BigEndian.PutUint32(dst[i][len(nonce):], j)
	}
	k.Encrypt(s, dst, dst)
}

// Encrypt sets dst[i] to the encryption of src[i]. dst may be src, and may be longer.
func (k *Keys) Encrypt(s *Scratch, dst, src [][BlockSize]byte) {
	n := len(src)
	if n == 0 {
		return
	}
	if active == Generic {
		k.encryptGeneric(s, dst, src)
		return
	}
	_ = dst[n-1]
	encryptBlocks(&dst[0], &src[0], n, k)
}
