package registry

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

func splitKeys(t *testing.T) Split {
	root, err := watermark.ParseKey("isotope-secret-key-1:" + fmt.Sprintf("%064x", 5))
	require.NoError(t, err)
	return Split{Selector: root.Derive("s"), Master: root.Derive("m"), Cohort: root.Derive("c"), Tenant: root.Derive("t")}
}

// TestSplitDividesTheContexts checks that each context belongs to exactly one of the three
// marks, in the promised shares.
func TestSplitDividesTheContexts(t *testing.T) {
	split := splitKeys(t)
	marks, err := split.Marks(scheme, 1000)
	require.NoError(t, err)
	require.Len(t, marks, 3)
	_, err = watermark.NewSequence(marks...)
	require.NoError(t, err)
	var pairs []watermark.Pair
	for i := range watermark.Token(4000) {
		pairs = append(pairs, watermark.Pair{Context: []watermark.Token{i % 1000, i / 7 % 1000}, Token: i * 3 % 1000})
	}
	counts := make([]int, 3)
	all := make([][]int64, 3)
	for m := range marks {
		all[m] = marks[m].Score(nil, pairs)
	}
	for i := range pairs {
		in := 0
		for m, scores := range all {
			if scores[i] != watermark.NotScored {
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
}

// TestSplitBands pins the bands: a file of registered keys relies on them for ever.
func TestSplitBands(t *testing.T) {
	split := splitKeys(t)
	marks, err := split.Marks(scheme, 1000)
	require.NoError(t, err)
	for i, want := range []struct {
		name   string
		key    watermark.Key
		lo, hi int
	}{
		{"master", split.Master, 0, 32768},
		{"cohort", split.Cohort, 32768, 49152},
		{"tenant", split.Tenant, 49152, 65536},
	} {
		t.Run(want.name, func(t *testing.T) {
			lo, hi, selector := marks[i].Band()
			assert.Equal(t, []any{want.lo, want.hi, split.Selector.ID()}, []any{lo, hi, selector})
			assert.Equal(t, want.key.ID(), marks[i].KeyID())
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Split)
		vocab  int
		opts   []watermark.Option
		want   string
	}{
		{"no master", func(s *Split) { s.Master = watermark.Key{} }, 1000, nil, "no master key"},
		{"no selector", func(s *Split) { s.Selector = watermark.Key{} }, 1000, nil, "selector"},
		{"the tenant has the key of the cohort", func(s *Split) { s.Tenant = s.Cohort }, 1000, nil, "twice"},
		{"the master has the key of the tenant", func(s *Split) { s.Master = s.Tenant }, 1000, nil, "twice"},
		{"the selector marks text", func(s *Split) { s.Selector = s.Master }, 1000, nil, "twice"},
		{"a band", func(*Split) {}, 1000, []watermark.Option{watermark.Band{Lo: 0, Hi: 1}}, "bands itself"},
		{"a vocabulary of 0", func(*Split) {}, 0, nil, "vocab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := splitKeys(t)
			c.change(&s)
			_, err := s.Marks(scheme, c.vocab, c.opts...)
			var p *watermark.ParamError
			require.ErrorAs(t, err, &p)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestSplitWithoutLevels(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Split)
		keys   func(Split) []watermark.Key
	}{
		{"no cohort", func(s *Split) { s.Cohort = watermark.Key{} }, func(s Split) []watermark.Key { return []watermark.Key{s.Master, s.Tenant} }},
		{"no tenant", func(s *Split) { s.Tenant = watermark.Key{} }, func(s Split) []watermark.Key { return []watermark.Key{s.Master, s.Cohort} }},
		{"master alone", func(s *Split) { s.Cohort, s.Tenant = watermark.Key{}, watermark.Key{} }, func(s Split) []watermark.Key { return []watermark.Key{s.Master} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := splitKeys(t)
			c.change(&s)
			marks, err := s.Marks(scheme, 1000, watermark.MaskRepeats{})
			require.NoError(t, err)
			var want, got []string
			for _, k := range c.keys(s) {
				want = append(want, k.ID())
			}
			for _, m := range marks {
				got = append(got, m.KeyID())
				assert.True(t, m.MasksRepeats())
			}
			assert.Equal(t, want, got)
		})
	}
}
