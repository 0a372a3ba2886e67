package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

const weightedProfile = `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":3,"width":1,"vocab":4000,"tokenizer":"none"}`

// halfFree writes a text in which every second choice is between many tokens and marked. The others
// are free of any choice. entropy has the entropies.
func halfFree(t *testing.T, n int) (ids []watermark.Token, entropy []float64) {
	t.Helper()
	p, err := watermark.ParseProfile([]byte(weightedProfile))
	require.NoError(t, err)
	key, err := watermark.ParseKey(secretOf("5a"))
	require.NoError(t, err)
	mark, err := p.Mark(key)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(14, 7))
	ids, entropy = []watermark.Token{1}, []float64{0}
	for len(ids) < n {
		next := watermark.Token(rng.IntN(4000))
		if len(ids)%4 == 0 {
			for range 3 {
				if mark.Score(nil, []watermark.Pair{{Context: ids[len(ids)-1:], Token: next}})[0] == 1 {
					break
				}
				next = watermark.Token(rng.IntN(4000))
			}
			entropy = append(entropy, 8)
		} else {
			entropy = append(entropy, 0.05)
		}
		ids = append(ids, next)
	}
	return ids, entropy
}

// TestDetectWeights: the command tests with the weights of a file as package detect does, finds more
// with them, and counts no further test.
func TestDetectWeights(t *testing.T) {
	dir := newDir(t)
	ids, entropy := halfFree(t, 400)
	line := func(x any) string { return strings.ReplaceAll(fmt.Sprint(x), " ", ",") }
	args := []string{
		"detect", "-q", "--json", "--key", dir.file("my.key", secretOf("5a")+"\n"), "--profile", dir.file("my.json", weightedProfile),
		"--ids", dir.file("ids.json", line(ids)),
	}
	run := func(weights string) (j anyResult) {
		more := args
		if weights != "" {
			more = append(args[:len(args):len(args)], "--weights", dir.file("weights.jsonl", weights))
		}
		require.NoError(t, json.Unmarshal([]byte(mustRun(t, more...)), &j))
		return j
	}
	plain := run("")
	byEntropy := run(`{"isotope_weights":1,"kind":"entropy"}` + "\n" + line(entropy) + "\n")
	assert.Less(t, *byEntropy.Log10P, *plain.Log10P-5, "the positions with a choice count")
	assert.Equal(t, int64(1), byEntropy.Tests)

	weights := make([]uint8, len(ids))
	given := make([]int, len(ids))
	for i, h := range entropy {
		if h > 1 {
			weights[i] = 15
		} else {
			weights[i] = 1
		}
		given[i] = int(weights[i])
	}
	p, err := watermark.ParseProfile([]byte(weightedProfile))
	require.NoError(t, err)
	key, err := watermark.ParseKey(secretOf("5a"))
	require.NoError(t, err)
	mark, err := p.Mark(key)
	require.NoError(t, err)
	a := detect.NewAccumulator(mark, &detect.Options{Weighting: detect.WeightGiven})
	a.AddWeighted(ids, weights)
	want := a.Result()
	got := run(`{"isotope_weights":1,"kind":"weights"}` + "\n" + line(given) + "\n")
	assert.Equal(t, want.Log10P, *got.Log10P)
	assert.Equal(t, fmt.Sprint(want.Sum), got.Sum.String())

	for _, c := range []struct{ name, weights, says string }{
		{"too few", `{"isotope_weights":1,"kind":"entropy"}` + "\n[1,2]\n", "has 2 weights for text 1, and"},
		{"none", `{"isotope_weights":1,"kind":"entropy"}` + "\n", "has weights for 0 texts, and there are more"},
		{"a text too many", `{"isotope_weights":1,"kind":"entropy"}` + "\n" + line(entropy) + "\n[1]\n", "has weights for 2 texts, and 1 were tested"},
		{"a weight of 16", `{"isotope_weights":1,"kind":"weights"}` + "\n[16]\n", "16 is not a whole number from 0 to 15"},
		{"an entropy below 0", `{"isotope_weights":1,"kind":"entropy"}` + "\n[-1]\n", "outside 0 to 100 nats"},
		{"another version", `{"isotope_weights":2,"kind":"entropy"}` + "\n", "isotope_weights is 2"},
		{"another kind", `{"isotope_weights":1,"kind":"loss"}` + "\n", "unknown kind"},
		{"no header", "[1]\n", "the first line"},
		{"nothing", "", "the file is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, says := isotope(append(args[:len(args):len(args)], "--weights", dir.file("weights.jsonl", c.weights))...)
			assert.Equal(t, exitError, status)
			assert.Contains(t, says, c.says)
		})
	}
	text, err := os.ReadFile("../../docs/formats/examples/weights.jsonl")
	require.NoError(t, err)
	w, err := parseWeights(text)
	require.NoError(t, err)
	assert.Equal(t, [][]uint8{{0, 5, 13, 0, 14, 7}, {10, 3, 14}}, w.lines)
}

// FuzzWeights parses any file of weights: every weight is one that a test takes.
func FuzzWeights(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte(`{"isotope_weights":1,"kind":"entropy"}` + "\n[1,0.5,2e1]\n"))
	f.Add([]byte(`{"isotope_weights":1,"kind":"weights"}` + "\n[15,0]\n\n[]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			w, err := parseWeights(text)
			if err != nil {
				return
			}
			for _, line := range w.lines {
				for _, x := range line {
					assert.LessOrEqual(t, int(x), detect.MaxWeight)
				}
			}
		})
	})
}

// TestDetectShared: texts with one template are noted, and --shared leaves the template out for every
// text.
func TestDetectShared(t *testing.T) {
	dir := newDir(t)
	require.NoError(t, mkdir(dir.of("texts")))
	template, _ := halfFree(t, 400)
	rng := rand.New(rand.NewPCG(14, 8))
	for i := range 4 {
		text := append([]watermark.Token(nil), template...)
		for range 100 {
			text = append(text, watermark.Token(rng.IntN(4000)))
		}
		dir.file(fmt.Sprintf("texts/%d.jsonl", i), fmt.Sprintf(`{"output":%s}`+"\n", strings.ReplaceAll(fmt.Sprint(text), " ", ",")))
	}
	args := []string{
		"detect", "-q", "--json", "--key", dir.file("my.key", secretOf("5a")+"\n"), "--profile", dir.file("my.json", weightedProfile), dir.of("texts"),
	}
	var j struct {
		Warnings []string   `json:"warnings"`
		Results  []textJSON `json:"results"`
	}
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, args...)), &j))
	assert.Contains(t, strings.Join(j.Warnings, "\n"), "share 1 runs, the longest of 400 tokens")
	require.Len(t, j.Results, 4)
	for _, r := range j.Results {
		assert.Less(t, *r.Log10P, -3.0, "the template is marked")
	}
	out := mustRun(t, append(args, "--shared", "2")...)
	j.Warnings, j.Results = nil, nil
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	assert.Contains(t, strings.Join(j.Warnings, "\n"), "1 runs of 400 tokens that 2 or more texts share are left out")
	for _, r := range j.Results {
		assert.Greater(t, *r.Log10P, -3.0)
		assert.GreaterOrEqual(t, r.Skipped.Excluded, int64(399))
		assert.LessOrEqual(t, r.Scored, int64(101))
	}
	status, _, says := isotope(append(args[:len(args)-1:len(args)-1], "--shared", "2")...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, says, "standard input can be read once")
}
