package tokenize

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestRuns compares the functions that look at eight bytes with loops, for every byte at every place.
func TestRuns(t *testing.T) {
	loop := func(text []byte, i int, in func(byte) bool) int {
		for i < len(text) && in(text[i]) {
			i++
		}
		return i
	}
	small := func(b byte) bool { return b >= 'a' && b <= 'z' }
	letter := func(b byte) bool { return small(b) || b >= 'A' && b <= 'Z' }
	for n := range 20 {
		for at := range n {
			for b := range 256 {
				text := []byte("abcxyzAZBYaazzkmMZqr"[:n])
				text[at] = byte(b)
				for i := range n {
					if loop(text, i, letter) != letters(text, i) || loop(text, i, small) != smalls(text, i) {
						t.Fatalf("%q from %d", text, i)
					}
				}
			}
		}
	}
	for n := range 70 {
		text := make([]byte, n)
		assert.True(t, isASCII(text))
		for at := range n {
			text[at] = 0x80
			assert.False(t, isASCII(text), "%d of %d", at, n)
			text[at] = 0x7f
			assert.True(t, isASCII(text), "%d of %d", at, n)
		}
	}
	assert.Equal(t, 2, loop([]byte("ab"), 0, letter))
}
