package watermark_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// TestPackedPairsScoreAlike checks that packed pairs have the scores of the pairs one by one, and
// that counts are their sums.
func TestPackedPairsScoreAlike(t *testing.T) {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("71", 32))
	require.NoError(t, err)
	const vocab, n = 5000, 1300 // batches and a rest
	rng := rand.New(rand.NewPCG(31, 32))
	for width := range watermark.MaxPackedWidth + 1 {
		for _, c := range []struct {
			name string
			opts []watermark.Option
		}{
			{"plain", nil},
			{"band", []watermark.Option{watermark.Band{Selector: key.Derive("s"), Lo: 9, Hi: 30000}}},
			{"lane", []watermark.Option{watermark.Lane{Group: 3, Index: 77}}},
			{"payload", []watermark.Option{watermark.Payload{Bits: 5, Message: 3}, watermark.Band{Selector: key.Derive("s"), Lo: 0, Hi: 40000}}},
		} {
			m, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: width}, vocab, c.opts...)
			require.NoError(t, err)
			pairs, packed := make([]watermark.Pair, n), make([]watermark.Packed, n)
			var want []int64
			var green int64
			mask := make([]uint64, (vocab+63)/64)
			for i := range pairs {
				context := make([]watermark.Token, width)
				p := packed[i][:0]
				for range watermark.MaxPackedWidth - width {
					p = append(p, 0xff, 0xff, 0xff)
				}
				for j := range context {
					context[j] = rng.Int32N(vocab)
					p = append(p, byte(context[j]), byte(context[j]>>8), 0)
				}
				v := rng.Int32N(vocab)
				_ = append(p, 0, 0, byte(v>>8), byte(v))
				pairs[i] = watermark.Pair{Context: context, Token: v}
				want = m.Score(want, pairs[i:i+1])
				green += want[i]
				if c.name == "plain" || c.name == "lane" { // by way of the list
					m.Mask(mask, context)
					require.Equal(t, want[i], int64(mask[v/64]>>(v%64)&1))
				}
			}
			assert.Equal(t, want, m.Score(nil, pairs), "%s, width %d: together", c.name, width)
			assert.Equal(t, append([]int64{7}, want...), m.ScorePacked([]int64{7}, packed), "%s, width %d: packed", c.name, width)
			sum, ok := m.CountPacked(packed)
			assert.Equal(t, c.name == "plain" || c.name == "lane", ok, c.name)
			if ok {
				assert.Equal(t, green, sum, "%s, width %d", c.name, width)
			}
		}
	}
	wide, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: watermark.MaxPackedWidth + 1}, vocab)
	require.NoError(t, err)
	assert.Panics(t, func() { wide.ScorePacked(nil, nil) })
	_, ok := wide.CountPacked(nil)
	assert.False(t, ok)
}

func TestCountLanesIsTheCountOfEachLane(t *testing.T) {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("73", 32))
	require.NoError(t, err)
	mark := func(gamma float64, opts ...watermark.Option) *watermark.Mark {
		m, err := watermark.New(key, watermark.GreenList{Gamma: gamma, Delta: 2, Width: 2}, 1000, opts...)
		require.NoError(t, err)
		return m
	}
	rng := rand.New(rand.NewPCG(33, 34))
	packed := make([]watermark.Packed, 700)
	for i := range packed {
		packed[i] = watermark.Packed{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, byte(i), byte(i >> 8), 0, 5, 0, 0, 0, 0, byte(rng.Uint32() & 3), byte(rng.Uint32())}
	}
	var got, want [watermark.MaxLanes]int64
	for i := range want {
		got[i] = 3
		green, ok := mark(0.5, watermark.Lane{Group: 4, Index: i}).CountPacked(packed)
		require.True(t, ok)
		want[i] = 3 + green
	}
	require.True(t, mark(0.5, watermark.Lane{Group: 4, Index: 9}).CountLanes(&got, packed))
	assert.Equal(t, want, got)
	assert.False(t, mark(0.25).CountLanes(&got, packed))
	assert.False(t, mark(0.5, watermark.Payload{Bits: 2}).CountLanes(&got, packed))
	assert.False(t, mark(0.5, watermark.Band{Selector: key, Hi: 5}).CountLanes(&got, packed))
	assert.Equal(t, want, got)
}

func TestScoringDoesNotAllocate(t *testing.T) {
	if raceEnabled() {
		t.Skip("the race detector allocates")
	}
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("72", 32))
	require.NoError(t, err)
	m, err := watermark.New(key, watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, 1000)
	require.NoError(t, err)
	pairs, packed, dst := make([]watermark.Pair, 600), make([]watermark.Packed, 600), make([]int64, 0, 2000)
	row, half := make([]float32, 1000), make([]uint16, 1000)
	context := []watermark.Token{1, 2}
	for i := range pairs {
		pairs[i].Context = context
	}
	assert.Zero(t, testing.AllocsPerRun(50, func() {
		m.Score(dst, pairs)
		m.ScorePacked(dst, packed)
		m.CountPacked(packed)
		m.Process(row, context)
		m.ProcessBF16(row, half, context)
	}))
}

// TestInBand: the pairs that InBand keeps are those that are scored, and the counts in a band are those
// of their scores.
func TestInBand(t *testing.T) {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("73", 32))
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(35, 36))
	packed := make([]watermark.Packed, 1300)
	for i := range packed {
		packed[i] = watermark.Packed{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, byte(i), byte(i >> 8), 0, 5, 0, 0, 0, 0, byte(rng.Uint32() & 3), byte(rng.Uint32())}
	}
	for _, c := range []struct {
		name     string
		band     watermark.Band
		from, to int // pairs that are in the band
	}{
		{"no band", watermark.Band{Hi: watermark.BandSize}, 1300, 1300},
		{"a half", watermark.Band{Selector: key, Hi: watermark.BandSize / 2}, 500, 800},
		{"nothing", watermark.Band{Selector: key, Lo: 7, Hi: 8}, 0, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			mark := func(lane int) *watermark.Mark {
				m, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, 1000, c.band, watermark.Lane{Group: 4, Index: lane})
				require.NoError(t, err)
				return m
			}
			m := mark(9)
			var want []watermark.Packed
			for i, score := range m.ScorePacked(nil, packed) {
				if score != watermark.NotScored {
					want = append(want, packed[i])
				}
			}
			require.GreaterOrEqual(t, len(want), c.from)
			require.LessOrEqual(t, len(want), c.to)
			before := []watermark.Packed{{1}}
			inside := m.InBand(before, packed)
			require.Equal(t, append(before, want...), inside)
			var got [watermark.MaxLanes]int64
			require.True(t, m.CountLanesInBand(&got, inside[1:]))
			for lane := range watermark.MaxLanes {
				sum := int64(0)
				for _, score := range mark(lane).ScorePacked(nil, want) {
					sum += score
				}
				green, ok := mark(lane).CountPackedInBand(want)
				require.True(t, ok)
				require.Equal(t, sum, green)
				require.Equal(t, sum, got[lane])
			}
		})
	}
	wide, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: watermark.MaxPackedWidth + 1}, 1000)
	require.NoError(t, err)
	assert.Panics(t, func() { wide.InBand(nil, nil) })
	_, ok := wide.CountPackedInBand(nil)
	assert.False(t, ok)
}
