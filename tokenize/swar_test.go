package tokenize

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		for at := range n {
			text[at] = 0x80
			for i := range at + 1 {
				require.Equal(t, at, asciis(text, i), "%d bytes from %d", n, i)
			}
			text[at] = 0x7f
			require.Equal(t, n, asciis(text, 0), "%d of %d", at, n)
		}
	}
	assert.Equal(t, 2, loop([]byte("ab"), 0, letter))
}
