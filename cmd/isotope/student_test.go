package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// isotope runs the program in this process.
func isotope(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(""), &out, &err)
	return status, out.String(), err.String()
}

// mustRun runs the program and returns what it printed.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	status, out, err := isotope(args...)
	require.Zero(t, status, "%v: %s", args, err)
	return out
}

// An auditReport is as much of a report as the tests look at.
type auditReport struct {
	Version   int             `json:"version"`
	Canonical json.RawMessage `json:"canonical"`
	Digest    string          `json:"canonical_digest"`
	parsed    struct {
		Verdict  string  `json:"verdict"`
		Level    string  `json:"claim_level"`
		Log10P   float64 `json:"log10_p_adjusted"`
		Tests    int     `json:"tests"`
		Complete bool    `json:"complete"`
		Declared struct {
			Plan struct {
				RunKey string `json:"run_key"`
			} `json:"plan"`
		} `json:"declared"`
		Statistics []struct {
			Name   string `json:"name"`
			Scored int64  `json:"scored"`
			Decoys struct {
				Rank int `json:"rank"`
			} `json:"decoys"`
		} `json:"statistics"`
		Outputs struct {
			In, Tested int64
			Skipped    []struct {
				Name  string
				Count int64
			}
		} `json:"outputs"`
		Warnings []string `json:"warnings"`
	}
}

func parseReport(t *testing.T, text string) *auditReport {
	t.Helper()
	r := new(auditReport)
	require.NoError(t, json.Unmarshal([]byte(text), r), text)
	require.NoError(t, json.Unmarshal(r.Canonical, &r.parsed))
	assert.Equal(t, 1, r.Version)
	return r
}

// canonicalHTML is the part of a page that follows from the recording alone.
func canonicalHTML(t *testing.T, path string) string {
	t.Helper()
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), "<main>")
	require.True(t, ok)
	main, _, ok := strings.Cut(rest, "</main>")
	require.True(t, ok)
	return main
}

// A world is a teacher's key, and text of the teacher with its mark and without.
type world struct{ dir, key, profile, marked, corpus string }

func newWorld(t *testing.T) *world {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	w := &world{dir: t.TempDir(), corpus: writeWordCorpus(t)}
	w.key, w.profile, w.marked = filepath.Join(w.dir, "my.key"), filepath.Join(w.dir, "my.json"), filepath.Join(w.dir, "marked")
	require.NoError(t, os.WriteFile(w.key, []byte("isotope-secret-key-1:"+strings.Repeat("5a", 32)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(w.profile, []byte(mustRun(t, "profile")), 0o600))
	require.NoError(t, os.Mkdir(w.marked, 0o700))
	text := mustRun(t, "generate", "--key", w.key, "--profile", w.profile, "--corpus", w.corpus, "--tokens", "12000", "--seed", "1", "-q")
	require.NoError(t, os.WriteFile(filepath.Join(w.marked, "all.txt"), []byte(text), 0o600))
	return w
}

// buildServer builds the example server.
func buildServer(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "server.exe")
	out, err := exec.Command("go", "build", "-o", program, "../../examples/server").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// serve runs the example server over the text files of a directory, unmarked.
func serve(t *testing.T, program, dir string) string {
	t.Helper()
	server := exec.Command(program, "-unmarked", "-corpus", dir, "-addr", "127.0.0.1:0", "-model", "suspect")
	log, err := server.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct{ Msg, Addr string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			go func() { // the log must not fill its pipe
				for lines.Scan() {
				}
			}()
			return "http://" + line.Addr + "/v1"
		}
	}
	t.Fatal("the server did not begin to serve")
	return ""
}

// A memory stands before an endpoint and gives every question the answer it gave first, so
// that audits can be compared, and counts.
type memory struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]byte
	asked   map[string]int
	conns   map[net.Conn]bool // that are open
	left    atomic.Int64      // questions that it still answers; it lets others wait
}

func remember(t *testing.T, url string) *memory {
	m := &memory{answers: make(map[string][]byte), asked: make(map[string]int), conns: make(map[net.Conn]bool)}
	m.left.Store(math.MaxInt64)
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		answer, ok := m.answers[string(question)]
		m.asked[string(question)]++
		m.mu.Unlock()
		if m.left.Add(-1) < 0 {
			<-r.Context().Done()
			return
		}
		if !ok {
			res, err := http.Post(url+strings.TrimPrefix(r.URL.Path, "/v1"), "application/json", bytes.NewReader(question))
			if !assert.NoError(t, err) {
				return
			}
			answer, _ = io.ReadAll(res.Body)
			res.Body.Close()
			m.mu.Lock()
			m.answers[string(question)] = answer
			m.mu.Unlock()
		}
		w.Write(answer)
	}))
	m.Config.ConnState = func(c net.Conn, state http.ConnState) {
		m.mu.Lock()
		defer m.mu.Unlock()
		switch state {
		case http.StateNew:
			m.conns[c] = true
		case http.StateClosed, http.StateHijacked:
			delete(m.conns, c)
		}
	}
	m.Start()
	t.Cleanup(m.Close)
	return m
}

// open returns the connections that are open.
func (m *memory) open() map[net.Conn]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.conns)
}

// times returns how often questions were asked in all.
func (m *memory) times() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, times := range m.asked {
		n += times
	}
	return n
}

// killWhen runs the program in a process of its own, kills it when ready says so, and
// waits for it.
func killWhen(t *testing.T, ready func() bool, args ...string) {
	t.Helper()
	cmd := &exec.Cmd{Path: os.Args[0], Args: append([]string{"isotope"}, args...)}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for !ready() {
		select {
		case <-done:
			t.Fatalf("the program ended by itself: %s", out.String())
		case <-time.After(time.Millisecond):
		}
	}
	require.NoError(t, cmd.Process.Kill())
	<-done
}

// answersIn counts the answers of a journal that may be written to right now, or was until a
// kill: a line without its end is none.
func answersIn(path string) int {
	text, _ := os.ReadFile(path)
	return bytes.Count(text[:bytes.LastIndexByte(text, '\n')+1], []byte(`"kind":"answer"`))
}

// TestStudentOfTheExampleServer audits the example server, trained on marked text, as a
// suspect; kills the audit in the middle, resumes it, and finds the report of an audit
// that was not killed; and its clean twin is not found.
func TestStudentOfTheExampleServer(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a server")
	}
	server := buildServer(t) // before newWorld, which moves the cache of compiled packages
	w := newWorld(t)
	suspect := remember(t, serve(t, server, w.marked))
	url := suspect.URL + "/v1"
	const seeded = `{"seed":11}` // the server then gives each prompt the same answer in every run
	call := func(journal string, more ...string) []string {
		return append([]string{
			"student", "--key", w.key, "--profile", w.profile, "--corpus", w.corpus, "--endpoint", url, "--model", "suspect", "--fixed", "-q",
			"--asks", "40", "--batch", "10", "--max-tokens", "100", "--extra", seeded, "--decoys", "100", "--run-key", strings.Repeat("07", 16), "--journal", filepath.Join(w.dir, journal),
		}, more...)
	}
	whole := parseReport(t, mustRun(t, call("whole.jsonl", "--json", "--report", filepath.Join(w.dir, "whole.html"))...))
	assert.Equal(t, "detected", whole.parsed.Verdict)
	assert.Equal(t, "A", whole.parsed.Level)
	assert.Less(t, whole.parsed.Log10P, -15.0)
	assert.Equal(t, 2, whole.parsed.Tests)
	require.Len(t, whole.parsed.Statistics, 2)
	for _, s := range whole.parsed.Statistics {
		assert.Equal(t, 1, s.Decoys.Rank, s.Name)
	}

	broken := filepath.Join(w.dir, "broken.jsonl")
	suspect.left.Store(15) // so that the audit cannot end before it is killed
	others := suspect.open()
	killWhen(t, func() bool { return answersIn(broken) >= 5 }, call("broken.jsonl")...)
	require.Eventually(t, func() bool { // what it sent before it was killed has arrived
		left := suspect.open()
		maps.DeleteFunc(left, func(c net.Conn, _ bool) bool { return others[c] })
		return len(left) == 0
	}, time.Minute, time.Millisecond)
	suspect.left.Store(math.MaxInt64)
	killed := answersIn(broken)
	require.LessOrEqual(t, killed, 15)
	suspect.CloseClientConnections() // waits for what the killed audit had asked
	before := suspect.times()
	require.NoError(t, appendTo(broken, `{"seq":`)) // as if the kill had come in the middle of a line
	status, out, hints := isotope(call("broken.jsonl", "--json", "--report", filepath.Join(w.dir, "broken.html"))...)
	require.Zero(t, status, hints)
	assert.Equal(t, 40-killed, suspect.times()-before, "what is recorded is not asked again")
	resumed := parseReport(t, out)
	assert.Equal(t, string(whole.Canonical), string(resumed.Canonical))
	assert.Equal(t, whole.Digest, resumed.Digest)
	assert.Equal(t, canonicalHTML(t, filepath.Join(w.dir, "whole.html")), canonicalHTML(t, filepath.Join(w.dir, "broken.html")))

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
			"--asks", "40", "--batch", "10", "--max-tokens", "100", "--extra", seeded, "--decoys", "100", "--run-key", strings.Repeat("07", 16), "--journal", filepath.Join(w.dir, journal),
		}, more...)
	}
	early := parseReport(t, mustRun(t, call("early.jsonl", "--endpoint", url)...))
	assert.Equal(t, "detected", early.parsed.Verdict)
	assert.Less(t, early.parsed.Outputs.In, int64(40), "the evidence suffices before")
	assert.Len(t, early.parsed.Statistics, 1, "and what was stopped for it is reported by it alone")
	clean := parseReport(t, mustRun(t, call("clean.jsonl", "--endpoint", serve(t, server, w.corpus), "--c1", "1", "--share", "0.25")...))
	assert.Equal(t, "not_detected", clean.parsed.Verdict)
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Close()
}

// TestStudentEndpointInTrouble: what is not complete has status 4 and can go on.
func TestStudentEndpointInTrouble(t *testing.T) {
	dir := t.TempDir()
	key, profile := filepath.Join(dir, "my.key"), filepath.Join(dir, "my.json")
	require.NoError(t, os.WriteFile(key, []byte("isotope-secret-key-1:"+strings.Repeat("5a", 32)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(profile, []byte(mustRun(t, "profile")), 0o600))
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
	journal := filepath.Join(dir, "j.jsonl")
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
	status, out, _ := isotope(call(filepath.Join(dir, "budget.jsonl"), append(withKey, "--budget-tokens", "800")...)...)
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
	dir := t.TempDir()
	key, profile, journal := filepath.Join(dir, "my.key"), filepath.Join(dir, "my.json"), filepath.Join(dir, "j.jsonl")
	require.NoError(t, os.WriteFile(key, []byte("isotope-secret-key-1:"+strings.Repeat("5a", 32)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(profile, []byte(mustRun(t, "profile")), 0o600))
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
	hints, err := os.Create(filepath.Join(dir, "hints"))
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
		return strings.Contains(says(), "ending once the answers on their way have arrived")
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
	assert.EqualValues(t, before, answersIn(journal), "what was on its way is kept")
	status, _, _ := isotope(append(args, "-q")...)
	assert.Zero(t, status)
	assert.EqualValues(t, 9, asked.Load())
}

// TestStudentReportIsSelfContained: nothing to fetch, no script, well-formed numbers.
func TestStudentReportIsSelfContained(t *testing.T) {
	dir := t.TempDir()
	key, profile, page := filepath.Join(dir, "my.key"), filepath.Join(dir, "my.json"), filepath.Join(dir, "r.html")
	require.NoError(t, os.WriteFile(key, []byte("isotope-secret-key-1:"+strings.Repeat("5a", 32)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(profile, []byte(mustRun(t, "profile")), 0o600))
	outputs := filepath.Join(dir, "o.jsonl")
	require.NoError(t, os.WriteFile(outputs, []byte(`{"prompt":"a <script>","output":"one two three four five six seven eight"}`+"\n"+`{"output":""}`+"\n{\n"), 0o600))
	out := mustRun(t, "student", "--key", key, "--profile", profile, "--reference", "none", "--decoys", "100", "--question", "Is <b>this</b> it?", "--report", page, "--json", outputs)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, bad := range []string{"<script", "<b>this", "http://", "https://", "NaN", "%!", "ZgotmplZ", "<link", "src="} {
		assert.NotContains(t, string(text), bad)
	}
	for _, part := range []string{"What was declared beforehand", "Result", "under keys that marked nothing", "What was tested", "Limits", "The plan, as declared", "When and how"} {
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
	assert.NotContains(t, string(r.Canonical), dir, "no path of the analyst's machine")
}

// TestStudentProvenance: outputs with both bands, beside what the marked model itself wrote, and
// outputs of which one band is gone.
func TestStudentProvenance(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, corpus := t.TempDir(), writeWordCorpus(t)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	trace := []string{"--key", file("a.key", "isotope-secret-key-1:"+strings.Repeat("5a", 32)+"\n"), "--profile", file("a.json", mustRun(t, "profile"))}
	draw := []string{"--key", file("b.key", "isotope-secret-key-1:"+strings.Repeat("5b", 32)+"\n"), "--profile", file("b.json", mustRun(t, "profile", "--scheme", "gumbelmax"))}
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
	assert.NotContains(t, string(r.Canonical), dir)

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
	journal := filepath.Join(dir, "j.jsonl")
	asked := parseReport(t, mustRun(t, call("--json", "--live", live, "--endpoint", s.URL, "--model", "m", "--asks", "2", "--fixed", "--journal", journal)...))
	assert.Contains(t, string(asked.Canonical), `"pattern":"proxy"`)
	replay := append(append([]string{"student", "--json", "-q", "--journal", journal}, trace...), "--provenance-key", draw[1], "--provenance-profile", draw[3])
	assert.Equal(t, asked.Digest, parseReport(t, mustRun(t, replay...)).Digest)
	status, _, says = isotope(append([]string{"student", "--json", "-q", "--journal", journal}, trace...)...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, says, "plan.provenance")

	for want, args := range map[string][]string{
		"do not show":    call("--live", alone, both),
		"no keyed draw":  append(call(both), "--provenance-profile", trace[3]),
		"no such file":   call("--live", filepath.Join(dir, "none"), both),
		"a width of 3":   append(call("--dry-run"), "--provenance-profile", file("w.json", mustRun(t, "profile", "--scheme", "gumbelmax", "--width", "3"))),
		"has 2 variants": append(call(both), "--provenance-profile", file("v.json", mustRun(t, "profile", "--scheme", "gumbelmax", "--variants", "2"))),
		"tokenizers":     append(call(both), "--provenance-profile", file("o.json", mustRun(t, "profile", "--scheme", "gumbelmax", "--tokenizer", "o200k_base"))),
	} {
		status, _, says := isotope(args...)
		assert.NotZero(t, status, want)
		assert.Contains(t, says, want)
	}
}

// TestDecimal: numbers in the report for people.
func TestDecimal(t *testing.T) {
	for want, x := range map[string]float64{
		"0.000": -0.0004, "-0.001": -0.0006, "-12.346": -12.3456, "none": math.NaN(), "+Inf": math.Inf(1), "1.000": 0.9999,
	} {
		assert.Equal(t, want, decimal("%.3f", x))
	}
	assert.Equal(t, "0.000", decimal("%.3f", math.Copysign(0, -1)))
}
