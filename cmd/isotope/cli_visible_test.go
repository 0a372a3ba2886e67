package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attacks are texts of somebody else that act on a terminal or turn around what is shown.
const attacks = "x\x1b[2K\x1b]0;title\a\u009b1m\u202edetected\u2066\r\x7f"

// assertHarmless fails if a text has a character that acts.
func assertHarmless(t *testing.T, text string) {
	t.Helper()
	for _, bad := range []string{"\x1b", "\a", "\u009b", "\u202e", "\u2066", "\r", "\x7f"} {
		assert.NotContains(t, text, bad)
	}
}

// TestWhatOthersWroteIsShownAsItIs: the question of a journal that somebody else made, the model of a
// reading, names of files, and errors.
func TestWhatOthersWroteIsShownAsItIs(t *testing.T) {
	dir := newDir(t)
	key, profile := dir.file("my.key", secretOf("5a")), dir.file("my.json", mustRun(t, "profile"))
	outputs := dir.file("o.jsonl", strings.Repeat(`{"prompt":"x","output":"some words that nobody marked at all"}`+"\n", 5))
	page := dir.of("p.html")
	call := func(args ...string) []string {
		return append([]string{"student", "--key", key, "--profile", profile, "--reference", "none", "--decoys", "100"}, args...)
	}
	status, out, errs := isotope(call("--question", attacks+"?", "--report", page, outputs)...)
	assert.Zero(t, status, errs)
	assertHarmless(t, out+errs)
	assert.Contains(t, out, `x\u001b[2K`)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assertHarmless(t, string(text))
	assert.Contains(t, string(text), `\u202edetected`)

	status, out, errs = isotope(call("none" + attacks)...)
	assert.Equal(t, exitError, status)
	assertHarmless(t, out+errs)
	assert.Contains(t, errs, `none`)

	keyring := dir.file("ring.txt", "tenant/"+attacks+"\n")
	_, out, errs = isotope("detect", "--key", key, "--profile", profile, "--keyring", keyring, dir.file("a.txt", "some words that nobody marked at all"))
	assertHarmless(t, out+errs)
}

// TestScansShowNamesAsTheyAre: names of files and of fields, rows, and files that are no report, in the
// table and on the page. JSON is exact, as TestDataIsExact has it.
func TestScansShowNamesAsTheyAre(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("such names are not allowed")
	}
	dir, page := newDir(t), filepath.Join(t.TempDir(), "p.html")
	attack := strings.ReplaceAll(attacks, "/", "")
	dir.file(attack+".jsonl", `{"output":"some words that nobody marked at all"}`+"\n"+`{"output":"`+strings.Repeat("a \\u001b[2J b \\u202e c ", 30)+`","id":"\u001b]0;x\u0007"}`+"\n"+`{"an\u001b[2Kswer\u202e":"x y z"}`+"\n")
	dir.file("b"+attack+".bin", strings.Repeat("\x00\x01\x02\xff", 50))
	for _, args := range [][]string{
		scanArgs(t, "scan", dir.of("")),
		scanArgs(t, "scan", "--report", page, dir.of("")),
		{"verify", dir.of("b" + attack + ".bin")},
		{"log", "verify", dir.of(attack)},
		{"reduce", dir.of(attack)},
		{"eval", "compare", dir.of(attack), dir.of("b" + attack)},
	} {
		t.Run(args[0], func(t *testing.T) {
			_, out, errs := isotope(args...)
			assertHarmless(t, out+errs)
			assert.NotEmpty(t, out+errs)
		})
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assertHarmless(t, string(text))
	assert.Contains(t, string(text), `\u202edetected`)
}

// TestDataIsExact: what a program reads is not changed on its way.
func TestDataIsExact(t *testing.T) {
	for _, c := range []struct {
		name  string
		exact bool
		text  string
		want  string
	}{
		{"for people", false, "a\x1b", `a\u001b`},
		{"an object", false, "{\"a\":\"\u202e\"}", "{\"a\":\"\u202e\"}"},
		{"an array", false, "[\"\u202e\"]", "[\"\u202e\"]"},
		{"announced", true, "a\x1b\xff", "a\x1b\xff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			o := newOutput(&out)
			program := &cli{stdout: o}
			if c.exact {
				program.exact()
			}
			_, err := o.Write([]byte(c.text))
			require.NoError(t, err)
			require.NoError(t, o.shown.Close())
			assert.Equal(t, c.want, out.String())
		})
	}
	var out bytes.Buffer
	o := newOutput(&out)
	o.terminal = true
	(&cli{stdout: o}).exact()
	_, err := o.Write([]byte("{\x1b"))
	require.NoError(t, err)
	assert.Equal(t, `{\u001b`, out.String(), "a terminal is for people")
}

// TestReportsObeyTheUmask: a new page has the mode that the umask leaves, and a page that takes the
// place of another keeps that one's.
func TestReportsObeyTheUmask(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	dir := newDir(t)
	script := dir.file("s.sh", `umask "$1"; shift; exec "$@"`)
	key, profile, text := dir.file("k", secretOf("5a")), dir.file("p.json", mustRun(t, "profile")), dir.file("a.txt", "some words that nobody marked at all")
	links := t.TempDir()
	program := filepath.Join(links, "isotope") // the test's program is the command under this name
	require.NoError(t, os.Symlink(os.Args[0], program))
	report := func(umask, page string) os.FileMode {
		t.Helper()
		cmd := exec.Command("sh", script, umask, program, "detect", "--key", key, "--profile", profile, "--report", page, text)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		info, err := os.Stat(page)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	assert.Equal(t, os.FileMode(0o600), report("077", dir.of("a.html")))
	assert.Equal(t, os.FileMode(0o644), report("022", dir.of("b.html")))
	require.NoError(t, os.Chmod(dir.of("b.html"), 0o600))
	assert.Equal(t, os.FileMode(0o600), report("022", dir.of("b.html")), "it was made private")
	require.NoError(t, os.Chmod(dir.of("a.html"), 0o640))
	assert.Equal(t, os.FileMode(0o640), report("077", dir.of("a.html")))
}

// TestPagesShowNoKey: a page that would show a key is not written.
func TestPagesShowNoKey(t *testing.T) {
	page := newDir(t).of("p.html")
	err := writePage(fixedPage("<!doctype html><p>"+secretOf("5a")+"</p>"), page)
	require.ErrorContains(t, err, "secret key")
	assert.NotContains(t, err.Error(), "5a5a5a")
	assert.NoFileExists(t, page)
}

func TestVersionNamesTheSource(t *testing.T) {
	hash := func() string { return "sha256:00" }
	for _, c := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"a clone", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}}}, "(devel), commit abc"},
		{"a changed clone", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}}, "(devel), commit abc with changes"},
		{"a module", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3", Sum: "h1:xyz="}}, "v1.2.3, h1:xyz="},
		{"neither", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "(devel), program sha256:00"},
		{"nothing at all", debug.BuildInfo{}, "(devel), program sha256:00"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, versionOf(&c.info, hash)) })
	}
	assert.Regexp(t, "^sha256:[0-9a-f]{64}$", executableHash())
	assert.Regexp(t, `^isotope \S+, (commit|h1:|program sha256:)`, mustRun(t, "version"))
}

// A fixedPage is a page of this text.
type fixedPage string

func (p fixedPage) WriteHTML(w io.Writer) error {
	_, err := io.WriteString(w, string(p))
	return err
}

// TestReportsWithoutColours: a page for outsiders shows nothing of the green list.
func TestReportsWithoutColours(t *testing.T) {
	dir := newDir(t)
	page := dir.of("p.html")
	call := []string{"detect", "--key", dir.file("k", secretOf("5a")), "--profile", dir.file("p.json", mustRun(t, "profile")), "--report", page,
		dir.file("a.txt", strings.Repeat("some words that nobody marked at all, but for chance. ", 3))}
	read := func() string {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		return string(text)
	}
	mustRun(t, call...)
	assert.Contains(t, read(), `<span class="g"> `)
	assert.Contains(t, read(), "--no-colours")
	mustRun(t, append(call, "--no-colours")...)
	assert.NotContains(t, read(), `<span class="g"> `)
	assert.NotContains(t, read(), `<span class="r"> `)
	assert.Contains(t, read(), `<span class="u"> `)
}
