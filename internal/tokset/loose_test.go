package tokset

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/prf"
)

// oneByOne returns a set of the pairs of texts, each of which is compared when it is added.
func oneByOne(texts [][]int32) *Set {
	s := New(Config{Width: 1})
	for _, text := range texts {
		s.BeginText()
		for i := 1; i < len(text); i++ {
			s.Add(text[i-1:i], text[i], 1)
		}
	}
	return s
}

// randomText returns n tokens below vocab, of which about a share repeats what stands before.
func randomText(rng *rand.Rand, n int, vocab int32, share float64) []int32 {
	text := make([]int32, 0, n)
	for len(text) < n {
		if at := len(text); at > 8 && rng.Float64() < share/8 {
			from := rng.IntN(at - 8)
			text = append(text, text[from:from+8]...)
			continue
		}
		text = append(text, rng.Int32N(vocab))
	}
	return text[:n]
}

// requireEqualUnits compares all units of two sets, and their order.
func requireEqualUnits(t *testing.T, want, got *Set) {
	t.Helper()
	require.Equal(t, want.Len(), got.Len())
	require.Equal(t, want.Positions(), got.Positions())
	require.Equal(t, want.Held(), got.Held())
	require.Equal(t, want.AppendCounts(nil, 0, want.Len()), got.AppendCounts(nil, 0, got.Len()))
	for i := range want.Len() {
		if want.Unit(i) != got.Unit(i) || want.Inputs(i, i+1)[0] != got.Inputs(i, i+1)[0] {
			require.Equal(t, want.Unit(i), got.Unit(i), "unit %d", i)
			require.Equal(t, want.Inputs(i, i+1), got.Inputs(i, i+1), "unit %d", i)
		}
	}
}

// TestLoosePairs adds texts of all lengths and of any share of repeats, and compares the units with those of
// pairs that were added one by one.
func TestLoosePairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	reused := New(Config{Width: 1})
	for _, n := range []int{0, 1, 2, 3, 4, 9, 63, 64, 65, 66, 255, 256, 257, 1024, 1025, 1026, 5000, maxLoose - 1, maxLoose, maxLoose + 1, maxLoose + 2, pageSize + 2} {
		for _, share := range []float64{0, 0.02, 0.1, 0.5, 1} {
			for _, vocab := range []int32{1, 40, 50_000, 1 << 23} {
				texts := [][]int32{randomText(rng, n, vocab, share)}
				for range rng.IntN(3) {
					texts = append(texts, randomText(rng, rng.IntN(600), vocab, share))
				}
				t.Run(fmt.Sprintf("n=%d/share=%v/vocab=%d/texts=%d", n, share, vocab, len(texts)), func(t *testing.T) {
					want := oneByOne(texts)
					s := New(Config{Width: 1})
					reused.Reset()
					for _, set := range []*Set{s, reused} {
						for _, text := range texts {
							set.BeginText()
							set.AddRun(text, nil, nil)
						}
						requireEqualUnits(t, want, set)
					}
					// More pairs, which need the index.
					more := append([][]int32{randomText(rng, 300, vocab, share)}, texts[0][:min(300, n)])
					want = oneByOne(append(texts, more...))
					for _, set := range []*Set{s, reused} {
						for _, text := range more {
							set.AddRun(text, nil, nil)
						}
						requireEqualUnits(t, want, set)
					}
				})
			}
		}
	}
}

// TestLoosePairsMeetOthers adds loose pairs before everything else that a set can do.
func TestLoosePairsMeetOthers(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 6))
	text, other := randomText(rng, 700, 300, 0.2), randomText(rng, 500, 300, 0.2)
	loose := func() *Set {
		s := New(Config{Width: 1})
		s.BeginText()
		s.AddRun(text, nil, nil)
		require.Positive(t, s.loose)
		return s
	}
	want := oneByOne([][]int32{text, other})
	second := oneByOne([][]int32{other})

	t.Run("merge into it", func(t *testing.T) {
		s := loose()
		s.Merge(second)
		requireEqualUnits(t, want, s)
	})
	t.Run("merge it", func(t *testing.T) {
		s := oneByOne(nil)
		s.Merge(loose())
		s.Merge(second)
		requireEqualUnits(t, want, s)
	})
	t.Run("merge two", func(t *testing.T) {
		s, more := loose(), New(Config{Width: 1})
		more.AddRun(other, nil, nil)
		s.Merge(more)
		requireEqualUnits(t, want, s)
	})
	t.Run("clone", func(t *testing.T) {
		s := loose()
		c := s.Clone()
		c.AddRun(other, nil, nil)
		requireEqualUnits(t, want, c)
		requireEqualUnits(t, oneByOne([][]int32{text}), s)
	})
	t.Run("one by one", func(t *testing.T) {
		s := loose()
		for i := 1; i < len(other); i++ {
			s.Add(other[i-1:i], other[i], 1)
		}
		requireEqualUnits(t, want, s)
	})
	t.Run("inputs", func(t *testing.T) {
		s := loose()
		for i := range second.Len() {
			for range second.Unit(i).Count {
				s.AddInputs([]prf.Input{second.Inputs(i, i+1)[0]})
			}
		}
		requireEqualUnits(t, want, s)
	})
	t.Run("weights", func(t *testing.T) {
		s := loose()
		weights := make([]uint8, len(other))
		for i := range weights {
			weights[i] = 3
		}
		s.AddRun(other, weights, nil)
		require.Equal(t, want.Len(), s.Len())
		heavy := map[prf.Input]bool{}
		for i := range second.Len() {
			heavy[second.Inputs(i, i+1)[0]] = true
		}
		for i := range s.Len() {
			expected := uint8(1)
			if heavy[s.Inputs(i, i+1)[0]] {
				expected = 3
			}
			require.Equal(t, expected, s.Unit(i).Weight)
			require.Equal(t, want.Unit(i).Count, s.Unit(i).Count)
		}
	})
	t.Run("first positions", func(t *testing.T) {
		s := loose()
		known := s.Clone().Len()
		var firsts []int
		s.AddRun(other, nil, func(position int) { firsts = append(firsts, position) })
		require.Len(t, firsts, want.Len()-known)
		for i, at := range firsts {
			require.Equal(t, other[at], want.Unit(known+i).Token)
		}
		requireEqualUnits(t, want, s)
	})
	t.Run("bytes", func(t *testing.T) {
		s := loose()
		s.AddRun(other, nil, nil)
		assert.Equal(t, want.AppendBinary(nil), s.AppendBinary(nil))
	})
	t.Run("exclude", func(t *testing.T) {
		s := loose()
		s.Exclude([]int32{5})
		s.AddRun(other, nil, nil)
		excluded := oneByOne([][]int32{text, other})
		excluded.Exclude([]int32{5})
		requireEqualUnits(t, excluded, s)
	})
	t.Run("reset", func(t *testing.T) {
		s := loose()
		s.Reset()
		assert.Zero(t, s.Len())
		assert.Zero(t, s.Positions())
		s.AddRun(other, nil, nil)
		requireEqualUnits(t, second, s)
	})
	t.Run("pack", func(t *testing.T) {
		s := loose()
		s.Pack()
		s.AddRun(other, nil, nil)
		requireEqualUnits(t, want, s)
	})
}

// TestSharedHashes: only equal pairs are one unit, however bad the seeds are.
func TestSharedHashes(t *testing.T) {
	old := seeds
	defer func() { seeds = old }()
	rng := rand.New(rand.NewPCG(8, 9))
	texts := [][]int32{randomText(rng, 2000, 1<<20, 0.01)}
	want := oneByOne(texts)
	for _, bad := range [][2]uint64{{^uint64(0), 1}, {0, 0}, {1<<63 - 1, 1<<63 - 1}} {
		seeds = bad
		s := New(Config{Width: 1})
		s.AddRun(texts[0], nil, nil)
		requireEqualUnits(t, want, s)
	}
}

// TestLooseAllocates nothing once a set has seen a text of that length.
func TestLooseAllocates(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	text := randomText(rng, 3000, 1000, 0.05)
	s := New(Config{Width: 2})
	add := func() {
		s.Reset()
		s.AddRun(text, nil, nil)
		s.Len()
	}
	add()
	assert.Zero(t, testing.AllocsPerRun(20, add))
}
