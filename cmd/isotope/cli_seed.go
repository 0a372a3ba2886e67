package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// A seed is where the randomness of generate and demo comes from.
type seed [32]byte

// newSeed returns the seed of a --seed flag, or a fresh one when it was not given.
func newSeed(given bool, number uint64) seed {
	if given {
		return seed(sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("isotope seed\x00"), number)))
	}
	var s seed
	rand.Read(s[:])
	return s
}

// of returns an independent seed for a purpose.
func (s seed) of(purpose string) seed {
	return seed(sha256.Sum256(append(s[:], purpose...)))
}
