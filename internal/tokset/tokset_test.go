package tokset

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type position struct{ context, token int32 }

// fill adds texts of width-1 positions.
func fill(s *Set, texts ...[]position) {
	for _, text := range texts {
		s.BeginText()
		for _, p := range text {
			s.Add([]int32{p.context}, p.token)
		}
	}
}

func randomTexts(rng *rand.Rand, n int) [][]position {
	texts := make([][]position, n)
	for i := range texts {
		for range rng.IntN(30) {
			texts[i] = append(texts[i], position{rng.Int32N(8), rng.Int32N(6)})
		}
	}
	return texts
}

func TestByPairCountsEachPair(t *testing.T) {
	s := New(1, ByPair)
	fill(s, []position{{1, 2}, {1, 3}, {1, 2}}, []position{{1, 2}})
	require.Equal(t, 2, s.Len())
	_, token, count, excluded := s.Unit(0)
	assert.Equal(t, int32(2), token)
	assert.Equal(t, int64(3), count)
	assert.False(t, excluded)
	assert.Equal(t, int64(4), s.Positions())
}

func TestByContextKeepsTheFirstOfOneText(t *testing.T) {
	// Whatever the tags say, later tokens of the same text do not count.
	for token := range int32(50) {
		s := New(1, ByContext)
		fill(s, []position{{1, token}, {1, token + 1}, {1, token + 2}})
		require.Equal(t, 1, s.Len())
		_, got, count, _ := s.Unit(0)
		require.Equal(t, token, got)
		require.Equal(t, int64(3), count)
	}
}

// tagOf is the dedup tag of docs/spec.md for a context of one token.
func tagOf(t *testing.T, context, token int32) []byte {
	t.Helper()
	block, err := aes.NewCipher([]byte("isotope/1 dedup\x00"))
	require.NoError(t, err)
	tag := bytes.Repeat([]byte{0xff}, 9)
	tag = append(tag, byte(context), byte(context>>8), byte(context>>16))
	tag = binary.BigEndian.AppendUint32(tag, uint32(token))
	block.Encrypt(tag, tag)
	return tag
}

func TestByContextChoosesByTagBetweenTexts(t *testing.T) {
	for token := range int32(50) {
		a, b := New(1, ByContext), New(1, ByContext)
		fill(a, []position{{1, token}}, []position{{1, token + 1}})
		fill(b, []position{{1, token + 1}}, []position{{1, token}})
		_, fromA, _, _ := a.Unit(0)
		_, fromB, _, _ := b.Unit(0)
		require.Equal(t, fromA, fromB)
		smaller := token
		if first, second := tagOf(t, 1, token), tagOf(t, 1, token+1); bytes.Compare(second, first) < 0 {
			smaller = token + 1
		}
		require.Equal(t, smaller, fromA)
	}
}

func TestOrderAndShardsDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, rule := range []Rule{ByPair, ByContext} {
		for range 50 {
			texts := randomTexts(rng, 12)
			whole := New(1, rule)
			fill(whole, texts...)
			whole.Exclude([]int32{3})
			want := whole.AppendBinary(nil)

			rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
			shards := []*Set{New(1, rule), New(1, rule), New(1, rule)}
			shards[rng.IntN(3)].Exclude([]int32{3})
			for _, text := range texts {
				fill(shards[rng.IntN(3)], text)
			}
			merged := New(1, rule)
			for _, i := range rng.Perm(3) {
				merged.Merge(shards[i])
			}
			require.Equal(t, want, merged.AppendBinary(nil))
			require.Equal(t, want, merged.Clone().AppendBinary(nil))

			decoded, rest, err := Decode(want, 1, rule, 100)
			require.NoError(t, err)
			require.Empty(t, rest)
			require.Equal(t, want, decoded.AppendBinary(nil))
			fill(decoded, texts[0])
			fill(merged, texts[0])
			require.Equal(t, merged.AppendBinary(nil), decoded.AppendBinary(nil), "a decoded set goes on")
		}
	}
}

func TestExcludeBeatsAddInAnyOrder(t *testing.T) {
	before, after := New(2, ByPair), New(2, ByPair)
	before.Exclude([]int32{1, 2})
	for _, s := range []*Set{before, after} {
		s.Add([]int32{1, 2}, 3)
		s.Add([]int32{2, 1}, 3)
	}
	after.Exclude([]int32{1, 2})
	assert.Equal(t, before.AppendBinary(nil), after.AppendBinary(nil))
	_, _, _, excluded := after.Unit(0)
	assert.True(t, excluded)
	_, _, _, excluded = after.Unit(1)
	assert.False(t, excluded)
}

func TestWidthZero(t *testing.T) {
	s := New(0, ByPair)
	s.Add(nil, 3)
	s.Add(nil, 3)
	s.Add(nil, 4)
	require.Equal(t, 2, s.Len())
	s.Exclude(nil)
	_, _, _, excluded := s.Unit(1)
	assert.True(t, excluded)
}

func TestMergeOfItself(t *testing.T) {
	s := New(1, ByPair)
	fill(s, []position{{1, 2}, {1, 2}, {5, 6}})
	s.Merge(s)
	assert.Equal(t, int64(6), s.Positions())
	assert.Equal(t, 2, s.Len())
}

func TestMergeOfDifferentSetsPanics(t *testing.T) {
	assert.Panics(t, func() { New(1, ByPair).Merge(New(2, ByPair)) })
	assert.Panics(t, func() { New(1, ByPair).Merge(New(1, ByContext)) })
}

func TestDecodeRefuses(t *testing.T) {
	s := New(1, ByPair)
	fill(s, []position{{1, 2}, {3, 4}, {3, 4}})
	s.Exclude([]int32{7})
	good := s.AppendBinary(nil)
	for n := range good {
		_, _, err := Decode(good[:n], 1, ByPair, 100)
		require.ErrorIs(t, err, ErrMalformed, "cut to %d bytes", n)
	}
	swapped := append([]byte{}, good[:18]...)
	swapped = append(swapped, good[32:46]...)
	swapped = append(swapped, good[18:32]...)
	swapped = append(swapped, good[46:]...)
	twice := append([]byte{}, good[:18]...)
	twice = append(twice, good[18:32]...)
	twice = append(twice, good[18:32]...)
	twice = append(twice, good[46:]...)
	huge := append([]byte{}, good...)
	huge[9] = 0xff // 2^63 units
	none := append([]byte{}, good...)
	clear(none[24:32])
	for name, data := range map[string][]byte{"swapped": swapped, "twice": twice, "huge": huge, "count 0": none} {
		_, _, err := Decode(data, 1, ByPair, 100)
		assert.ErrorIs(t, err, ErrMalformed, name)
	}
	for _, c := range []struct {
		width int
		rule  Rule
		vocab int
	}{{2, ByPair, 100}, {1, ByContext, 100}, {1, ByPair, 4}} {
		_, _, err := Decode(good, c.width, c.rule, c.vocab)
		assert.ErrorIs(t, err, ErrMalformed, "%+v", c)
	}
}

func FuzzDecode(f *testing.F) {
	s := New(1, ByPair)
	fill(s, []position{{1, 2}, {3, 4}, {3, 4}})
	s.Exclude([]int32{7})
	f.Add(s.AppendBinary(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, rest, err := Decode(data, 1, ByPair, 100)
		if err != nil {
			return
		}
		again, _, err := Decode(set.AppendBinary(nil), 1, ByPair, 100)
		require.NoError(t, err)
		require.Equal(t, set.AppendBinary(nil), again.AppendBinary(nil))
		require.LessOrEqual(t, len(rest), len(data))
	})
}
