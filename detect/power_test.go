package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

func TestPowerStatementIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, gamma := range []float64{0.25, 0.5} {
		for _, n := range []int{30, 200, 2000, 20000} {
			for _, alpha := range []float64{1e-2, 1e-6} {
				t.Run(fmt.Sprintf("gamma=%v n=%d alpha=%v", gamma, n, alpha), func(t *testing.T) {
					m := testmark.Mark(t, testmark.Key(13), watermark.GreenList{Gamma: gamma, Delta: 2, Width: 1}, vocab)
					a := detect.NewAccumulator(m, &detect.Options{Alpha: alpha, Tests: 3})
					a.Add(testmark.Uniform(rng, n, vocab))
					r := a.Result()
					p := r.Power
					require.Equal(t, alpha, p.Alpha)
					require.Equal(t, 0.9, p.Power)
					at := func(k int64, rate float64) float64 { return tail.Binomial(k, r.Scored, rate) }
					limit := math.Log10(alpha / 3)
					require.LessOrEqual(t, at(p.MinSum, gamma), limit)
					require.Greater(t, at(p.MinSum-1, gamma), limit)
					require.InDelta(t, math.Log10(0.9), at(p.MinSum, gamma+p.MinExcess), 1e-9)
					marked := gamma * math.Exp(2) / (1 + gamma*(math.Exp(2)-1))
					require.InDelta(t, p.MinExcess/(marked-gamma), p.MinShare, 1e-12)
				})
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for _, c := range []struct {
		name  string
		n     int
		share float64
		rate  float64
		want  detect.Verdict
	}{
		{"too short to detect anything", 10, 0, 0.38, detect.Inconclusive},
		{"too short for half a mark", 60, 0, 0.38, detect.Inconclusive},
		{"long enough", 5000, 0, 0.38, detect.NotDetected},
		{"too short for a small share", 5000, 0.05, 0.38, detect.Inconclusive},
		{"long enough for a small share", 500_000, 0.05, 0.38, detect.NotDetected},
		{"no rate", 500_000, 0, 0, detect.Inconclusive},
		{"long enough for less choice", 5000, 0, 0.2, detect.NotDetected},
		{"too short for less choice", 5000, 0, 0.05, detect.Inconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &detect.Options{MinShare: c.share, Rate: c.rate}
			a := detect.NewAccumulator(testmark.Green(t, testmark.Key(0), 2), o)
			a.Add(testmark.Uniform(rng, c.n, vocab))
			assert.Equal(t, c.want, a.Result().Verdict)
		})
	}
}
