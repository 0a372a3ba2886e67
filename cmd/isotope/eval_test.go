package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/eval"
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
		{"--gguf g --rows r", "leave out --gguf"},
		{"--questions q", "give --gguf"},
		{"--marked m", "--marked needs the --key and the one --profile"},
		{"--marked m --key k --profile p --profile q", "--marked needs the --key and the one --profile"},
		{"--marked m --key k --profile p --gguf g", "exist already"},
		{"--key k", "give --marked"},
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

// evalResultOf returns the result of a run of eval.
func evalResultOf(t *testing.T, args ...string) *eval.Result {
	t.Helper()
	r, err := eval.ReadResult(strings.NewReader(mustRun(t, append([]string{"eval", "-q", "--json"}, args...)...)))
	require.NoError(t, err)
	return r
}

// TestEvalGGUF measures a model of a file, which writes texts without an end and answers questions.
func TestEvalGGUF(t *testing.T) {
	dir := newDir(t)
	f := &fakeGGUF{vocab: 256}
	useGGUF(t, f)
	call := []string{
		"--gguf", dir.file("tokenizer.json", byteTokenizer(t)), "--corpus", writeWordCorpus(t), "--texts", "4", "--length", "60", "--edited", "50", "--attacks", "substitute", "--null-keys", "2",
		"--scheme", "gumbelmax,width=1", "--scheme", "greenlist,delta=4,width=1",
		"--questions", dir.file("q.jsonl", `{"question":"Say a.","answers":["a"]}`+"\n"+`{"question":"Say b.","answers":["a b c d e f"]}`+"\n"),
	}
	r := evalResultOf(t, append(call, "--workers", "1")...)
	assert.Equal(t, r, evalResultOf(t, append(call, "--workers", "4")...), "rows that are kept do not matter")
	assert.Equal(t, 2, f.closed)
	require.Len(t, r.Clean, 2)
	for _, c := range r.Clean {
		require.NotNil(t, c.Answers, c.Scheme)
		assert.Equal(t, 8, c.Answers.Right.Of, "two questions for each text")
		assert.Less(t, c.Answers.Right.Found, 5, "nobody says the second")
		assert.Positive(t, c.Answers.Ended.Found)
		assert.Less(t, c.Answers.Ended.Found, 8)
		assert.Less(t, c.Answers.Tokens.Value, 96.0)
		assert.InDelta(t, 1, c.Marked.Value, 0.2, "texts do not end")
	}
	a, b := r.Clean[0], r.Clean[1]
	assert.Equal(t, a.PlainAnswers, b.PlainAnswers, "one list for all schemes")
	assert.NotEqual(t, a.Answers, a.PlainAnswers)
	assert.Equal(t, a.Unmarked, b.Unmarked)
	assert.Zero(t, a.KL.Value)
	assert.Greater(t, b.KL.Value, 0.3)
	assert.Equal(t, 1.0, a.Greedy.Value)
	assert.Less(t, b.Greedy.Value, 1.0)
	assert.Positive(t, b.Power[0][0].Found)

	words := mustRun(t, append([]string{"eval", "-q", "--report", dir.of("page.html"), "--csv", dir.of("run.csv")}, call...)...)
	assert.Contains(t, words, "ended by the model")
	page, err := os.ReadFile(dir.of("page.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "Answers to questions, gguf")
	assert.NotContains(t, string(page), "NaN")
	csv, err := os.ReadFile(dir.of("run.csv"))
	require.NoError(t, err)
	assert.Contains(t, string(csv), "right answers of unmarked text")
}

// TestEvalMarked measures texts that the command marked before: as text, as ids, and with their rows.
func TestEvalMarked(t *testing.T) {
	dir := newDir(t)
	corpus := writeWordCorpus(t)
	key := dir.file("my.key", secretOf("61"))
	profile := dir.file("my.json", mustRun(t, "profile", "new", "--scheme", "gumbelmax", "--width", "1"))
	var lines strings.Builder
	for i := range 4 {
		text := mustRun(t, "generate", "--key", key, "--profile", profile, "--corpus", corpus, "--length", "120", "--seed", fmt.Sprint(i))
		line, err := json.Marshal(map[string]string{"text": text})
		require.NoError(t, err)
		lines.Write(append(line, '\n'))
	}
	lines.WriteString(`{"text":"too short"}` + "\n")
	texts := dir.file("texts.jsonl", lines.String())
	call := func(file, key string, more ...string) []string {
		return append([]string{"--marked", file, "--key", key, "--profile", profile, "--corpus", corpus, "--length", "80", "--edited", "50", "--null-keys", "4"}, more...)
	}
	r := evalResultOf(t, call(texts, key)...)
	require.Len(t, r.Clean, 1)
	c := r.Clean[0]
	assert.True(t, r.Sources[0].Given)
	assert.Equal(t, 4, r.Texts, "the short one is left out")
	assert.Equal(t, 4, c.Power[2][0].Found, "the mark of the key is found")
	assert.Zero(t, c.Null[1][0].Found, "and that of no other key")
	assert.True(t, math.IsNaN(c.Entropy.Value), "nobody knows the rows")
	assert.True(t, math.IsNaN(c.Unmarked.Value))
	measured := map[string]bool{}
	for _, e := range r.Edited {
		measured[e.Attack] = measured[e.Attack] || e.Texts > 0
	}
	for attack, want := range map[string]bool{"substitute": true, "delete": true, "paste 4": true, "case": true, "redraw": false, "mix": false, "average": false} {
		assert.Equal(t, want, measured[attack], attack)
	}
	other := dir.file("other.key", secretOf("62"))
	assert.Zero(t, evalResultOf(t, call(texts, other)...).Clean[0].Power[2][0].Found)
	words := mustRun(t, append([]string{"eval", "-q"}, call(texts, key)...)...)
	assert.NotContains(t, words, "changed")
	assert.NotContains(t, words, "NaN")
	_, _, errs := isotope(append([]string{"eval", "--length", "90"}, call(texts, key, "--length", "5000")...)...)
	assert.Contains(t, errs, "has 0 texts of at least 5000 tokens")

	// Rows show what the mark cost. Those of evalRows are of the token that follows.
	words = mustRun(t, "profile", "new", "--scheme", "greenlist", "--delta", "3", "--width", "1", "--tokenizer", "none", "--vocab", "50257")
	profile = dir.file("ids.json", words)
	with := evalResultOf(t, call(dir.file("rows.jsonl", evalRows), key)...).Clean[0]
	assert.InDelta(t, 1.78, with.Entropy.Value, 0.01, "six candidates")
	assert.Greater(t, with.KL.Value, 0.1)
	assert.Zero(t, with.Power[2][0].Found, "the text of the file has no mark")
}
