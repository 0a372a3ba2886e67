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

// TestKeyringsAsEditorsWriteThem: a BOM or a CR is no part of a label, which would make
// another key, that nothing is found under.
func TestKeyringsAsEditorsWriteThem(t *testing.T) {
	read := func(text string) ([]tenant, error) {
		return (&cli{stdin: strings.NewReader(text)}).readKeyring("-")
	}
	tenants, err := read("\ufefftenant/a\r\n# note\r\n\r\n tenant/b")
	require.NoError(t, err)
	assert.Equal(t, []tenant{{"tenant/a", []string{"tenant", "a"}}, {"tenant/b", []string{"tenant", "b"}}}, tenants)
	for text, says := range map[string]string{
		"tenant/a\n" + strings.Repeat("x", 1<<17): "line 2 is longer than 4096 bytes",
		"tenant/\xff":                        "line 1 is not UTF-8",
		"ok\nt\x00/\x00a\x00":                "line 2 has a NUL or a CR",
		"tenant/a\rtenant/b":                 "line 1 has a NUL or a CR",
		"# isotope-secret-key-1:00":          "line 1 holds a secret key",
		"\ufeffisotope-secret-key-1:00":      "line 1 holds a secret key",
		"\n\nacme = isotope-secret-key-1:00": "line 3 holds a secret key",
		"\ufeff":                             "no derivation path",
		"\ufefftenant/a\ntenant/a":           "line 2 repeats line 1",
		strings.Repeat("a", 4096) + "\n" + "isotope-secret-key": "line 2 holds a secret key",
	} {
		_, err := read(text)
		assert.ErrorContains(t, err, says)
	}
}

// TestRankingShowsWhatWasScored has a table for colours and for scores that are none.
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
	assert.Contains(t, colours, "2 keys, every one of them counted\n")
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
