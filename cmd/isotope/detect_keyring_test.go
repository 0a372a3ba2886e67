package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// TestKeyringsAsEditorsWriteThem: a byte order mark or a CR in a label would give another key,
// under which nothing is found.
func TestKeyringsAsEditorsWriteThem(t *testing.T) {
	read := func(text string) ([]keyringEntry, error) {
		return parseKeyring("-", []byte(textfile.TrimMark(text)))
	}
	entries, err := read("\ufefftenant/a\r\n# note\r\n\r\n tenant/b")
	require.NoError(t, err)
	assert.Equal(t, []keyringEntry{{Label: "tenant/a", Path: "tenant/a"}, {Label: "tenant/b", Path: "tenant/b"}}, entries)
	entries, err = read(`[{"path":"tenant/a"},{"label":"b","key_file":"b.key","profile":"b.json"}]`)
	require.NoError(t, err)
	assert.Equal(t, []keyringEntry{{Label: "tenant/a", Path: "tenant/a"}, {Label: "b", KeyFile: "b.key", Profile: json.RawMessage(`"b.json"`)}}, entries)
	for _, c := range []struct{ name, text, says string }{
		{"a long line", "tenant/a\n" + strings.Repeat("x", 1<<17), "line 2 is longer than 4096 bytes"},
		{"not UTF-8", "tenant/\xff", "line 1 is not UTF-8"},
		{"UTF-16", "ok\nt\x00/\x00a\x00", "line 2 has a NUL or a CR"},
		{"lines that end in CR", "tenant/a\rtenant/b", "line 1 has a NUL or a CR"},
		{"a key in a comment", "# isotope-secret-key-1:00", "line 1 holds a secret key"},
		{"a key after a byte order mark", "\ufeffisotope-secret-key-1:00", "line 1 holds a secret key"},
		{"a key after a name", "\n\nacme = isotope-secret-key-1:00", "line 3 holds a secret key"},
		{"a byte order mark alone", "\ufeff", "no derivation path"},
		{"a path again", "\ufefftenant/a\ntenant/a", "line 2 repeats line 1"},
		{"an object", `{"path":"a"}`, "write [{...}]"},
		{"an empty list", "[]", "no derivation path and no key"},
		{"neither path nor file", `[{"label":"a"}]`, "key 1 has neither or both"},
		{"path and file", `[{"path":"a","key_file":"b"}]`, "key 1 has neither or both"},
		{"a label again", `[{"path":"a"},{"label":"a","key_file":"b"}]`, "key 2 has the label of key 1"},
		{"an unknown field", `[{"path":"a","secret":"b"}]`, "secret"},
		{"a key in a list", `[{"path":"` + secretOf("5a") + `"}]`, "the keyring holds a secret key"},
		{"an engine's key in a list", `[{"label":"integer-key-1:15485863,42","path":"a"}]`, "the keyring holds a secret key"},
		{"a key after the longest line", strings.Repeat("a", 4096) + "\n" + "isotope-secret-key", "line 2 holds a secret key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(c.text)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// TestRankingShowsWhatWasScored has a table for colours and one for other scores.
func TestRankingShowsWhatWasScored(t *testing.T) {
	table := func(scheme watermark.Scheme, results ...detect.Result) string {
		mark, err := watermark.New(watermark.NewKey(), scheme, 100)
		require.NoError(t, err)
		c := &candidate{label: "tenant/a", bound: []interop.Bound{{Scorer: mark}}}
		var outcomes []*outcome
		for _, r := range results {
			outcomes = append(outcomes, &outcome{candidate: c, scorer: mark, result: r})
		}
		var b strings.Builder
		rankingTable(&b, outcomes, len(outcomes), columnOf([]*candidate{c}))
		return b.String()
	}
	one := detect.Result{Scored: 4, Green: 3, Sum: 6 * watermark.ScoreUnit, Log10P: -0.0004}
	colours := table(watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, one, one)
	assert.Contains(t, colours, "2 keys; p-values are adjusted for all of them\n")
	assert.Contains(t, colours, " green  name\n")
	assert.Contains(t, colours, " 0.000          3 of 4  tenant/a\n", "what rounds to zero has no sign")
	draw := watermark.GumbelMax{Width: 4}
	scores := table(draw, one)
	assert.Contains(t, scores, "1 key\n")
	assert.Contains(t, scores, " mean score  name\n")
	assert.Contains(t, scores, " 1.500 over 4  tenant/a\n")
	assert.NotContains(t, scores, "of 4")
	assert.Contains(t, table(watermark.Tournament{Depth: 30, Candidates: 2, Width: 4}, one), " mean bits  name\n")
	assert.Contains(t, table(draw, detect.Result{}), " - over 0  tenant/a\n")
}

// FuzzKeyring: a keyring of anybody is read in time, and has a key or an error.
func FuzzKeyring(tf *testing.F) {
	f := mutate.New(tf)
	for _, text := range []string{
		"tenant/acme\n# a comment\ntenant/globex\r\n",
		`[{"label":"a","path":"tenant/a"},{"key_file":"b.key","profile":{"isotope":1},"selector":"s.key"}]`,
		`[{"path":"a","path":"b"}]`, `[{"PATH":"a"}]`, "[]", "{}", "a\x00b", "\xff\xfea\x00",
		"[" + strings.Repeat("[", 1000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			entries, err := parseKeyring("keyring", text)
			if err != nil {
				assert.Empty(t, entries)
				assert.Contains(t, err.Error(), "keyring")
				return
			}
			labels := map[string]bool{}
			for _, e := range entries {
				assert.NotEqual(t, e.Path == "", e.KeyFile == "", "one of path and key_file")
				assert.False(t, labels[e.Label], "labels differ")
				labels[e.Label] = true
			}
		})
	})
}
