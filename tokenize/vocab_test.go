package tokenize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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
		v := newVocabulary(tokens, nil)
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
	v := newVocabulary([]string{"b", "bcd", "bcdefghi", "bcdefghij"}, nil)
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
