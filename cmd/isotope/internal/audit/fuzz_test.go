package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// FuzzPlan: a plan that is read is the same as itself, and its JSON reads as the same plan.
func FuzzPlan(f *testing.F) {
	text, err := os.ReadFile("../../testdata/landed/round-1/plan.json")
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"plan":[[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			p, err := ParseDeclared(text)
			if err != nil {
				return
			}
			again, err := ParseDeclared(p.JSON())
			require.NoError(t, err)
			assert.NoError(t, p.Same(again))
			assert.Equal(t, p.Digest(), again.Digest())
		})
	})
}

// A tally counts outputs.
type tally struct{ in, skipped int }

func (a *tally) Add(_ []watermark.Token, _ ...[]watermark.Token) { a.in++ }
func (a *tally) Skip(string)                                     { a.in++; a.skipped++ }

// FuzzOutputs: each line that is not blank is an output that is tested or skipped.
func FuzzOutputs(f *testing.F) {
	tokenizer, err := tokenize.Get("cl100k_base")
	require.NoError(f, err)
	for _, seed := range []string{`{"prompt":"a","output":"b"}`, `{"output":[1,2]}` + "\n\n" + `{"output":null}`, `{"output":"a","output":"b"}`, "\ufeffx", "[[[[", `{"Output":"a"}`} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "o.jsonl")
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			require.NoError(t, os.WriteFile(path, text, 0o600))
			var a tally
			if _, err := (outputReader{tokenizer: tokenizer, to: &a}).file(path); err != nil {
				return
			}
			lines := 0
			for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
				if strings.TrimSpace(line) != "" {
					lines++
				}
			}
			assert.Equal(t, lines, a.in)
		})
	})
}
