// Package python holds a Python package and the test that runs it.
package python_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/reading"
	"github.com/isotope-wm/isotope/watermark"
)

// interpreter returns a Python that can import modules: ISOTOPE_PYTHON, or python3. It skips the
// test if there is none, and fails it if ISOTOPE_REQUIRE_TOOLS is set.
func interpreter(t *testing.T, modules ...string) string {
	python := os.Getenv("ISOTOPE_PYTHON")
	if python == "" {
		python = "python3"
	}
	out, err := exec.Command(python, "-c", "import "+strings.Join(modules, ", ")).CombinedOutput()
	if err == nil {
		return python
	}
	message := "no " + python + " that imports " + strings.Join(modules, ", ") +
		"; install requirements-test.txt in a virtual environment, and name its interpreter in ISOTOPE_PYTHON"
	if os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "" {
		t.Fatal(message, ": ", string(out))
	}
	t.Skip(message)
	return ""
}

// TestPythonVectors runs the tests of the package against testdata/vectors.
func TestPythonVectors(t *testing.T) {
	cmd := exec.Command(interpreter(t, "numpy"), "-m", "unittest", "discover", "-s", "tests")
	cmd.Env = append(os.Environ(), "PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "OK")
	assert.NotContains(t, string(out), "Ran 0 tests")
}

// TestPythonTexts: text that the package marked inside an engine is detected, and under another
// key it is not. The model is random, so that nothing has to be downloaded.
func TestPythonTexts(t *testing.T) {
	python := interpreter(t, "numpy", "torch", "transformers")
	dir := t.TempDir()
	const vocab = 500
	marks := map[string]*watermark.Mark{}
	other := map[string]*watermark.Mark{}
	options := map[string]*detect.Options{}
	seed, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("5c", 32))
	require.NoError(t, err)
	trace, err := watermark.TraceProfile(vocab, watermark.TokenizerNone, "", 0.25)
	require.NoError(t, err)
	provenance, err := watermark.ProvenanceProfile(vocab, watermark.TokenizerNone, "")
	require.NoError(t, err)
	for name, p := range map[string]*watermark.Profile{"greenlist": trace, "gumbelmax": provenance} {
		key := seed.Derive(name)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), text, 0o644))
		require.NoError(t, watermark.WriteKeyFile(filepath.Join(dir, name+".key"), key))
		marks[name], err = p.Mark(key)
		require.NoError(t, err)
		other[name], err = p.Mark(key.Derive("other"))
		require.NoError(t, err)
		options[name] = &detect.Options{}
		if p.Dedup == watermark.DedupContext {
			options[name].Dedup = detect.DedupContext
		}
	}
	cmd := exec.Command(python, filepath.Join("tests", "write_texts.py"), dir)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "OMP_NUM_THREADS=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var got struct {
		Texts []struct {
			Scheme, Engine string
			Texts          [][]watermark.Token
		}
		Placeholder string
	}
	require.NoError(t, json.Unmarshal(out, &got))
	require.Len(t, got.Texts, 6)
	test := func(m *watermark.Mark, scheme string, text []watermark.Token) detect.Result {
		a := detect.NewAccumulator(m, options[scheme])
		a.Add(text)
		return a.Result()
	}
	for _, w := range got.Texts {
		t.Run(w.Scheme+" by "+w.Engine, func(t *testing.T) {
			require.NotEmpty(t, w.Texts)
			for _, text := range w.Texts {
				require.NotEmpty(t, text)
				for scheme, m := range marks {
					r := test(m, scheme, text)
					if scheme == w.Scheme {
						t.Logf("%d tokens: %v", len(text), r)
						assert.Less(t, r.Log10P, -6.0)
						assert.Greater(t, test(other[scheme], scheme, text).Log10P, -6.0)
					} else {
						assert.Greater(t, r.Log10P, -6.0, scheme)
					}
				}
			}
		})
	}
	assert.Contains(t, got.Placeholder, "--no-async-scheduling")
}

// TestPythonRows: the rows that write_rows.py writes are those of the model, at the temperature, and
// hold the tokens that follow each context. The model is random.
func TestPythonRows(t *testing.T) {
	python := interpreter(t, "torch", "transformers")
	dir := t.TempDir()
	const vocab, width = 60, 1
	run := func(args ...string) string {
		cmd := exec.Command(python, args...)
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "OMP_NUM_THREADS=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	outputs := []struct {
		Prompt []int32 `json:"prompt"`
		Output []int32 `json:"output"`
	}{{[]int32{1, 2, 3}, []int32{4, 5, 4, 6, 4, 7}}, {nil, []int32{4, 8, 9}}}
	var lines strings.Builder
	for _, o := range outputs {
		require.NoError(t, json.NewEncoder(&lines).Encode(o))
	}
	file, rows := filepath.Join(dir, "outputs.jsonl"), filepath.Join(dir, "rows.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(lines.String(), "null", "[]")), 0o644))
	// The law after 1, 2, 3, 4 at temperature 0.5, by the model itself.
	law := run("-c", `
import sys, json, torch
from transformers import LlamaConfig, LlamaForCausalLM
torch.manual_seed(3)
m = LlamaForCausalLM(LlamaConfig(vocab_size=60, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, initializer_range=1.0))
m.save_pretrained(sys.argv[1])
print("LAW", json.dumps((m(torch.tensor([[1, 2, 3, 4]])).logits[0, -1] / 0.5).softmax(-1).tolist()))
sys.argv = ["write_rows.py", "--model", sys.argv[1], "--width", "1", "--temperature", "0.5", *sys.argv[2:]]
import write_rows
write_rows.main()`, dir, file, rows)
	var want []float64
	_, law, _ = strings.Cut(law, "LAW ")
	law, _, _ = strings.Cut(law, "]")
	require.NoError(t, json.Unmarshal([]byte(law+"]"), &want))
	f, err := os.Open(rows)
	require.NoError(t, err)
	defer f.Close()
	got, h, err := reading.ReadReferences(f)
	require.NoError(t, err)
	assert.Equal(t, 2, got.Len())
	assert.Equal(t, 0.5, h.TemperatureOrOne())
	assert.Equal(t, vocab, h.Vocab)
	assert.Equal(t, 1, h.Top)
	first := got.Rows(outputs[0].Prompt, outputs[0].Output)
	require.Len(t, first, 6)
	assert.Nil(t, first[0].Probs, "no test reads the first token, which has no context in its text")
	r := first[1] // after 1, 2, 3, 4: tokens 5, 6, 7 and 8 follow 4
	best := 0
	for i, p := range want {
		if p > want[best] {
			best = i
		}
	}
	assert.EqualValues(t, best, r.Choice())
	for _, next := range []int32{5, 6, 7, 8} {
		if i, ok := slices.BinarySearch(r.Tokens, next); ok {
			assert.InEpsilon(t, want[next], float64(r.Probs[i]), 1e-3, "token %d", next)
		} else {
			assert.Less(t, want[next], 1.001e-5, "token %d", next)
		}
	}
	second := got.Rows(nil, outputs[1].Output)
	require.Len(t, second, 3)
	assert.NotNil(t, second[width].Probs)
}
