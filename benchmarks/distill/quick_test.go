package main

import (
	"context"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQuick runs the small version, which fails when the science does, and then shows that it
// would: with a clean student's file in place of a marked one's, and the other way round.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("the small version takes a minute")
	}
	dir := t.TempDir()
	require.NoError(t, run(context.Background(), dir, true, regexp.MustCompile(""), false))
	tables, err := os.ReadFile(dir + "/tables.md")
	require.NoError(t, err)
	for _, s := range []string{"Share of marked text", "Neural student", "Controls", "Clean students", "Traps", "Substitution", "Tenants"} {
		assert.Contains(t, string(tables), s)
	}
	assert.NotContains(t, string(tables), "NaN")

	for _, c := range []struct {
		kind  string
		wrong []string
	}{
		{"ngram-k2-rho", []string{"000: pairs", "000: residual", "000: score", "100: pairs", "100: residual"}},
		{"neural-k1-rho", []string{"000: score against the base", "000: open, difference", "100: score against the base", "100: open, difference"}},
	} {
		swap := func() {
			a, b := armPath(dir, c.kind+"000"), armPath(dir, c.kind+"100")
			require.NoError(t, os.Rename(a, a+".tmp"))
			require.NoError(t, os.Rename(b, a))
			require.NoError(t, os.Rename(a+".tmp", b))
		}
		swap()
		err := (&reporter{dir: dir, scale: quickScale}).check()
		for _, s := range c.wrong {
			assert.ErrorContains(t, err, c.kind+s)
		}
		swap()
	}
	assert.NoError(t, (&reporter{dir: dir, scale: quickScale}).check())
}

// TestResultsHold: what is committed passes the same checks.
func TestResultsHold(t *testing.T) {
	const dir = "../results/distill"
	assert.NoError(t, (&reporter{dir: dir, scale: fullScale}).check())
	s, ok, err := load[studentResult](dir, studentName("ngram", 2, 1))
	require.NoError(t, err)
	require.True(t, ok)
	assert.InDelta(t, fullScale.NgramTrain, s.Training, float64(fullScale.Document))
}
