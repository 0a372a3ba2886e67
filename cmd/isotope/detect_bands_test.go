package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// bandFiles makes the files of a test: keys "k1" to "k3", a selector "s", token ids "ids"
// and "prompt", and a profile of each name.
func bandFiles(t *testing.T, profiles map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, name := range []string{"k1", "k2", "k3", "s"} {
		write(name, bandKey(t, name).Secret())
	}
	for name, text := range profiles {
		write(name, text)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	ids := make([]int, 900)
	for i := range ids {
		ids[i] = rng.IntN(12)
	}
	write("ids", fmt.Sprint(ids)[1:len(fmt.Sprint(ids))-1])
	write("prompt", fmt.Sprint(ids[:6])[1:len(fmt.Sprint(ids[:6]))-1])
	return dir
}

// bandKey is the key in the file of that name.
func bandKey(t *testing.T, name string) watermark.Key {
	t.Helper()
	root, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	require.NoError(t, err)
	return root.Derive(name)
}

// runIn calls the program with the arguments that name files of dir as their paths.

func runIn(dir string, args ...string) (status int, stdout, stderr string) {
	for i, arg := range args {
		if _, err := os.Stat(filepath.Join(dir, arg)); err == nil {
			args[i] = filepath.Join(dir, arg)
		}
	}
	var out, errs bytes.Buffer
	status = run(context.Background(), args, bytes.NewReader(nil), &out, &errs)
	return status, out.String(), errs.String()
}

// TestBandsAreTestedAsAlone has two marks with different units on text that repeats itself:
// each band's test is that of its profile alone, but for the number of tests.
func TestBandsAreTestedAsAlone(t *testing.T) {
	dir := bandFiles(t, map[string]string{
		"green": `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":1,"vocab":12,"tokenizer":"none","exempt":[3]}`,
		"draw":  `{"isotope":1,"scheme":"gumbelmax","width":2,"vocab":12,"tokenizer":"none","dedup":"context","exempt":[3]}`,
	})
	rest := []string{"--tokens", "ids", "--prompt", "prompt", "--json", "--alpha", "1e-3"}
	status, out, errs := runIn(dir, append([]string{"detect", "--key", "k1", "--profile", "green", "--key", "k2", "--profile", "draw"}, rest...)...)
	require.Equal(t, exitOK, status, errs)
	var both struct{ Bands []resultJSON }
	require.NoError(t, json.Unmarshal([]byte(out), &both))
	require.Len(t, both.Bands, 2)
	for i, args := range [][]string{{"--key", "k1", "--profile", "green"}, {"--key", "k2", "--profile", "draw"}} {
		status, out, errs := runIn(dir, append(append([]string{"detect"}, args...), rest...)...)
		require.Equal(t, exitOK, status, errs)
		var alone resultJSON
		require.NoError(t, json.Unmarshal([]byte(out), &alone))
		got := both.Bands[i]
		assert.Positive(t, got.Skipped.Duplicate)
		assert.Positive(t, got.Skipped.Excluded)
		assert.Equal(t, int64(2), got.Tests)
		assert.LessOrEqual(t, *got.Log10PAdjusted, *got.Log10P+0.30103, "Sidak is below Bonferroni")
		assert.Greater(t, *got.Log10PAdjusted, *got.Log10P)
		got.Tests, got.Log10PAdjusted, got.Power, got.Verdict = alone.Tests, alone.Log10PAdjusted, alone.Power, alone.Verdict
		assert.Equal(t, alone, got)
	}
}

// TestMarksThatDoNotGoTogether has calls for several marks whose files show that they
// cannot be right: status 2.
func TestMarksThatDoNotGoTogether(t *testing.T) {
	const (
		green = `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":2,"vocab":500,"tokenizer":"none"`
		draw  = `{"isotope":1,"scheme":"gumbelmax","width":4,"vocab":500,"tokenizer":"none"`
	)
	digest := func(c string) string {
		d := `,"tokenizer":"x","tokenizer_digest":"sha256:`
		for range 64 {
			d += c
		}
		return d + `"}`
	}
	const bare = `{"isotope":1,"scheme":"gumbelmax","width":4,"vocab":500`
	selector, other := bandKey(t, "s"), bandKey(t, "k3")
	band := func(lo, hi int) string {
		return fmt.Sprintf(`%s,"band":[%d,%d],"selector":"%s"}`, green, lo, hi, selector.ID())
	}
	dir := bandFiles(t, map[string]string{
		"green": green + "}", "draw": draw + "}",
		"larger":   `{"isotope":1,"scheme":"gumbelmax","width":4,"vocab":501,"tokenizer":"none"}`,
		"x1":       bare + digest("1"),
		"x2":       bare + digest("2"),
		"exempt":   draw + `,"exempt":[7]}`,
		"alone":    draw + `,"prompt_context":false}`,
		"variants": draw + `,"variants":2}`,
		"payload":  green + `,"payload":8}`,
		"low":      band(0, 32768), "high": band(32768, 65536), "wide": band(0, 40000),
		"mine": fmt.Sprintf(`%s,"band":[0,9000],"selector":"%s"}`, draw, other.ID()),
	})
	two := func(a, b string, more ...string) []string {
		return append([]string{"detect", "--tokens", "ids", "--key", "k1", "--profile", a, "--key", "k2", "--profile", b}, more...)
	}
	roles := []string{"--role", "master", "--role", "cohort"}
	split := append([]string{"--selector", "s"}, roles...)
	for _, c := range []struct {
		args []string
		says string
	}{
		{two("x1", "draw"), "two tokenizers: x of "},
		{two("x1", "x2"), "two versions of x: sha256:1111"},
		{two("green", "larger"), "differ in vocabulary: 500 ids in "},
		{two("green", "exempt"), "differ in their exempt ids"},
		{two("green", "alone"), "whether prompts are context"},
		{two("green", "variants"), "has 2 variants"},
		{two("payload", "draw"), "has a payload"},
		{two("draw", "draw"), "two keyed draws"},
		{two("green", "green"), "give each mark its --role"},
		{two("green", "green", roles...), "overlap"},
		{two("low", "wide", split...), "overlap"},
		{two("low", "high", roles...), "--selector FILE must name the key " + selector.ID()},
		{two("low", "high", append(split, "--selector", "k3")...), "is the selector of no profile"},
		{two("green", "draw", "--selector", "s"), "is the selector of no profile"},
		{two("green", "draw", roles...), "is a keyed draw, whose --role is provenance and not cohort"},
		{two("green", "draw", "--role", "provenance", "--role", "provenance"), "is a green list, whose --role is not provenance"},
	} {
		status, out, errs := runIn(dir, c.args...)
		assert.Equal(t, exitUsage, status, "%s: %s", c.says, errs)
		assert.Contains(t, errs, c.says)
		assert.Empty(t, out)
	}
	for _, args := range [][]string{two("green", "draw"), two("low", "high", split...), two("low", "draw", "--selector", "s"),
		two("low", "mine", "--selector", "k3", "--selector", "s")} {
		status, _, errs := runIn(dir, args...)
		assert.Equal(t, exitOK, status, errs)
	}
}
