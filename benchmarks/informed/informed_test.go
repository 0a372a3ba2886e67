package main

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTable runs a small table: the informed test needs fewer tokens than the plain one.
func TestTable(t *testing.T) {
	defer func(kept []method) { methods = kept }(methods)
	methods = []method{methods[0], methods[2]}
	var out strings.Builder
	require.NoError(t, table(&out, 20, "web"))
	assert.Equal(t, 4*2+2, strings.Count(out.String(), "\n"))
	assert.Contains(t, out.String(), "web\t0.15\tgumbel: informed\t")
}

// TestDrawsHaveTheirLaws: without a mark, scores are those of chance, and tokens those of the rows.
func TestDrawsHaveTheirLaws(t *testing.T) {
	defer func(kept bool) { tournaments = kept }(tournaments)
	tournaments = true
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 20000
	var gumbel, green, bit, marked, p float64
	for range n {
		x := draw(rng, kinds[0], false)
		gumbel += float64(x.gumbel) / (1 << 32) / n
		if x.green {
			green += 1.0 / n
		}
		if x.tournament[0] {
			bit += 1.0 / n
		}
		marked += float64(draw(rng, kinds[0], true).gumbel) / (1 << 32) / n
		p += math.Log(x.p) / n
	}
	assert.InDelta(t, 1, gumbel, 0.04)
	assert.InDelta(t, 0.5, green, 0.02)
	assert.InDelta(t, 0.5, bit, 0.02)
	assert.Greater(t, marked, 1.8)
	var entropy float64 // of the mixture, in nats
	for i, w := range kinds[0].weights {
		entropy += w * entropies[i]
	}
	assert.InDelta(t, -entropy, p, 0.08)
}

func TestGoodness(t *testing.T) {
	assert.Zero(t, goodness([]float64{1}))
	assert.InDelta(t, 2*math.Pow(0.5-0.1, 2)/(2*0.1*0.9), goodness([]float64{0.1, 1}), 1e-12)
	assert.Zero(t, goodness([]float64{1e-9, 1}), "truncated")
}
