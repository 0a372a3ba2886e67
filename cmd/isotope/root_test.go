package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/watermark"
)

// TestUsageErrors has calls that cannot be right, whatever the files hold: status 2.
// The scripts see failures of all kinds; only here is the status looked at.
func TestUsageErrors(t *testing.T) {
	for args, says := range map[string]string{
		"nonsense":                                                                "unknown command",
		"--nonsense":                                                              "unknown flag",
		"detect":                                                                  "--key FILE is missing",
		"detect --key k":                                                          "--profile FILE is missing",
		"detect --key k --profile p a b":                                          "at most 1 arg",
		"detect --key k --profile p --alpha 0 a":                                  "outside (0,1)",
		"detect --key k --profile p --alpha x a":                                  "invalid argument",
		"detect --key k --profile p --min-share 2 a":                              "outside (0,1]",
		"detect --key k --profile p --tokens t a":                                 "two inputs",
		"detect --key k --profile p --tokens t --normalize":                       "for text",
		"detect --key k --profile p --fail-on weather a":                          "weather",
		"detect --key k --profile p --keyring r --spans a":                        "--keyring goes with neither",
		"detect --key k --key k --profile p a":                                    "--key is given 2 times and --profile once",
		"detect --key k --profile p --profile p a":                                "--key is given once and --profile 2 times",
		"detect --key k --profile p --role master a":                              "--role is for several marks",
		"detect --key k --profile p --selector s --selector s a":                  "--selector is given 2 times",
		"detect --key k --profile p --key k --profile p --role master a":          "--role is given once and --profile 2 times",
		"detect --key k --profile p --key k --profile p --role master --role x a": "none of master, cohort, tenant, provenance",
		"detect --key k --profile p --key k --profile p --spans a":                "neither --keyring nor --normalize nor --spans",
		"detect --key k --profile p --key k --profile p --normalize a":            "neither --keyring nor --normalize nor --spans",
		"detect --key k --profile p --key k --profile p --keyring r a":            "neither --keyring nor --normalize nor --spans",
		"generate":                                             "--key FILE is missing",
		"generate --unmarked --key k":                          "uses no key",
		"generate --unmarked --tokens 0":                       "outside 1 to",
		"detect --key k --profile p --prompt -":                "read once",
		"detect --key k --profile p --tokens - --prompt -":     "read once",
		"detect --key k --profile p --prompt - --prompt - a":   "read once",
		"generate --unmarked --temperature nan":                "temperature",
		"generate --unmarked --temperature -1":                 "temperature",
		"generate --unmarked --top-p 7":                        "[0,1]",
		"profile --vocab 50":                                   "smaller",
		"demo --out -":                                         "report goes to a file",
		"student":                                              "--key FILE is missing",
		"student --key k":                                      "--profile FILE is missing",
		"student --key k --profile p":                          "nothing to test",
		"student --key k --profile p --reading r a":            "tests of their own",
		"student --key k --profile p --endpoint u":             "--model NAME is missing",
		"student --key k --profile p --journal j --report ./j": "name the same file",
		"student --key k --profile p --endpoint u --model m":   "answers that are not kept are no evidence",
		"student --key k --profile p --model m a":              "--model goes with --endpoint",
		"student --key k --profile p --alpha 0.6 a":            "outside (0,0.5]",
		"student --key k --profile p --decoys 99 a":            "outside 100 to",
		"student --key k --profile p --share 0 a":              "outside (0,1]",
		"student --key k --profile p --c1 -1 a":                "--c1",
		"student --key k --profile p --tests 0 a":              "--tests 0",
		"student --key k --profile p --provenance-profile r a": "go together",
		"student --key k --profile p --live r a":               "--provenance-profile",
		"student --key k --profile p --reading r --provenance-profile r --provenance-key k":          "not on a reading",
		"student --key k --profile p --journal j --live r --provenance-profile r --provenance-key k": "--live was declared",
		"student --key k --profile p --registry r a":                                                 "go together",
		"student --key k --profile p --registry r --epoch e --selector s a":                          "its own selector",
		"student --key k --profile p --reference some a":                                             "neither embedded nor none",
		"student --key k --profile p --reference none --corpus c a":                                  "has none",
		"student --key k --profile p --journal j --alpha 0.1":                                        "--alpha was declared when the journal was made",
		"student --key k --profile p --journal j --dry-run":                                          "--dry-run is for new ones",
		"student --key k --profile p --fail-on weather a":                                            "weather",
		"student --key k --profile p --endpoint u --model m --journal j --budget-money 1":            "--price-in",
		"student --key k --profile p --endpoint u --model m --journal j --concurrency 0":             "--concurrency 0",
		"student --key k --profile p --endpoint u --model m --journal j --temperature nan":           "temperature",
		"student --key k --profile p --endpoint u --model m --journal j --timeout 0s":                "--timeout is positive",
		"generate extra":           "unknown command",
		"keygen":                   "accepts 1 arg",
		"keygen a --from b":        "belong together",
		"keygen a --label b":       "belong together",
		"profile --gamma 0.3":      "nearest",
		"profile --delta -1":       "delta",
		"profile --tokenizer gpt9": "cl100k_base",
		"profile --tokenizer none": "--vocab",
		"profile --band 1":         "LO,HI",
		"profile --band 0,0":       "empty",
		"profile --band 0,5":       "key id",
		"profile --exempt 5,4":     "ascending",
	} {
		var out, err bytes.Buffer
		status := run(context.Background(), strings.Fields(args), strings.NewReader(""), &out, &err)
		assert.Equal(t, exitUsage, status, "%s\n%s", args, &err)
		assert.Contains(t, err.String(), says, args)
		assert.Empty(t, out.String(), "stdout is data: %s", args)
	}
}

func TestStatuses(t *testing.T) {
	t.Chdir(t.TempDir()) // whose own name may have a space in it
	file := func(name, text string) string {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	// Every token is green under this key: the context decides nothing at width 0.
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("5a", 32))
	require.NoError(t, err)
	mark, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2}, 500)
	require.NoError(t, err)
	var green []string
	for v := range watermark.Token(500) {
		if mark.Score(nil, []watermark.Pair{{Token: v}})[0] == 1 {
			green = append(green, fmt.Sprint(v))
		}
	}
	test := "detect --key " + file("key", key.Secret()) + " --profile " +
		file("profile", `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":0,"vocab":500,"tokenizer":"none"}`)
	marked, short := " --tokens "+file("marked", strings.Join(green, " ")), " --tokens "+file("short", "1 2 3")
	for args, want := range map[string]int{
		"version":                             exitOK,
		"detect --key none --profile none":    exitError,
		test + marked:                         exitOK,
		test + marked + " --fail-on detected": exitVerdict,
		test + short + " --fail-on detected":  exitOK,
		test + marked + " --fail-on weather":  exitUsage,
		test + " --tokens nowhere":            exitError,
	} {
		var out, errs bytes.Buffer
		assert.Equal(t, want, run(context.Background(), strings.Fields(args), strings.NewReader(""), &out, &errs), "%s\n%s", args, &errs)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var out, errs bytes.Buffer
	status := run(ctx, []string{"generate", "--unmarked", "--corpus", writeCorpus(t)}, strings.NewReader(""), &out, &errs)
	assert.Equal(t, exitError, status)
	assert.Equal(t, "isotope: interrupted\n", errs.String())
	assert.Empty(t, out.String())
}

func TestSecretsAreNotEchoed(t *testing.T) {
	secret := watermark.NewKey().Secret()
	dir := t.TempDir()
	bare := filepath.Join(dir, "bare")
	require.NoError(t, os.WriteFile(bare, []byte(secret), 0o600))
	profile := func(fields string) string {
		path := filepath.Join(dir, "profile")
		text := `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":2,"vocab":500,` + fields + `}`
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	plain := `"tokenizer":"none"`
	for _, args := range [][]string{
		{"detect", "--key", secret, "--profile", "p"},
		{"detect", "--key", "k", "--profile", "p", "--key", "k", "--profile", "p", "--role", secret, "--role", "master"},
		{"detect", "--key", "k", "--profile", "p", "--key", "k", "--profile", "p", "--selector", secret},
		{"generate", "--key", secret},
		{"keygen", "x", "--from", secret, "--label", "a"},
		{"detect", "--key", bare, "--profile", profile(plain), "--tokens", bare},
		{"detect", "--key", bare, "--profile", profile(plain), "--keyring", bare, "--tokens", bare},
		{"detect", "--key", bare, "--profile", profile(plain + `,"band":[0,5],"selector":"` + secret + `"`)},
		{"detect", "--key", bare, "--profile", profile(`"tokenizer":"` + secret + ` "`)},
		{"detect", "--key", bare, "--profile", profile(plain + `,"` + secret + `":1`)},
		{"detect", "--key", bare, "--profile", profile(plain + `,"mask":"` + secret + `"`)},
		{"detect", "--key", bare, "--profile", bare},
	} {
		var out, errs bytes.Buffer
		status := run(context.Background(), args, strings.NewReader(""), &out, &errs)
		assert.NotEqual(t, exitOK, status, args[0])
		assert.NotContains(t, out.String()+errs.String(), secret[len("isotope-secret-key-1:"):][:12], "%q", args[0])
	}
}

func TestInputIsBounded(t *testing.T) {
	c := &cli{stdin: bytes.NewReader(make([]byte, maxInput+1))}
	_, err := c.readInput("-")
	assert.ErrorContains(t, err, "split it")
	c.stdin = bytes.NewReader(make([]byte, maxInput))
	text, err := c.readInput("-")
	require.NoError(t, err)
	assert.Len(t, text, maxInput)
}

func TestReportsGoToFiles(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.html"), filepath.Join(dir, "link.html")
	require.NoError(t, os.WriteFile(real, nil, 0o644))
	if err := os.Symlink(real, link); err != nil {
		t.Skip(err)
	}
	require.NoError(t, writePage(&report.Page{Title: "t"}, link))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink, "a link stays a link")
	text, err := os.ReadFile(real)
	require.NoError(t, err)
	assert.Contains(t, string(text), "<h1>t</h1>")

	assert.NoError(t, writePage(&report.Page{}, os.DevNull), "a device is written to and not replaced")
	info, err = os.Stat(os.DevNull)
	require.NoError(t, err)
	assert.False(t, info.Mode().IsRegular())
	for _, path := range []string{"", "-", dir, filepath.Join(dir, "no", "x.html")} {
		assert.Error(t, checkPage(path), path)
	}
	assert.NoError(t, checkPage(filepath.Join(dir, "new.html")))
}

// TestReportsReplacePagesOnly has the name of a key, of a text and of a journal where that
// of a report belongs.
func TestReportsReplacePagesOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for _, text := range []string{watermark.NewKey().Secret(), "a text", `{"seq":0}`, "<!doctype"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		assert.ErrorContains(t, checkPage(path), "only a page is replaced", text)
		assert.ErrorContains(t, writePage(&report.Page{Title: "t"}, path), "only a page is replaced", "what came after the check")
		var out, errs bytes.Buffer
		assert.Equal(t, exitError, run(context.Background(), []string{"demo", "--out", path}, strings.NewReader(""), &out, &errs))
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(left))
	}
	require.NoError(t, os.Remove(path))
	require.NoError(t, writePage(&report.Page{Title: "t"}, path))
	assert.NoError(t, checkPage(path), "an earlier page")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	assert.NoError(t, checkPage(path), "an empty file")
}

func TestNormalizeUndoesPasting(t *testing.T) {
	assert.Equal(t, "a\nb\nc \"d\" 'e' f g", string(normalize([]byte("a\r\nb\rc \u201cd\u201d \u2018e\u2019\u00a0f\u202fg"))))
	assert.Equal(t, "\xff\xfe", string(normalize([]byte("\xff\xfe"))), "bytes that are no text stay")
}
