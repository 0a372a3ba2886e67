package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// TestShare: the number of tokens that a plan names is the smallest that has the power,
// and a green list's is that of its Plan.
func TestShare(t *testing.T) {
	for _, c := range lawtest.Cases() {
		name, public := c.Name, c.Law
		p := plan.Share{Law: public, Share: 0.5, Alpha: 1e-3}
		n, err := p.Tokens(0.9)
		require.NoError(t, err, name)
		t.Logf("%s: %d tokens", name, n)
		assert.GreaterOrEqual(t, p.Power(n), 0.9-1e-12, name)
		assert.Less(t, p.Power(n-1), 0.9, name)
		more := p
		more.Share = 0.25
		m, err := more.Tokens(0.9)
		require.NoError(t, err, name)
		assert.InDelta(t, 4, float64(m)/float64(n), 1, "%s: tokens grow as 1/share^2", name)
		if b, ok := public.(watermark.Bernoulli); ok {
			list := plan.GreenList{Gamma: b.P, Green: b.P + 0.5*(b.Marked-b.P), Alpha: 1e-3}
			want, err := list.Tokens(0.9)
			require.NoError(t, err)
			assert.Equal(t, want, n)
			assert.InDelta(t, list.Power(n), p.Power(n), 1e-12)
		}
	}
	_, err := plan.Share{Law: watermark.Bernoulli{P: 0.5}, Share: 1}.Tokens(0.9)
	assert.ErrorIs(t, err, plan.ErrNoEffect)
	_, err = plan.Share{Law: watermark.Exponential{First: 1}, Share: 1e-5}.Tokens(0.9)
	assert.ErrorIs(t, err, plan.ErrOutOfReach)
	assert.Panics(t, func() { plan.Share{Law: watermark.Exponential{First: 1}}.Power(10) })
	assert.Panics(t, func() { plan.Share{Law: watermark.Exponential{First: 1}, Share: 1}.Power(-1) })
	assert.Panics(t, func() { plan.Share{Law: watermark.Exponential{}, Share: 1}.Power(1) })
	assert.Zero(t, plan.Share{Law: watermark.Layers{Depth: 30}, Share: 1}.Power(0))
}
