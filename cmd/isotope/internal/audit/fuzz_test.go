package audit

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// FuzzPlan: a plan that is read is the same as itself, and its JSON reads as the same plan.
func FuzzPlan(tf *testing.F) {
	f := mutate.New(tf)
	text, err := os.ReadFile("../../testdata/landed/round-1/plan.json")
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"plan":[[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			p, err := ParseDeclared(text)
			if err != nil {
				return
			}
			again, err := ParseDeclared(p.JSON())
			require.NoError(t, err)
			assert.NoError(t, p.Same(again))
			assert.Equal(t, p.Digest(), again.Digest())
		})
	})
}
