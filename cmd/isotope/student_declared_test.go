package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/provenance"
)

// A markedEndpoint answers with marked texts, and counts.
type markedEndpoint struct {
	*httptest.Server
	asked atomic.Int64
	down  atomic.Bool
}

func newMarkedEndpoint(t *testing.T) *markedEndpoint {
	t.Helper()
	texts := []string{fileText(t, fieldFiles+"base_marked.txt")}
	for line := range strings.Lines(fileText(t, fieldFiles+"O06_ref.jsonl")) {
		var row struct{ Output string }
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		texts = append(texts, row.Output)
	}
	m := &markedEndpoint{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		n := m.asked.Add(1)
		answer, err := json.Marshal(texts[int(n)%len(texts)])
		assert.NoError(t, err)
		fmt.Fprintf(w, `{"choices":[{"message":{"content":%s}}]}`, answer)
	}))
	t.Cleanup(m.Close)
	return m
}

// newJournalChain declares a test of an endpoint. It asks nothing.
func newJournalChain(t *testing.T, m *markedEndpoint) *chain {
	t.Helper()
	c := &chain{t: t, provider: newDir(t), stranger: newDir(t)}
	p := c.provider
	copyTree(t, fieldFiles+"throwaway.key", p.of("my.key"))
	copyTree(t, fieldFiles+"profile.json", p.of("my.json"))
	p.file("prompts.txt", "Tell me one.\nTell me two.\nTell me three.\nTell me four.\nTell me five.\nTell me six.\nTell me seven.\nTell me eight.\n")
	p.file("owner.txt", mustRun(t, at(p, "log", "new", "--name", "example.com/acme", "--sign-key", "@sign.key", "@log")...))
	mustRun(t, c.own("commit", "-q", "--profile", "@my.json", "--epoch", "2026-11", "@my.key")...)
	mustRun(t, c.own("audit", "-q", "--declare", "@plan.json", "--key", "@my.key", "--profile", "@my.json", "--reference", "none", "--decoys", "100",
		"--endpoint", m.URL, "--model", "suspect", "--prompts", "@prompts.txt", "--batch", "4", "--budget-tokens", "100000", "--max-tokens", "800")...)
	return c
}

// ask returns a call that makes the declared test.
func (c *chain) ask(report, journal string, more ...string) []string {
	return c.own(append([]string{"audit", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--journal", journal, "--signed-report", report, "--retries", "0", "--concurrency", "1"}, more...)...)
}

// TestEndpointChain declares a test of an endpoint, makes it, and has a stranger check the journal and
// repeat the test without a network.
func TestEndpointChain(t *testing.T) {
	m := newMarkedEndpoint(t)
	c := newJournalChain(t, m)
	p := c.provider
	assert.Zero(t, m.asked.Load(), "declaring asks nothing")
	m.down.Store(true)
	status, out, _ := isotope(c.ask("@report.json", "@j.jsonl")...)
	assert.Equal(t, exitError, status)
	assert.Empty(t, out)
	assert.NoFileExists(t, p.of("report.json"))
	m.down.Store(false)
	out = mustRun(t, c.ask("@report.json", "@j.jsonl", "--report", "@page.html")...)
	assert.Contains(t, out, "detected")
	assert.Contains(t, fileText(t, p.of("page.html")), "isotope verify report.json")
	assert.Equal(t, 1, strings.Count(mustRun(t, "log", "show", p.of("log")), `"kind":"test"`), "the journal resumes under the entry of its beginning")
	asked := m.asked.Load()
	mustRun(t, c.ask("@again.json", "@j.jsonl")...)
	assert.Equal(t, asked, m.asked.Load(), "nothing is asked twice")
	first := reportOf(t, p.of("report.json"))
	assert.Equal(t, first.Digest, reportOf(t, p.of("again.json")).Digest)
	m.Close()

	c.give("owner.txt", "report.json", "j.jsonl", "log", "my.key")
	out = mustRun(t, at(c.stranger, "verify", "-q", "--log-key", "@owner.txt", "--log", "@log", "--journal", "@j.jsonl", "@report.json")...)
	assert.Regexp(t, `(?m)^ok +journal +.*no answer is older than the test$`, out)
	assert.Regexp(t, `(?m)^ok +corpus +the test made one journal of \d+ records`, out)
	out = mustRun(t, at(c.stranger, "verify", "-q", "--replay", "--log-key", "@owner.txt", "--key", "@my.key", "@report.json", "@j.jsonl")...)
	assert.Regexp(t, `(?m)^ok +journal `, out)
	assert.Regexp(t, `(?m)^ok +replay +the test was repeated, and gave the same bytes: `+first.Digest, out)
	assert.NotContains(t, out, "FAILED")
	t.Logf("report %d bytes", len(fileText(t, p.of("report.json"))))
}

// TestJournalTampering changes the journal of a declared test, and what the owner says of it.
func TestJournalTampering(t *testing.T) {
	m := newMarkedEndpoint(t)
	c := newJournalChain(t, m)
	mustRun(t, c.ask("@report.json", "@j.jsonl")...)
	c.give("owner.txt", "report.json", "j.jsonl", "my.key")
	private, public := c.keys()
	basic := []string{"verify", "-q", "--log-key", "@owner.txt", "--journal", "@j.jsonl", "@report.json"}
	replay := []string{"verify", "-q", "--replay", "--log-key", "@owner.txt", "--key", "@my.key", "@report.json", "@j.jsonl"}
	lines := func(change func(lines []string) []string) func(f *forger) {
		return func(f *forger) {
			text := fileText(f.t, f.dir.of("j.jsonl"))
			require.NoError(f.t, os.WriteFile(f.dir.of("j.jsonl"), []byte(strings.Join(change(strings.SplitAfter(text, "\n")), "")), 0o600))
		}
	}
	cut := lines(func(l []string) []string { return l[:len(l)-3] })
	// head makes the report name the end of the journal that is there.
	head := func(f *forger) {
		d, err := journalFiles(f.t.Context(), f.dir.of("j.jsonl"))
		require.NoError(f.t, err)
		var last struct {
			Seq  int64
			Hash string
		}
		text := strings.TrimSpace(fileText(f.t, f.dir.of("j.jsonl")))
		require.NoError(f.t, json.Unmarshal([]byte(text[strings.LastIndexByte(text, '\n')+1:]), &last))
		f.report(func(r *provenance.Report) {
			r.Outcome.Files, r.Outcome.Journal = d.manifest, &provenance.JournalHead{Records: last.Seq + 1, Head: "sha256:" + last.Hash}
		})
	}
	for _, row := range []struct {
		name   string
		args   []string
		change func(f *forger)
		wants  string
		says   string
	}{
		{"a cut journal", basic, cut, "journal", "records were removed, added or changed"},
		{"a journal without its end", basic, lines(func(l []string) []string { return append(l[:len(l)-2], l[len(l)-2][:40]) }), "journal", "records were removed"},
		{"a journal without a record in the middle", basic, lines(func(l []string) []string { return slices.Delete(l, 2, 3) }), "journal", "changed after it was written"},
		{"an edited answer", basic, func(f *forger) { f.edit("j.jsonl", "content", "kontent") }, "journal", "changed after it was written"},
		{"bytes after the journal", basic, func(f *forger) {
			text := fileText(f.t, f.dir.of("j.jsonl"))
			rec := reportOf(f.t, f.dir.of("report.json")).Outcome.Journal
			next := fmt.Sprintf(`{"seq":%d,"prev":"%s","kind":"`, rec.Records, strings.TrimPrefix(rec.Head, "sha256:"))
			require.NoError(f.t, os.WriteFile(f.dir.of("j.jsonl"), []byte(text+next), 0o600))
		}, "journal", "other bytes after them"},
		{"a journal of another declaration", basic, func(f *forger) {
			other := newJournalChain(f.t, m)
			mustRun(f.t, other.ask("@report.json", "@j.jsonl")...)
			copyTree(f.t, other.provider.of("j.jsonl"), f.dir.of("j.jsonl"))
		}, "journal", "the journal is of another test: this is not the declared plan: plan.run_key"},
		{"the end of another journal in the report", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Journal.Head = "sha256:" + strings.Repeat("0", 64) })
		}, "journal", "records were removed, added or changed"},
		{"an end that is not one", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Journal.Head = "" })
		}, "corpus", "the end of the journal is not valid"},
		{"no journal in the report", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Journal = nil })
		}, "corpus", "do not agree on a journal"},
		{"answers that are older than the test", basic, func(f *forger) {
			f.report(func(r *provenance.Report) {
				e, err := provenance.ParseEntry([]byte(r.Begun.Entry))
				require.NoError(f.t, err)
				e.Time = time.Now().UTC().Add(time.Hour).Format(time.RFC3339)
				line, err := e.Line()
				require.NoError(f.t, err)
				r.Begun.Entry = string(line)
			})
		}, "journal", "the answers are older than the test"},
		{"a cut journal that the owner signed for", replay, func(f *forger) { cut(f); head(f) }, "replay", ""},
		{"a number of the result", replay, func(f *forger) {
			f.report(func(r *provenance.Report) {
				r.Outcome.Result = []byte(strings.Replace(string(r.Outcome.Result), `"scored":`, `"scored":1`, 1))
			})
		}, "replay", "statistics"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := newDir(t)
			require.NoError(t, os.CopyFS(dir.path, os.DirFS(c.stranger.path)))
			require.NoError(t, os.Chmod(dir.of("my.key"), 0o600))
			row.change(&forger{t, dir, private, public})
			requireFails(t, at(dir, row.args...), row.wants, row.says)
		})
	}
}

// TestGivenJournal declares a test of a journal that is there already, and repeats it.
func TestGivenJournal(t *testing.T) {
	m := newMarkedEndpoint(t)
	c := newJournalChain(t, m)
	p := c.provider
	mustRun(t, at(p, "audit", "-q", "--key", "@my.key", "--profile", "@my.json", "--reference", "none", "--decoys", "100",
		"--endpoint", m.URL, "--model", "suspect", "--prompts", "@prompts.txt", "--fixed", "--journal", "@old.jsonl", "--concurrency", "1")...)
	m.Close()
	status, _, errs := isotope(c.own("audit", "-q", "--declare", "@given.json", "--key", "@my.key", "--profile", "@my.json", "--journal", "@old.jsonl", "--alpha", "0.01")...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, errs, "--alpha was declared when the journal was made")
	mustRun(t, c.own("audit", "-q", "--declare", "@given.json", "--key", "@my.key", "--profile", "@my.json", "--journal", "@old.jsonl")...)
	test := func(journal string) []string {
		return c.own("audit", "-q", "--plan-file", "@given.json", "--key", "@my.key", "--journal", journal, "--signed-report", "@report.json")
	}
	status, _, errs = isotope(c.own("audit", "-q", "--plan-file", "@given.json", "--key", "@my.key", "--signed-report", "@report.json", "@old.jsonl")...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, errs, "--journal FILE is missing")
	text := fileText(t, p.of("old.jsonl"))
	p.file("cut.jsonl", text[:strings.LastIndex(strings.TrimSpace(text), "\n")+1])
	status, _, errs = isotope(test("@cut.jsonl")...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "this is not the declared corpus")
	mustRun(t, test("@old.jsonl")...)
	out := mustRun(t, at(p, "verify", "-q", "--replay", "--key", "@my.key", "@report.json", "@old.jsonl")...)
	assert.Regexp(t, `(?m)^ok +corpus +the journal that was tested is the one of the plan`, out)
	assert.Regexp(t, `(?m)^ok +replay `, out)
	assert.NotContains(t, out, "no answer is older")
}

// TestPlanOfEndpointTakesNothingElse tries what a plan of an endpoint does not declare.
func TestPlanOfEndpointTakesNothingElse(t *testing.T) {
	m := newMarkedEndpoint(t)
	c := newJournalChain(t, m)
	p := c.provider
	p.file("out.jsonl", "{\"output\":\"one\"}\n")
	p.file("foreign.jsonl", "something else\n")
	for _, row := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"another endpoint", c.ask("@new.json", "@j", "--endpoint", "http://127.0.0.1:1"), exitUsage, "--endpoint is declared in the plan"},
		{"more questions", c.ask("@new.json", "@j", "--asks", "100"), exitUsage, "--asks is declared in the plan"},
		{"another budget", c.ask("@new.json", "@j", "--budget-tokens", "1"), exitUsage, "--budget-tokens is declared in the plan"},
		{"another stopping rule", c.ask("@new.json", "@j", "--fixed"), exitUsage, "--fixed is declared in the plan"},
		{"files in place of the journal", c.own("audit", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@new.json", "@out.jsonl"), exitUsage, "--journal FILE is missing"},
		{"a journal that was there before", c.ask("@new.json", "@foreign.jsonl"), exitError, "begun before the log had the beginning"},
		{"a page in place of the journal", c.ask("@new.json", "@j", "--report", p.of("j")), exitUsage, "name the same file"},
		{"no request at all", c.ask("@new.json", "@j", "--concurrency", "0"), exitUsage, "--concurrency 0"},
		{"a journal while declaring", c.own("audit", "-q", "--declare", "@more.json", "--key", "@my.key", "--profile", "@my.json", "--reference", "none", "--endpoint", m.URL, "--model", "m", "--journal", "@j"), exitUsage, "makes no journal"},
		{"files and an endpoint", c.own("audit", "-q", "--declare", "@more.json", "--key", "@my.key", "--profile", "@my.json", "--reference", "none", "--endpoint", m.URL, "--model", "m", "@out.jsonl"), exitUsage, "give one of PATH"},
	} {
		t.Run(row.name, func(t *testing.T) {
			size := len(mustRun(t, "log", "show", p.of("log")))
			status, out, errs := isotope(row.args...)
			assert.Equal(t, row.status, status, "%s%s", out, errs)
			assert.Contains(t, errs, row.says)
			assert.Empty(t, out)
			assert.Len(t, mustRun(t, "log", "show", p.of("log")), size, "nothing was logged")
			assert.NoFileExists(t, p.of("new.json"))
			assert.NoFileExists(t, p.of("more.json"))
		})
	}
	assert.Zero(t, m.asked.Load())
}
