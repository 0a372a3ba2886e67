package detect

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// TestPowerOfDraws writes texts with the share that a statement of power names. At least nine in ten
// are detected, and not many more.
func TestPowerOfDraws(t *testing.T) {
	texts := 500
	if testing.Short() {
		texts = 150
	}
	for _, c := range lawtest.Cases() {
		public := c.Law
		if _, ok := public.(watermark.Bernoulli); ok {
			continue
		}
		l, rng := null.Of(public), rand.New(rand.NewPCG(211, 212))
		for _, w := range []struct {
			name  string
			units null.Units
		}{{"equal weights", null.Units{1: 500}}, {"three weights", null.Units{1: 200, 4: 200, 15: 300}}} {
			t.Run(c.Name+"/"+w.name, func(t *testing.T) {
				units := w.units
				p := powerOf(l, &units, Options{Alpha: 1e-4}, 3)
				require.Greater(t, p.MinShare, 0.1)
				require.Less(t, p.MinShare, 1.0)
				full, _ := l.Full()
				assert.InEpsilon(t, p.MinExcess/full, p.MinShare, 1e-12)
				assert.LessOrEqual(t, l.Survival(&units, null.SumOf(p.MinSum)), math.Log10(1e-4/3))
				var found int64
				for range texts {
					var sum int64
					for w, n := range units {
						for i := range n {
							score := lawtest.Draw(rng, public)
							if float64(i) < p.MinShare*float64(n) {
								score = lawtest.DrawMarked(rng, public)
							}
							sum += int64(w) * score
						}
					}
					if sum >= p.MinSum {
						found++
					}
				}
				t.Logf("a share of %.3f is found in %d of %d", p.MinShare, found, texts)
				missed := int64(texts) - found
				assert.Greater(t, tail.Binomial(missed, int64(texts), 0.1), -6.0, "%d of %d", found, texts)
				less := l.Raised(&units, null.SumOf(p.MinSum), p.MinExcess/1.3, true)
				assert.Less(t, less, math.Log10(0.9), "the statement is far too modest")
			})
		}
	}
}
