package mutate

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNeighbours: the neighbours of a seed are the same on every machine, and they differ.
func TestNeighbours(t *testing.T) {
	h := sha256.New()
	f := &F{rng: rand.New(rand.NewPCG(1, 0)), seeds: []any{"a seed of text", uint8(3)}}
	distinct := map[string]bool{}
	for range 1000 {
		text, n := f.neighbour("a seed of text"), f.neighbour(uint8(3))
		distinct[text.(string)] = true
		fmt.Fprintf(h, "%q %d %v\n", text, n, f.neighbour(true))
	}
	assert.Greater(t, len(distinct), 700)
	assert.Equal(t, "7d4f1c4edd1ac418cb7347cf5013f4d88eaddaae491596bdd49dda53dda14b37", fmt.Sprintf("%x", h.Sum(nil)))
}

func TestUnknownType(t *testing.T) {
	f := &F{rng: rand.New(rand.NewPCG(1, 0))}
	assert.Panics(t, func() { f.neighbour(struct{}{}) })
}

// FuzzAdd counts what Add adds.
func FuzzAdd(tf *testing.F) {
	f := New(tf)
	f.Add([]byte("seed"), "text", 1, true)
	f.Fuzz(func(t *testing.T, b []byte, s string, n int, yes bool) {
		assert.LessOrEqual(t, len(b)+len(s), 1<<17)
	})
}
