package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// TestShare: Tokens returns the smallest number that has the power. For a green list it is that of
// GreenList.
func TestShare(t *testing.T) {
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			p := plan.Share{Law: c.Law, Share: 0.5, Alpha: 1e-3}
			n, err := p.Tokens(0.9)
			require.NoError(t, err)
			t.Logf("%d tokens", n)
			assert.GreaterOrEqual(t, p.Power(n), 0.9-1e-12)
			assert.Less(t, p.Power(n-1), 0.9)
			less := p
			less.Share = 0.25
			m, err := less.Tokens(0.9)
			require.NoError(t, err)
			assert.InDelta(t, 4, float64(m)/float64(n), 1, "tokens grow as 1/share^2")
			if b, ok := c.Law.(watermark.Bernoulli); ok {
				list := plan.GreenList{Gamma: b.P, Green: b.P + 0.5*(b.Marked-b.P), Alpha: 1e-3}
				want, err := list.Tokens(0.9)
				require.NoError(t, err)
				assert.Equal(t, want, n)
				assert.InDelta(t, list.Power(n), p.Power(n), 1e-12)
			}
		})
	}
	_, err := plan.Share{Law: watermark.Bernoulli{P: 0.5}, Share: 1}.Tokens(0.9)
	assert.ErrorIs(t, err, plan.ErrNoEffect)
	_, err = plan.Share{Law: watermark.Exponential{First: 1}, Share: 1e-5}.Tokens(0.9)
	assert.ErrorIs(t, err, plan.ErrOutOfReach)
	assert.Zero(t, plan.Share{Law: watermark.Layers{Depth: 30}, Share: 1}.Power(0))
}

func TestSharesOutOfRange(t *testing.T) {
	for _, c := range []struct {
		name  string
		law   watermark.Law
		share float64
		n     int64
	}{
		{"share", watermark.Exponential{First: 1}, 0, 10},
		{"tokens", watermark.Exponential{First: 1}, 1, -1},
		{"law", watermark.Exponential{}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Panics(t, func() { plan.Share{Law: c.law, Share: c.share}.Power(c.n) })
		})
	}
}
