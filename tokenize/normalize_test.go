package tokenize

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// applyAll is form.apply for a text of which nothing is known: it looks at each segment.
func applyAll(nf norm.Form, text []byte) (out []byte, align alignment) {
	for i := 0; i < len(text); {
		end := i + segment(nf, text[i:])
		before := len(out)
		if isLate(text[i:end]) {
			out = append(out, text[i:end]...)
		} else {
			out = appendSegment(out, nf, text[i:end])
		}
		for j := range len(out) - before {
			if bytes.Equal(out[before:], text[i:end]) {
				align.add(i+j, i+j+1)
			} else {
				align.add(i, end)
			}
		}
		i = end
	}
	return out, align
}

// TestApplyLooksWhereItMust compares texts of letters, marks and bytes that are not UTF-8.
func TestApplyLooksWhereItMust(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	parts := []string{
		"a", "e", "plain text of ASCII ", "\u00e9", "\u0301", "\u0327", "\u0323\u0302", "\u0340", "\u0344", "\u212b", "\u1e9b", "\ufb01",
		"\u1100", "\u1161", "\u11a8", "\uac00", "\uac01", "\u0928", "\u093c", "\u09c7", "\u09be", "\u094d", "\u0e33", "\u0f73", "\u034f",
		"\u3099", "\u304b", "\u6f22", "\uf900", "\ufffd", "\u07fd", "\ua82c", "\u32ff", "\U0001d15e", "\U0001133b", "\U0001e4ec",
		"\U0001f600", "\U0002f800", "\U00020000", "\U00030000", "\U000e0100", "\xff", "\xe2\x82", "\xcc", "\x80",
	}
	changed := 0
	for range 30000 {
		var text []byte
		for range r.IntN(8) {
			part := parts[r.IntN(len(parts))]
			for range 1 + r.IntN(2)*r.IntN(2)*r.IntN(20) {
				text = append(text, part...)
			}
		}
		for _, f := range []form{formNFC, formNFKC} {
			nf, _ := f.load()
			want, places := applyAll(nf, text)
			var align alignment
			got := f.apply(text, &align)
			require.Equal(t, string(want), string(got), "%+q", text)
			if align.from == nil {
				require.Equal(t, string(text), string(got), "%+q", text)
				continue
			}
			changed++
			require.True(t, slices.Equal(places.from, align.from) && slices.Equal(places.to, align.to), "%+q", text)
		}
	}
	assert.Greater(t, changed, 20000)
}

// TestSettled: a settled character stays after any letter and before any mark, and is not late.
func TestSettled(t *testing.T) {
	for _, f := range []form{formNFC, formNFKC} {
		nf, set := f.load()
		count := 0
		for c := range rune(unicode.MaxRune + 1) {
			if !utf8.ValidRune(c) || !set.has(c) {
				continue
			}
			count++
			text := []byte(string(c))
			p := nf.Properties(text)
			require.True(t, p.BoundaryBefore() && nf.IsNormal(text) && !isLate(text), "%U", c)
		}
		assert.Greater(t, count, 150_000)
		assert.False(t, set.has(0x0301) || set.has(0x1161) || set.has(0x07fd) || set.has(0x1133b))
	}
}
