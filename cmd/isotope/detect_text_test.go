package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/forms"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// TestCutsCountBytes cuts a subject of two texts at every token, in every form of it.
func TestCutsCountBytes(t *testing.T) {
	tok, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	r := &textReader{tokenizer: tok}
	s := &subject{parts: []corpus.Text{
		{Text: []byte("It\u2019s \u201cquoted\u201d,\r\n na\u00efve \U0001f600\U0001f601 text\u00a0 that goes on\r\nand on.")},
		{Text: []byte("And \u2018more\u2019\r\n\r\nof it \xff here.")},
	}}
	all := s.forms(forms.Default())
	require.Greater(t, len(all), 1)
	for _, f := range all {
		t.Run("form "+f.name, func(t *testing.T) {
			tokens, ok := r.tokens(s, &f)
			require.True(t, ok)
			require.Equal(t, []int{tokens.starts[1]}, tokens.breaks)
			n := len(tokens.ids)
			offsets, starts, ends := make([]int, n), make([]bool, n), make([]bool, n)
			for i := range offsets {
				offsets[i] = i
			}
			for i := range ends {
				ends[i] = true
			}
			from := r.cuts(s, &f, &tokens, offsets, starts)
			for i := range offsets {
				offsets[i]++
			}
			to := r.cuts(s, &f, &tokens, offsets, ends)
			for i := range n {
				part := 0
				if i >= tokens.starts[1] {
					part = 1
				}
				require.Equal(t, part, from[i].part, "token %d begins in its part", i)
				require.Equal(t, part, to[i].part, "token %d ends in its part", i)
				before, err := tok.Decode(nil, tokens.ids[tokens.starts[part]:i])
				require.NoError(t, err)
				after, err := tok.Decode(nil, tokens.ids[tokens.starts[part]:i+1])
				require.NoError(t, err)
				if f.name == "" {
					require.Equal(t, len(before), from[i].at)
					require.Equal(t, len(after), to[i].at)
				}
				m := f.maps[part]
				require.Equal(t, m.Start(len(before)), from[i].at)
				require.Equal(t, m.End(len(after)), to[i].at)
			}
			assert.Equal(t, len(s.parts[1].Text), to[n-1].at, "the last token ends with the text")
		})
	}
}

// TestWhatIsNotTextHasNoVerdict has bytes in which a mark cannot be found.
func TestWhatIsNotTextHasNoVerdict(t *testing.T) {
	dir := newDir(t)
	key := dir.file("key", watermark.NewKey().Secret(secretaccess.Allow()))
	green := dir.file("greenlist", mustRun(t, "profile", "-q"))
	draw := dir.file("gumbelmax", mustRun(t, "profile", "-q", "--scheme", "gumbelmax"))
	keyring := dir.file("keyring", "tenant/a\n")
	calls := []struct {
		name string
		args []string
	}{
		{"one mark", nil},
		{"two marks", []string{"--key", key, "--profile", draw}},
		{"a keyring", []string{"--keyring", keyring}},
	}
	for _, c := range []struct{ name, text, says string }{
		{"UTF-16 without a mark", "a\x00b\x00 \x00c\x00", "(not_text)"},
		{"Latin 1", strings.Repeat("na\xefve caf\xe9 ", 9), "(bad_encoding)"},
		{"a program", "\x7fELF\x02\x01\x01\x00\x00\x00", "(binary)"},
		{"a PDF", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "(binary)"},
		{"nothing", "", "(empty)"},
	} {
		text := dir.file("text", c.text)
		for _, call := range calls {
			t.Run(c.name+"/"+call.name, func(t *testing.T) {
				args := slices.Concat([]string{"detect", "--key", key, "--profile", green}, call.args, []string{text})
				status, out, errs := isotope(args...)
				assert.Equal(t, exitError, status)
				assert.Empty(t, out)
				assert.Contains(t, errs, "nothing was tested")
				assert.Contains(t, errs, c.says)
				status, out, _ = isotope(append(args, "--json")...)
				assert.Equal(t, exitError, status)
				assert.Contains(t, out, `"verdict":null`)
				for _, word := range []string{"not_detected", "inconclusive", "power", "log10"} {
					assert.NotContains(t, out+errs, word)
				}
			})
		}
	}
}

// TestStrayBytesAreNoted: a stray byte is a note, and does not contradict the verdict.
func TestStrayBytesAreNoted(t *testing.T) {
	dir := newDir(t)
	key := dir.file("key", secretOf("5b"))
	profile := dir.file("profile", mustRun(t, "profile", "-q"))
	text := dir.file("text", strings.Repeat("a text that goes on and on, ", 30)+"caf\xe9.")
	for _, form := range [][]string{{text}, {text, "--json"}} {
		out := mustRun(t, append([]string{"detect", "--key", key, "--profile", profile}, form...)...)
		assert.Contains(t, out, "UTF-8")
	}
}
