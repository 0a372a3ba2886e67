package watermark

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func splitKeys(t *testing.T) Split {
	root, err := ParseKey("isotope-secret-key-1:" + fmt.Sprintf("%064x", 5))
	require.NoError(t, err)
	return Split{Selector: root.Derive("s"), Master: root.Derive("m"), Cohort: root.Derive("c"), Tenant: root.Derive("t")}
}

// TestSplitDividesTheContexts: each context has exactly one of the three marks, in the shares
// promised.
func TestSplitDividesTheContexts(t *testing.T) {
	split := splitKeys(t)
	marks, err := split.Marks(GreenList{Gamma: 0.5, Delta: 2, Width: 2}, 1000)
	require.NoError(t, err)
	require.Len(t, marks, 3)
	_, err = NewSequence(marks...)
	require.NoError(t, err)
	var pairs []Pair
	for i := range Token(4000) {
		pairs = append(pairs, Pair{Context: []Token{i % 1000, i / 7 % 1000}, Token: i * 3 % 1000})
	}
	counts := make([]int, 3)
	all := make([][]int64, 3)
	for m := range marks {
		all[m] = marks[m].Score(nil, pairs)
	}
	for i := range pairs {
		in := 0
		for m, scores := range all {
			if scores[i] != NotScored {
				in++
				counts[m]++
				require.Equal(t, scores[i:i+1], marks[m].ScoreInBand(nil, pairs[i:i+1]))
			}
		}
		require.Equal(t, 1, in, "%v", pairs[i])
	}
	assert.InDelta(t, 2000, counts[0], 160) // five standard deviations
	assert.InDelta(t, 1000, counts[1], 140)
	assert.InDelta(t, 1000, counts[2], 140)
	lo, hi, selector := marks[1].Band()
	assert.Equal(t, []any{BandSize / 2, 3 * BandSize / 4, split.Selector.ID()}, []any{lo, hi, selector})
	whole, err := New(split.Master, GreenList{Gamma: 0.5, Delta: 2, Width: 2}, 1000)
	require.NoError(t, err)
	lo, hi, selector = whole.Band()
	assert.Equal(t, []any{0, BandSize, ""}, []any{lo, hi, selector})
}

func TestSplitRefuses(t *testing.T) {
	g := GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	for name, change := range map[string]func(*Split){
		"no master":                  func(s *Split) { s.Master = Key{} },
		"no selector":                func(s *Split) { s.Selector = Key{} },
		"the tenant is the cohort":   func(s *Split) { s.Tenant = s.Cohort },
		"the master is the tenant":   func(s *Split) { s.Master = s.Tenant },
		"the selector marks as well": func(s *Split) { s.Selector = s.Master },
	} {
		s := splitKeys(t)
		change(&s)
		_, err := s.Marks(g, 1000)
		var p *ParamError
		assert.ErrorAs(t, err, &p, name)
	}
	s := splitKeys(t)
	_, err := s.Marks(g, 1000, Band{Selector: s.Selector, Lo: 0, Hi: 1})
	assert.ErrorContains(t, err, "bands itself")
	_, err = s.Marks(g, 0)
	assert.Error(t, err)
	s.Cohort, s.Tenant = Key{}, Key{}
	marks, err := s.Marks(g, 1000)
	require.NoError(t, err)
	assert.Len(t, marks, 1)
	marks, err = splitKeys(t).Marks(g, 1000, MaskRepeats{})
	require.NoError(t, err)
	for _, m := range marks {
		assert.True(t, m.masked)
	}
}
