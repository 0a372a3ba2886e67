package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
)

// recorded returns the bytes of a journal of n answers.
func recorded(t *testing.T, n int) []byte {
	f := newFake(t, nil)
	path := journalPath(t)
	_, err := collect(t, path, f.declare(n), nil, new(lookLog).look)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

// TestEveryChangedByteShows changes each byte of a journal, and swaps, drops and repeats its lines.
func TestEveryChangedByteShows(t *testing.T) {
	whole := recorded(t, 2)
	_, err := readJournal(bytes.NewReader(whole))
	require.NoError(t, err)
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		rec, err := readJournal(bytes.NewReader(changed))
		if err == nil {
			// The last line end only: then the last record is unfinished.
			assert.Equal(t, len(whole)-1, i)
			assert.NotZero(t, rec.torn)
			continue
		}
		assert.ErrorIs(t, err, ErrChain, "byte %d", i)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for _, c := range []struct {
		name  string
		lines [][]byte
	}{
		{"a line less", append(lines[:2:2], lines[3:]...)},
		{"without the first", lines[1:]},
		{"two swapped", [][]byte{lines[0], lines[2], lines[1]}},
		{"one repeated", [][]byte{lines[0], lines[1], lines[1]}},
		{"another plan", append([][]byte{bytes.SplitAfter(recorded(t, 2), []byte("\n"))[0]}, lines[1:]...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readJournal(bytes.NewReader(bytes.Join(c.lines, nil)))
			assert.ErrorIs(t, err, ErrChain)
		})
	}
}

// forged returns a journal whose records were changed and whose chain was computed again.
func forged(t *testing.T, whole []byte, change func(*record)) *bytes.Buffer {
	out := new(bytes.Buffer)
	prev := strings.Repeat("0", 64)
	for line := range bytes.Lines(whole) {
		rec, err := unseal(bytes.TrimSuffix(line, []byte("\n")))
		require.NoError(t, err)
		rec.Prev = prev
		change(&rec)
		sealed, hash, err := rec.seal()
		require.NoError(t, err)
		out.Write(append(sealed, '\n'))
		prev = hash
	}
	return out
}

// TestAForgedAnswerShowsItself: a forger who computes the chain again must also make the response
// agree with the answer.
func TestAForgedAnswerShowsItself(t *testing.T) {
	whole := recorded(t, 2)
	var answered failureCanonical // which comes first is not known
	for _, c := range []struct {
		says   string
		change func(*record)
	}{
		{"does not follow from its response", func(r *record) {
			r.Canonical = bytes.Replace(r.Canonical, []byte(`"texts":["About`), []byte(`"texts":["Above`), 1)
		}},
		{"recorded as failed, but its response has an answer", func(r *record) {
			if r.Kind == kindAnswer {
				r.Kind, r.Canonical = kindFailure, []byte(`{"ask":0}`)
			}
		}},
		{"failed after it was answered", func(r *record) {
			switch r.Seq {
			case 2:
				require.NoError(t, json.Unmarshal(r.Canonical, &answered))
			case 3:
				c, err := canonical.Encode(answered)
				require.NoError(t, err)
				r.Kind, r.Canonical, r.Observed = kindFailure, c, []byte(`{"attempts":1,"status":500}`)
			}
		}},
		{"question 2 is outside 0 to 1", func(r *record) {
			if r.Seq == 2 {
				r.Kind, r.Canonical = kindFailure, []byte(`{"ask":2}`)
			}
		}},
	} {
		t.Run(c.says, func(t *testing.T) {
			_, err := readJournal(forged(t, whole, c.change))
			assert.ErrorIs(t, err, ErrChain)
			assert.ErrorContains(t, err, c.says)
		})
	}
	_, err := readJournal(forged(t, whole, func(*record) {}))
	assert.NoError(t, err)
}

// TestRecordsMeanOneThing: two readers could read a record in two ways if a field occurs twice, is
// unknown or is spelt in another case.
func TestRecordsMeanOneThing(t *testing.T) {
	whole := recorded(t, 1)
	change := func(kind, old, new string) func(*record) {
		return func(r *record) {
			if r.Kind == kind {
				r.Observed = bytes.Replace(r.Observed, []byte(old), []byte(new), 1)
				r.Canonical = bytes.Replace(r.Canonical, []byte(old), []byte(new), 1)
			}
		}
	}
	for _, c := range []struct {
		name, says string
		change     func(*record)
	}{
		{"twice in the plan", "twice", change(kindPlan, `"asks":1`, `"asks":2,"asks":1`)},
		{"another case in the plan", "unknown field", change(kindPlan, `"asks":1`, `"Asks":1`)},
		{"twice in what the test of the plan reads", "twice", change(kindPlan, `"alpha":`, `"alpha":0.1,"alpha":`)},
		{"unknown in a session", "unknown field", change(kindSession, `"tool"`, `"weather":"fine","tool"`)},
		{"twice in a session", "twice", change(kindSession, `"tool"`, `"tool":"other","tool"`)},
		{"twice in a response", "twice", change(kindAnswer, `"status":200`, `"status":500,"status":200`)},
		{"another case in a response", "unknown field", change(kindAnswer, `"status":200`, `"Status":200`)},
		{"unknown at the end", "unknown field", change(kindEnd, `"reason"`, `"why":"","reason"`)},
		{"null for a number", "null", change(kindAnswer, `"status":200`, `"status":null`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readJournal(forged(t, whole, c.change))
			assert.ErrorIs(t, err, ErrChain)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// TestWhatOlderJournalsLost: in journals without records of failures, the ends of runs have the lost usage.
func TestWhatOlderJournalsLost(t *testing.T) {
	rec, err := readJournal(forged(t, recorded(t, 1), func(r *record) {
		if r.Kind == kindEnd {
			r.Observed = []byte(`{"at":"2026-01-02T03:04:05Z","lost":{"in":7,"out":5}}`)
		}
	}))
	require.NoError(t, err)
	assert.Equal(t, Usage{In: 7, Out: 5}, rec.Lost)
}

// TestALineThatCannotBeReadIsNotWritten: the journal continues without it.
func TestALineThatCannotBeReadIsNotWritten(t *testing.T) {
	path, d := journalPath(t), newFake(t, nil).declare(1)
	j, err := OpenJournal(path, d)
	require.NoError(t, err)
	large := Exchange{Attempts: 1, Status: 500, Body: strings.Repeat("\x01", maxLine/6)}
	assert.ErrorContains(t, j.append(kindFailure, failureCanonical{0}, large), "the most that can be read again")
	require.NoError(t, j.append(kindFailure, failureCanonical{0}, Exchange{Attempts: 1, Status: 500}))
	require.NoError(t, j.Close())
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	assert.EqualValues(t, 2, rec.Records)
}

// TestEveryCutIsTakenUp cuts a journal at many places. The whole lines count, the unfinished line
// is cut off and reported, and the run resumes.
func TestEveryCutIsTakenUp(t *testing.T) {
	f := newFake(t, nil)
	path, d := journalPath(t), f.declare(2)
	_, err := collect(t, path, d, nil, new(lookLog).look)
	require.NoError(t, err)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := 0; cut < len(whole); cut += 7 {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		j, err := OpenJournal(path, d)
		require.NoError(t, err, cut)
		lines := bytes.Count(whole[:cut], []byte("\n"))
		assert.EqualValues(t, max(lines, 1), j.Recording().Records, cut)
		assert.EqualValues(t, cut-bytes.LastIndexByte(whole[:cut], '\n')-1, j.Torn())
		if cut%5 == 0 {
			s := new(lookLog)
			end, err := (&Run{Journal: j, Pace: fast()}).Collect(context.Background(), s.look)
			require.NoError(t, err)
			assert.Equal(t, Asked, end)
			assert.Len(t, s.answers, 2)
		}
		require.NoError(t, j.Close())
		_, err = ReadJournal(path)
		require.NoError(t, err)
	}
}

// A fullDisk is a disk that is full once, and then has room again.
type fullDisk struct {
	file
	record int // at which it is full
	sync   bool
}

var errFull = errors.New("no space left on device")

func (f *fullDisk) Write(b []byte) (int, error) {
	if f.record--; f.record == -1 && !f.sync {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, errFull
	}
	return f.file.Write(b)
}

func (f *fullDisk) Sync() error {
	if f.record == -1 && f.sync {
		return errFull
	}
	return f.file.Sync()
}

// TestAFullDiskLeavesAJournalThatGoesOn: nothing is written after a record that did not fit,
// although there is room for a shorter one.
func TestAFullDiskLeavesAJournalThatGoesOn(t *testing.T) {
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprintf("when it syncs: %v", sync), func(t *testing.T) {
			f := newFake(t, nil)
			path, d := journalPath(t), f.declare(10)
			s := new(lookLog)
			_, err := collect(t, path, d, func(r *Run) { r.Journal.f = &fullDisk{r.Journal.f, 5, sync} }, s.look)
			require.ErrorIs(t, err, errFull)
			rec, err := ReadJournal(path)
			require.NoError(t, err)
			assert.Len(t, rec.Answers, 4)

			end, err := collect(t, path, d, nil, s.look)
			require.NoError(t, err)
			assert.Equal(t, Asked, end)
			rec, _, _ = replayed(t, path)
			assert.Len(t, rec.Answers, 10)
		})
	}
}

// TestOtherFilesAreNotCut: a file that is not a journal stays as it is.
func TestOtherFilesAreNotCut(t *testing.T) {
	d := new(fake).declareAt("http://host/v1", 1)
	for _, text := range []string{"my thesis", "my thesis\n", `{"seq":0}`, "{}\n", "\n", "[]"} {
		t.Run(text, func(t *testing.T) {
			path := journalPath(t)
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			_, err := OpenJournal(path, d)
			assert.ErrorIs(t, err, ErrChain)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, text, string(after))
		})
	}
	_, err := ReadJournal(journalPath(t))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestAnotherDeclarationIsRefused(t *testing.T) {
	path := journalPath(t)
	d := new(fake).declareAt("http://host/v1", 3)
	j, err := OpenJournal(path, d)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	for _, c := range []struct {
		field  string
		change func(*Declaration)
	}{
		{"plan.alpha", func(d *Declaration) { d.Plan = json.RawMessage(`{"alpha":1e-3}`) }},
		{"plan.decoys", func(d *Declaration) { d.Plan = json.RawMessage(`{"alpha":1e-6,"decoys":9}`) }},
		{"request.model", func(d *Declaration) { d.Request.Model = "other" }},
		{"request.temperature", func(d *Declaration) { d.Request.Temperature = new(float64) }},
		{"prompts", func(d *Declaration) { d.Prompts = []string{"other"} }},
		{"budget", func(d *Declaration) { d.Budget.Tokens = 5 }},
		{"batch", func(d *Declaration) { d.Batch = 5 }},
		{"asks", func(d *Declaration) { d.Asks = 2 }},
	} {
		t.Run(c.field, func(t *testing.T) {
			other := d
			c.change(&other)
			_, err := OpenJournal(path, other)
			assert.ErrorContains(t, err, "the journal has another declaration: "+c.field)
		})
	}
	j, err = OpenJournal(path, d)
	require.NoError(t, err)
	require.NoError(t, j.Close())
}

// TestKilledRun is a run in a process of its own, which the test below kills when the endpoint has
// answered half of the questions.
func TestKilledRun(t *testing.T) {
	path, url := os.Getenv("COLLECT_JOURNAL"), os.Getenv("COLLECT_URL")
	if path == "" {
		t.Skip("run by TestAKillLosesNothing")
	}
	j, err := OpenJournal(path, new(fake).declareAt(url, 24))
	require.NoError(t, err)
	(&Run{Journal: j, Pace: fast()}).Collect(context.Background(), new(lookLog).look)
	t.Fatal("the run came to its end")
}

// TestAKillLosesNothing kills a run, resumes it, and finds the same answers in the same batches as
// without the kill. Recorded questions were asked once. Questions on their way may have been
// asked twice, and count as lost.
func TestAKillLosesNothing(t *testing.T) {
	kill := make(chan struct{})
	var count atomic.Int64
	var killed atomic.Bool
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, prompt string, _ int) {
		if n := count.Add(1); n >= 12 && !killed.Load() { // on its way when the kill comes
			if n == 12 {
				close(kill)
			}
			<-r.Context().Done()
			return
		}
		say(w, "About "+prompt)
	})
	path := journalPath(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledRun$")
	cmd.Env = append(os.Environ(), "COLLECT_JOURNAL="+path, "COLLECT_URL="+f.URL+"/v1")
	require.NoError(t, cmd.Start())
	<-kill
	require.NoError(t, cmd.Process.Kill())
	assert.Error(t, cmd.Wait())
	killed.Store(true)

	before, err := ReadJournal(path)
	require.NoError(t, err)
	assert.NotEmpty(t, before.Answers)
	assert.Less(t, len(before.Answers), 12)
	assert.Equal(t, Interrupted, before.Reason)

	d := new(fake).declareAt(f.URL+"/v1", 24)
	s := new(lookLog)
	end, err := collect(t, path, d, nil, s.look)
	require.NoError(t, err)
	assert.Equal(t, Asked, end)
	for i := range before.Answers {
		assert.Equal(t, 1, f.times(d.Prompts[i]), "question %d", i)
	}
	rec, again, _ := replayed(t, path)
	assert.Equal(t, s, again)
	assert.NotZero(t, rec.Lost.Out)
	assert.Len(t, rec.Sessions, 2)

	whole := journalPath(t)
	unbroken := new(lookLog)
	_, err = collect(t, whole, d, nil, unbroken.look)
	require.NoError(t, err)
	assert.Equal(t, unbroken, s, "the kill leaves no trace in the batches")
}

func TestPrompts(t *testing.T) {
	p, repeated, err := Distinct([]string{"one", "", "  ", "two # not a comment", "one"})
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two # not a comment"}, p)
	assert.Equal(t, 1, repeated)
	_, _, err = Distinct([]string{" "})
	assert.ErrorContains(t, err, "there is no prompt")
	half := strings.Repeat("x", maxPrompts/2)
	_, _, err = Distinct([]string{half, half + "y"})
	assert.ErrorContains(t, err, "split the file")
	p = []string{"a\nb", "c"}
	assert.Equal(t, "sha256:869e4af18a4b82a0856c905a9c25769eb10717cde11b56afaffb0ea154a2eb0b", DigestPrompts(p), "printf '[\"a\\nb\",\"c\"]' | sha256sum")
	assert.NotEqual(t, DigestPrompts([]string{"a", "b"}), DigestPrompts([]string{"a\",\"b"}))
}

func TestBuiltinPromptsDiffer(t *testing.T) {
	all := Builtin(1 << 30)
	assert.Len(t, all, 23*97)
	seen := make(map[string]bool)
	for _, p := range all {
		assert.False(t, seen[p], p)
		assert.NotContains(t, p, "@")
		assert.Less(t, len(p), 160)
		seen[p] = true
	}
	assert.Equal(t, all[:BuiltinSize], Builtin(BuiltinSize))
	// The prompts are declared: with others an old plan would differ.
	assert.Equal(t, "sha256:0bc48ff31cda9d56797936da8d3bdc24e2a1fc6c93217e944d6af26a52eb51d8", DigestPrompts(Builtin(BuiltinSize)))
}

func TestBadRequests(t *testing.T) {
	good := new(fake).declareAt("http://host/v1", 1)
	require.NoError(t, good.Check())
	for _, c := range []struct {
		says   string
		change func(*Declaration)
	}{
		{"not a base URL", func(d *Declaration) { d.Request.Endpoint = "ftp://host" }},
		{"password", func(d *Declaration) { d.Request.Endpoint = "http://me:hunter2@host/v1" }},
		{"query", func(d *Declaration) { d.Request.Endpoint = "http://host/v1?key=x" }},
		{"the API", func(d *Declaration) { d.Request.API = "responses" }},
		{"system", func(d *Declaration) { d.Request.API, d.Request.System = Completions, "x" }},
		{"model", func(d *Declaration) { d.Request.Model = "" }},
		{"deeper than 50 levels", func(d *Declaration) {
			d.Request.Extra = json.RawMessage(`{"x":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`)
		}},
		{`field "x" occurs twice`, func(d *Declaration) { d.Request.Extra = json.RawMessage(`{"x":1,"x":2}`) }},
		{"the longest answer", func(d *Declaration) { d.Request.MaxTokens = 0 }},
		{"JSON object", func(d *Declaration) { d.Request.Extra = json.RawMessage(`[1]`) }},
		{`"model"`, func(d *Declaration) { d.Request.Extra = json.RawMessage(`{"model":"x"}`) }},
		{`"max_tokens"`, func(d *Declaration) { d.Request.Extra = json.RawMessage(`{"max_tokens":51}`) }},
		{"give the same value", func(d *Declaration) { d.Request.Extra = json.RawMessage(`{"max_completion_tokens":100000}`) }},
		{"there are no prompts", func(d *Declaration) { d.Prompts = nil }},
		{"questions", func(d *Declaration) { d.Asks = 0 }},
		{"batch", func(d *Declaration) { d.Batch = 0 }},
	} {
		t.Run(c.says, func(t *testing.T) {
			d := good
			c.change(&d)
			err := d.Check()
			assert.ErrorContains(t, err, c.says)
			assert.NotContains(t, fmt.Sprint(err), "hunter2")
		})
	}
	d := good
	d.Request.Endpoint = "://me:hunter2@host"
	assert.NotContains(t, fmt.Sprint(d.Check()), "hunter2")
}

// TestWhatIsGivenWithAPrompt: the model may copy from every part of a request, and the endpoint may
// bill for it.
func TestWhatIsGivenWithAPrompt(t *testing.T) {
	r := Request{MaxTokens: 50}
	assert.Empty(t, r.Given())
	plain := r.worst("p")
	r.Extra = json.RawMessage(`{"top_k":40,"documents":[{"text":"second","name":"first"},"third"],"a":{"b":null}}`)
	assert.Equal(t, []string{"b", "name", "first", "text", "second", "third"}, r.Given())
	assert.Equal(t, plain.In+int64(len(r.Extra)), r.worst("p").In)
	r.System = "last"
	assert.Equal(t, "last", r.Given()[6])
}
