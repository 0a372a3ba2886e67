package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// TestUsageErrors has calls that cannot be right, whatever the files hold: status 2.
// The scripts see failures of all kinds; only here is the status looked at.
func TestUsageErrors(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"nonsense", "unknown command"},
		{"--nonsense", "unknown flag --nonsense"},
		{"-k", "unknown flag -k"},
		{"detect --key", "--key needs a value"},
		{"detect", "--key FILE is missing"},
		{"detect --key k", "--profile FILE is missing"},
		{"detect --key k --profile p --alpha 0 a", "outside (0,1)"},
		{"detect --key k --profile p --alpha x a", `--alpha "x" is not a number`},
		{"detect --key k --profile p --min-share 2 a", "outside (0,1]"},
		{"detect --key k --profile p --tokens t a", "two inputs"},
		{"detect --key k --profile p --tokens t --normalize", "for text"},
		{"detect --key k --profile p --fail-on weather a", "weather"},
		{"detect --key k --profile p --keyring r --any=s a", "--keyring and --any name two keyrings"},
		{"detect --key k --profile p --ids t --field a", "are for rows"},
		{"detect --key k --profile p --ids t --format json", "leave one of them out"},
		{"detect --key k --profile p --format x a", `--format "x" is not one of text, json`},
		{"detect --key k --profile p --encoding x a", `encoding "x" is not known`},
		{"detect --key k --profile p --field a..b a", `field "a..b" is not a path`},
		{"detect --key k --profile p --max-skipped x a", `--max-skipped "x" is not a number of rows`},
		{"detect --key k --profile p --normalize=x a", `the form "x" is not known`},
		{"detect --key k --profile p --normalize=nfc,nfc a", "names nfc twice"},
		{"detect --key k --profile p --fdr 1 a", "outside (0,1)"},
		{"detect --key k --profile p --band-role master a", "--band-role is for several marks"},
		{"detect --keys k", "did you mean --key?"},
		{"detect --key k --key k --profile p a", "--key was given 2 times and --profile once"},
		{"detect --key k --profile p --profile p a", "--key was given once and --profile 2 times"},
		{"detect --key k --profile p --role master a", "the role of one of several marks is --band-role"},
		{"detect --key k --profile p --selector s --selector s a", "--selector was given 2 times"},
		{"detect --key k --profile p --key k --profile p --role master a", "--band-role was given once and --profile 2 times"},
		{"detect --key k --profile p --key k --profile p --role master --role x a", `--band-role "x" is not one of master, cohort, tenant, provenance`},
		{"detect --key k --profile p --key k --profile p --spans a", "several marks exclude --keyring, --normalize and --spans"},
		{"detect --key k --profile p --key k --profile p --normalize a", "several marks exclude --keyring, --normalize and --spans"},
		{"detect --key k --profile p --key k --profile p --keyring r a", "a keyring takes one --key"},
		{"generate", "--key FILE is missing"},
		{"generate --unmarked --key k", "uses no key"},
		{"generate --unmarked --tokens 0", "outside 1 to"},
		{"detect --key k --profile p --prompt -", "read once"},
		{"detect --key k --profile p --tokens - --prompt -", "read once"},
		{"detect --key k --profile p --prompt - --prompt - a", "read once"},
		{"generate --unmarked --temperature nan", "temperature"},
		{"generate --unmarked --temperature -1", "temperature"},
		{"generate --unmarked --top-p 7", "[0,1]"},
		{"profile --vocab 50", "leave out tokens"},
		{"demo --out -", "a report is written to a file"},
		{"student", "--key FILE is missing"},
		{"student --key k", "--profile FILE is missing"},
		{"student --key k --profile p", "nothing to test"},
		{"student --key k --profile p --reading r a", "give one of PATH..."},
		{"student --key k --profile p --endpoint u", "--model NAME is missing"},
		{"student --key k --profile p --journal j --report ./j", "name the same file"},
		{"student --key k --profile p --endpoint u --model m", "answers that are not kept are not evidence"},
		{"student --key k --profile p --model m a", "--model needs --endpoint"},
		{"student --key k --profile p --alpha 0.6 a", "outside (0,0.5]"},
		{"student --key k --profile p --decoys 99 a", "outside 100 to"},
		{"student --key k --profile p --share 0 a", "outside (0,1]"},
		{"student --key k --profile p --c1 -1 a", "--c1"},
		{"student --key k --profile p --tests 0 a", "--tests 0"},
		{"student --key k --profile p --provenance-profile r a", "need each other"},
		{"student --key k --profile p --live r a", "--provenance-profile"},
		{"student --key k --profile p --reading r --provenance-profile r --provenance-key k", "tested on outputs"},
		{"student --key k --profile p --journal j --live r --provenance-profile r --provenance-key k", "--live was declared"},
		{"student --key k --profile p --registry r a", "--registry and --epoch need each other"},
		{"student --key k --profile p --registry r --epoch e --selector s a", "its own selector"},
		{"student --key k --profile p --reference some a", "not one of embedded, none"},
		{"student --key k --profile p --reference none --corpus c a", "has none"},
		{"student --key k --profile p --journal j --alpha 0.1", "--alpha was declared when the journal was made"},
		{"student --key k --profile p --journal j --dry-run", "--dry-run is for new ones"},
		{"student --key k --profile p --fail-on weather a", "weather"},
		{"student --key k --profile p --endpoint u --model m --journal j --budget-money 1", "--price-in"},
		{"student --key k --profile p --endpoint u --model m --journal j --concurrency 0", "--concurrency 0"},
		{"student --key k --profile p --endpoint u --model m --journal j --temperature nan", "temperature"},
		{"student --key k --profile p --endpoint u --model m --journal j --timeout 0s", "--timeout 0s is not a positive time"},
		{"generate extra", "takes no argument"},
		{"keygen", "FILE is missing"},
		{"keygen a b", "writes one FILE, and 2 names were given"},
		{"keygen a --from b", "--from needs --label"},
		{"keygen a --label b", "--label needs --from"},
		{"profile --gamma 0.3", "nearest"},
		{"profile --delta -1", "delta"},
		{"profile --tokenizer gpt9", "cl100k_base"},
		{"profile --tokenizer none", "--vocab"},
		{"profile --band 1", "LO,HI"},
		{"profile --band 0,0", "empty"},
		{"profile --band 0,5", "key id"},
		{"profile --exempt 5,4", "ascending"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, out, errs := isotope(strings.Fields(c.args)...)
			assert.Equal(t, exitUsage, status)
			assert.Contains(t, errs, c.says)
			verb := strings.Fields(c.args)[0]
			if verb == "student" {
				verb = "audit" // of which it is an alias
			}
			if strings.HasPrefix(c.says, "unknown") {
				verb = ""
			}
			assert.Contains(t, errs, "\nRun '"+strings.TrimSpace("isotope "+verb)+" --help' for usage.\n")
			assert.Empty(t, out, "stdout is data")
		})
	}
}

func TestStatuses(t *testing.T) {
	t.Chdir(t.TempDir()) // whose own name may have a space in it
	file := func(name, text string) string {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	// Every token is green under this key: the context decides nothing at width 0.
	key, err := watermark.ParseKey(secretOf("5a"))
	require.NoError(t, err)
	mark, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2}, 500)
	require.NoError(t, err)
	var green []string
	for v := range watermark.Token(500) {
		if mark.Score(nil, []watermark.Pair{{Token: v}})[0] == 1 {
			green = append(green, fmt.Sprint(v))
		}
	}
	test := "detect --key " + file("key", key.Secret(secretaccess.Allow())) + " --profile " +
		file("profile", `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":0,"vocab":500,"tokenizer":"none"}`)
	marked, short := " --tokens "+file("marked", strings.Join(green, " ")), " --tokens "+file("short", "1 2 3")
	for _, c := range []struct {
		name, args string
		want       int
	}{
		{"version", "version", exitOK},
		{"no files", "detect --key none --profile none", exitError},
		{"detected", test + marked, exitOK},
		{"detected, and that fails", test + marked + " --fail-on detected", exitVerdict},
		{"inconclusive", test + short + " --fail-on detected", exitOK},
		{"a verdict that does not exist", test + marked + " --fail-on weather", exitUsage},
		{"no text", test + " --tokens nowhere", exitError},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errs := isotope(strings.Fields(c.args)...)
			assert.Equal(t, c.want, status, errs)
		})
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

// TestMessages: what people read says nothing of packages, and no secret.
func TestMessages(t *testing.T) {
	for _, c := range []struct{ name, err, want string }{
		{"plain", "not a number", "not a number"},
		{"a package in front", "watermark: key file: open k", "key file: open k"},
		{"packages inside", "f.json: registry: watermark: profile: bad", "f.json: profile: bad"},
		{"after a line end", "one\ndetect: two", "one\ntwo"},
		{"a word that ends as a package does", "subdetect: x", "subdetect: x"},
		{"a key", "no file " + secretOf("5a") + " here", "no file (a secret key) here"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, plainMessage(errors.New(c.err))) })
	}
}

func TestSecretsAreNotEchoed(t *testing.T) {
	secret := watermark.NewKey().Secret(secretaccess.Allow())
	dir := newDir(t)
	bare := dir.file("bare", secret)
	profile := func(name, fields string) string {
		return dir.file(name, `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":2,"vocab":500,`+fields+`}`)
	}
	const plain = `"tokenizer":"none"`
	for _, c := range []struct {
		name string
		args []string
	}{
		{"as a key file", []string{"detect", "--key", secret, "--profile", "p"}},
		{"as a role", []string{"detect", "--key", "k", "--profile", "p", "--key", "k", "--profile", "p", "--role", secret, "--role", "master"}},
		{"as a selector", []string{"detect", "--key", "k", "--profile", "p", "--key", "k", "--profile", "p", "--selector", secret}},
		{"to generate", []string{"generate", "--key", secret}},
		{"as a parent", []string{"keygen", "x", "--from", secret, "--label", "a"}},
		{"as a file to make", []string{"keygen", secret}},
		{"as a number", []string{"detect", "--alpha", secret}},
		{"as a flag", []string{"detect", "--" + secret}},
		{"as a verb", []string{secret}},
		{"as an argument", []string{"profile", secret}},
		{"as a scheme", []string{"profile", "--scheme", secret}},
		{"as a tokenizer", []string{"profile", "--tokenizer", secret}},
		{"as a text that does not exist", []string{"detect", "--key", bare, "--profile", profile("a", plain), "--tokens", secret}},
		{"as a report", []string{"demo", "--out", "none/" + secret}},
		{"in token ids", []string{"detect", "--key", bare, "--profile", profile("b", plain), "--tokens", bare}},
		{"in a keyring", []string{"detect", "--key", bare, "--profile", profile("c", plain), "--keyring", bare, "--tokens", bare}},
		{"in a profile's selector", []string{"detect", "--key", bare, "--profile", profile("d", plain+`,"band":[0,5],"selector":"`+secret+`"`)}},
		{"in a profile's tokenizer", []string{"detect", "--key", bare, "--profile", profile("e", `"tokenizer":"`+secret+` "`)}},
		{"in the name of a profile's field", []string{"detect", "--key", bare, "--profile", profile("f", plain+`,"`+secret+`":1`)}},
		{"in a profile's mask", []string{"detect", "--key", bare, "--profile", profile("g", plain+`,"mask":"`+secret+`"`)}},
		{"in place of a profile", []string{"detect", "--key", bare, "--profile", bare}},
		{"in extra fields", []string{"student", "--key", bare, "--profile", profile("h", plain), "--endpoint", "http://h/v1", "--model", "m", "--dry-run", "--extra", `{"` + secret + `":1,"` + secret + `":2}`}},
		{"in place of a plan", []string{"student", "--key", bare, "--profile", profile("i", plain), "--reference", "none", "--plan", bare, "x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, errs := isotope(c.args...)
			assert.NotEqual(t, exitOK, status)
			assert.NotContains(t, out+errs, secret[len("isotope-secret-key-1:"):][:12])
		})
	}
}

func TestInputIsBounded(t *testing.T) {
	const limit = 2 << 20
	c := &cli{stdin: bytes.NewReader(make([]byte, limit+1))}
	_, err := c.readSmallFile("-", limit)
	assert.ErrorContains(t, err, "split it")
	c.stdin = bytes.NewReader(make([]byte, limit))
	text, err := c.readSmallFile("-", limit)
	require.NoError(t, err)
	assert.Len(t, text, limit)
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

// TestReportsReplacePagesOnly names a key, a text and a journal where the name of a report
// belongs.
func TestReportsReplacePagesOnly(t *testing.T) {
	path := newDir(t).of("x")
	for _, c := range []struct{ name, text string }{
		{"a key", watermark.NewKey().Secret(secretaccess.Allow())}, {"a text", "a text"}, {"a journal", `{"seq":0}`}, {"half a page", "<!doctype"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			assert.ErrorContains(t, checkPage(path), "replaces pages only")
			assert.ErrorContains(t, writePage(&report.Page{Title: "t"}, path), "replaces pages only", "what came after the check")
			status, _, errs := isotope("demo", "--out", path)
			assert.Equal(t, exitError, status, errs)
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, c.text, string(left))
		})
	}
	require.NoError(t, os.Remove(path))
	require.NoError(t, writePage(&report.Page{Title: "t"}, path))
	assert.NoError(t, checkPage(path), "an earlier page")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	assert.NoError(t, checkPage(path), "an empty file")
}
