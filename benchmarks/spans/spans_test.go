package main

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	var a, b strings.Builder
	require.NoError(t, table(&a, 3000, 3, 5, 1))
	require.NoError(t, table(&b, 3000, 3, 5, 1))
	assert.Equal(t, a.String(), b.String(), "one seed, one table")
	for _, m := range methods {
		assert.Contains(t, a.String(), m.name)
	}
	assert.NotContains(t, a.String(), "NaN")
}

// TestMethodsFindAStrongMark gives every method a mark that it cannot miss.
func TestMethodsFindAStrongMark(t *testing.T) {
	scores := measure(3000, cell{1200, 0.95}, 5, alpha, rand.NewPCG(1, 2))
	for i, s := range scores {
		t.Run(methods[i].name, func(t *testing.T) {
			assert.Equal(t, 5, s.found)
			assert.Greater(t, s.overlap/5, 0.3)
		})
	}
	assert.Greater(t, scores[len(scores)-1].overlap/5, 0.9, "refined")
}

// TestMethodsAreSilentWithoutAMark tests texts that have a fixed seed.
func TestMethodsAreSilentWithoutAMark(t *testing.T) {
	for i, s := range measure(3000, cell{}, 50, alpha, rand.NewPCG(3, 4)) {
		assert.Zero(t, s.found, methods[i].name)
	}
}

func TestOverlap(t *testing.T) {
	assert.Equal(t, 1.0, overlap(3, 5, 3, 5))
	assert.Equal(t, 0.0, overlap(0, 3, 3, 5))
	assert.Equal(t, 0.25, overlap(0, 10, 5, 15)*3/4)
}
