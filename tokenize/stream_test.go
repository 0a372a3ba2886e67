package tokenize_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// parts is a Tokenizer whose ids are pieces of bytes.
type parts []string

func (parts) Name() string                         { return "parts" }
func (parts) Digest() string                       { return "" }
func (p parts) Vocab() int                         { return len(p) }
func (parts) Append(dst []int32, _ []byte) []int32 { return dst }

func (p parts) Decode(dst []byte, ids []int32) ([]byte, error) {
	for _, id := range ids {
		if int(id) >= len(p) {
			return dst, fmt.Errorf("%w: %d", tokenize.ErrID, id)
		}
		dst = append(dst, p[id]...)
	}
	return dst, nil
}

// TestStreamDoesNotDependOnIDs: the texts together are what is before the first stop string, and none ends
// inside a character, wherever ids cut the text.
func TestStreamDoesNotDependOnIDs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	letters := []string{"a", "b", "é", "€", "𝄞", "\n"}
	word := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(letters[rng.IntN(len(letters))])
		}
		return b.String()
	}
	ends, held := 0, 0
	for range 20000 {
		text := word(rng.IntN(12))
		stops := []string{""}
		for range rng.IntN(3) {
			stops = append(stops, word(1+rng.IntN(3)))
		}
		// The first stop string is the one that is complete first, and of several the longest.
		want, at := text, len(text)+1
		for _, s := range stops[1:] {
			if i := strings.Index(text, s); i >= 0 && (i+len(s) < at || i+len(s) == at && i < len(want)) {
				want, at = text[:i], i+len(s)
			}
		}
		var cut parts
		for i := 0; i < len(text); {
			n := min(1+rng.IntN(4), len(text)-i)
			cut = append(cut, text[i:i+n])
			i += n
		}
		s := tokenize.NewStream(cut, stops...)
		got, done := "", false
		for id := range int32(len(cut)) {
			part, stopped, err := s.Add(id)
			require.NoError(t, err)
			require.True(t, utf8.ValidString(part), "%q of %q", part, text)
			if done {
				require.True(t, stopped)
				require.Empty(t, part, "after the stop string")
			}
			if part == "" {
				held++
			}
			got += part
			done = stopped
		}
		if done {
			ends++
		}
		got += s.Rest()
		require.Equal(t, want, got, "%q by %q with %q", text, cut, stops)
		require.Equal(t, at <= len(text), done)
	}
	assert.Greater(t, ends, 3000)
	assert.Greater(t, held, 3000)
}

func TestStreamHoldsBytes(t *testing.T) {
	s := tokenize.NewStream(parts{"a\xe2\x82", "\xac", "\xff\x80\x80\x80\x80b\xf0\x9f"})
	for id, want := range []string{"a", "€", "\xff\x80\x80\x80\x80b"} { // the last: no character can become of them
		text, _, err := s.Add(int32(id))
		require.NoError(t, err)
		assert.Equal(t, want, text)
	}
	_, _, err := s.Add(3)
	require.ErrorIs(t, err, tokenize.ErrID)
	assert.Equal(t, "\xf0\x9f", s.Rest(), "an error changes nothing")
	assert.Empty(t, s.Rest())
}

// TestStreamOfEncodings: the texts together are what Decode returns.
func TestStreamOfEncodings(t *testing.T) {
	for _, name := range tokenize.Names() {
		t.Run(name, func(t *testing.T) {
			tok := get(t, name)
			for _, c := range goldens(t).Cases {
				s := tokenize.NewStream(tok, "never in a golden")
				var all bytes.Buffer
				for _, id := range tok.Append(nil, []byte(c.Text)) {
					text, stopped, err := s.Add(id)
					require.NoError(t, err)
					require.False(t, stopped)
					all.WriteString(text)
				}
				all.WriteString(s.Rest())
				require.Equal(t, c.Text, all.String())
			}
			_, _, err := tokenize.NewStream(tok).Add(int32(tok.Vocab()))
			require.ErrorIs(t, err, tokenize.ErrID)
		})
	}
}
