package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// evalRows are the rows of two texts of 120 tokens.
var evalRows = func() string {
	text := `{"tokens":[0` + strings.Repeat(",7", 120) + `],"rows":[`
	for i := range 120 {
		n := i * 397 % 5000
		text += fmt.Sprintf(`{"ids":[%d,%d,%d,%d,%d,%d],"p":[0.2,0.2,0.15,0.15,0.15,0.15]},`, n, n+11, n+22, n+33, n+44, n+55)
	}
	text += "null]}\n"
	return `{"isotope_reading":1,"kind":"mass","vocab":50257,"tokenizer":"none","model":"m"}` + "\n" + text + text
}()

func TestEvalUsageErrors(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"extra", "takes no argument"},
		{"--set weather", `--set "weather" is not one of recommended, widths, peers`},
		{"--set peers --scheme gumbelmax", "leave out --set"},
		{"--scheme poetry", `the scheme "poetry" is not one of`},
		{"--scheme greenlist,depth=2", `no parameter "depth"`},
		{"--attacks poetry", "is not one of substitute, redraw"},
		{"--attacks none,delete", `--attacks "none"`},
		{"--rows r --corpus c", "leave out --corpus"},
		{"--rows-tokenizer r50k_base", "needs --rows"},
		{"--texts 1", "--texts 1"},
		{"--length 10", "--length 10"},
		{"--length 100 --edited 200", "--edited is above --length 100"},
		{"--edited 5", "below 10"},
		{"--steal 5,3", "ascending"},
		{"--texts-out t --json", "measures nothing"},
		{"compare a", "takes two FILES"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, out, errs := isotope(append([]string{"eval"}, strings.Fields(c.args)...)...)
			assert.Equal(t, exitUsage, status)
			assert.Contains(t, errs, c.says)
			assert.Empty(t, out, "stdout is data")
		})
	}
}

// TestEval runs a small grid to the end, from its journal too, and compares two runs.
func TestEval(t *testing.T) {
	dir := newDir(t)
	call := []string{
		"eval", "-q", "--rows", dir.file("rows.jsonl", evalRows), "--rows-tokenizer", "r50k_base", "--texts", "6", "--length", "120", "--edited", "50",
		"--scheme", "gumbelmax,width=1", "--scheme", "greenlist,delta=3,width=0", "--null-keys", "3",
	}
	result := func(args ...string) string {
		var j struct{ Result json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte(mustRun(t, append(call, append(args, "--json")...)...)), &j))
		return string(j.Result)
	}
	journal := dir.of("run.jsonl")
	first := result("--journal", journal, "--csv", dir.of("run.csv"), "--report", dir.of("run.html"))
	assert.Equal(t, first, result("--journal", journal, "--workers", "1"), "nothing is measured again")
	assert.Equal(t, first, result("--workers", "3"))
	lines, err := os.ReadFile(journal)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(journal, []byte(strings.Join(strings.SplitAfter(string(lines), "\n")[:6], "")), 0o600))
	assert.Equal(t, first, result("--journal", journal), "resumed after five texts")
	status, _, errs := isotope(append(call, "--journal", journal, "--seed", "2")...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "another design")

	page, err := os.ReadFile(dir.of("run.html"))
	require.NoError(t, err)
	for _, want := range []string{"tokens of the text", "share detected at 1e-06", "share of tokens deleted", "cost, nats a token", "gumbelmax,width=1", "Attack: delete", "[", "What this shows and what it does not"} {
		assert.True(t, strings.Contains(string(page), want), want)
	}
	assert.False(t, strings.Contains(string(page), "NaN"))
	csv, err := os.ReadFile(dir.of("run.csv"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(csv), "source,scheme,measure,unit,at,alpha,texts,value,low,high\n"))

	// The embedded model follows what is drawn, and its lists can be stolen.
	corpus := []string{"eval", "-q", "--quick", "--corpus", writeWordCorpus(t), "--texts", "2", "--length", "60", "--edited", "50", "--steal", "200,400", "--forged", "1", "--scheme", "gumbelmax,width=1", "--attacks", "average,markdown"}
	first = mustRun(t, corpus...)
	assert.Contains(t, first, "average 3")
	words := mustRun(t, append(call, "--attacks", "delete")...)
	assert.Contains(t, words, "greenlist,delta=3,width=0")
	assert.Contains(t, words, "delete 0.1")
	a, b := dir.file("a.json", mustRun(t, append(call, "--json")...)), dir.file("b.json", mustRun(t, append(call, "--seed", "2", "--json")...))
	assert.Contains(t, mustRun(t, "eval", "compare", a, a), "0 of ")
	assert.Contains(t, mustRun(t, "eval", "compare", "--all", a, b), "delete")
	_, _, errs = isotope("eval", "compare", a, dir.file("rows", evalRows))
	assert.Contains(t, errs, "not a result of eval")
}

// TestEvalParaphrases writes texts, pairs them with paraphrases, and measures what is left.
func TestEvalParaphrases(t *testing.T) {
	dir := newDir(t)
	call := []string{"eval", "-q", "--rows", dir.file("rows.jsonl", evalRows), "--rows-tokenizer", "r50k_base", "--texts", "3", "--length", "120", "--edited", "50", "--scheme", "gumbelmax,width=1"}
	mustRun(t, append(call, "--texts-out", dir.of("texts.jsonl"))...)
	lines, err := os.ReadFile(dir.of("texts.jsonl"))
	require.NoError(t, err)
	var pairs strings.Builder
	n := 0
	for line := range strings.Lines(string(lines)) {
		var x struct{ Text string }
		require.NoError(t, json.Unmarshal([]byte(line), &x))
		pair, err := json.Marshal(map[string]string{"text": x.Text, "paraphrase": "Something else, in other words."})
		require.NoError(t, err)
		pairs.Write(append(pair, '\n'))
		n++
	}
	require.Equal(t, 3, n)
	out := mustRun(t, append(call, "--paraphrases", dir.file("pairs.jsonl", pairs.String()), "--attacks", "paraphrase", "--json")...)
	assert.Contains(t, out, `"attack":"paraphrase","unit":"the text is replaced by its paraphrase in a file","rate":1,"tokens":50,"texts":3`)
	out = mustRun(t, append(call, "--paraphrases", dir.file("none.jsonl", ""), "--attacks", "paraphrase", "--json")...)
	assert.Contains(t, out, `"texts":0`, "a text without a paraphrase is not measured")
}
