package collect

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/secret"
)

// killFaults are what an endpoint may do wrong. Those that pass are done to the first attempts at a
// question, and the others to every attempt.
var killFaults = []struct {
	name   string
	passes bool
	do     func(w http.ResponseWriter, prompt string)
}{
	{"none", true, func(w http.ResponseWriter, prompt string) { say(w, "About "+prompt) }},
	{"an error of the server", true, func(w http.ResponseWriter, _ string) { fail(w, 500) }},
	{"too many requests", true, func(w http.ResponseWriter, _ string) { fail(w, 429) }},
	{"a short pause", true, func(w http.ResponseWriter, _ string) { w.Header().Set("Retry-After-Ms", "1"); fail(w, 503) }},
	{"a time-out of its own", true, func(w http.ResponseWriter, _ string) { fail(w, 408) }},
	{"no response", true, func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) }},
	{"half a response", true, func(w http.ResponseWriter, _ string) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `{"choices":[{"message":`)
		panic(http.ErrAbortHandler)
	}},
	{"a slow response", true, func(w http.ResponseWriter, prompt string) { time.Sleep(20 * time.Millisecond); fail(w, 502) }},
	{"a refused prompt", false, func(w http.ResponseWriter, _ string) { fail(w, 400) }},
	{"not JSON", false, func(w http.ResponseWriter, _ string) { io.WriteString(w, "<html>") }},
	{"not UTF-8", false, func(w http.ResponseWriter, _ string) {
		io.WriteString(w, "{\"choices\":[{\"message\":{\"content\":\"\xff\"}}]}")
	}},
	{"no choices", false, func(w http.ResponseWriter, _ string) { io.WriteString(w, `{"choices":[]}`) }},
	{"a refusal", false, func(w http.ResponseWriter, _ string) {
		io.WriteString(w, `{"choices":[{"message":{"refusal":"no"}}]}`)
	}},
	{"a tool call", false, func(w http.ResponseWriter, _ string) {
		io.WriteString(w, `{"choices":[{"message":{"tool_calls":[{}]}}]}`)
	}},
	{"nothing said", false, func(w http.ResponseWriter, _ string) { say(w, " ") }},
	{"far too much", false, func(w http.ResponseWriter, _ string) { say(w, strings.Repeat("x", 200<<10)) }},
	{"the API key in escapes", false, func(w http.ResponseWriter, _ string) {
		io.WriteString(w, `{"choices":[{"message":{"content":"`+escaped(apiKey)+`"}}]}`)
	}},
	{"a false usage", false, func(w http.ResponseWriter, prompt string) {
		fmt.Fprintf(w, `{"choices":[{"message":{"content":"About %s"}}],"usage":{"prompt_tokens":0,"completion_tokens":1000000000000000000}}`, prompt)
	}},
}

// killAsks is the number of questions of a collection, two of each fault, with good ones between
// them, since an endpoint that fails five times in a row ends a run.
func killAsks() int { return 4 * len(killFaults) }

func killAnswer(w http.ResponseWriter, prompt string, times int) {
	var n int
	fmt.Sscanf(prompt, "prompt %d", &n)
	fault := killFaults[0]
	if n%2 == 1 {
		fault = killFaults[n/2%len(killFaults)]
	}
	if fault.passes && times >= 2 {
		fault = killFaults[0]
	}
	fault.do(w, prompt)
}

func killDeclaration(url string) Declaration {
	d := new(fake).declareAt(url, killAsks())
	d.Batch = 9
	return d
}

func killRun(j *Journal) *Run {
	pace := fast()
	pace.Retries = 8
	return &Run{Journal: j, Key: apiKey, Pace: pace, Tool: "test"}
}

// TestKillsChild is the process that is killed.
func TestKillsChild(t *testing.T) {
	path, url := os.Getenv("COLLECT_KILLS_JOURNAL"), os.Getenv("COLLECT_KILLS_URL")
	if path == "" {
		t.Skip("run by TestKillsUnderFaults")
	}
	j, err := OpenJournal(path, killDeclaration(url))
	require.NoError(t, err)
	_, err = killRun(j).Collect(context.Background(), new(lookLog).look)
	require.NoError(t, err)
	require.NoError(t, j.Close())
}

// TestKillsUnderFaults kills runs at many points, while the endpoint does everything wrong that it
// can. In the end nothing was asked twice whose answer was recorded, the answers are those of a run
// that was not killed, and no API key is on the disk. ISOTOPE_KILLS sets the number of kills.
func TestKillsUnderFaults(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a status does not tell whether a process was killed")
	}
	kills := 30
	if testing.Short() {
		kills = 6
	}
	if n, err := strconv.Atoi(os.Getenv("ISOTOPE_KILLS")); err == nil {
		kills = n
	}
	var want *lookLog
	rng := rand.New(rand.NewPCG(11, 2))
	for done := 0; done < kills; {
		var left atomic.Int64 // requests until the kill
		var kill atomic.Pointer[func()]
		f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, times int) {
			if left.Add(-1) == 0 {
				(*kill.Load())()
			}
			killAnswer(w, prompt, times)
		})
		path, d := journalPath(t), killDeclaration(f.URL+"/v1")
		for ended := false; !ended && done < kills; {
			recordedBefore := make(map[int]int)
			if rec, err := ReadJournal(path); err == nil {
				for i := range rec.Answers {
					recordedBefore[i] = f.times(d.Prompts[i])
				}
			}
			left.Store(1 + rng.Int64N(40))
			cmd := exec.Command(os.Args[0], "-test.run=^TestKillsChild$")
			cmd.Env = append(os.Environ(), "COLLECT_KILLS_JOURNAL="+path, "COLLECT_KILLS_URL="+f.URL+"/v1")
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			started := make(chan struct{}) // a request of the process before may arrive late
			end := func() { <-started; cmd.Process.Kill() }
			kill.Store(&end)
			require.NoError(t, cmd.Start())
			close(started)
			err := cmd.Wait()
			if cmd.ProcessState.ExitCode() >= 0 { // it was not killed
				require.NoError(t, err, out.String())
				ended = true
			} else {
				done++
			}
			for i, times := range recordedBefore {
				require.Equal(t, times, f.times(d.Prompts[i]), "question %d was asked again", i)
			}
		}
		left.Store(-1 << 40)
		got := new(lookLog)
		j, err := OpenJournal(path, d)
		require.NoError(t, err)
		_, err = killRun(j).Collect(t.Context(), got.look)
		require.NoError(t, err)
		require.NoError(t, j.Close())
		_, again, end := replayed(t, path)
		assert.Equal(t, Asked, end)
		assert.Equal(t, got, again)
		if want == nil {
			want = new(lookLog)
			_, err := collect(t, journalPath(t), d, func(r *Run) { *r = *killRun(r.Journal) }, want.look)
			require.NoError(t, err)
		}
		assert.Equal(t, want, got, "the kills leave no trace in the answers")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.False(t, secret.NewFinder(apiKey).In(text))
	}
	reasons := make(map[Reason]int)
	for _, a := range want.answers {
		reasons[a.Skip]++
	}
	for _, r := range Reasons {
		assert.Equal(t, 2, min(reasons[r], 2), "each reason occurs: %s", r)
	}
	t.Logf("%d kills under %d kinds of faults", kills, len(killFaults))
}
