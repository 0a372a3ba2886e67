package detect_test

import (
	"cmp"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// TestNullPanel tests texts of many kinds for keys they know nothing of, by every
// statistic there is: p-values must not be small more often than they say. All numbers
// are fixed but for the texts, which are those of the Go distribution at hand.
// TestNullPanelLong is the same for many more keys.
func TestNullPanel(t *testing.T) {
	keys := 1000
	if testing.Short() {
		keys = 150
	}
	texts, root := nullTexts(t), nullRoot(t)
	statistics := nullStatistics()
	cells := len(statistics) * (len(texts) + 1)
	for _, s := range statistics {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var all nullCount
			for i, x := range texts {
				// Short texts have few attainable p-values, where mistakes show.
				x = x.cut(cmp.Or(s.size, []int{24, 250, 100}[i%3]))
				test := s.test(x)
				var count nullCount
				nullKeys(root, s.name, x.name, keys/max(s.slow, 1), func(k watermark.Key) { count.add(test(k)) })
				count.check(t, x.name, cells)
				all.merge(&count)
			}
			t.Logf("%v", &all)
			all.check(t, "all texts", cells)
		})
	}
}

// TestNullPanelHasPower counts every position, repeats included, as a test must not: the
// texts of the panel show it at once.
func TestNullPanelHasPower(t *testing.T) {
	root := nullRoot(t)
	for _, x := range nullTexts(t) {
		x = x.cut(400)
		if !x.repeats {
			continue
		}
		var pairs []watermark.Pair
		for i := x.width; i < len(x.ids); i++ {
			pairs = append(pairs, watermark.Pair{Context: x.ids[i-x.width : i], Token: x.ids[i]})
		}
		var count nullCount
		const keys = 500
		nullKeys(root, "naive", x.name, keys, func(k watermark.Key) {
			var green int64
			for _, s := range x.mark(k).Score(nil, pairs) {
				green += s
			}
			count.add(nullOutcome{log10P: tail.Binomial(green, int64(len(pairs)), x.gamma)})
		})
		t.Logf("%s: %v", x.name, &count)
		assert.Less(t, tail.Binomial(count.hits[1], keys, nullDepths[1]), -9.0, "%s: %v", x.name, &count)
	}
}

// TestAnotherKeysMark: the panel holds a marked text, which its own key detects.
func TestAnotherKeysMark(t *testing.T) {
	for _, x := range nullTexts(t) {
		if x.name != "marked under another key" {
			continue
		}
		m := otherMark(t)
		require.Equal(t, watermark.GreenList{Gamma: x.gamma, Delta: 2, Width: x.width}, m.Scheme())
		a := detect.NewAccumulator(mustMark(nullRoot(t).Derive("another"), watermark.GreenList{Gamma: x.gamma, Delta: 2, Width: x.width}, x.vocab), nil)
		a.Add(x.ids)
		r := a.Result()
		assert.Equal(t, detect.Detected, r.Verdict)
		assert.Less(t, r.Log10P, -100.0)
		a = detect.NewAccumulator(x.mark(nullRoot(t)), nil)
		a.Add(x.ids)
		assert.Greater(t, a.Result().Log10P, -6.0, "under a key that it does not have")
		assert.False(t, math.IsNaN(r.Z))
		return
	}
	assert.Fail(t, "no text is marked")
}
