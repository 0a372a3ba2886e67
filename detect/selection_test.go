package detect_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
)

func log10s(values ...float64) []float64 {
	logs := make([]float64, len(values))
	for i, v := range values {
		logs[i] = math.Log10(v)
	}
	return logs
}

func TestEBHExample(t *testing.T) {
	// Thresholds m/(k q): 160, 80, 53.3, 40, 32.
	s := detect.EBH(log10s(300, 1e8, 9, 40, 1, 5e4, 0.5, 0), 0.05)
	assert.Equal(t, []bool{true, true, false, true, false, true, false, false}, s.Rejected)
	assert.Equal(t, 4, s.Count)
	for i, want := range []float64{8 / (4 * 40.0), 8 / 1e8, 8 / (5 * 9.0), 8 / (4 * 40.0), 1, 8 / (2 * 5e4), 1, 1} {
		if i == 0 {
			want = min(8/(3*300.0), want)
		}
		assert.InDelta(t, math.Log10(want), s.Log10Adjusted[i], 1e-12, "document %d", i)
	}
	assert.Equal(t, []bool{true, false}, detect.EBH([]float64{math.Inf(1), math.Inf(-1)}, 1e-9).Rejected)
}

func TestSelectionsByHand(t *testing.T) {
	p := log10s(0.01, 0.04, 0.03, 0.005, 0.8)
	bh := detect.BenjaminiHochberg(p, 0.05)
	for i, want := range []float64{0.025, 0.05, 0.05, 0.025, 0.8} {
		assert.InDelta(t, math.Log10(want), bh.Log10Adjusted[i], 1e-12)
	}
	assert.Equal(t, []bool{true, true, true, true, false}, bh.Rejected, "0.04 is at its threshold")
	by := detect.BenjaminiYekutieli(p, 0.05)
	for i, want := range []float64{0.025, 0.05, 0.05, 0.025, 1} {
		assert.InDelta(t, math.Log10(min(1, want*137/60)), by.Log10Adjusted[i], 1e-12)
	}
	assert.Zero(t, by.Count)
	holm := detect.Holm(p, 0.05)
	for i, want := range []float64{0.04, 0.09, 0.09, 0.025, 0.8} {
		assert.InDelta(t, math.Log10(want), holm.Log10Adjusted[i], 1e-12)
	}
	assert.Equal(t, 2, holm.Count)
}

func TestSelectionsOfStrangeLists(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name string
		f    func([]float64, float64) detect.Selection
	}{
		{"bh", detect.BenjaminiHochberg}, {"by", detect.BenjaminiYekutieli}, {"holm", detect.Holm},
	} {
		f := c.f
		t.Run(c.name, func(t *testing.T) {
			s := f(nil, 0.1)
			assert.Zero(t, s.Count)
			assert.Empty(t, s.Rejected)
			assert.Empty(t, s.Log10Adjusted)

			s = f([]float64{-inf, -10000, 0, 5}, 0.1)
			assert.Equal(t, []bool{true, true, false, false}, s.Rejected)
			assert.Equal(t, -inf, s.Log10Adjusted[0])
			assert.Less(t, s.Log10Adjusted[1], -9999.0)
			assert.Zero(t, s.Log10Adjusted[3])

			s = f([]float64{-2, -3, -2, -2}, 0.02)
			assert.Equal(t, s.Log10Adjusted[0], s.Log10Adjusted[2])
			assert.Equal(t, s.Log10Adjusted[0], s.Log10Adjusted[3])

			one := f([]float64{-1.5}, 0.05)
			assert.Equal(t, []float64{-1.5}, one.Log10Adjusted)

			given := []float64{-1, -5, -3}
			f(given, 0.5)
			assert.Equal(t, []float64{-1, -5, -3}, given, "the input is unchanged")

			assert.Panics(t, func() { f([]float64{-1, math.NaN()}, 0.1) })
			for _, q := range []float64{0, 1, -1, math.NaN()} {
				assert.Panics(t, func() { f([]float64{-1}, q) })
			}
		})
	}
	assert.Panics(t, func() { detect.EBH([]float64{math.NaN()}, 0.1) })
}

// TestSelectionsEqualTheirDefinitions on small lists with ties.
func TestSelectionsEqualTheirDefinitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for range 3000 {
		m := 1 + rng.IntN(8)
		values := make([]float64, m)
		for i := range values {
			values[i] = float64(1+rng.IntN(30)) / 317 // no value is at a threshold
		}
		q := []float64{0.01, 0.05, 0.2, 0.5}[rng.IntN(4)]
		sorted := slices.Sorted(slices.Values(values))
		harmonic := 0.0
		for j := range m {
			harmonic += 1 / float64(j+1)
		}
		cut := func(ok func(k int) bool, stepDown bool) float64 {
			last := -1.0
			for k := 1; k <= m; k++ {
				if ok(k) {
					last = sorted[k-1]
				} else if stepDown {
					break
				}
			}
			return last
		}
		bh := cut(func(k int) bool { return sorted[k-1] <= q*float64(k)/float64(m) }, false)
		by := cut(func(k int) bool { return sorted[k-1] <= q*float64(k)/float64(m)/harmonic }, false)
		holm := cut(func(k int) bool { return sorted[k-1] <= q/float64(m-k+1) }, true)
		es := make([]float64, m)
		for i, v := range values {
			es[i] = -math.Log10(v)
		}
		for i, v := range values {
			logs := log10s(values...)
			require.Equal(t, v <= bh, detect.BenjaminiHochberg(logs, q).Rejected[i])
			require.Equal(t, v <= by, detect.BenjaminiYekutieli(logs, q).Rejected[i])
			require.Equal(t, v <= holm, detect.Holm(logs, q).Rejected[i])
			require.Equal(t, v <= bh, detect.EBH(es, q).Rejected[i], "thresholds m/(k q)")
		}
	}
}

// TestFalseDiscoveriesUnderSharedText has documents that share boilerplate, which means the same coins
// for all of them. Some documents are marked. The false discovery rate of each rule must be at most
// q, within 4 standard errors. That of single tests must be above it.
func TestFalseDiscoveriesUnderSharedText(t *testing.T) {
	const (
		runs, docs, marked = 4000, 20, 5
		private, shared    = 40, 60
		gamma, q           = 0.5, 0.1
	)
	rng := rand.New(rand.NewPCG(33, 34))
	count := func(n int, rate float64) (green int64) {
		for range n {
			if rng.Float64() < rate {
				green++
			}
		}
		return green
	}
	pvalue := make([]float64, private+shared+1)
	evalue := make([]float64, private+shared+1)
	for g := range pvalue {
		pvalue[g] = tail.Binomial(int64(g), private+shared, gamma)
		evalue[g] = sequential.Log10E(int64(g), private+shared, gamma)
	}
	names := []string{"bh", "by", "ebh", "holm", "single"}
	fdr, power := make([]float64, 5), make([]float64, 5)
	var family float64
	for range runs {
		boilerplate := count(shared, gamma)
		ps, es := make([]float64, docs), make([]float64, docs)
		for d := range docs {
			rate := gamma
			if d < marked {
				rate = 0.95
			}
			g := boilerplate + count(private, rate)
			ps[d], es[d] = pvalue[g], evalue[g]
		}
		single := detect.Selection{Rejected: make([]bool, docs)}
		for d, p := range ps {
			if p <= math.Log10(q) {
				single.Rejected[d] = true
				single.Count++
			}
		}
		for i, s := range []detect.Selection{
			detect.BenjaminiHochberg(ps, q), detect.BenjaminiYekutieli(ps, q), detect.EBH(es, q), detect.Holm(ps, q), single,
		} {
			var wrong, right int
			for d, r := range s.Rejected {
				switch {
				case r && d < marked:
					right++
				case r:
					wrong++
				}
			}
			fdr[i] += float64(wrong) / float64(max(s.Count, 1)) / runs
			power[i] += float64(right) / marked / runs
			if names[i] == "holm" && wrong > 0 {
				family += 1.0 / runs
			}
		}
	}
	slack := 4 * math.Sqrt(q*(1-q)/runs)
	for i, name := range names {
		t.Logf("%-6s false discovery rate %.4f power %.3f", name, fdr[i], power[i])
		if name == "single" {
			assert.Greater(t, fdr[i], q+slack, "otherwise this test shows nothing")
			continue
		}
		assert.LessOrEqual(t, fdr[i], q+slack, name)
		assert.Greater(t, power[i], 0.05, name)
	}
	assert.LessOrEqual(t, family, q+slack, "Holm: even one wrong document")
}
