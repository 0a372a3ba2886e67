package tokset

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/prf"
)

// withSeeds runs f with other seeds of the hash.
func withSeeds(a, b uint64, f func()) {
	old := seeds
	defer func() { seeds = old }()
	seeds = [2]uint64{a, b}
	f()
}

// TestCraftedPairsDoNotMeet: pairs that one process keeps in the same slot lie in many slots of
// another process. So nobody can prepare such pairs.
func TestCraftedPairsDoNotMeet(t *testing.T) {
	const shift = 64 - 10
	var crafted []prf.Input
	withSeeds(1, 2, func() {
		for i := uint32(0); len(crafted) < 200; i++ {
			var in prf.Input
			binary.BigEndian.PutUint32(in[12:], i)
			if a, b := halves(&in); hash(a, b)>>shift == 7 {
				crafted = append(crafted, in)
			}
		}
	})
	withSeeds(0x9e3779b97f4a7c15, 0xd1b54a32d192ed03, func() {
		slots := map[uint64]bool{}
		for i := range crafted {
			a, b := halves(&crafted[i])
			slots[hash(a, b)>>shift] = true
		}
		assert.Greater(t, len(slots), 100, "slots of 200 pairs, of 1024 slots")
	})
	assert.NotEqual(t, [2]uint64{}, seeds)
}

// TestSeedsDoNotShow compares results under four seeds.
func TestSeedsDoNotShow(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	text := make([]int32, 5000)
	for i := range text {
		text[i] = rng.Int32N(40)
	}
	for _, c := range []Config{{Width: 2}, {Width: 2, Rule: ByContext}, {Width: 5}, {Width: 1, Size: 50}} {
		var want []byte
		for seed := range uint64(4) {
			withSeeds(seed*0x9e3779b97f4a7c15, seed, func() {
				s := New(c)
				s.AddRun(text, nil, nil)
				got := s.AppendBinary(nil)
				if seed == 0 {
					want = got
				}
				require.Equal(t, want, got)
			})
		}
	}
}

// TestAddRunIsAdd compares AddRun with Add of each position.
func TestAddRunIsAdd(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	for _, c := range []Config{
		{Width: 0}, {Width: 2}, {Width: 4}, {Width: 2, Rule: ByContext}, {Width: 6}, {Width: 1, Size: 30},
	} {
		for _, n := range []int{0, 1, c.Width, c.Width + 1, 511, 512, 513, 1500} {
			text, weights := make([]int32, n), make([]uint8, n)
			for i := range text {
				text[i], weights[i] = rng.Int32N(12), uint8(rng.IntN(16))
			}
			for _, w := range [][]uint8{nil, weights} {
				one, run, noting := New(c), New(c), New(c)
				var firsts, noted []int
				for range 2 { // the second time no unit is new
					one.BeginText()
					run.BeginText()
					noting.BeginText()
					for i := c.Width; i < n; i++ {
						weight := uint8(1)
						if w != nil {
							weight = w[i]
						}
						before := one.n
						one.Add(text[i-c.Width:i], text[i], weight)
						if one.n > before {
							firsts = append(firsts, i)
						}
					}
					run.AddRun(text, w, nil)
					noting.AddRun(text, w, func(i int) { noted = append(noted, i) })
				}
				want := one.AppendBinary(nil)
				require.Equal(t, want, run.AppendBinary(nil), "%+v, %d tokens", c, n)
				require.Equal(t, want, noting.AppendBinary(nil), "%+v, %d tokens", c, n)
				if c.Size == 0 {
					require.Equal(t, firsts, noted)
				}
				for i := range one.Len() {
					require.Equal(t, one.Unit(i), run.Unit(i), "the order of units")
					require.Equal(t, one.AppendContext(nil, i), run.AppendContext(nil, i))
				}
			}
		}
	}
}

func TestTextsOfOneSizeDoNotAllocate(t *testing.T) {
	text := make([]int32, 3000)
	for i := range text {
		text[i] = int32(i * i % 997)
	}
	s := New(Config{Width: 2})
	assert.Zero(t, testing.AllocsPerRun(20, func() {
		s.Reset()
		s.BeginText()
		s.AddRun(text, nil, nil)
	}))
}

// TestResetDropsALargeTable: after one long text, a later Reset need not clear a large table.
func TestResetDropsALargeTable(t *testing.T) {
	s := New(Config{Width: 0})
	for i := range int32(200_000) {
		s.Add(nil, i, 1)
	}
	s.Reset()
	s.Add(nil, 1, 1)
	s.Reset()
	assert.LessOrEqual(t, s.index.size(), minSlots)
}
