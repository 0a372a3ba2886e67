package watermark_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// TestMarkBand checks what Band reports, and that ScoreInBand agrees with Score inside the
// band and scores what lies outside of it.
func TestMarkBand(t *testing.T) {
	selector := testKey(t).Derive("selector")
	for _, c := range []struct {
		name     string
		opts     []watermark.Option
		lo, hi   int
		selector string
	}{
		{"no band", nil, 0, watermark.BandSize, ""},
		{"everything", []watermark.Option{watermark.Band{Lo: 0, Hi: watermark.BandSize}}, 0, watermark.BandSize, ""},
		{"everything, with a selector", []watermark.Option{watermark.Band{Selector: selector, Hi: watermark.BandSize}}, 0, watermark.BandSize, ""},
		{"a quarter", []watermark.Option{watermark.Band{Selector: selector, Lo: 16384, Hi: 32768}}, 16384, 32768, selector.ID()},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := watermark.New(testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 100, c.opts...)
			require.NoError(t, err)
			lo, hi, id := m.Band()
			assert.Equal(t, []any{c.lo, c.hi, c.selector}, []any{lo, hi, id})
			everywhere, err := watermark.New(testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 100)
			require.NoError(t, err)
			var pairs []watermark.Pair
			for i := range Token(100) {
				pairs = append(pairs, watermark.Pair{Context: []Token{i}, Token: i * 7 % 100})
			}
			all, inBand := everywhere.Score(nil, pairs), 0
			assert.Equal(t, all, m.ScoreInBand(nil, pairs))
			for i, score := range m.Score(nil, pairs) {
				if score != watermark.NotScored {
					inBand++
					assert.Equal(t, all[i], score)
				}
			}
			share := float64(c.hi-c.lo) / watermark.BandSize
			assert.InDelta(t, 100*share, inBand, 20*(1-share)) // over four standard deviations
		})
	}
}
