package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An auditReport is the part of a report that tests look at.
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
			Name           string  `json:"name"`
			Scored         int64   `json:"scored"`
			Green          int64   `json:"green"`
			Tests          int64   `json:"tests"`
			Log10P         float64 `json:"log10_p"`
			Log10PAdjusted float64 `json:"log10_p_adjusted"`
			Decoys         struct {
				Rank        int     `json:"rank"`
				Log10Misfit float64 `json:"log10_misfit"`
			} `json:"decoys"`
		} `json:"statistics"`
		Outputs struct {
			In, Tested, Tokens int64
			Skipped            []struct {
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

// canonicalHTML returns the part of a page that follows from the recording alone.
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

// A world is a teacher's key, and a directory with text of the teacher that has the mark.
type world struct {
	tempDir
	key, profile, marked, corpus string
}

func newWorld(t *testing.T) *world {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	w := &world{tempDir: newDir(t), corpus: writeWordCorpus(t)}
	w.key, w.profile, w.marked = w.file("my.key", secretOf("5a")+"\n"), w.file("my.json", mustRun(t, "profile")), w.of("marked")
	require.NoError(t, os.Mkdir(w.marked, 0o700))
	text := mustRun(t, "generate", "--key", w.key, "--profile", w.profile, "--corpus", w.corpus, "--tokens", "12000", "--seed", "1", "-q")
	w.file("marked/all.txt", text)
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

// A memory stands before an endpoint and counts. It gives every question the answer that the
// endpoint gave first, so that audits can be compared.
type memory struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]byte
	asked   map[string]int
	conns   map[net.Conn]bool // that are open
	left    atomic.Int64      // questions that it still answers; the others wait
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
// kill. A line without its end does not count.
func answersIn(path string) int {
	text, _ := os.ReadFile(path)
	return bytes.Count(text[:bytes.LastIndexByte(text, '\n')+1], []byte(`"kind":"answer"`))
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
