// Package python holds a Python package and the test that runs it.
package python_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
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
