package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQuick runs the small version and its checks. Then it swaps the files of a clean and a marked
// student, and expects the checks to fail.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("the small version takes a minute")
	}
	dir := t.TempDir()
	require.NoError(t, run(context.Background(), dir, true, regexp.MustCompile(""), false))
	tables, err := os.ReadFile(dir + "/tables.md")
	require.NoError(t, err)
	for _, s := range []string{
		"Share of marked text", "Neural student", "Controls", "Clean students", "Traps", "Substitution",
		"Tenants",
	} {
		assert.Contains(t, string(tables), s)
	}
	assert.NotContains(t, string(tables), "NaN")

	for _, c := range []struct {
		kind  string
		wrong []string
	}{
		{"ngram-k2-rho", []string{
			"000: pairs", "000: residual", "000: score", "100: pairs", "100: residual",
		}},
		{"neural-k1-rho", []string{
			"000: score against the base", "000: open, difference",
			"100: score against the base", "100: open, difference",
		}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			swap := func() {
				a, b := armPath(dir, c.kind+"000"), armPath(dir, c.kind+"100")
				require.NoError(t, os.Rename(a, a+".tmp"))
				require.NoError(t, os.Rename(b, a))
				require.NoError(t, os.Rename(a+".tmp", b))
			}
			swap()
			defer swap()
			err := (&reporter{dir: dir, scale: quickScale}).check()
			for _, s := range c.wrong {
				assert.ErrorContains(t, err, c.kind+s)
			}
		})
	}
	assert.NoError(t, (&reporter{dir: dir, scale: quickScale}).check())
}

// TestResultsHold: the committed results pass the checks, and give the committed report.
func TestResultsHold(t *testing.T) {
	const dir = "../results/distill"
	assert.NoError(t, (&reporter{dir: dir, scale: fullScale}).check())
	s, ok, err := load[studentResult](dir, studentName("ngram", 2, 1))
	require.NoError(t, err)
	require.True(t, ok)
	assert.InDelta(t, fullScale.NgramTrain, s.Training, float64(fullScale.Document))

	out := t.TempDir()
	require.NoError(t, os.Symlink(absolute(t, filepath.Join(dir, "arms")), filepath.Join(out, "arms")))
	require.NoError(t, writeReport(out, fullScale, append(neuralArms(), ngramArms(fullScale)...)))
	committed, err := filepath.Glob(filepath.Join(dir, "*.*"))
	require.NoError(t, err)
	require.Len(t, committed, 8)
	for _, path := range committed {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(out, filepath.Base(path)))
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got), "go run ./distill -report")
		})
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}
