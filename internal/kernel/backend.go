package kernel

import (
	"fmt"
	"slices"
)

// A Backend is one implementation of the loops of this package. All give the same bits.
type Backend uint8

const (
	// Generic is Go and crypto/aes: the specification.
	Generic Backend = iota
	// AESNI is AVX2 with AES on 128-bit vectors.
	AESNI
	// VAES is AVX2 with AES on 256-bit vectors.
	VAES
	// NEON is arm64 with its AES instructions.
	NEON
	// AVX512 is VAES, with AES on 512-bit vectors to score pairs.
	AVX512
)

var backendNames = [...]string{Generic: "generic", AESNI: "aesni", VAES: "vaes", NEON: "neon", AVX512: "avx512"}

// String returns the name that benchmarks print.
func (b Backend) String() string { return backendNames[b] }

var (
	// available lists the backends of this machine, the fastest last.
	available = append([]Backend{Generic}, detect()...)
	// active is the backend of the loops. It is set before main, and later by tests alone.
	active = available[len(available)-1]
)

// Active returns the backend in use.
func Active() Backend { return active }

// Available returns the backends that this machine and build can use, the fastest last.
func Available() []Backend { return slices.Clone(available) }

// Use selects a backend for the whole program until restore is called. It is for tests and
// benchmarks, while no other goroutine uses the package. It panics if the backend is not
// available.
func Use(b Backend) (restore func()) {
	if !slices.Contains(available, b) {
		panic(fmt.Sprintf("kernel: backend %v is not available", b))
	}
	old := active
	active = b
	return func() { active = old }
}
