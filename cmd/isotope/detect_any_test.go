package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/scan"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// An engineCase is a text that an engine's own program scored.
type engineCase struct {
	name    string
	Profile json.RawMessage   `json:"profile"`
	Key     []uint64          `json:"key"`
	Tokens  []watermark.Token `json:"tokens"`
	Prompt  []watermark.Token `json:"prompt"`
}

// engineCases returns the longest text without a prompt of each file of vectors.
func engineCases(t *testing.T) []engineCase {
	t.Helper()
	var list []engineCase
	for _, engine := range []string{"hf", "kgw", "sbw", "sglang", "synthid-hf", "tgi", "three-bricks", "vllm"} {
		text, err := os.ReadFile("../../watermark/interop/testdata/" + engine + ".json")
		require.NoError(t, err)
		var file struct{ Cases []engineCase }
		require.NoError(t, json.Unmarshal(text, &file))
		best := engineCase{}
		for _, c := range file.Cases {
			p, err := interop.ParseProfile(c.Profile)
			require.NoError(t, err)
			if len(c.Prompt) == 0 && len(c.Tokens) > len(best.Tokens) && p.Dedup != interop.DedupNone {
				best = c
			}
		}
		if len(best.Tokens) > 0 {
			best.name = engine
			list = append(list, best)
		}
	}
	require.GreaterOrEqual(t, len(list), 5)
	return list
}

// An anyResult is what the tests look at of the JSON of detect.
type anyResult struct {
	headlineJSON
	Verdict *detect.Verdict `json:"verdict"`
	Keys    []rankedJSON    `json:"keys"`
}

// number64 returns a JSON number.
func number64(t *testing.T, n json.Number) float64 {
	t.Helper()
	x, err := n.Float64()
	require.NoError(t, err)
	return x
}

// bind returns the mark of the case.
func (c *engineCase) bind(t *testing.T) interop.Scorer {
	t.Helper()
	p, err := interop.ParseProfile(c.Profile)
	require.NoError(t, err)
	k, err := interop.NewKey(c.Key...)
	require.NoError(t, err)
	s, err := p.Bind(k)
	require.NoError(t, err)
	return s
}

// alone returns the result of package detect for the case.
func (c *engineCase) alone(t *testing.T) detect.Result {
	t.Helper()
	s := c.bind(t)
	p := s.Profile()
	o := &detect.Options{Exempt: p.Exempt}
	if p.Dedup == interop.DedupContext {
		o.Dedup = detect.DedupContext
	}
	a := detect.NewAccumulator(s, o)
	a.Add(s.Frame(nil, c.Tokens).Tokens)
	return a.Result()
}

// TestAnyTestsMarksOfAllEngines tests each text for the marks of all engines at once, and of
// isotope/1: the numbers are those of the library, and every test is counted.
func TestAnyTestsMarksOfAllEngines(t *testing.T) {
	dir := newDir(t)
	dir.file("own.key", secretOf("5a")+"\n")
	dir.file("own.json", `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":2,"vocab":500,"tokenizer":"none"}`)
	list := []map[string]any{{"label": "own", "key_file": "own.key", "profile": "own.json"}}
	cases := engineCases(t)
	for _, c := range cases {
		k, err := interop.NewKey(c.Key...)
		require.NoError(t, err)
		require.NoError(t, interop.WriteKeyFile(dir.of(c.name+".key"), k))
		list = append(list, map[string]any{"label": c.name, "key_file": c.name + ".key", "profile": c.Profile})
	}
	text, err := json.Marshal(list)
	require.NoError(t, err)
	ring := dir.file("list.json", string(text))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ids := dir.file("ids", strings.Trim(fmt.Sprint(c.Tokens), "[]"))
			profile := dir.file("profile", string(c.Profile))
			want := c.alone(t)
			var one, all anyResult
			require.NoError(t, json.Unmarshal([]byte(mustRun(t, "detect", "-q", "--json", "--key", dir.of(c.name+".key"), "--profile", profile, "--ids", ids)), &one))
			assert.Equal(t, want.Scored, one.Scored)
			if _, draw := c.bind(t).Law().(watermark.Exponential); draw {
				// The sum is in nats, as the engine has it. Scores are rounded down.
				assert.InEpsilon(t, float64(want.Sum)/watermark.ScoreUnit, number64(t, one.Sum), 1e-6)
			} else {
				assert.InDelta(t, float64(want.Sum), number64(t, one.Sum), 0)
			}
			assert.InDelta(t, want.Log10P, *one.Log10P, 1e-9)
			require.NoError(t, json.Unmarshal([]byte(mustRun(t, "detect", "-q", "--json", "--any="+ring, "--ids", ids)), &all))
			require.Len(t, all.Keys, len(list), "every candidate is tested")
			found := false
			for _, key := range all.Keys {
				assert.Equal(t, int64(len(list)), key.Tests, "and counted")
				if key.Name == c.name {
					found = true
					assert.InDelta(t, want.Log10P, *key.Log10P, 1e-9)
					assert.LessOrEqual(t, *key.Log10PAdjusted, 0.0)
					assert.GreaterOrEqual(t, *key.Log10PAdjusted, *key.Log10P)
				}
			}
			assert.True(t, found)
			for i := range all.Keys[1:] {
				assert.LessOrEqual(t, *all.Keys[i].Log10PAdjusted, *all.Keys[i+1].Log10PAdjusted)
			}
			if want.Log10P < -12 {
				assert.Equal(t, c.name, all.Keys[0].Name)
				assert.Equal(t, detect.Detected, *all.Verdict)
			}
		})
	}
}

// TestEnginesInTheCommand: detect prints the counts and the sum that the engine's own program
// reported for a text, in the program's unit, with the prompt where the program reads it. With dedup
// none it prints the same log10 p as the program, and does not give a verdict.
func TestEnginesInTheCommand(t *testing.T) {
	dir := newDir(t)
	type reported struct {
		engineCase
		Scored int64    `json:"scored"`
		Sum    float64  `json:"sum"`
		P      *float64 `json:"p"`
		Unit   string   `json:"unit"`
		What   string   `json:"what"`
	}
	for _, engine := range []string{
		"hf", "kgw", "sbw", "sglang", "synthid-deepmind", "synthid-hf", "synthid-pypi", "textseal", "tgi", "three-bricks", "vllm",
	} {
		text, err := os.ReadFile("../../watermark/interop/testdata/" + engine + ".json")
		require.NoError(t, err)
		var file struct{ Cases []reported }
		require.NoError(t, json.Unmarshal(text, &file))
		done := map[string]int{}
		for i, c := range file.Cases {
			s := c.bind(t)
			p := s.Profile()
			// A program that counts windows counts one input several times where that matters. Two cases
			// of a kind are enough: the package has them all.
			kind := fmt.Sprint(p.Scheme, p.Dedup, len(c.Prompt) > 0)
			if c.Unit == "ngram" && p.Dedup != interop.DedupNone || done[kind] == 2 {
				continue
			}
			done[kind]++
			t.Run(fmt.Sprint(engine, " ", i, " ", c.What), func(t *testing.T) {
				require.NoError(t, os.RemoveAll(dir.of("engine.key")))
				k, err := interop.NewKey(c.Key...)
				require.NoError(t, err)
				require.NoError(t, interop.WriteKeyFile(dir.of("engine.key"), k))
				args := []string{
					"detect", "-q", "--json", "--key", dir.of("engine.key"), "--profile", dir.file("profile", string(c.Profile)),
					"--ids", dir.file("ids", strings.Trim(fmt.Sprint(c.Tokens), "[]")),
				}
				if len(c.Prompt) > 0 {
					args = append(args, "--prompt-file", dir.file("prompt.json", strings.ReplaceAll(fmt.Sprint(c.Prompt), " ", ",")))
				}
				var j anyResult
				require.NoError(t, json.Unmarshal([]byte(mustRun(t, args...)), &j))
				assert.Equal(t, c.Scored, j.Scored)
				assert.InEpsilon(t, c.Sum+1, number64(t, j.Sum)+1, 3e-6, "the statistic")
				if p.Dedup == interop.DedupNone {
					assert.Equal(t, detect.Inconclusive, *j.Verdict)
					assert.Zero(t, *j.Log10PAdjusted, "no claim")
				}
				if _, draw := s.Law().(watermark.Exponential); draw && c.P != nil && !strings.Contains(p.Scheme, "dual") && *c.P > 1e-100 {
					assert.InEpsilon(t, math.Log10(*c.P), *j.Log10P, 2e-3)
				}
			})
		}
		require.NotEmpty(t, done)
	}
}

// TestEngineCounts: what an engine puts before a text is none of its tokens, and what the engine leaves
// out is told. The weighted sum of SynthID is in its own unit.
func TestEngineCounts(t *testing.T) {
	dir := newDir(t)
	vllm := `{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":100,"tokenizer":"none"`
	sglang := `{"isotope":1,"scheme":"sglang-gumbel","width":2,"vocab":100,"tokenizer":"none","max_contexts":5}`
	synthid := `{"isotope":1,"scheme":"synthid-hf","width":2,"depth":3,"vocab":100,"tokenizer":"none","eos":9`
	bricks := `{"isotope":1,"scheme":"three-bricks-greenlist","width":2,"vocab":100,"tokenizer":"none"}`
	for _, c := range []struct {
		name, profile, ids, prompt string
		key                        string
		tokens, scored, start      int64
		warning                    string
	}{
		{"vllm", vllm + `}`, "1 2 3 4 5 6", "", "7000000000000000000", 6, 6, 0, ""},
		{"vllm without dedup", vllm + `,"dedup":"none"}`, "1 2 3 4 5 6", "", "7000000000000000000", 6, 6, 0, "no verdict"},
		{"vllm without text", vllm + `}`, "", "", "7000000000000000000", 0, 0, 0, ""},
		{"sglang", sglang, "1 2 3 4 5 6", "", "7000000000000000000", 6, 4, 2, ""},
		{"sglang with its prompt", sglang, "1 2 3 4", "[50,51,52]", "7000000000000000000", 4, 4, 0, ""},
		{"sglang, more contexts than it marks", sglang, "1 2 3 4 5 6 7 8 9", "", "7000000000000000000", 7, 5, 2, "2 tokens at the end were left out, because the engine marks the first 5 contexts"},
		{"synthid", synthid + `}`, "1 2 3 4 5 9 6 7", "", "7000000000000000000,2,3", 5, 3, 2, "3 tokens at the end were left out, from the first id 9 on"},
		{"three-bricks", bricks, "1 2 3 4 5 6", "", "7000000000000000000", 6, 3, 3, ""},
		{"three-bricks with its prompt", bricks, "1 2 3 4 5 6", "[50,51,52]", "7000000000000000000", 6, 6, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{
				"detect", "-q", "--json", "--key", dir.file("engine.key", "integer-key-1:"+c.key+"\n"),
				"--profile", dir.file("profile", c.profile), "--ids", dir.file("ids", c.ids),
			}
			if c.prompt != "" {
				args = append(args, "--prompt-file", dir.file("prompt.json", c.prompt))
			}
			if c.ids == "" {
				status, _, errs := isotope(args...)
				assert.Equal(t, exitError, status)
				assert.NotEmpty(t, errs)
				return
			}
			var j struct {
				anyResult
				Warnings []string `json:"warnings"`
			}
			require.NoError(t, json.Unmarshal([]byte(mustRun(t, args...)), &j))
			assert.Equal(t, c.tokens, j.Tokens)
			assert.Equal(t, c.scored, j.Scored)
			assert.Equal(t, c.start, j.Skipped.ShortContext)
			assert.Equal(t, j.Tokens, j.Scored+j.Skipped.ShortContext+j.Skipped.Vocab+j.Skipped.Excluded+j.Skipped.Duplicate)
			if c.warning != "" {
				assert.Contains(t, strings.Join(j.Warnings, "\n"), c.warning)
			} else {
				assert.NotContains(t, strings.Join(j.Warnings, "\n"), "left out")
			}
		})
	}
	text, err := os.ReadFile("../../watermark/interop/testdata/synthid-hf.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			engineCase
			Weighted float64 `json:"weighted"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	c := file.Cases[0]
	k, err := interop.NewKey(c.Key...)
	require.NoError(t, err)
	require.NoError(t, interop.WriteKeyFile(dir.of("weighted.key"), k))
	profile := dir.file("profile", strings.Replace(string(c.Profile), `{`, `{"weighted":true,`, 1))
	var j anyResult
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, "detect", "-q", "--json", "--key", dir.of("weighted.key"), "--profile", profile, "--ids", dir.file("ids", strings.Trim(fmt.Sprint(c.Tokens), "[]")))), &j))
	assert.InEpsilon(t, c.Weighted, number64(t, j.Sum), 1e-12)
}

// TestEnginesWithAFloor: where nothing below alpha is claimed for an engine, no text is detected, silence
// is not a verdict, and no sentence says what would have been detected.
func TestEnginesWithAFloor(t *testing.T) {
	dir := newDir(t)
	text, err := os.ReadFile("../../watermark/interop/testdata/synthid-hf.json")
	require.NoError(t, err)
	var file struct{ Cases []engineCase }
	require.NoError(t, json.Unmarshal(text, &file))
	c := file.Cases[0]
	k, err := interop.NewKey(c.Key...)
	require.NoError(t, err)
	require.NoError(t, interop.WriteKeyFile(dir.of("engine.key"), k))
	marked := dir.file("marked", strings.Trim(fmt.Sprint(c.Tokens), "[]"))
	plain := dir.file("plain", strings.Trim(fmt.Sprint(testmark.Zipf(rand.New(rand.NewPCG(41, 42)), 3000, 500)), "[]"))
	call := []string{"detect", "-q", "--key", dir.of("engine.key"), "--profile", dir.file("profile", string(c.Profile)), "--ids"}
	const small, not = "inconclusive: p is small, but nothing smaller is claimed for this engine", "no text can be called detected at alpha 1e-06, because nothing below 10^-4.5 is claimed"
	for _, x := range []struct {
		name string
		args []string
		want []string
	}{
		{"marked", []string{marked}, []string{small, "log10 p   -4.500", not}},
		{"marked, larger alpha", []string{marked, "--alpha", "1e-4"}, []string{"detected: this text depends on the key", "log10 p   -4.500"}},
		{"plain", []string{plain, "--rate", "0.1"}, []string{"inconclusive: the notes say why", not}},
		{"plain, larger alpha", []string{plain, "--rate", "0.1", "--alpha", "1e-4"}, []string{"not detected", "would have been detected with probability 0.9"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			out := mustRun(t, append(slices.Clone(call), x.args...)...)
			for _, want := range x.want {
				assert.Contains(t, out, want)
			}
			if slices.Contains(x.want, not) {
				assert.NotContains(t, out, "would have been")
				var j struct{ resultJSON }
				require.NoError(t, json.Unmarshal([]byte(mustRun(t, append(slices.Clone(call), append(x.args, "--json")...)...)), &j))
				assert.Equal(t, detect.Inconclusive, j.Verdict)
				assert.Nil(t, j.Power.MinShare)
				assert.Nil(t, j.Power.RateShare)
			}
		})
	}
	// With several texts the verdict of each stays open, too.
	both := dir.file("both.jsonl", fmt.Sprintf("{\"text\":%s}\n{\"text\":%s}\n", idList(t, marked), idList(t, plain)))
	out := mustRun(t, "detect", "-q", "--json", "--key", dir.of("engine.key"), "--profile", dir.of("profile"), "--rate", "0.1", both)
	var all struct {
		Results []struct {
			Verdict detect.Verdict `json:"verdict"`
			Power   powerJSON      `json:"power"`
		} `json:"results"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Len(t, all.Results, 2)
	for _, r := range all.Results {
		assert.Equal(t, detect.Inconclusive, r.Verdict)
		assert.Nil(t, r.Power.RateShare)
	}
	// Nor is the silence of a pile of documents a verdict.
	for alpha, want := range map[string]detect.Verdict{"1e-6": detect.Inconclusive, "1e-4": detect.NotDetected} {
		lines := strings.Split(strings.TrimSpace(mustRun(t, "scan", "-q", "--json", "--key", dir.of("engine.key"), "--profile", dir.of("profile"),
			"--rate", "0.1", "--alpha", alpha, dir.file("plain.jsonl", "{\"text\":"+idList(t, plain)+"}\n"))), "\n")
		var totals scan.Totals
		require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &totals))
		require.Len(t, totals.Pile, 1)
		assert.Equal(t, want, *totals.Pile[0].Verdict, "alpha %s", alpha)
		assert.Equal(t, want == detect.Inconclusive, totals.Pile[0].MinShare == nil)
	}
}

// idList returns the ids of a file as a JSON list.
func idList(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return "[" + strings.ReplaceAll(string(text), " ", ",") + "]"
}

// TestAnyOfPairs: pairs of --key and --profile are candidates, of which a text has one, and a
// keyring with them gives the same.
func TestAnyOfPairs(t *testing.T) {
	dir := newDir(t)
	key, err := os.ReadFile(fieldFiles + "throwaway.key")
	require.NoError(t, err)
	marked := dir.file("marked.key", string(key))
	other := dir.file("other.key", secretOf("5b")+"\n")
	draw := dir.file("draw.json", mustRun(t, "profile", "new", "-q", "--scheme", "gumbelmax", "--tokenizer", "o200k_base"))
	green := fieldFiles + "profile.json"
	args := []string{"detect", "-q", "--json", "--any", "--key", other, "--profile", green, "--key", other, "--profile", draw, "--key", marked, "--profile", green, fieldFiles + "O14_base100.txt"}
	var j anyResult
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, args...)), &j))
	require.Len(t, j.Keys, 3)
	assert.Equal(t, "marked.key with profile.json", j.Keys[0].Name)
	assert.Equal(t, detect.Detected, j.Keys[0].Verdict)
	assert.InDelta(t, -12.44, *j.Keys[0].Log10P, 0.006)
	assert.InDelta(t, -12.44+0.477, *j.Keys[0].Log10PAdjusted, 0.006, "three tests")
	assert.Equal(t, "o200k_base", tokenizerOfKey(j.Keys, "gumbelmax"))

	status, _, errs := isotope("detect", "--any", "--key", marked, "--profile", green, "--key", marked, "--profile", green, fieldFiles+"O14_base100.txt")
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, errs, "are the same mark; leave one of them out")
}

// tokenizerOfKey returns the tokenizer of the first key of a scheme.
func tokenizerOfKey(keys []rankedJSON, scheme string) string {
	for _, k := range keys {
		if k.Scheme == scheme {
			return k.Tokenizer
		}
	}
	return ""
}
