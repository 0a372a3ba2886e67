package student

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// greens draws the number of green ones among n pairs.
func greens(rng *rand.Rand, n int64, rate float64) (k int64) {
	for range n {
		if rng.Float64() < rate {
			k++
		}
	}
	return k
}

// often fails unless what happened found times of texts can have had probability 0.9.
func often(t *testing.T, found, texts int64) {
	t.Helper()
	t.Logf("found %d of %d", found, texts)
	assert.Greater(t, tail.Binomial(texts-found, texts, 0.1), -4.0)
}

// TestStatedShareIsFound draws students that learned the share of which silence says that it would have
// been detected: their pairs are green at the rate of the stated c1. By the normal law, that was so
// with probability 0.77 to 0.88 at gamma 1/4.
func TestStatedShareIsFound(t *testing.T) {
	const texts = 400
	for _, gamma := range []float64{0.5, 0.25, 1.0 / 16} {
		for _, n := range []int64{150, 600, 3000} {
			t.Run(fmt.Sprintf("gamma %v, %d pairs", gamma, n), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(17, uint64(n)))
				o := (&Options{C1: 0.64, C1Pairs: n, MinShare: 1}).filled()
				o.MinShare = plan.Student{C1: o.C1, Alpha: o.Alpha, Tests: 2, Gamma: gamma}.Share(n, 0.9)
				if o.MinShare > 1 {
					t.Skip("so many pairs show no share")
				}
				require.Equal(t, detect.NotDetected, o.verdict(0, gamma, n, 2))
				less := o
				less.MinShare *= 0.999
				require.Equal(t, detect.Inconclusive, less.verdict(0, gamma, n, 2))
				var found int64
				for range texts {
					k := greens(rng, n, gamma+o.C1*o.MinShare*math.Sqrt(gamma*(1-gamma)))
					if o.verdict(tail.Bonferroni(tail.Binomial(k, n, gamma), 2), gamma, n, 2) == detect.Detected {
						found++
					}
				}
				often(t, found, texts)
			})
		}
	}
}

// TestFutileShareIsFound: at the end of a sequential test without a detection, the share of interest
// would have been detected.
func TestFutileShareIsFound(t *testing.T) {
	const texts = 200
	for _, gamma := range []float64{0.5, 0.25} {
		t.Run(fmt.Sprint(gamma), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(18, 1))
			m := testmark.Mark(t, testmark.Key(77), watermark.GreenList{Gamma: gamma, Delta: 2, Width: 1}, 1000)
			q, err := NewSequential(m, testmark.Must(NewDecoys([16]byte{1}, 100, func(k watermark.Key) (detect.Scorer, error) {
				return watermark.New(k, m.Scheme(), m.Vocab())
			})), &SequentialOptions{C1: 0.5, MinShare: 0.6, C1Pairs: 1000})
			require.NoError(t, err)
			n := q.Progress().Futile
			var found int64
			for range texts {
				e := sequential.NewEProcessFor(greenLaw(m))
				for range n {
					e.AddCounts(greens(rng, 1, gamma+0.5*0.6*math.Sqrt(gamma*(1-gamma))), 1)
				}
				if e.Log10P() <= -6 {
					found++
				}
			}
			often(t, found, texts)
		})
	}
}

// TestResolutionIsNamed draws accounts that carry the share of the master's effect which Resolution
// states. They are named at the strictest level of their family.
func TestResolutionIsNamed(t *testing.T) {
	const texts, accounts, units = 400, 120, 900
	for _, gamma := range []float64{0.5, 0.25, 1.0 / 16} {
		t.Run(fmt.Sprint(gamma), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(19, 1))
			m := testmark.Mark(t, testmark.Key(78), watermark.GreenList{Gamma: gamma, Delta: 2, Width: 1}, 1000)
			s := &Test{scorer: m, options: (&Options{}).filled()}
			r := &TraceResult{Alpha: 1e-3}
			r.Master.Pairs.Z, r.Master.Pairs.Scored = 40, 5000
			f := &FamilyResult{Accounts: make([]AccountResult, accounts)}
			for i := range f.Accounts {
				f.Accounts[i].Scored = units
			}
			const factor = 0.5
			share := s.resolution(r, f, factor)
			require.Less(t, share, 1.0)
			rate := gamma + share*40/math.Sqrt(5000)*math.Sqrt(gamma*(1-gamma))
			var found int64
			for range texts {
				p := tail.Binomial(greens(rng, units, rate), units, gamma)
				if p+math.Log10(float64(s.options.statistics()))+math.Log10(accounts)+factor <= -3 {
					found++
				}
			}
			often(t, found, texts)
		})
	}
	assert.True(t, math.IsInf((&Test{}).resolution(&TraceResult{}, &FamilyResult{Accounts: make([]AccountResult, 1)}, 0), 1), "no effect, no resolution")
}
