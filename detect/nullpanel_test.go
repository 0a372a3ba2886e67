package detect_test

import (
	"cmp"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark/nullpanel"
	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

// TestNullPanel tests texts of many kinds by every statistic, under keys that the texts do not depend
// on. p-values must not be small more often than they say. All numbers are fixed, except for the
// texts of the Go distribution that runs the test. TestNullPanelLong takes many more keys.
func TestNullPanel(t *testing.T) {
	keys := 1000
	if testing.Short() {
		keys = 150
	}
	texts, root := nulltext.Texts(t), nulltext.Root()
	statistics := nullStatistics()
	cells := len(statistics) * (len(texts) + 1)
	for _, s := range statistics {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var all nullpanel.Count
			for i, x := range texts {
				// Short texts have few attainable p-values, where mistakes show.
				x = x.Cut(cmp.Or(s.size, []int{24, 250, 100}[i%3]))
				test := s.test(x)
				var count nullpanel.Count
				nullKeys(root, s.name, x.Name, keys/max(s.slow, 1), func(k watermark.Key) { count.Add(test(k)) })
				count.Check(t, x.Name, cells)
				all.Merge(&count)
			}
			t.Logf("%v", &all)
			all.Check(t, "all texts", cells)
		})
	}
}

// TestNullPanelHasPower counts every position, with repeats, which no test may do. The texts of the
// panel show the mistake.
func TestNullPanelHasPower(t *testing.T) {
	root := nulltext.Root()
	for _, x := range nulltext.Texts(t) {
		if !x.Repeats {
			continue
		}
		t.Run(x.Name, func(t *testing.T) {
			x := x.Cut(400)
			var pairs []watermark.Pair
			for i := x.Width; i < len(x.IDs); i++ {
				pairs = append(pairs, watermark.Pair{Context: x.IDs[i-x.Width : i], Token: x.IDs[i]})
			}
			var count nullpanel.Count
			const keys = 500
			nullKeys(root, "naive", x.Name, keys, func(k watermark.Key) {
				var green int64
				for _, s := range x.Mark(k).Score(nil, pairs) {
					green += s
				}
				count.Add(nullpanel.Outcome{Log10P: tail.Binomial(green, int64(len(pairs)), x.Gamma)})
			})
			t.Log(&count)
			assert.Less(t, tail.Binomial(count.Hits[1], keys, nullpanel.Depths[1]), -9.0)
		})
	}
}

// TestAnotherKeysMark: the panel holds a marked text, which its own key detects.
func TestAnotherKeysMark(t *testing.T) {
	for _, x := range nulltext.Texts(t) {
		if x.Name != "marked under another key" {
			continue
		}
		m := nulltext.Other(t)
		require.Equal(t, watermark.GreenList{Gamma: x.Gamma, Delta: 2, Width: x.Width}, m.Scheme())
		a := detect.NewAccumulator(x.Mark(nulltext.Root().Derive("another")), nil)
		a.Add(x.IDs)
		r := a.Result()
		assert.Equal(t, detect.Detected, r.Verdict)
		assert.Less(t, r.Log10P, -100.0)
		a = detect.NewAccumulator(x.Mark(nulltext.Root()), nil)
		a.Add(x.IDs)
		assert.Greater(t, a.Result().Log10P, -6.0, "under a key that it does not have")
		assert.False(t, math.IsNaN(r.Z))
		return
	}
	assert.Fail(t, "no text is marked")
}
