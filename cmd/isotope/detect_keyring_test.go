package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// TestRankingShowsWhatWasScored has a table for colours and one for other scores.
func TestRankingShowsWhatWasScored(t *testing.T) {
	table := func(scheme watermark.Scheme, results ...detect.Result) string {
		mark, err := watermark.New(watermark.NewKey(), scheme, 100)
		require.NoError(t, err)
		c := &candidate{label: "tenant/a", bound: []interop.Bound{{Scorer: mark}}}
		var outcomes []*outcome
		for _, r := range results {
			outcomes = append(outcomes, &outcome{candidate: c, scorer: mark, result: r})
		}
		var b strings.Builder
		rankingTable(&b, outcomes, len(outcomes), columnOf([]*candidate{c}))
		return b.String()
	}
	one := detect.Result{Scored: 4, Green: 3, Sum: 6 * watermark.ScoreUnit, Log10P: -0.0004}
	colours := table(watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, one, one)
	assert.Contains(t, colours, "2 keys; p-values are adjusted for all of them\n")
	assert.Contains(t, colours, " green  name\n")
	assert.Contains(t, colours, " 0.000          3 of 4  tenant/a\n", "what rounds to zero has no sign")
	draw := watermark.GumbelMax{Width: 4}
	scores := table(draw, one)
	assert.Contains(t, scores, "1 key\n")
	assert.Contains(t, scores, " mean score  name\n")
	assert.Contains(t, scores, " 1.500 over 4  tenant/a\n")
	assert.NotContains(t, scores, "of 4")
	assert.Contains(t, table(watermark.Tournament{Depth: 30, Candidates: 2, Width: 4}, one), " mean bits  name\n")
	assert.Contains(t, table(draw, detect.Result{}), " - over 0  tenant/a\n")
}
