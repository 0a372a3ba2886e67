//go:build !race

package detect

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/watermark"
)

// TestNewSizesCostNoMemory: a text has a number of units that no text before had. Its statement of power
// takes the place of an older one.
func TestNewSizesCostNoMemory(t *testing.T) {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("5b", 32))
	require.NoError(t, err)
	m, err := watermark.New(key, watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, 1000)
	require.NoError(t, err)
	rng, text := rand.New(rand.NewPCG(5, 11)), make([]Token, 3000)
	for i := range text {
		text[i] = Token(rng.IntN(1000))
	}
	a, n := NewAccumulator(m, nil), len(text)
	test := func() {
		a.Reset()
		a.Add(text[:n])
		n--
		a.Result()
	}
	test()
	assert.Zero(t, testing.AllocsPerRun(20, test))
}

// TestTextCostsNoMemory: after the first texts, the whole test of another one does not allocate.
// The race detector makes pools forget what they hold, so this file leaves it out.
func TestTextCostsNoMemory(t *testing.T) {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("5a", 32))
	require.NoError(t, err)
	m, err := watermark.New(key, watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, 1000)
	require.NoError(t, err)
	text := make([]Token, 700)
	for i := range text {
		text[i] = Token(i * i % 997)
	}
	a := NewAccumulator(m, nil)
	test := func() Result {
		a.Reset()
		a.Add(text)
		return a.Result()
	}
	first := test()
	assert.Zero(t, testing.AllocsPerRun(20, func() { test() }))
	assert.Equal(t, first, test())
	assert.InDelta(t, null.Of(m.Law()).Survival(&null.Units{1: first.Scored}, null.SumOf(first.Sum)), first.Log10P, 0)
}
