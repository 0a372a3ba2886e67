package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStudentOfTheExampleServer audits the example server, trained on marked text, as a
// suspect; kills the audit in the middle, resumes it, and finds the report of an audit
// that was not killed; and its clean twin is not found.
func TestStudentOfTheExampleServer(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short: audits of the example server, one of them killed")
	}
	server := buildServer(t) // before newWorld, which moves the cache of compiled packages
	w := newWorld(t)
	suspect := remember(t, serve(t, server, w.marked))
	url := suspect.URL + "/v1"
	const seeded = `{"seed":11}` // the server then gives each prompt the same answer in every run
	call := func(journal string, more ...string) []string {
		return append([]string{
			"student", "--key", w.key, "--profile", w.profile, "--corpus", w.corpus, "--endpoint", url, "--model", "suspect", "--fixed", "-q",
			"--asks", "40", "--batch", "10", "--max-tokens", "100", "--extra", seeded, "--decoys", "100", "--run-key", strings.Repeat("07", 16), "--journal", w.of(journal),
		}, more...)
	}
	whole := parseReport(t, mustRun(t, call("whole.jsonl", "--json", "--report", w.of("whole.html"))...))
	assert.Equal(t, "detected", whole.parsed.Verdict)
	assert.Equal(t, "A", whole.parsed.Level)
	assert.Less(t, whole.parsed.Log10P, -15.0)
	assert.Equal(t, 2, whole.parsed.Tests)
	require.Len(t, whole.parsed.Statistics, 2)
	for _, s := range whole.parsed.Statistics {
		assert.Equal(t, 1, s.Decoys.Rank, s.Name)
	}

	broken := w.of("broken.jsonl")
	suspect.left.Store(15) // so that the audit cannot end before it is killed
	others := suspect.open()
	killWhen(t, func() bool { return answersIn(broken) >= 5 }, call("broken.jsonl")...)
	require.Eventually(t, func() bool { // its requests from before the kill have arrived
		left := suspect.open()
		maps.DeleteFunc(left, func(c net.Conn, _ bool) bool { return others[c] })
		return len(left) == 0
	}, time.Minute, time.Millisecond)
	suspect.left.Store(math.MaxInt64)
	killed := answersIn(broken)
	require.LessOrEqual(t, killed, 15)
	suspect.CloseClientConnections() // waits for the questions of the killed audit
	before := suspect.times()
	require.NoError(t, appendTo(broken, `{"seq":`)) // as if the kill had come in the middle of a line
	status, out, hints := isotope(call("broken.jsonl", "--json", "--report", w.of("broken.html"))...)
	require.Zero(t, status, hints)
	assert.Equal(t, 40-killed, suspect.times()-before, "recorded questions are not asked again")
	resumed := parseReport(t, out)
	assert.Equal(t, string(whole.Canonical), string(resumed.Canonical))
	assert.Equal(t, whole.Digest, resumed.Digest)
	assert.Equal(t, canonicalHTML(t, w.of("whole.html")), canonicalHTML(t, w.of("broken.html")))

	// The journal alone gives the same report, and a changed one none.
	replay := []string{"student", "--key", w.key, "--profile", w.profile, "--corpus", w.corpus, "--journal", broken, "--json", "-q"}
	assert.Equal(t, string(whole.Canonical), string(parseReport(t, mustRun(t, replay...)).Canonical))
	text, err := os.ReadFile(broken)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(broken, bytes.Replace(text, []byte(" the "), []byte(" The "), 1), 0o600))
	status, _, hints = isotope(replay...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, hints, "changed after it was written")

	// While answers come in, and for a model that learned from unmarked text.
	call = func(journal string, more ...string) []string {
		return append([]string{
			"student", "--key", w.key, "--profile", w.profile, "--reference", "none", "--model", "suspect", "-q", "--json", "--stream", "--api", "completions",
			"--asks", "40", "--batch", "10", "--max-tokens", "100", "--extra", seeded, "--decoys", "100", "--run-key", strings.Repeat("07", 16), "--journal", w.of(journal),
		}, more...)
	}
	early := parseReport(t, mustRun(t, call("early.jsonl", "--endpoint", url)...))
	assert.Equal(t, "detected", early.parsed.Verdict)
	assert.Less(t, early.parsed.Outputs.In, int64(40), "the evidence suffices before")
	assert.Len(t, early.parsed.Statistics, 1, "a collection that it stopped is reported by it alone")
	clean := parseReport(t, mustRun(t, call("clean.jsonl", "--endpoint", serve(t, server, w.corpus), "--c1", "1", "--share", "0.25")...))
	assert.Equal(t, "inconclusive", clean.parsed.Verdict, "nobody said at how many pairs c1 was measured")
}

// TestStudentEndpointInTrouble: a collection that is not complete has status 4, and resumes.
func TestStudentEndpointInTrouble(t *testing.T) {
	dir := newDir(t)
	key, profile := dir.file("my.key", secretOf("5a")+"\n"), dir.file("my.json", mustRun(t, "profile"))
	t.Setenv("SUSPECT_KEY", "sk-suspect-000111")
	t.Setenv("OPENAI_API_KEY", "sk-ours-222333")
	var down, asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		assert.NotContains(t, fmt.Sprint(r.Header), "ours")
		switch {
		case r.Header.Get("Authorization") != "Bearer sk-suspect-000111":
			w.WriteHeader(http.StatusUnauthorized)
		case down.Load() != 0:
			w.WriteHeader(http.StatusBadRequest)
		default:
			fmt.Fprintf(w, `{"choices":[{"message":{"content":"Answer number %d says nothing of note, %d times."}}],"usage":{"prompt_tokens":9,"completion_tokens":12}}`, asked.Load(), asked.Load())
		}
	}))
	defer s.Close()
	journal := dir.of("j.jsonl")
	call := func(journal string, more ...string) []string {
		return append([]string{
			"student", "--key", key, "--profile", profile, "--reference", "none", "--endpoint", s.URL, "--model", "m", "--journal", journal, "-q",
			"--decoys", "100", "--batch", "5", "--concurrency", "1", "--asks", "15", "--json",
		}, more...)
	}

	status, _, says := isotope(call(journal)...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, says, "401")

	withKey := []string{"--api-key-env", "SUSPECT_KEY"}
	status, out, _ := isotope(call(dir.of("budget.jsonl"), append(withKey, "--budget-tokens", "800")...)...)
	assert.Equal(t, exitIncomplete, status)
	r := parseReport(t, out)
	assert.False(t, r.parsed.Complete)
	assert.Equal(t, "inconclusive", r.parsed.Verdict)
	assert.Contains(t, string(r.Canonical), "the budget is spent")
	assert.Len(t, r.parsed.Statistics, 2, "the budget is an end, at which the fixed test is made")

	down.Store(1)
	status, _, says = isotope(call(journal, withKey...)...)
	assert.Equal(t, exitError, status, "nothing to report")
	assert.Contains(t, says, "400")
	down.Store(0)
	asked.Store(0)
	status, out, _ = isotope(call(journal, withKey...)...)
	assert.Zero(t, status)
	assert.EqualValues(t, 15, asked.Load())
	assert.EqualValues(t, 15, parseReport(t, out).parsed.Outputs.In)
	_, again, _ := isotope(call(journal, withKey...)...)
	assert.EqualValues(t, 15, asked.Load(), "nothing is asked twice")
	assert.Equal(t, parseReport(t, out).Digest, parseReport(t, again).Digest)

	status, _, says = isotope(call(journal, append(withKey, "--alpha", "0.001")...)...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, says, "plan.alpha")

	text, err := os.ReadFile(journal)
	require.NoError(t, err)
	for _, secret := range []string{"sk-suspect", "sk-ours", strings.Repeat("5a", 32)} {
		assert.NotContains(t, string(text), secret)
		assert.NotContains(t, out, secret)
	}
}

// TestStudentInterrupted sends an interrupt: status 4, and the rest is asked the next time.
func TestStudentInterrupted(t *testing.T) {
	dir := newDir(t)
	key, profile, journal := dir.file("my.key", secretOf("5a")+"\n"), dir.file("my.json", mustRun(t, "profile")), dir.of("j.jsonl")
	var asked atomic.Int64
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 5 {
			<-release
		}
		fmt.Fprint(w, `{"choices":[{"message":{"content":"An answer."}}]}`)
	}))
	defer s.Close()
	args := []string{
		"student", "--key", key, "--profile", profile, "--reference", "none", "--endpoint", s.URL, "--model", "m", "--journal", journal,
		"--decoys", "100", "--batch", "3", "--concurrency", "1", "--asks", "9", "--json", "--fixed",
	}
	cmd := &exec.Cmd{Path: os.Args[0], Args: append([]string{"isotope"}, args...)}
	var out bytes.Buffer
	hints, err := os.Create(dir.of("hints"))
	require.NoError(t, err)
	defer hints.Close()
	says := func() string {
		text, err := os.ReadFile(hints.Name())
		assert.NoError(t, err)
		return string(text)
	}
	cmd.Stdout, cmd.Stderr = &out, hints
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return asked.Load() == 5 }, time.Minute, time.Millisecond)
	if cmd.Process.Signal(os.Interrupt) != nil {
		close(release)
		cmd.Process.Kill()
		cmd.Wait()
		t.Skip("no interrupts here")
	}
	assert.Eventually(t, func() bool {
		return strings.Contains(says(), "waiting for the answers on their way")
	}, time.Minute, time.Millisecond)
	close(release)
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, exitIncomplete, exit.ExitCode(), says())
	r := parseReport(t, out.String())
	assert.False(t, r.parsed.Complete)
	assert.Empty(t, r.parsed.Statistics, "no look before the end")
	before := asked.Load()
	assert.Less(t, before, int64(9))
	assert.EqualValues(t, before, answersIn(journal), "the answer on its way is kept")
	status, _, _ := isotope(append(args, "-q")...)
	assert.Zero(t, status)
	assert.EqualValues(t, 9, asked.Load())
}

// TestStudentReportIsSelfContained: nothing to fetch, no script, well-formed numbers.
func TestStudentReportIsSelfContained(t *testing.T) {
	dir := newDir(t)
	key, profile, page := dir.file("my.key", secretOf("5a")+"\n"), dir.file("my.json", mustRun(t, "profile")), dir.of("r.html")
	outputs := dir.file("o.jsonl", `{"prompt":"a <script>","output":"one two three four five six seven eight"}`+"\n"+`{"output":""}`+"\n{\n")
	out := mustRun(t, "student", "--key", key, "--profile", profile, "--reference", "none", "--decoys", "100", "--question", "Is <b>this</b> it?", "--report", page, "--json", outputs)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, bad := range []string{"<script", "<b>this", "http://", "https://", "NaN", "%!", "ZgotmplZ", "<link", "src="} {
		assert.NotContains(t, string(text), bad)
	}
	for _, part := range []string{"What was declared beforehand", "Result", "under control keys", "What was tested", "Limits", "The plan, as declared", "When and how"} {
		assert.Contains(t, string(text), part)
	}
	r := parseReport(t, out)
	assert.EqualValues(t, 3, r.parsed.Outputs.In)
	assert.EqualValues(t, 1, r.parsed.Outputs.Tested)
	var skipped int64
	for _, s := range r.parsed.Outputs.Skipped {
		skipped += s.Count
	}
	assert.EqualValues(t, 2, skipped)
	assert.Regexp(t, regexp.MustCompile(`^sha256:[0-9a-f]{64}$`), r.Digest)
	assert.NotContains(t, string(r.Canonical), dir.path, "no path of the analyst's machine")
}

// TestStudentProvenance compares outputs with both bands, and outputs of which one band is gone,
// with those of the marked model itself.
func TestStudentProvenance(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, corpus := newDir(t), writeWordCorpus(t)
	file := dir.file
	trace := []string{"--key", file("a.key", secretOf("5a")+"\n"), "--profile", file("a.json", mustRun(t, "profile"))}
	draw := []string{"--key", file("b.key", secretOf("5b")+"\n"), "--profile", file("b.json", mustRun(t, "profile", "--scheme", "gumbelmax"))}
	write := func(name, seed string, marks ...string) string {
		return file(name, mustRun(t, append([]string{"generate", "--corpus", corpus, "--tokens", "1500", "--seed", seed, "-q"}, marks...)...))
	}
	live, both, alone := write("live.txt", "1", append(trace, draw...)...), write("both.txt", "2", append(trace, draw...)...), write("alone.txt", "3", trace...)
	call := func(more ...string) []string {
		return append(append([]string{
			"student", "--reference", "none", "--decoys", "100", "--run-key", strings.Repeat("0c", 16), "-q",
			"--provenance-key", draw[1], "--provenance-profile", draw[3],
		}, trace...), more...)
	}

	out := mustRun(t, call("--live", live, both)...)
	assert.Contains(t, strings.Join(strings.Fields(out), " "), "in both bands at least 0.5 times as strongly as text that the marked model writes")
	assert.Regexp(t, `(?m)^provenance band .* scored +rank 1 of 101$`, out)
	assert.Regexp(t, `^Do these outputs depend on the key \S+ or on that of the provenance band, \S+\?`, strings.Join(strings.Fields(out), " "))
	out = mustRun(t, call("--live", live, alone)...)
	assert.NotContains(t, out, "both bands")
	assert.NotContains(t, out, "was not tested", "the band was")
	r := parseReport(t, mustRun(t, call("--json", "--live", live, both)...))
	assert.Equal(t, "detected", r.parsed.Verdict)
	assert.Equal(t, 2, r.parsed.Tests)
	assert.Contains(t, string(r.Canonical), `"pattern":"proxy"`)
	assert.NotContains(t, string(r.Canonical), dir.path)

	plan := file("plan.json", mustRun(t, call("--dry-run", "--live", live)...))
	mustRun(t, call("--plan", plan, "--live", live, both)...)
	status, _, says := isotope(call("--plan", plan, both)...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, says, "plan.provenance.live")
	// Through an endpoint, and again from its journal, which has the live strength.
	text, err := os.ReadFile(both)
	require.NoError(t, err)
	answer, err := json.Marshal(string(text))
	require.NoError(t, err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"choices":[{"message":{"content":%s}}]}`, answer)
	}))
	defer s.Close()
	journal := dir.of("j.jsonl")
	asked := parseReport(t, mustRun(t, call("--json", "--live", live, "--endpoint", s.URL, "--model", "m", "--asks", "2", "--fixed", "--journal", journal)...))
	assert.Contains(t, string(asked.Canonical), `"pattern":"proxy"`)
	replay := append(append([]string{"student", "--json", "-q", "--journal", journal}, trace...), "--provenance-key", draw[1], "--provenance-profile", draw[3])
	assert.Equal(t, asked.Digest, parseReport(t, mustRun(t, replay...)).Digest)
	status, _, says = isotope(append([]string{"student", "--json", "-q", "--journal", journal}, trace...)...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, says, "plan.provenance")

	for _, c := range []struct {
		says string
		args []string
	}{
		{"do not show", call("--live", alone, both)},
		{"a provenance band is a keyed draw", append(call(both), "--provenance-profile", trace[3])},
		{"there is no file of this name", call("--live", dir.of("none"), both)},
		{"a context width of 3", append(call("--dry-run"), "--provenance-profile", file("w.json", mustRun(t, "profile", "--scheme", "gumbelmax", "--width", "3")))},
		{"has 2 variants", append(call(both), "--provenance-profile", file("v.json", mustRun(t, "profile", "--scheme", "gumbelmax", "--variants", "2")))},
		{"tokenizers", append(call(both), "--provenance-profile", file("o.json", mustRun(t, "profile", "--scheme", "gumbelmax", "--tokenizer", "o200k_base")))},
	} {
		t.Run(c.says, func(t *testing.T) {
			status, _, says := isotope(c.args...)
			assert.NotZero(t, status)
			assert.Contains(t, says, c.says)
		})
	}
}
