package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

func TestInputOffsetsUndoNormalize(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "bc ", "\r", "\n", "\r\n", "\u00a0", "\u202f", "\u2019", "\u201c", "\u00e9", "\u20ac", "\xff", "\xc2", "\xe2\x80", "\U0001f600"}
	for range 2000 {
		var b strings.Builder
		for range rng.IntN(20) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		text := []byte(b.String())
		n := len(normalize(text))
		offsets := make([]int, n+1)
		for i := range offsets {
			offsets[i] = i
		}
		inputOffsets(text, offsets)
		for i, at := range offsets {
			if i > 0 {
				require.Greater(t, at, offsets[i-1])
			}
			// What comes before an offset normalizes to what comes before it, but for a
			// character that is cut.
			require.Equal(t, string(normalize(text)[:i]), string(normalize(text[:at])), "%q", text)
		}
		assert.Equal(t, len(text), offsets[n])
	}
}

func TestLocateCountsBytes(t *testing.T) {
	tok, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	text := []byte("It\u2019s \u201cquoted\u201d,\r\n na\u00efve \U0001f600\U0001f601 text\u00a0\xff that goes on\r\nand on.")
	for form, bytes := range [][]byte{text, normalize(text)} {
		s := &inputText{text: text, tokenizer: tok, forms: [][]watermark.Token{tok.Append(nil, text), tok.Append(nil, normalize(text))}}
		ids := s.forms[form]
		for from := range ids {
			for to := from + 1; to <= len(ids); to++ {
				span := detect.Span{DisplayStart: from, DisplayEnd: to}
				got := s.locate(form, []detect.Span{{DisplayStart: 0, DisplayEnd: from}, span})[1]
				part, err := tok.Decode(nil, ids[from:to])
				require.NoError(t, err)
				before, err := tok.Decode(nil, ids[:from])
				require.NoError(t, err)
				require.Equal(t, string(bytes[len(before):][:len(part)]), string(part))
				if form == 0 {
					require.Equal(t, len(before), *got.ByteStart)
					require.Equal(t, len(before)+len(part), *got.ByteEnd)
				} else {
					require.Equal(t, string(before), string(normalize(text[:*got.ByteStart])))
				}
			}
		}
	}
}

// TestOtherEncodingsAreSaid has texts in which a mark cannot be found, because their bytes
// were changed.
func TestOtherEncodingsAreSaid(t *testing.T) {
	for _, text := range []string{"", "a text", "\ufeffa text", "na\u00efve \ufffd", "a\r\n"} {
		assert.Empty(t, (&inputText{text: []byte(text)}).encoding(), "%q", text)
	}
	for _, c := range []struct{ name, text, says string }{
		{"UTF-16", "\xff\xfea\x00", "is not UTF-8, first at byte 0;"},
		{"Latin 1", "na\xefve", "is not UTF-8, first at byte 2;"},
		{"a cut character", "caf\xc3", "is not UTF-8, first at byte 3;"},
		{"UTF-16 that is also UTF-8", "a\x00b\x00", "has a NUL, first at byte 1;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			warnings := (&inputText{text: []byte(c.text)}).encoding()
			require.Len(t, warnings, 1)
			assert.ErrorContains(t, warnings[0], c.says)
		})
	}

	dir := newDir(t)
	key := dir.file("key", watermark.NewKey().Secret(secretaccess.Allow()))
	green := dir.file("greenlist", mustRun(t, "profile", "-q"))
	draw := dir.file("gumbelmax", mustRun(t, "profile", "-q", "--scheme", "gumbelmax"))
	text, keyring := dir.file("text", "\xff\xfea\x00"), dir.file("keyring", "tenant/a\n")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"one mark", nil},
		{"two marks", []string{"--key", key, "--profile", draw}},
		{"a keyring", []string{"--keyring", keyring}},
	} {
		for _, form := range [][]string{{text}, {text, "--json"}} {
			t.Run(strings.Join(append([]string{c.name}, form[1:]...), " "), func(t *testing.T) {
				out := mustRun(t, slices.Concat([]string{"detect", "--key", key, "--profile", green}, c.args, form)...)
				assert.Contains(t, out, "the text is not UTF-8, first at byte 0;")
			})
		}
	}
}
