package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// engineFiles writes the profile and key of a case, and its text as one output of a suspect.
func engineFiles(t *testing.T, dir tempDir, profile json.RawMessage, key []uint64, outputs ...[]watermark.Token) []string {
	t.Helper()
	require.NoError(t, os.RemoveAll(dir.of("engine.key")))
	k, err := interop.NewKey(key...)
	require.NoError(t, err)
	require.NoError(t, interop.WriteKeyFile(dir.of("engine.key"), k))
	var rows strings.Builder
	for _, out := range outputs {
		fmt.Fprintf(&rows, `{"output":%s}`+"\n", strings.ReplaceAll(fmt.Sprint(out), " ", ","))
	}
	return []string{
		"audit", "-q", "--json", "--key", dir.of("engine.key"), "--profile", dir.file("profile", string(profile)), "--reference", "none",
		"--decoys", "100", "--run-key", strings.Repeat("0e", 16), dir.file("outputs.jsonl", rows.String()),
	}
}

// TestStudentOfEngines: audit tests the green lists of every engine. Its distinct pairs are those that
// detect scores, each input of the engine's function once, and the control keys look like chance.
func TestStudentOfEngines(t *testing.T) {
	dir := newDir(t)
	for _, engine := range []string{"hf", "kgw", "sbw", "tgi", "three-bricks"} {
		text, err := os.ReadFile("../../watermark/interop/testdata/" + engine + ".json")
		require.NoError(t, err)
		var file struct{ Cases []engineCase }
		require.NoError(t, json.Unmarshal(text, &file))
		done := map[string]bool{}
		for i, c := range file.Cases {
			s := c.bind(t)
			p := s.Profile()
			kind := p.Scheme + p.Preset
			if _, ok := s.Law().(watermark.Bernoulli); !ok || done[kind] || len(done) == 5 || strings.Contains(p.Preset, "ff-") || p.Dedup == interop.DedupNone && engine != "tgi" {
				continue
			}
			done[kind] = true
			if p.Scheme == "hf-selfhash" && testing.Short() {
				continue // each control key has a table of a million entries
			}
			t.Run(fmt.Sprint(engine, " ", i, " ", kind), func(t *testing.T) {
				profile := []byte(strings.Replace(string(c.Profile), `"dedup":"none"`, `"dedup":"pair"`, 1))
				profile = []byte(strings.Replace(string(profile), `"dedup": "none"`, `"dedup":"pair"`, 1))
				a := detect.NewAccumulator(s, nil)
				a.Add(c.Tokens)
				want := a.Result()
				r := parseReport(t, mustRun(t, engineFiles(t, dir, profile, c.Key, c.Tokens)...)).parsed
				require.Len(t, r.Statistics, 1)
				got := r.Statistics[0]
				assert.Equal(t, want.Scored, got.Scored)
				assert.Equal(t, want.Green, got.Green)
				assert.InDelta(t, want.Log10P, got.Log10P, 1e-9)
				if want.Log10P < -7 {
					assert.Equal(t, "detected", r.Verdict)
				}
				assert.Greater(t, got.Decoys.Log10Misfit, -6.0, "control keys look like chance")
			})
		}
		require.NotEmpty(t, done)
	}
}

// TestStudentCountsInputsOnce: many windows of one text share a seed under a minhash. With each window
// counted, control keys would not look like chance.
func TestStudentCountsInputsOnce(t *testing.T) {
	dir := newDir(t)
	var text []watermark.Token
	for i, x := 0, uint32(7); i < 3000; i++ {
		x = x*1664525 + 1013904223
		text = append(text, watermark.Token(x>>16%30))
	}
	profile := json.RawMessage(`{"isotope":1,"scheme":"kgw","preset":"minhash","vocab":200,"tokenizer":"none"}`)
	r := parseReport(t, mustRun(t, engineFiles(t, dir, profile, []uint64{15485863}, text)...)).parsed
	s := r.Statistics[0]
	assert.Greater(t, s.Decoys.Log10Misfit, -3.0)
	assert.Less(t, s.Scored, int64(1500), "3,000 tokens have fewer inputs")
	assert.NotEqual(t, "detected", r.Verdict)
}

// TestStudentRefusesEngines: what an audit of an engine's mark cannot test is refused by name.
func TestStudentRefusesEngines(t *testing.T) {
	dir := newDir(t)
	green := `{"isotope":1,"scheme":"hf-lefthash","vocab":200,"width":1,"tokenizer":"none"%s}`
	for _, c := range []struct {
		name, profile string
		more          []string
		status        int
		says          string
	}{
		{"a keyed draw", `{"isotope":1,"scheme":"vllm-gumbel","vocab":200,"width":4,"tokenizer":"none"}`, nil, exitUsage, "vllm-gumbel, a keyed draw of vLLM"},
		{"dedup none", fmt.Sprintf(green, `,"dedup":"none"`), nil, exitUsage, "dedup none"},
		{"a registry", fmt.Sprintf(green, ""), []string{"--registry", "r.json", "--epoch", "1"}, exitUsage, "are for marks of isotope/1"},
		{"keys that are not independent", `{"isotope":1,"scheme":"textseal-greenlist","vocab":200,"width":1,"tokenizer":"none"}`, nil, exitUsage, "nothing below 10^-2.5 is claimed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := engineFiles(t, dir, json.RawMessage(c.profile), []uint64{42}, []watermark.Token{1, 2, 3, 4, 5, 6, 7, 8})
			status, _, says := isotope(append(args, c.more...)...)
			assert.Equal(t, c.status, status)
			assert.Contains(t, says, c.says)
		})
	}
	// With an alpha above the floor it tests, and claims nothing below the floor.
	args := engineFiles(t, dir, json.RawMessage(`{"isotope":1,"scheme":"textseal-greenlist","vocab":200,"width":1,"tokenizer":"none"}`), []uint64{42}, []watermark.Token{1, 2, 3, 4, 5, 6, 7, 8})
	r := parseReport(t, mustRun(t, append(args, "--alpha", "0.01")...)).parsed
	assert.Contains(t, strings.Join(r.Warnings, " "), "textseal's function has 8191 values")
}
