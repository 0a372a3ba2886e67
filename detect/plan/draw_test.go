package plan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// TestDrawEffectTokens compares with the planner of another program for the same steps, with other
// random tournaments.
func TestDrawEffectTokens(t *testing.T) {
	gumbel, synthID := watermark.GumbelMax{Width: 4}, watermark.Tournament{Depth: 30, Width: 4}
	for _, v := range []struct {
		scheme    watermark.Scheme
		text      string
		power     float64
		want      float64
		tolerance float64
	}{
		{gumbel, "code", 0.9, 2241, 0.001}, {gumbel, "chat", 0.9, 271, 0.001}, {gumbel, "web", 0.9, 48, 0.001},
		{gumbel, "code", 0.5, 1315, 0.001}, {gumbel, "chat", 0.5, 149, 0.001}, {gumbel, "web", 0.5, 25, 0.001},
		{synthID, "code", 0.9, 3780, 0.1}, {synthID, "chat", 0.9, 411, 0.1}, {synthID, "web", 0.9, 64, 0.1},
	} {
		t.Run(fmt.Sprintf("%T/%s/power=%v", v.scheme, v.text, v.power), func(t *testing.T) {
			e, ok := plan.TextDraw(v.scheme, v.text)
			require.True(t, ok)
			n, err := e.Tokens(1e-6, v.power)
			require.NoError(t, err)
			assert.InEpsilon(t, v.want, n, v.tolerance)
		})
	}
}

func TestDrawEffectOfTwoKeys(t *testing.T) {
	tokens := func(dual float64) int64 {
		e, ok := plan.TextDraw(watermark.GumbelMax{Width: 4, Dual: dual}, "chat")
		require.True(t, ok)
		n, err := e.Tokens(1e-6, 0.9)
		require.NoError(t, err)
		return n
	}
	one, rare, even := tokens(0), tokens(255.0/256), tokens(0.5)
	assert.InDelta(t, one, rare, 10, "almost always the first key")
	assert.InEpsilon(t, 464, even, 0.01, "the sum over both keys, of another program")
	assert.Equal(t, tokens(0.25), tokens(0.75), "the keys are alike")
}

func TestDrawEffectRefuses(t *testing.T) {
	_, ok := plan.TextDraw(watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, "chat")
	assert.False(t, ok)
	_, ok = plan.TextDraw(watermark.GumbelMax{Width: 4}, "verse")
	assert.False(t, ok)
	none := plan.DrawEffect{Law: watermark.Exponential{First: 1}, Mean: 1, Variance: 1}
	_, err := none.Tokens(1e-6, 0.9)
	assert.ErrorIs(t, err, plan.ErrNoEffect)
	none.Mean = 1 + 1e-12
	_, err = none.Tokens(1e-6, 0.9)
	assert.ErrorIs(t, err, plan.ErrOutOfReach)
	for _, c := range []struct {
		name         string
		e            plan.DrawEffect
		alpha, power float64
	}{
		{"alpha", none, 0, 0.9},
		{"power", none, 1e-6, 1},
		{"green list", plan.DrawEffect{Law: watermark.Bernoulli{P: 0.5}}, 1e-6, 0.9},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Panics(t, func() { _, _ = c.e.Tokens(c.alpha, c.power) })
		})
	}
}
