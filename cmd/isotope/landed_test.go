package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// A landedCase is a call of the program of a landed version. testdata/landed/make.go has
// its twin.
type landedCase struct {
	Name    string   `json:"name"`
	Args    []string `json:"args"`
	Status  int      `json:"status"`
	Stdout  string   `json:"stdout"`  // file with what it printed
	Resumes string   `json:"resumes"` // journal that the call completes, with the suspect's answers
}

// landedWords are the fields that are sentences. Their wording may change.
var landedWords = []string{
	"canonical_digest", "observed", "canonical.terms", "canonical.claim", "canonical.rule", "canonical.ending", "canonical.explanations",
	"canonical.not_shown", "canonical.power", "canonical.limits", "canonical.warnings", "canonical.statistics.means", "canonical.prompts.means",
	"canonical.positions.name", "canonical.sources.name", "warnings", "found", "consistent", "cannot", "bands.warnings", "keys.warnings",
}

// TestLanded repeats every call of testdata/landed with today's program. The files of a
// landed version must be read, and must give the same numbers and verdicts.
func TestLanded(t *testing.T) {
	rounds, err := filepath.Glob("testdata/landed/*/cases.json")
	require.NoError(t, err)
	require.NotEmpty(t, rounds)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, list := range rounds {
		dir, err := filepath.Abs(filepath.Dir(list))
		require.NoError(t, err)
		var cases []landedCase
		readJSON(t, list, &cases)
		require.NotEmpty(t, cases)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Chdir(copyLanded(t, dir))
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					var status int
					var out, errs string
					if c.Resumes == "" {
						status, out, errs = isotope(c.Args...)
					} else {
						status, out, errs = resumeLanded(t, c.Args)
					}
					require.Equal(t, c.Status, status, errs)
					want, err := os.ReadFile(c.Stdout)
					require.NoError(t, err)
					assertSameNumbers(t, want, []byte(out))
				})
			}
		})
	}
}

// TestLandedPagesAreReplaced: a new report may take the place of an old page.
func TestLandedPagesAreReplaced(t *testing.T) {
	pages, err := filepath.Glob("testdata/landed/*/*.html")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		t.Run(page, func(t *testing.T) { assert.NoError(t, checkPage(page)) })
	}
}

// TestLandedEvidence decodes evidence of round 1, merges its parts and finds the bytes and
// the numbers that round 1 found.
func TestLandedEvidence(t *testing.T) {
	const dir, vocab = "testdata/landed/round-1/", 100
	text, err := os.ReadFile(dir + "my.key")
	require.NoError(t, err)
	key, err := watermark.ParseKey(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	bind := func(scheme watermark.Scheme) func(watermark.Key) (detect.Scorer, error) {
		return func(k watermark.Key) (detect.Scorer, error) { return watermark.New(k, scheme, vocab) }
	}
	green := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	mark, err := bind(green)(key)
	require.NoError(t, err)
	draw, err := bind(watermark.GumbelMax{Width: 4})(key)
	require.NoError(t, err)
	decoys, err := student.NewDecoys([16]byte{7}, 100, bind(green))
	require.NoError(t, err)
	var numbers map[string]map[string]float64
	readJSON(t, dir+"evidence/numbers.json", &numbers)

	// merged decodes what one file holds, or merges what two hold.
	type state interface {
		encoding.BinaryMarshaler
		encoding.BinaryUnmarshaler
	}
	merged := func(t *testing.T, name string, first, second state, merge func() error) {
		read := func(suffix string, into state) []byte {
			data, err := os.ReadFile(dir + "evidence/" + name + suffix + ".bin")
			require.NoError(t, err)
			require.NoError(t, into.UnmarshalBinary(data))
			return data
		}
		whole := read("-merged", first)
		if merge != nil {
			read("-1", first)
			read("-2", second)
			require.NoError(t, merge())
		}
		again, err := first.MarshalBinary()
		require.NoError(t, err)
		assert.Equal(t, whole, again)
	}

	for _, c := range []struct {
		name string
		run  func(t *testing.T, name string) map[string]float64
	}{
		{"text", func(t *testing.T, name string) map[string]float64 {
			o := &detect.Options{Exempt: []watermark.Token{3}}
			a, b := detect.NewAccumulator(mark, o), detect.NewAccumulator(mark, o)
			merged(t, name, a, b, func() error { return a.Merge(b) })
			r := a.Result()
			return map[string]float64{"scored": float64(r.Scored), "sum": float64(r.Sum), "log10_p": r.Log10P}
		}},
		{"text-context", func(t *testing.T, name string) map[string]float64 {
			o := &detect.Options{Dedup: detect.DedupContext, Exempt: []watermark.Token{3}}
			a, b := detect.NewAccumulator(draw, o), detect.NewAccumulator(draw, o)
			merged(t, name, a, b, func() error { return a.Merge(b) })
			r := a.Result()
			return map[string]float64{"scored": float64(r.Scored), "sum": float64(r.Sum), "log10_p": r.Log10P}
		}},
		{"student", func(t *testing.T, name string) map[string]float64 {
			a, b := testmark.Must(student.New(mark, decoys, nil)), testmark.Must(student.New(mark, decoys, nil))
			merged(t, name, a, b, func() error { return a.Merge(b) })
			r := a.Result()
			return map[string]float64{"scored": float64(r.Pairs.Scored), "green": float64(r.Pairs.Green), "log10_p": r.Log10P}
		}},
		{"choices", func(t *testing.T, name string) map[string]float64 {
			a, b := testmark.Must(student.NewChoices(mark, decoys, nil)), testmark.Must(student.NewChoices(mark, decoys, nil))
			merged(t, name, a, b, func() error { return a.Merge(b) })
			r := a.Result()
			return map[string]float64{"scored": float64(r.Scored), "green": float64(r.Green), "log10_p": r.Log10P}
		}},
		{"mass", func(t *testing.T, name string) map[string]float64 {
			a, b := testmark.Must(student.NewMass(mark, decoys, nil)), testmark.Must(student.NewMass(mark, decoys, nil))
			merged(t, name, a, b, func() error { return a.Merge(b) })
			r := a.Result()
			return map[string]float64{"windows": float64(r.Windows), "green": float64(r.Green), "log10_p": r.Log10P}
		}},
		{"difference", func(t *testing.T, name string) map[string]float64 {
			a, b := testmark.Must(student.NewDifference(mark, decoys, nil)), testmark.Must(student.NewDifference(mark, decoys, nil))
			merged(t, name, a, b, func() error { return a.Merge(b) })
			r := a.Result()
			return map[string]float64{"windows": float64(r.Windows), "green": float64(r.Green), "log10_p": r.Log10P}
		}},
		{"sequential", func(t *testing.T, name string) map[string]float64 {
			q := sequential.New(mark, nil)
			merged(t, name, q, nil, nil)
			r := q.Result()
			return map[string]float64{"scored": float64(r.Scored), "green": float64(r.Green), "log10_p": r.Log10P}
		}},
		{"eprocess", func(t *testing.T, name string) map[string]float64 {
			e := sequential.NewEProcess(0.5)
			merged(t, name, e, nil, nil)
			green, n := e.Counts()
			return map[string]float64{"scored": float64(n), "green": float64(green), "log10_p": e.Log10P()}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.run(t, c.name)
			require.Len(t, got, len(numbers[c.name]))
			for name, want := range numbers[c.name] {
				assert.InEpsilon(t, want, got[name], 1e-9, name)
			}
		})
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into), path)
}

// copyLanded copies the files of a round to a directory that tests may write to. Keys get
// the mode that key files need.
func copyLanded(t *testing.T, dir string) string {
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	keys, err := filepath.Glob(filepath.Join(to, "*.key"))
	require.NoError(t, err)
	for _, key := range keys {
		require.NoError(t, os.Chmod(key, 0o600))
	}
	return to
}

// resumeLanded runs the program in a process of its own, which reaches the suspect of the
// round through a proxy: its journals name a host that does not exist.
func resumeLanded(t *testing.T, args []string) (status int, stdout, stderr string) {
	var answers map[string]map[string]struct{ Content string }
	readJSON(t, "answers.json", &answers)
	suspect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "suspect.test", r.URL.Host)
		var q struct {
			Model    string
			Messages []struct{ Content string }
		}
		text, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.NoError(t, json.Unmarshal(text, &q))
		answer, ok := answers[q.Model][q.Messages[len(q.Messages)-1].Content]
		assert.True(t, ok, "%s", text)
		json.NewEncoder(w).Encode(map[string]any{
			"model":   q.Model + "-2026",
			"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]string{"content": answer.Content}}},
			"usage":   map[string]int{"prompt_tokens": 9, "completion_tokens": len(strings.Fields(answer.Content))},
		})
	}))
	defer suspect.Close()
	cmd := &exec.Cmd{Path: os.Args[0], Args: append([]string{"isotope"}, args...), Env: append(os.Environ(), "HTTP_PROXY="+suspect.URL, "http_proxy=")}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); !exited {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// assertSameNumbers compares two JSON objects. It ignores sentences, and fields that only the
// newer one has.
func assertSameNumbers(t *testing.T, want, got []byte) {
	t.Helper()
	var a, b any
	require.NoError(t, json.Unmarshal(want, &a))
	require.NoError(t, json.Unmarshal(got, &b), "%s", got)
	compared := 0
	var compare func(path string, a, b any)
	compare = func(path string, a, b any) {
		if slices.Contains(landedWords, path) {
			return
		}
		if path == "canonical.outputs.skipped" {
			assert.Equal(t, sumOfCounts(a), sumOfCounts(b), "%s: reasons have become finer, and their sum has not changed", path)
			return
		}
		switch a := a.(type) {
		case map[string]any:
			other, ok := b.(map[string]any)
			if !assert.True(t, ok, "%s is not an object", path) {
				return
			}
			counted := path == "canonical.statistics" && a["tests"] != other["tests"]
			if counted { // those versions left the tests of accounts out of the number of tests
				was, is := a["tests"].(float64), other["tests"].(float64)
				assert.Greater(t, is, was, path)
				assert.InDelta(t, min(0, other["log10_p"].(float64)+math.Log10(is)), other["log10_p_adjusted"], 1e-9, path)
			}
			for name, v := range a {
				if counted && (name == "tests" || name == "log10_p_adjusted") {
					continue
				}
				if w, ok := other[name]; assert.True(t, ok, "%s.%s is missing", path, name) {
					compare(strings.TrimPrefix(path+"."+name, "."), v, w)
				}
			}
		case []any:
			other, ok := b.([]any)
			if !assert.True(t, ok, "%s is not an array", path) || !assert.Len(t, other, len(a), path) {
				return
			}
			for i, v := range a {
				compare(path, v, other[i])
			}
		case float64:
			compared++
			other, ok := b.(float64)
			if assert.True(t, ok, "%s is not a number", path) {
				assert.LessOrEqual(t, math.Abs(a-other), 1e-9*max(math.Abs(a), 1), "%s is %s there and %s here", path, number17(a), number17(other))
			}
		default:
			if strings.HasSuffix(path, "verdict") && a == "not_detected" && b == "inconclusive" {
				return // those versions judged silence by text of the highest entropy
			}
			assert.Equal(t, a, b, path)
		}
	}
	compare("", a, b)
	assert.Greater(t, compared, 2, "numbers that were compared")
}

// sumOfCounts adds up the counts of a list of named numbers.
func sumOfCounts(list any) (sum float64) {
	for _, x := range list.([]any) {
		sum += x.(map[string]any)["count"].(float64)
	}
	return sum
}

func number17(x float64) string { return strconv.FormatFloat(x, 'g', 17, 64) }
