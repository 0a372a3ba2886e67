package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/provenance"
)

// newScanChain makes the files of a declared scan, as newChain does for detect. The corpus has a
// folder, equal documents and a row that is not JSON.
func newScanChain(t *testing.T) *chain {
	t.Helper()
	c := &chain{t: t, provider: newDir(t), stranger: newDir(t)}
	p := c.provider
	copyTree(t, fieldFiles+"throwaway.key", p.of("my.key"))
	copyTree(t, fieldFiles+"profile.json", p.of("my.json"))
	require.NoError(t, os.MkdirAll(p.of("corpus/sub"), 0o755))
	require.NoError(t, os.Mkdir(p.of("clean"), 0o755))
	copyTree(t, fieldFiles+"base_marked.txt", p.of("corpus/sub/a.txt"))
	copyTree(t, fieldFiles+"base_plain.txt", p.of("corpus/b.txt"))
	copyTree(t, fieldFiles+"O06_ref.jsonl", p.of("corpus/c.jsonl"))
	copyTree(t, fieldFiles+"base_plain.txt", p.of("clean/e.txt"))
	p.file("corpus/d.jsonl", "{\"output\":\"one\"}\nnot json\n{\"output\":\"one\"}\n")
	p.file("owner.txt", mustRun(t, at(p, "log", "new", "--name", "example.com/acme", "--sign-key", "@sign.key", "@log")...))
	mustRun(t, c.own("commit", "-q", "--profile", "@my.json", "--epoch", "2026-11", "@my.key")...)
	copyTree(t, p.of("log/checkpoint"), p.of("kept"))
	mustRun(t, c.own("scan", "-q", "--declare", "@plan.json", "--key", "@my.key", "--profile", "@my.json", "--clean", "@clean", "@corpus")...)
	return c
}

// own returns a call of the provider, with the log.
func (c *chain) own(args ...string) []string {
	return at(c.provider, append(args, "--log", "@log", "--sign-key", "@sign.key")...)
}

// planned returns a call that makes the declared scan.
func (c *chain) planned(report string, more ...string) []string {
	return c.own(append([]string{"scan", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", report, "--clean", "@clean", "@corpus"}, more...)...)
}

// reportOf reads a signed report.
func reportOf(t *testing.T, name string) *provenance.Report {
	t.Helper()
	_, payload, err := parseEnvelope([]byte(fileText(t, name)))
	require.NoError(t, err)
	r, err := provenance.ParseReport(payload)
	require.NoError(t, err)
	return r
}

// TestScanChain declares a scan, makes it in several ways, and has a stranger repeat it.
func TestScanChain(t *testing.T) {
	c := newScanChain(t)
	p := c.provider
	out := mustRun(t, c.planned("@report.json", "--workers", "1", "--report", "@page.html")...)
	assert.Contains(t, out, "detected: documents of this corpus depend on the key")
	assert.Contains(t, fileText(t, p.of("page.html")), "isotope verify report.json")
	assert.Contains(t, fileText(t, p.of("page.html")), "sub/a.txt", "the page shows texts that it read again")
	first := reportOf(t, p.of("report.json"))
	require.Len(t, first.Outcome.Controls, 1)
	assert.Len(t, first.Outcome.Controls[0].Keys, 100)
	assert.Equal(t, 1, first.Outcome.Controls[0].Rank)
	assert.NotNil(t, first.Outcome.Controls[0].Clean)
	assert.Equal(t, provenance.Counts{Found: 12, Tested: 11, Skipped: 1, Reasons: []provenance.Count{{Name: "invalid", Count: 1}}}, first.Outcome.Counts)
	assert.Contains(t, string(first.Outcome.Result), `"top":[{"kind":"document","file":"sub/a.txt"`)

	// Workers, a journal and another place of the corpus change nothing.
	require.NoError(t, os.Rename(p.of("corpus"), p.of("elsewhere")))
	mustRun(t, c.own("scan", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@second.json", "--workers", "7", "--journal", "@journal", "--json", "--clean", "@clean", "@elsewhere")...)
	assert.Equal(t, first.Digest, reportOf(t, p.of("second.json")).Digest)
	// A journal resumes under the entry of its own beginning.
	size := strings.Count(mustRun(t, "log", "show", p.of("log")), `"kind":"test"`)
	mustRun(t, c.own("scan", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@third.json", "--journal", "@journal", "--clean", "@clean", "@elsewhere")...)
	assert.Equal(t, size, strings.Count(mustRun(t, "log", "show", p.of("log")), `"kind":"test"`))
	assert.Equal(t, reportOf(t, p.of("second.json")).Begun, reportOf(t, p.of("third.json")).Begun)

	require.NoError(t, os.Rename(p.of("elsewhere"), p.of("corpus")))
	c.give("owner.txt", "kept", "report.json", "corpus", "clean", "log", "my.key")
	require.NoError(t, os.Rename(p.path, p.path+"-gone"))
	t.Cleanup(func() { os.RemoveAll(p.path + "-gone") })
	out = mustRun(t, at(c.stranger, "verify", "-q", "--replay", "--log-key", "@owner.txt", "--checkpoint", "@kept", "--log", "@log", "--key", "@my.key", "--clean", "@clean", "@report.json", "@corpus")...)
	assert.NotContains(t, out, "FAILED")
	assert.Regexp(t, `(?m)^ok +replay +the test was repeated, and gave the same bytes: `+first.Digest, out)
	t.Logf("report %d bytes, with a plan of %d files", len(fileText(t, c.stranger.of("report.json"))), len(first.Outcome.Files))
}

// TestScanTampering changes what a stranger gets of a declared scan.
func TestScanTampering(t *testing.T) {
	c := newScanChain(t)
	mustRun(t, c.planned("@report.json")...)
	c.give("owner.txt", "kept", "report.json", "corpus", "clean", "log", "my.key")
	private, public := c.keys()
	basic := []string{"verify", "-q", "--log-key", "@owner.txt", "@report.json"}
	replay := []string{"verify", "-q", "--replay", "--log-key", "@owner.txt", "--key", "@my.key", "--clean", "@clean", "@report.json", "@corpus"}
	result := func(old, new string) func(f *forger) {
		return func(f *forger) {
			f.report(func(r *provenance.Report) {
				require.Contains(f.t, string(r.Outcome.Result), old)
				r.Outcome.Result = []byte(strings.Replace(string(r.Outcome.Result), old, new, 1))
			})
		}
	}
	for _, row := range []struct {
		name   string
		args   []string
		change func(f *forger)
		wants  string
		says   string
	}{
		{"the verdict of the result", basic, result(`{"verdict":"detected"`, `{"verdict":"not_detected"`), "rules", "not that of its result"},
		{"control keys left out without a reason", basic, func(f *forger) { f.report(func(r *provenance.Report) { r.Outcome.Controls = nil }) }, "control keys", "compares 0"},
		{"a byte of a file in a folder", replay, func(f *forger) { f.edit("corpus/sub/a.txt", "e", "f") }, "replay", `"sub/a.txt" has changed`},
		{"a file in a folder", replay, func(f *forger) {
			require.NoError(f.t, os.Rename(f.dir.of("corpus/sub/a.txt"), f.dir.of("corpus/a.txt")))
		}, "replay", `"sub/a.txt" is missing`},
		{"a document on the list", replay, result(`"top":[{"kind":"document",`, `"top":[{"kind":"documents",`), "replay", "result.top"},
		{"the digest of all documents", replay, result(`"documents_digest":"sha256:`, `"documents_digest":"sha256:0`), "replay", "result.documents_digest"},
		{"the digest of all skips", replay, result(`"skips_digest":"sha256:`, `"skips_digest":"sha256:0`), "replay", "result.skips_digest"},
		{"the pile", replay, result(`"green":`, `"green":1`), "replay", "result."},
		{"control keys left out with a reason", replay, func(f *forger) {
			f.report(func(r *provenance.Report) {
				r.Outcome.Controls, r.Outcome.NoControls = []provenance.ControlResult{}, "the pile has no test"
			})
		}, "replay", "no_controls"},
		{"a false discovery rate", replay, result(`"fdr":0.01`, `"fdr":0.1`), "replay", "result.fdr"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if testing.Short() && row.args[2] == "--replay" {
				t.Skip("it repeats a test")
			}
			dir := newDir(t)
			require.NoError(t, os.CopyFS(dir.path, os.DirFS(c.stranger.path)))
			require.NoError(t, os.Chmod(dir.of("my.key"), 0o600))
			row.change(&forger{t, dir, private, public})
			requireFails(t, at(dir, row.args...), row.wants, row.says)
		})
	}
}

// TestReplayRounds repeats a test whose report has numbers with other last digits, as those of
// another version of the program may have.
func TestReplayRounds(t *testing.T) {
	c := newScanChain(t)
	mustRun(t, c.planned("@report.json")...)
	c.give("owner.txt", "kept", "report.json", "corpus", "clean", "log", "my.key")
	private, public := c.keys()
	shift := func(dir tempDir, by float64) {
		(&forger{t, dir, private, public}).report(func(r *provenance.Report) {
			number := regexp.MustCompile(`("log10_p":)(-[0-9]+\.[0-9]+)`)
			require.Regexp(t, number, string(r.Outcome.Result))
			r.Outcome.Result = number.ReplaceAllFunc(r.Outcome.Result, func(found []byte) []byte {
				m := number.FindSubmatch(found)
				x, err := strconv.ParseFloat(string(m[2]), 64)
				require.NoError(t, err)
				return strconv.AppendFloat(m[1], x*(1+by), 'f', -1, 64)
			})
		})
	}
	replay := at(c.stranger, "verify", "-q", "--replay", "--log-key", "@owner.txt", "--key", "@my.key", "--clean", "@clean", "@report.json", "@corpus")
	shift(c.stranger, 0x1p-50)
	out := mustRun(t, replay...)
	assert.Regexp(t, `(?m)^ok +replay +the test was repeated, and gave the same result: sha256:`, out)
	assert.Regexp(t, `(?m)^note: [1-9][0-9]* numbers? (has|have) other last digits in the repeated test, by at most [0-9]e-1[56]; `, out)
	shift(c.stranger, 1e-8)
	requireFails(t, replay, "replay", "result.")
}

// TestPlanOfScanTakesNothingElse tries what a plan of a scan does not declare.
func TestPlanOfScanTakesNothingElse(t *testing.T) {
	c := newScanChain(t)
	p := c.provider
	require.NoError(t, os.Mkdir(p.of("other"), 0o755))
	copyTree(t, fieldFiles+"base_plain.txt", p.of("other/b.txt"))
	declare := c.own("scan", "-q", "--declare", "@more.json", "--key", "@my.key", "--profile", "@my.json", "@corpus")
	for _, row := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"another rate of false discoveries", c.planned("@new.json", "--fdr", "0.1"), exitUsage, "--fdr is declared in the plan"},
		{"a run key", c.planned("@new.json", "--run-key", scanRun), exitUsage, "--run-key is declared in the plan"},
		{"fewer control keys", c.planned("@new.json", "--decoys", "0"), exitUsage, "--decoys is declared in the plan"},
		{"rows that may be skipped", c.planned("@new.json", "--max-skipped", "5"), exitUsage, "--max-skipped is declared in the plan"},
		{"a list of files", c.planned("@new.json", "--files-from", "x"), exitUsage, "--files-from is declared in the plan"},
		{"a plan of scan for detect", c.own("detect", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@new.json", "@corpus"), exitUsage, "call isotope scan"},
		{"another corpus", c.own("scan", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@new.json", "--clean", "@clean", "@other"), exitError, "this is not the declared corpus"},
		{"a journal of another scan", c.planned("@new.json", "--journal", "@old"), exitError, "begun before the log had the beginning of this test"},
		{"standard input", c.own("scan", "-q", "--declare", "@more.json", "--key", "@my.key", "--profile", "@my.json", "-"), exitUsage, "standard input is none"},
		{"a keyring", append(slices.Clone(declare), "--keyring", p.of("my.json")), exitUsage, "--keyring cannot be declared"},
		{"a table while declaring", append(slices.Clone(declare), "--parquet", "x"), exitUsage, "--parquet cannot be declared"},
		{"few control keys", append(slices.Clone(declare), "--decoys", "5"), exitUsage, "--decoys 5 is outside"},
		{"a question alone", at(p, "scan", "-q", "--question", "x", "--key", "@my.key", "--profile", "@my.json", "@corpus"), exitUsage, "--question is for a declared test"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.name == "a journal of another scan" {
				mustRun(t, at(p, "scan", "-q", "--key", "@my.key", "--profile", "@my.json", "--journal", "@old", "@corpus")...)
			}
			size := len(mustRun(t, "log", "show", p.of("log")))
			status, out, errs := isotope(row.args...)
			assert.Equal(t, row.status, status, "%s%s", out, errs)
			assert.Contains(t, errs, row.says)
			assert.Empty(t, out, "nothing was scored")
			assert.Len(t, mustRun(t, "log", "show", p.of("log")), size, "nothing was logged")
			assert.NoFileExists(t, p.of("new.json"))
			assert.NoFileExists(t, p.of("more.json"))
		})
	}
}
