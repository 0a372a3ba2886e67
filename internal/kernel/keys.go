package kernel

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"
)

// rounds is the number of rounds of AES-128.
const rounds = 10

// Keys is an AES-128 key, expanded for every backend. It is immutable and safe for concurrent
// use. It holds secrets, and whoever keeps one must not print it.
type Keys struct {
	block  cipher.Block
	stream cipher.AEAD
	round  [rounds + 1][BlockSize]byte // zero if this machine has Generic alone
}

// NewKeys expands a key.
func NewKeys(key *[16]byte) *Keys {
	k := new(Keys)
	var err error
	if k.block, err = aes.NewCipher(key[:]); err != nil {
		panic("kernel: " + err.Error()) // unreachable: 16 bytes are a key
	}
	if k.stream, err = cipher.NewGCM(k.block); err != nil {
		panic("kernel: " + err.Error())
	}
	if len(available) > 1 {
		k.expand(key)
	}
	return k
}

// expand runs the key schedule of FIPS 197, section 5.2. The AES instructions serve as the
// S-box, so that no memory access depends on the key.
func (k *Keys) expand(key *[16]byte) {
	words := make([]uint32, 4*len(k.round))
	for i := range 4 {
		words[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	constant := uint32(1)
	for i := 4; i < len(words); i++ {
		w := words[i-1]
		if i%4 == 0 {
			w = subWord(bits.RotateLeft32(w, -8)) ^ constant
			constant = constant<<1 ^ constant>>7*0x11b // in GF(2^8)
		}
		words[i] = words[i-4] ^ w
	}
	for i, w := range words {
		binary.LittleEndian.PutUint32(k.round[i/4][i%4*4:], w)
	}
}
