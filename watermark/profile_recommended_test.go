package watermark_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// greenCost returns the divergence of a biased step with green mass p, in nats.
func greenCost(p, delta float64) float64 {
	a := math.Expm1(delta)
	g := (1 + a) * p / (1 + a*p)
	return delta*g - math.Log1p(a*p)
}

func TestTraceProfileKeepsItsBudget(t *testing.T) {
	for _, nats := range []float64{1e-6, 0.001, 0.01, 0.05, 0.1, 0.2, 0.25} {
		p, err := watermark.TraceProfile(1000, watermark.TokenizerNone, "", nats)
		require.NoError(t, err)
		g := p.Scheme.(watermark.GreenList)
		assert.Equal(t, watermark.GreenList{Gamma: 0.5, Delta: g.Delta, Width: 2}, g)
		assert.Equal(t, watermark.MaskNone, p.Mask)
		assert.LessOrEqual(t, greenCost(0.5, g.Delta), nats*(1+1e-9))
		assert.Greater(t, greenCost(0.5, g.Delta+0.001), nats, "and not a smaller one")
		// Whatever the model: no law of masses with mean 1/2 costs more. Laws of two
		// masses are the corners of all of them.
		for lo := 0.0; lo < 0.5; lo += 0.01 {
			for hi := 0.51; hi <= 1; hi += 0.01 {
				w := (hi - 0.5) / (hi - lo)
				cost := w*greenCost(lo, g.Delta) + (1-w)*greenCost(hi, g.Delta)
				require.LessOrEqual(t, cost, nats*(1+1e-9), "nats %v, masses %v and %v", nats, lo, hi)
			}
		}
	}
	for _, nats := range []float64{0, -1, 0.2501, math.NaN(), math.Inf(1)} {
		_, err := watermark.TraceProfile(1000, watermark.TokenizerNone, "", nats)
		var param *watermark.ParamError
		assert.ErrorAs(t, err, &param)
	}
	_, err := watermark.TraceProfile(0, watermark.TokenizerNone, "", 0.05)
	assert.Error(t, err)
}

func TestProvenanceProfile(t *testing.T) {
	p, err := watermark.ProvenanceProfile(1000, watermark.TokenizerNone, "")
	require.NoError(t, err)
	assert.Equal(t, watermark.GumbelMax{Width: 4}, p.Scheme)
	assert.Equal(t, watermark.MaskContext, p.Mask)
	assert.Equal(t, watermark.DedupContext, p.Dedup)
	_, err = watermark.ProvenanceProfile(1000, "gpt2", "")
	assert.Error(t, err, "a tokenizer needs its digest")
}
