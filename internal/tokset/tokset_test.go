package tokset

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// A position is a token after a context of one token.
type position struct{ context, token int32 }

// fill adds texts whose contexts have one token.
func fill(s *Set, texts ...[]position) {
	for _, text := range texts {
		s.BeginText()
		for _, p := range text {
			s.Add([]int32{p.context}, p.token, 1)
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
	s := New(Config{Width: 1, Rule: ByPair})
	fill(s, []position{{1, 2}, {1, 3}, {1, 2}}, []position{{1, 2}})
	require.Equal(t, 2, s.Len())
	assert.Equal(t, Unit{Token: 2, Weight: 1, Count: 3}, s.Unit(0))
	assert.Equal(t, int64(4), s.Positions())
}

func TestByContextKeepsTheFirstOfOneText(t *testing.T) {
	// Later tokens of the same text do not count, whatever their tags are.
	for token := range int32(50) {
		s := New(Config{Width: 1, Rule: ByContext})
		fill(s, []position{{1, token}, {1, token + 1}, {1, token + 2}})
		require.Equal(t, 1, s.Len())
		require.Equal(t, Unit{Token: token, Weight: 1, Count: 3}, s.Unit(0))
	}
}

// tagOf computes the dedup tag of docs/spec.md for a context of one token.
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
		a, b := New(Config{Width: 1, Rule: ByContext}), New(Config{Width: 1, Rule: ByContext})
		fill(a, []position{{1, token}}, []position{{1, token + 1}})
		fill(b, []position{{1, token + 1}}, []position{{1, token}})
		fromA, fromB := a.Unit(0).Token, b.Unit(0).Token
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
	for _, c := range []struct {
		name string
		rule Rule
	}{{"by pair", ByPair}, {"by context", ByContext}} {
		t.Run(c.name, func(t *testing.T) {
			config := Config{Width: 1, Rule: c.rule}
			for range 50 {
				texts := randomTexts(rng, 12)
				whole := New(config)
				fill(whole, texts...)
				whole.Exclude([]int32{3})
				want := whole.AppendBinary(nil)

				rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
				shards := []*Set{New(config), New(config), New(config)}
				shards[rng.IntN(3)].Exclude([]int32{3})
				for _, text := range texts {
					fill(shards[rng.IntN(3)], text)
				}
				merged := New(config)
				for _, i := range rng.Perm(3) {
					merged.Merge(shards[i])
				}
				require.Equal(t, want, merged.AppendBinary(nil))
				require.Equal(t, want, merged.Clone().AppendBinary(nil))

				decoded, rest, err := Decode(want, config, 100, 15)
				require.NoError(t, err)
				require.Empty(t, rest)
				require.Equal(t, want, decoded.AppendBinary(nil))
				fill(decoded, texts[0])
				fill(merged, texts[0])
				require.Equal(t, merged.AppendBinary(nil), decoded.AppendBinary(nil), "after one more text")
			}
		})
	}
}

func TestExcludeBeatsAddInAnyOrder(t *testing.T) {
	before, after := New(Config{Width: 2, Rule: ByPair}), New(Config{Width: 2, Rule: ByPair})
	before.Exclude([]int32{1, 2})
	for _, s := range []*Set{before, after} {
		s.Add([]int32{1, 2}, 3, 1)
		s.Add([]int32{2, 1}, 3, 1)
	}
	after.Exclude([]int32{1, 2})
	assert.Equal(t, before.AppendBinary(nil), after.AppendBinary(nil))
	assert.True(t, after.Unit(0).Excluded)
	assert.False(t, after.Unit(1).Excluded)
}

func TestWidthZero(t *testing.T) {
	s := New(Config{Width: 0, Rule: ByPair})
	s.Add(nil, 3, 1)
	s.Add(nil, 3, 1)
	s.Add(nil, 4, 1)
	require.Equal(t, 2, s.Len())
	s.Exclude(nil)
	assert.True(t, s.Unit(1).Excluded)
}

func TestMergeOfItself(t *testing.T) {
	s := New(Config{Width: 1, Rule: ByPair})
	fill(s, []position{{1, 2}, {1, 2}, {5, 6}})
	s.Merge(s)
	assert.Equal(t, int64(6), s.Positions())
	assert.Equal(t, 2, s.Len())
}

func TestMergeOfDifferentSetsPanics(t *testing.T) {
	s := New(Config{Width: 1, Rule: ByPair})
	assert.Panics(t, func() { s.Merge(New(Config{Width: 2, Rule: ByPair})) })
	assert.Panics(t, func() { s.Merge(New(Config{Width: 1, Rule: ByContext})) })
}

func TestDecodeRefuses(t *testing.T) {
	s := New(Config{Width: 1, Rule: ByPair})
	fill(s, []position{{1, 2}, {3, 4}, {3, 4}})
	s.Exclude([]int32{7})
	good := s.AppendBinary(nil)
	for n := range good {
		_, _, err := Decode(good[:n], Config{Width: 1}, 100, 15)
		require.ErrorIs(t, err, ErrMalformed, "cut to %d bytes", n)
	}
	const header, size = 24, 15
	unitA, unitB, rest := good[header:header+size], good[header+size:header+2*size], good[header+2*size:]
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	change := func(at int, b byte) []byte {
		c := bytes.Clone(good)
		c[at] = b
		return c
	}
	for _, c := range []struct {
		name   string
		data   []byte
		config Config
		vocab  int
	}{
		{"units swapped", join(good[:header], unitB, unitA, rest), Config{Width: 1}, 100},
		{"a repeated unit", join(good[:header], unitA, unitA, rest), Config{Width: 1}, 100},
		{"2^63 units", change(15, 0x80), Config{Width: 1}, 100},
		{"2^63 excluded contexts", change(23, 0x80), Config{Width: 1}, 100},
		{"negative positions", change(7, 0x80), Config{Width: 1}, 100},
		{"positions without a unit", change(0, 9), Config{Width: 1}, 100},
		{"too few positions", change(0, 1), Config{Width: 1}, 100},
		{"count 0", change(header+7, 0), Config{Width: 1}, 100},
		{"weight 16", change(header+6, 16), Config{Width: 1}, 100},
		{"another width", good, Config{Width: 2}, 100},
		{"an id outside the vocabulary", good, Config{Width: 1}, 4},
		{"more units than the sample holds", good, Config{Width: 1, Size: 1}, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := Decode(c.data, c.config, c.vocab, 15)
			assert.ErrorIs(t, err, ErrMalformed)
		})
	}
	_, left, err := Decode(append(good, 1, 2), Config{Width: 1}, 100, 15)
	require.NoError(t, err, "the encoding that all of these change")
	assert.Equal(t, []byte{1, 2}, left)
}

func FuzzDecode(tf *testing.F) {
	f := mutate.New(tf)
	s := New(Config{Width: 1, Rule: ByPair})
	fill(s, []position{{1, 2}, {3, 4}, {3, 4}})
	s.Exclude([]int32{7})
	f.Add(s.AppendBinary(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, rest, err := Decode(data, Config{Width: 1}, 100, 15)
		if err != nil {
			return
		}
		again, _, err := Decode(set.AppendBinary(nil), Config{Width: 1}, 100, 15)
		require.NoError(t, err)
		require.Equal(t, set.AppendBinary(nil), again.AppendBinary(nil))
		require.LessOrEqual(t, len(rest), len(data))
	})
}
