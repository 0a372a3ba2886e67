package tokenize

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFindTellsTrailingZeros: tokens that differ only in zeros at their end have the same key. In a small
// table they meet in one slot.
func TestFindTellsTrailingZeros(t *testing.T) {
	token := func(zeros int) string { return "a" + strings.Repeat("\x00", zeros) }
	for n := range 20 {
		var tokens []string
		for id := range n {
			tokens = append(tokens, token(2*id))
		}
		v, err := newVocabulary(tokens, nil)
		require.NoError(t, err)
		for zeros := range 2*n + 1 {
			want := int32(-1)
			if zeros%2 == 0 && zeros/2 < n {
				want = int32(zeros / 2)
			}
			assert.Equal(t, want, v.find([]byte(token(zeros))), "%d zeros of %d tokens", zeros, n)
		}
	}
}

// TestFindWithinText: the bytes after a piece in its text do not matter.
func TestFindWithinText(t *testing.T) {
	v, err := newVocabulary([]string{"b", "bcd", "bcdefghi", "bcdefghij"}, nil)
	require.NoError(t, err)
	text := []byte("abcdefghijklmnopqrstuvwxyz")
	for _, c := range []struct {
		n    int // bytes of the piece
		want int32
	}{{1, 0}, {2, -1}, {3, 1}, {4, -1}, {7, -1}, {8, 2}, {9, 3}, {10, -1}} {
		t.Run(fmt.Sprintf("n=%d", c.n), func(t *testing.T) {
			assert.Equal(t, c.want, v.find(text[1:1+c.n]))
			assert.Equal(t, c.want, v.find(text[1:1+c.n:1+c.n]), "without bytes after the piece")
		})
	}
}

// TestAFileMadeToBeSlow: the names of a hostile file share one place in the table, so that each look-up
// would read all of them.
func TestAFileMadeToBeSlow(t *testing.T) {
	const n = 2000
	t.Run("names", func(t *testing.T) {
		var names []string
		for i := uint64(1); len(names) < n; i++ {
			name := binary.LittleEndian.AppendUint64(nil, i)
			if home(termOf(name).hash(), tableSize(n)) == 0 {
				names = append(names, string(name))
			}
		}
		_, err := newDictionary(names, nil)
		require.ErrorIs(t, err, ErrFormat)
		assert.ErrorContains(t, err, "takes very long")
		_, err = newVocabulary(names, nil)
		assert.ErrorIs(t, err, ErrFormat)
	})
	t.Run("pairs", func(t *testing.T) {
		s := &source{tokens: []string{"a"}}
		table := newPairTable(n)
		for i := int32(0); len(s.merges) < n; i++ {
			if p := (pair{left: i >> 11, right: i & (1<<11 - 1)}); table.home(p.left, p.right) == 0 {
				s.merges = append(s.merges, p)
			}
		}
		s.bytes = new([256]int32)
		assert.ErrorIs(t, s.resolve(&BPE{}), ErrFormat)
	})
	t.Run("ordinary names", func(t *testing.T) {
		var names []string
		for i := range 200_000 {
			names = append(names, fmt.Sprintf("token %d", i), fmt.Sprint(i))
		}
		d, err := newDictionary(names, nil)
		require.NoError(t, err)
		assert.Less(t, d.probes, 2*len(names))
		for id, name := range names {
			require.Equal(t, int32(id), d.find([]byte(name)))
			require.Equal(t, int32(id), d.after(int32(id)-1, []byte(name)))
			require.Equal(t, int32(id), d.after(int32(id), []byte(name)))
		}
	})
}

// TestTwins: a dictionary finds the first of two ids with the same bytes, and names both.
func TestTwins(t *testing.T) {
	d, err := newDictionary([]string{"a", "a longer name", "", "b", "a longer name"}, nil)
	require.NoError(t, err)
	assert.Equal(t, [2]int32{1, 4}, d.twins)
	assert.Equal(t, int32(1), d.find([]byte("a longer name")))
	d, err = newDictionary([]string{"a", "a longer name", "", "b", "a longer name"}, idSet{1 << 4})
	require.NoError(t, err)
	assert.Zero(t, d.twins)
}
