package detect_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// TestSmallestIsTheSmallestResult compares Smallest with Results for panels of every kind of mark.
func TestSmallestIsTheSmallestResult(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	root, sel := testmark.Key(0), testmark.Key(1)
	lane := func(group uint32, index, width int, opts ...watermark.Option) detect.Scorer {
		return testmark.Green(t, root.Derive("group"), width, append(opts, watermark.Lane{Group: group, Index: index})...)
	}
	var lanes, few, mixed []detect.Scorer
	for i := range 20 {
		lanes = append(lanes, lane(0, i, 2), lane(3, 2*i, 2))
	}
	for i := range 3 {
		few = append(few, lane(0, i, 2))
	}
	for i := range 8 {
		band := watermark.Band{Selector: sel, Lo: 0, Hi: 30000}
		mixed = append(mixed, lane(0, i, 2), lane(0, i, 2, band), lane(1, i+60, 1))
		mixed = append(mixed, testmark.Green(t, root.Derive("own", string(rune('a'+i))), 1+i%2))
	}
	mixed = append(mixed,
		testmark.Mark(t, root, watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, vocab),
		testmark.Mark(t, root, watermark.GumbelMax{Width: 2}, vocab),
		testmark.Mark(t, root, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 6}, vocab),
	)
	var bands []detect.Scorer // number 2*i+1 is lane i of the upper band
	for i := range 8 {
		for _, b := range [][2]int{{0, 30000}, {30000, watermark.BandSize}} {
			bands = append(bands, lane(0, i, 2, watermark.Band{Selector: sel, Lo: b[0], Hi: b[1]}))
		}
	}
	bands = append(bands, lane(0, 4, 2), lane(0, 5, 2, watermark.Band{Selector: root, Lo: 0, Hi: 30000}), lane(0, 5, 2, watermark.Band{Selector: sel, Lo: 0, Hi: 1}),
		testmark.Mark(t, root, watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, vocab, watermark.Band{Selector: sel, Lo: 0, Hi: 30000}))
	for _, c := range []struct {
		name    string
		scorers []detect.Scorer
		o       *detect.Options
		marked  int // a scorer whose mark the second text has
	}{
		{"lanes of two groups", lanes, nil, 17},
		{"too few lanes to count at once", few, nil, 1},
		{"every kind", mixed, nil, 20},
		{"lanes of two bands", bands, nil, 7},
		{"exempt ids and bands", bands, &detect.Options{Exempt: []Token{3, 4, 5}}, 6},
		{"exempt ids", lanes, &detect.Options{Exempt: []Token{3, 4, 5}}, 9},
		{"distinct contexts", mixed, &detect.Options{Dedup: detect.DedupContext}, 0},
		{"weights", lanes, &detect.Options{Weighting: detect.WeightCounts}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			panel := detect.NewPanel(c.scorers, c.o)
			marked := testmark.Write(t, rng, 400, testmark.Flat, c.scorers[c.marked].(*watermark.Mark))
			for i, text := range [][]Token{testmark.Uniform(rng, 300, 40), marked, nil, testmark.Uniform(rng, 3, 40)} {
				panel.Reset()
				panel.Add(text)
				if i < 2 {
					panel.Exclude(testmark.Uniform(rng, 8, 40))
				}
				at, tail := panel.Smallest()
				results := panel.Results()
				want := 0
				for j, r := range results {
					if r.Log10P < results[want].Log10P {
						want = j
					}
				}
				require.Equal(t, results[want].Log10P, tail.Log10P)
				if tail.Log10P < 0 {
					require.Equal(t, results[want].Log10P, results[at].Log10P)
				}
				r := results[at]
				assert.Equal(t, detect.Tail{Scored: r.Scored, Green: r.Green, Sum: r.Sum, Log10P: r.Log10P}, tail)
				if i == 1 {
					assert.Equal(t, c.marked, at)
					assert.Less(t, tail.Log10P, -10.0)
				}
			}
		})
	}
}
