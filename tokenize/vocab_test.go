package tokenize

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Tokens that differ only in the zeros at their end have one key, and a small
// table makes them meet.
func TestFindTellsTrailingZeros(t *testing.T) {
	token := func(zeros int) string { return "a" + strings.Repeat("\x00", zeros) }
	for n := range 20 {
		var tokens []string
		for id := range n {
			tokens = append(tokens, token(2*id))
		}
		v := newVocabulary(tokens)
		for zeros := range 2*n + 1 {
			want := int32(-1)
			if zeros%2 == 0 && zeros/2 < n {
				want = int32(zeros / 2)
			}
			assert.Equal(t, want, v.find([]byte(token(zeros))), "%d zeros of %d tokens", zeros, n)
		}
	}
}

// What comes after a piece in its text is not looked at.
func TestFindWithinText(t *testing.T) {
	v := newVocabulary([]string{"b", "bcd", "bcdefghi", "bcdefghij"})
	text := []byte("abcdefghijklmnopqrstuvwxyz")
	for n, want := range map[int]int32{1: 0, 2: -1, 3: 1, 4: -1, 7: -1, 8: 2, 9: 3, 10: -1} {
		assert.Equal(t, want, v.find(text[1:1+n]), "%d bytes", n)
		assert.Equal(t, want, v.find(text[1:1+n:1+n]), "%d bytes", n)
	}
}
