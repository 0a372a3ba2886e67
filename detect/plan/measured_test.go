package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/plan"
)

// TestMeasured checks that each kind can be read, and what docs/schemes.md says of it.
func TestMeasured(t *testing.T) {
	for _, c := range []struct {
		kind        string
		green, nats float64
		tokens      int64
	}{
		{"chat", 0.768, 0.358, 118},
		{"reasoning", 0.734, 0.314, 159},
		{"code", 0.685, 0.255, 259},
	} {
		t.Run(c.kind, func(t *testing.T) {
			assert.Contains(t, plan.MeasuredKinds(), c.kind)
			h, ok := plan.Measured(c.kind)
			require.True(t, ok)
			assert.EqualValues(t, 3000, h.Steps())
			assert.InDelta(t, 0.5, h.Gamma(), 0)
			assert.InDelta(t, 0.7, h.Temperature(), 0)
			law, err := plan.Histogram(h)
			require.NoError(t, err)
			e := law.Effect(2 / h.Temperature())
			assert.InDelta(t, c.green, e.Green, 0.001)
			assert.InDelta(t, c.nats, e.KL, 0.001)
			test := e.Plan(1)
			test.Alpha = 1e-6
			n, err := test.Tokens(0.9)
			require.NoError(t, err)
			assert.Equal(t, c.tokens, n)
		})
	}
	require.Len(t, plan.MeasuredKinds(), 3)
	for _, kind := range []string{"poetry", "", "../measured/chat"} {
		_, ok := plan.Measured(kind)
		assert.False(t, ok, kind)
	}
}
