package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// TestKeyringsAsEditorsWriteThem: a byte order mark or a CR in a label would give another key,
// under which nothing is found.
func TestKeyringsAsEditorsWriteThem(t *testing.T) {
	read := func(text string) ([]tenant, error) {
		return (&cli{stdin: strings.NewReader(text)}).readKeyring("-")
	}
	tenants, err := read("\ufefftenant/a\r\n# note\r\n\r\n tenant/b")
	require.NoError(t, err)
	assert.Equal(t, []tenant{{"tenant/a", []string{"tenant", "a"}}, {"tenant/b", []string{"tenant", "b"}}}, tenants)
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
	table := func(law watermark.Law, results ...detect.Result) string {
		r := &ranking{law: law, results: results}
		for i := range results {
			r.order, r.keyIDs, r.tenants = append(r.order, i), append(r.keyIDs, "id"), append(r.tenants, tenant{name: "tenant/a"})
		}
		var b bytes.Buffer
		require.NoError(t, r.write(&b, false, ""))
		return b.String()
	}
	one := detect.Result{Scored: 4, Green: 3, Sum: 6 * watermark.ScoreUnit, Log10P: -0.0004}
	colours := table(watermark.Bernoulli{P: 0.5}, one, one)
	assert.Contains(t, colours, "2 keys; p-values are adjusted for all of them\n")
	assert.Contains(t, colours, " green  name\n")
	assert.Contains(t, colours, " 0.000          3 of 4  tenant/a\n", "what rounds to zero has no sign")
	scores := table(watermark.Exponential{First: 1}, one)
	assert.Contains(t, scores, "1 key\n")
	assert.Contains(t, scores, " mean score  name\n")
	assert.Contains(t, scores, " 1.500 over 4  tenant/a\n")
	assert.NotContains(t, scores, "of 4")
	assert.Contains(t, table(watermark.Layers{Depth: 30, Weighted: true}, one), " mean bits  name\n")
	assert.Contains(t, table(watermark.Exponential{First: 1}, detect.Result{}), " - over 0  tenant/a\n")
}
