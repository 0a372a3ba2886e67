package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// bandFiles makes the files of a test: keys "k1" to "k3", a selector "s", token ids "ids"
// and "prompt", and a profile of each name.
func bandFiles(t *testing.T, profiles map[string]string) tempDir {
	t.Helper()
	dir := newDir(t)
	for _, name := range []string{"k1", "k2", "k3", "s"} {
		dir.file(name, bandKey(t, name).Secret(secretaccess.Allow()))
	}
	for name, text := range profiles {
		dir.file(name, text)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	ids := make([]int, 900)
	for i := range ids {
		ids[i] = rng.IntN(12)
	}
	dir.file("ids", strings.Trim(fmt.Sprint(ids), "[]"))
	dir.file("prompt", strings.Trim(fmt.Sprint(ids[:6]), "[]"))
	return dir
}

// bandKey is the key in the file of that name.
func bandKey(t *testing.T, name string) watermark.Key {
	t.Helper()
	root, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	require.NoError(t, err)
	return root.Derive(name)
}

// run runs the program. An argument that names a file of the directory becomes its path.
func (d tempDir) run(args ...string) (status int, stdout, stderr string) {
	args = slices.Clone(args)
	for i, arg := range args {
		if _, err := os.Stat(d.of(arg)); err == nil {
			args[i] = d.of(arg)
		}
	}
	return isotope(args...)
}

// TestBandsAreTestedAsAlone has two marks with different units on text that repeats itself:
// each band's test is that of its profile alone, but for the number of tests.
func TestBandsAreTestedAsAlone(t *testing.T) {
	dir := bandFiles(t, map[string]string{
		"green": `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":1,"vocab":12,"tokenizer":"none","exempt":[3]}`,
		"draw":  `{"isotope":1,"scheme":"gumbelmax","width":2,"vocab":12,"tokenizer":"none","dedup":"context","exempt":[3]}`,
	})
	rest := []string{"--ids", "ids", "--prompt-file", "prompt", "--json", "--alpha", "1e-3"}
	status, out, errs := dir.run(append([]string{"detect", "--key", "k1", "--profile", "green", "--key", "k2", "--profile", "draw"}, rest...)...)
	require.Equal(t, exitOK, status, errs)
	var both struct{ Bands []resultJSON }
	require.NoError(t, json.Unmarshal([]byte(out), &both))
	require.Len(t, both.Bands, 2)
	for i, args := range [][]string{{"--key", "k1", "--profile", "green"}, {"--key", "k2", "--profile", "draw"}} {
		status, out, errs := dir.run(append(append([]string{"detect"}, args...), rest...)...)
		require.Equal(t, exitOK, status, errs)
		var alone resultJSON
		require.NoError(t, json.Unmarshal([]byte(out), &alone))
		got := both.Bands[i]
		assert.Positive(t, got.Skipped.Duplicate)
		assert.Positive(t, got.Skipped.Excluded)
		assert.Equal(t, int64(2), got.Tests)
		assert.LessOrEqual(t, *got.Log10PAdjusted, *got.Log10P+0.30103, "Sidak is below Bonferroni")
		assert.Greater(t, *got.Log10PAdjusted, *got.Log10P)
		got.Tests, got.Log10PAdjusted, got.Power, got.Verdict, got.Quote = alone.Tests, alone.Log10PAdjusted, alone.Power, alone.Verdict, alone.Quote
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
		return `,"tokenizer":"x","tokenizer_digest":"sha256:` + strings.Repeat(c, 64) + `"}`
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
		return append([]string{"detect", "--ids", "ids", "--key", "k1", "--profile", a, "--key", "k2", "--profile", b}, more...)
	}
	roles := []string{"--band-role", "master", "--band-role", "cohort"}
	split := append([]string{"--selector", "s"}, roles...)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"two tokenizers: x of ", two("x1", "draw")},
		{"two versions of x: sha256:1111", two("x1", "x2")},
		{"have different vocabularies: 500 ids in ", two("green", "larger")},
		{"have different exempt ids", two("green", "exempt")},
		{"whether prompts are context", two("green", "alone")},
		{"has 2 variants", two("green", "variants")},
		{"has a payload", two("payload", "draw")},
		{"two keyed draws", two("draw", "draw")},
		{"give each mark its --band-role", two("green", "green")},
		{"overlap", two("green", "green", roles...)},
		{"overlap", two("low", "wide", split...)},
		{"--selector FILE must name the key " + selector.ID(), two("low", "high", roles...)},
		{"no profile has the key", two("low", "high", append(split, "--selector", "k3")...)},
		{"no profile has the key", two("green", "draw", "--selector", "s")},
		{"is a keyed draw, and its --band-role is cohort", two("green", "draw", roles...)},
		{"is a green list, and its --band-role is provenance", two("green", "draw", "--band-role", "provenance", "--band-role", "provenance")},
	} {
		t.Run(c.says, func(t *testing.T) {
			status, out, errs := dir.run(c.args...)
			assert.Equal(t, exitUsage, status, errs)
			assert.Contains(t, errs, c.says)
			assert.Empty(t, out)
		})
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{"a green list and a draw", two("green", "draw")},
		{"two bands", two("low", "high", split...)},
		{"a band and a draw", two("low", "draw", "--selector", "s")},
		{"two selectors", two("low", "mine", "--selector", "k3", "--selector", "s")},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errs := dir.run(c.args...)
			assert.Equal(t, exitOK, status, errs)
		})
	}
}
