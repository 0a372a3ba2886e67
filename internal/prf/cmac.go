package prf

import "crypto/cipher"

// cmac is AES-CMAC (RFC 4493, NIST SP 800-38B). The standard library does not have it.
type cmac struct {
	block  cipher.Block
	k1, k2 [16]byte // for a last block that is whole, and for one that is padded
}

func newCMAC(block cipher.Block) *cmac {
	m := &cmac{block: block}
	var l [16]byte
	block.Encrypt(l[:], l[:])
	m.k1 = double(l)
	m.k2 = double(m.k1)
	return m
}

// double multiplies by x in GF(2^128) with the polynomial x^128 + x^7 + x^2 + x + 1.
func double(b [16]byte) [16]byte {
	var d [16]byte
	carry := b[0] >> 7
	for i := range 15 {
		d[i] = b[i]<<1 | b[i+1]>>7
	}
	d[15] = b[15]<<1 ^ carry*0x87
	return d
}

// sum writes the tag of msg to x and uses x as working memory. The caller owns x, because an
// argument of cipher.Block escapes to the heap.
func (m *cmac) sum(x *[16]byte, msg []byte) {
	*x = [16]byte{}
	for len(msg) > 16 {
		xor(x, msg[:16])
		m.block.Encrypt(x[:], x[:])
		msg = msg[16:]
	}
	xor(x, msg)
	if len(msg) == 16 {
		xor(x, m.k1[:])
	} else {
		x[len(msg)] ^= 0x80
		xor(x, m.k2[:])
	}
	m.block.Encrypt(x[:], x[:])
}

func xor(x *[16]byte, b []byte) {
	for i, v := range b {
		x[i] ^= v
	}
}
