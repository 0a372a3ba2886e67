package main

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// fair is a model with four equally likely tokens, which depend on the context.
type fair struct{}

func (fair) Vocab() int { return 500 }

func (fair) Logits(dst []float32, context []int32) {
	for v := range dst {
		dst[v] = float32(math.Inf(-1))
	}
	last := context[len(context)-1]
	for i := range int32(4) {
		dst[(last*31+context[0]+i*97+int32(len(context))*13)%500] = 0
	}
}

var prompts = [][]watermark.Token{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}, {11}, {12}}

func TestMeasure(t *testing.T) {
	var green, gumbel outcome
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			o, err := measure(fair{}, prompts, r, 1, 1600, 1)
			require.NoError(t, err)
			t.Log(o)
			assert.InDelta(t, math.Log(4), o.entropy, 0.02)
			_, biased := r.scheme.(watermark.GreenList)
			assert.Equal(t, biased, o.kl > 0)
			assert.InDelta(t, 0, o.excess, 1e-6, "all tokens are equally likely")
			require.Positive(t, o.n50)
			require.GreaterOrEqual(t, o.n90, o.n50)
			switch r.name {
			case "green 1/2, delta 1":
				green = o
			case "gumbelmax":
				gumbel = o
			}
		})
	}
	assert.Less(t, gumbel.n90, green.n90)
}

// TestKL compares the KL divergence of a bias with its known value: each of four equally likely tokens is
// green with probability gamma.
func TestKL(t *testing.T) {
	scheme := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}
	o, err := measure(fair{}, prompts, row{"", scheme, false}, 1, 1000, 2)
	require.NoError(t, err)
	want := 0.0
	for k, ways := range []float64{1, 4, 6, 4, 1} {
		p := float64(k) / 4
		odds := math.E
		want += ways / 16 * (odds*p/(1+(odds-1)*p) - math.Log1p((odds-1)*p))
	}
	assert.InDelta(t, want, o.kl, 0.01)
}

func TestTable(t *testing.T) {
	var a, b strings.Builder
	for _, w := range []*strings.Builder{&a, &b} {
		require.NoError(t, table(w, fair{}, prompts[:2], 100, 1, []float32{1}, rows[5:8]))
	}
	assert.Equal(t, a.String(), b.String(), "one seed, one table")
	assert.Contains(t, a.String(), "gumbelmax")
	assert.NotContains(t, a.String(), "NaN")
}

// ramp is a model whose logits are 0, -1, -2, ... in a shuffled order.
type ramp struct{}

func (ramp) Vocab() int { return 101 }

func (ramp) Logits(dst []float32, _ []int32) {
	for v := range dst {
		dst[v*37%101] = -float32(v)
	}
}

func TestTopK(t *testing.T) {
	row := make([]float32, 101)
	newTopK(ramp{}, 7).Logits(row, nil)
	for v := range 101 {
		if v < 7 {
			assert.Equal(t, -float32(v), row[v*37%101])
		} else {
			assert.Equal(t, float32(math.Inf(-1)), row[v*37%101])
		}
	}
	ties := []float32{0, 0}
	newTopK(equal{}, 1).Logits(ties, nil)
	assert.Equal(t, []float32{0, 0}, ties)
}

// equal is a model of two equal tokens.
type equal struct{}

func (equal) Vocab() int                      { return 2 }
func (equal) Logits(dst []float32, _ []int32) { clear(dst) }

func TestParse(t *testing.T) {
	got, err := parse("1,0.5")
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 0.5}, got)
	for _, bad := range []string{"", "0", "-1", "1,,2", "x", "NaN"} {
		_, err := parse(bad)
		assert.Error(t, err, bad)
	}
}

func TestFrom(t *testing.T) {
	texts := []*text{
		{detected: []bool{true, false, true, true}},
		{detected: []bool{false, false, false, true}},
	}
	grid := []int{10, 20, 30, 40}
	assert.Equal(t, 30, from(texts, grid, 0.5))
	assert.Equal(t, 40, from(texts, grid, 0.9))
	assert.Equal(t, 0, from([]*text{{detected: []bool{true, false}}}, grid[:2], 0.5))
}
