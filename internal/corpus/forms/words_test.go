package forms

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestWords compares words with a walk over every character.
func TestWords(t *testing.T) {
	slow := func(b []byte) (found []string) {
		for i := 0; i < len(b); {
			start, beyond := i, false
			for i < len(b) {
				r, size := utf8.DecodeRune(b[i:])
				if !unicode.IsLetter(r) && !unicode.IsMark(r) {
					break
				}
				beyond = beyond || size > 1
				i += size
			}
			if beyond {
				found = append(found, fmt.Sprint(start, string(b[start:i])))
			}
			if i == start {
				_, size := utf8.DecodeRune(b[i:])
				i += size
			}
		}
		return found
	}
	pieces := []string{"a", "Z", "@", "[", "`", "{", " ", "9", "\n", "abcdefgh", "        ", "é", "а", "“", "\u0301", "\xff", "\xe2\x80", "漢", "𝒜", "😀"}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		var b []byte
		for range rng.IntN(12) {
			b = append(b, pieces[rng.IntN(len(pieces))]...)
		}
		var found []string
		words(b, func(word []byte, at int) { found = append(found, fmt.Sprint(at, string(word))) })
		require.Equal(t, slow(b), found, "%q", b)
	}
}
