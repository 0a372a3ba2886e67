package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// A seed determines everything random in generate and demo.
type seed [32]byte

// newSeed returns the seed of --seed, or a random one if the flag was not given.
func newSeed(given bool, number uint64) seed {
	if given {
		return seed(sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("isotope seed\x00"), number)))
	}
	var s seed
	rand.Read(s[:])
	return s
}

// of returns the seed of a purpose. Seeds of different purposes are independent.
func (s seed) of(purpose string) seed {
	return seed(sha256.Sum256(append(s[:], purpose...)))
}
