package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/lm"
)

// TestDemoOnTheGoDistribution is the README's first command, from an empty model
// cache. The figures are a function of the seed and of the Go distribution.
func TestDemoOnTheGoDistribution(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short: the demo on a whole Go distribution")
	}
	if _, err := lm.FindGo(context.Background()); err != nil {
		t.Skip(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("LocalAppData", t.TempDir())
	out := mustRun(t, "demo", "--seed", "1", "--json", "--out", filepath.Join(t.TempDir(), "demo.html"))
	var d demoJSON
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	t.Logf("marked %.1f, unmarked %.2f, student %.1f, clean student %.2f, smallest decoy %.2f",
		*d.Marked.Log10P, *d.Unmarked.Log10P, *d.Student.Log10P, *d.CleanStudent.Log10P, d.Decoys.MinLog10P)
	assert.Less(t, *d.Marked.Log10P, -20.0)
	assert.Greater(t, *d.Unmarked.Log10P, -3.0)
	assert.Less(t, *d.Student.Log10P, -10.0)
	assert.Greater(t, *d.CleanStudent.Log10P, -3.0)
	assert.Equal(t, 99, d.Decoys.N)
	assert.Greater(t, d.Decoys.MinLog10P, -4.0)
	assert.Equal(t, detect.Detected, d.Student.Verdict)
	assert.Equal(t, detect.NotDetected, d.Unmarked.Verdict, "the corpus is large enough for the promise")
	assert.InDelta(t, 800, d.Marked.Tokens, 40, "decoded and tokenized again, a text has about as many tokens")
	assert.Positive(t, d.Seconds)
	for _, r := range []resultJSON{d.Marked, d.Unmarked, *d.Student, *d.CleanStudent} {
		assert.Positive(t, r.Skipped.Excluded, "prompts are left out")
	}
}

// TestRateNote: the page says why silence counts, if it does.
func TestRateNote(t *testing.T) {
	d := &demo{rate: 0.25}
	d.unmarked.result.Verdict = detect.Inconclusive
	assert.Empty(t, d.rateNote())
	d.unmarked.result.Verdict = detect.NotDetected
	if notes := d.rateNote(); assert.Len(t, notes, 1) {
		assert.Contains(t, notes[0], "In 20 more texts of the teacher, under another key, 0.750 of the scored tokens were green.")
	}
}
