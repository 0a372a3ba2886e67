package tokset

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bytesOf returns the bytes of the pages and of the index of a set.
func bytesOf(s *Set) (bytes int) {
	for _, page := range s.inputs.list {
		bytes += 16 * len(page)
	}
	for _, page := range s.counts.low.list {
		bytes += 4 * len(page)
	}
	for _, part := range s.index.list {
		bytes += 4 * len(part)
	}
	return bytes
}

// TestBytesOfAPair: a set holds 40 bytes a pair at most, besides a page. It also allocates no more than
// that: what grew by moving would have been in memory twice.
func TestBytesOfAPair(t *testing.T) {
	const most, page = 36, 16*pageSize + 4*pageSize + 4*partSlots
	for _, c := range []Config{{Width: 2}, {Width: 4}} {
		s := New(c)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		text := make([]int32, 1<<14)
		next := int32(0)
		for s.n < 340_000 { // the index doubles at 81,920, 163,840 and 327,680
			for i := range text {
				text[i] = next * 7919 % 1_000_003
				next++
			}
			s.BeginText()
			s.AddRun(text, nil, nil)
			require.LessOrEqual(t, bytesOf(s), most*s.n+2*page, "%+v, %d pairs", c, s.n)
		}
		runtime.ReadMemStats(&after)
		assert.Less(t, int(after.TotalAlloc-before.TotalAlloc), most*s.n+4*page, "%+v", c)
		held := bytesOf(s)
		s.Pack()
		assert.LessOrEqual(t, bytesOf(s), 20*s.n+page, "%+v", c)
		s.AddRun(text, nil, nil) // the index comes back
		assert.Equal(t, held, bytesOf(s), "%+v", c)
		var positions int64
		for _, n := range s.AppendCounts(nil, 0, s.Len()) {
			positions += n
		}
		assert.Equal(t, s.Positions(), positions)
	}
}

// TestCountsCarry: a count goes past 32 bits.
func TestCountsCarry(t *testing.T) {
	s := New(Config{Width: 1})
	text := []int32{1, 2}
	s.AddRun(text, nil, nil)
	require.Equal(t, 1, s.Len())
	s.counts.set(0, 1<<32-1)
	s.AddRun(text, nil, nil)
	assert.Equal(t, int64(1<<32), s.Unit(0).Count)
	s.Add([]int32{1}, 2, 1)
	assert.Equal(t, int64(1<<32+1), s.Unit(0).Count)
	assert.Equal(t, []int64{1<<32 + 1}, s.AppendCounts(nil, 0, 1))
	twice := s.Clone()
	twice.Merge(s)
	assert.Equal(t, int64(1<<33+2), twice.Unit(0).Count)
}

// TestLargeSets compares a set of many pages with a map.
func TestLargeSets(t *testing.T) {
	s := New(Config{Width: 1})
	want := map[[2]int32]int64{}
	x := uint32(1)
	text := make([]int32, 1000)
	for len(want) < 3*pageSize+5 {
		for i := range text {
			x = x*1664525 + 1013904223
			text[i] = int32(x >> 22)
		}
		for i := 1; i < len(text); i++ {
			want[[2]int32{text[i-1], text[i]}]++
		}
		s.BeginText()
		s.AddRun(text, nil, nil)
	}
	require.Equal(t, len(want), s.Len())
	for i := range s.Len() {
		u := s.Unit(i)
		require.Equal(t, want[[2]int32{s.AppendContext(nil, i)[0], u.Token}], u.Count)
	}
	same, rest, err := Decode(s.AppendBinary(nil), s.config, 1024, 1)
	require.NoError(t, err)
	assert.Empty(t, rest)
	assert.Equal(t, s.Len(), same.Len())
	s.Reset()
	s.AddRun([]int32{1, 2, 3}, nil, nil)
	assert.Equal(t, 2, s.Len())
}
