package stoptext

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCutterDoesNotDependOnPieces checks that the pieces make up the text before the first stop
// sequence, and that none of them ends within a character, however tokens cut the text.
func TestCutterDoesNotDependOnPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	letters := []string{"a", "b", "é", "€", "𝄞", "\n"}
	stopped, held := 0, 0
	for range 20000 {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(letters[rng.IntN(len(letters))])
		}
		text := b.String()
		var stops []string
		for range rng.IntN(3) {
			s := ""
			for range 1 + rng.IntN(3) {
				s += letters[rng.IntN(len(letters))]
			}
			stops = append(stops, s)
		}
		// The first stop sequence is the one that is complete first.
		want, at := text, len(text)+1
		for _, s := range stops {
			if i := strings.Index(text, s); i >= 0 && i+len(s) <= at {
				if i+len(s) < at || i < len(want) {
					want = text[:i]
				}
				at = i + len(s)
			}
		}
		c := New(stops...)
		got, done := "", false
		for i, n := 0, 0; i < len(text) && !done; i += n {
			n = min(1+rng.IntN(5), len(text)-i)
			var piece string
			piece, done = c.Add([]byte(text[i : i+n]))
			assert.True(t, strings.ToValidUTF8(piece, "") == piece, "%q of %q", piece, text)
			if piece == "" {
				held++
			}
			got += piece
		}
		if !done {
			got += c.Rest()
		} else {
			stopped++
		}
		assert.Equal(t, want, got, "%q with %q", text, stops)
		assert.Equal(t, at <= len(text), done)
	}
	assert.Greater(t, stopped, 3000)
	assert.Greater(t, held, 3000)
}

func TestCutterEndsWithinACharacter(t *testing.T) {
	c := New()
	piece, _ := c.Add([]byte("a\xe2\x82"))
	assert.Equal(t, "a", piece)
	piece, _ = c.Add([]byte("\xac"))
	assert.Equal(t, "€", piece)
	piece, _ = c.Add([]byte("\xff\x80\x80\x80\x80b\xf0\x9f"))
	assert.Equal(t, "\xff\x80\x80\x80\x80b", piece, "bytes that cannot become a character are not held back")
	assert.Equal(t, "\xf0\x9f", c.Rest())
	assert.Empty(t, c.Rest())
}
