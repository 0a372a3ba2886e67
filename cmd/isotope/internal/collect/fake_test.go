package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A fake is an endpoint. Its answer depends on the prompt and on how often the prompt was asked
// before.
type fake struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request, prompt string, times int)

	mu      sync.Mutex
	asked   map[string]int
	bodies  []map[string]any
	headers []http.Header
}

func newFake(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, prompt string, times int)) *fake {
	f := &fake{answer: answer, asked: make(map[string]int)}
	if answer == nil {
		f.answer = func(w http.ResponseWriter, _ *http.Request, prompt string, _ int) { say(w, "About "+prompt) }
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	prompt, _ := body["prompt"].(string)
	if messages, ok := body["messages"].([]any); ok {
		prompt = messages[len(messages)-1].(map[string]any)["content"].(string)
	}
	f.mu.Lock()
	times := f.asked[prompt]
	f.asked[prompt]++
	f.bodies = append(f.bodies, body)
	f.headers = append(f.headers, r.Header.Clone())
	f.mu.Unlock()
	f.answer(w, r, prompt, times)
}

// times returns how often a prompt was asked.
func (f *fake) times(prompt string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[prompt]
}

func (f *fake) total() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.bodies)
}

// say answers as a chat endpoint does, with ids and times on which nothing may depend.
func say(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"id": fmt.Sprint("chatcmpl-", time.Now().UnixNano()), "created": time.Now().Unix(), "model": "suspect-1",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": text}}},
		"usage":   map[string]any{"prompt_tokens": 7, "completion_tokens": len(strings.Fields(text))},
	})
}

func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":"no","type":"t","code":"c","param":"p"}}`)
}

// declare returns a declaration of n different prompts, in batches of 4.
func (f *fake) declare(n int) Declaration { return f.declareAt(f.URL+"/v1", n) }

func (*fake) declareAt(url string, n int) Declaration {
	d := Declaration{
		Request: Request{Endpoint: url, API: Chat, Model: "suspect", MaxTokens: 50},
		Asks:    n, Batch: 4, Plan: json.RawMessage(`{"alpha":1e-6}`),
	}
	for i := range n {
		d.Prompts = append(d.Prompts, fmt.Sprintf("prompt %d", i))
	}
	return d
}

func fast() Pace {
	return Pace{Concurrency: 4, Retries: 4, Timeout: time.Minute, Backoff: time.Millisecond}
}

// A lookLog records the batches that a look gets.
type lookLog struct {
	answers []Answer
	sizes   []int
}

func (s *lookLog) look(batch []Answer) (bool, error) {
	s.answers = append(s.answers, batch...)
	s.sizes = append(s.sizes, len(batch))
	return false, nil
}

// collect makes a run with the journal at path, and returns its end.
func collect(t *testing.T, path string, d Declaration, change func(*Run), look Look) (End, error) {
	t.Helper()
	j, err := OpenJournal(path, d)
	require.NoError(t, err)
	r := &Run{Journal: j, Pace: fast(), Tool: "test"}
	if change != nil {
		change(r)
	}
	end, err := r.Collect(context.Background(), look)
	require.NoError(t, j.Close())
	return end, err
}

// replayed reads a journal and replays it.
func replayed(t *testing.T, path string) (*Recording, *lookLog, End) {
	t.Helper()
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	s := new(lookLog)
	end, err := Replay(rec, s.look)
	require.NoError(t, err)
	return rec, s, end
}

func journalPath(t *testing.T) string { return filepath.Join(t.TempDir(), "journal.jsonl") }

func TestRunAsksEverythingOnceInBatches(t *testing.T) {
	f := newFake(t, nil)
	path, d := journalPath(t), f.declare(10)
	s := new(lookLog)
	end, err := collect(t, path, d, nil, s.look)
	require.NoError(t, err)
	assert.Equal(t, Asked, end)
	assert.Equal(t, []int{4, 4, 2}, s.sizes)
	for i, a := range s.answers {
		assert.Equal(t, Answer{Ask: i, Prompt: d.Prompts[i], Texts: []string{"About " + d.Prompts[i]}, Finish: "stop", Model: "suspect-1", Usage: &Usage{7, 3}}, a)
		assert.Equal(t, 1, f.times(d.Prompts[i]))
	}
	rec, again, end := replayed(t, path)
	assert.Equal(t, Asked, end)
	assert.Equal(t, s, again, "a replay looks at the same batches")
	assert.EqualValues(t, 13, rec.Records, "plan, session, ten answers, end")
	assert.EqualValues(t, 10, rec.Attempts)

	// The same call once more asks nothing and writes nothing.
	s = new(lookLog)
	end, err = collect(t, path, d, nil, s.look)
	require.NoError(t, err)
	assert.Equal(t, Asked, end)
	assert.Equal(t, again, s)
	assert.Equal(t, 10, f.total())
	after, err := ReadJournal(path)
	require.NoError(t, err)
	assert.Equal(t, rec.Head, after.Head)
}

func TestRequestsSayWhatWasDeclared(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-of-somebody-else")
	t.Setenv("OPENAI_ORG_ID", "org-of-ours")
	f := newFake(t, nil)
	temperature, topP := 0.7, 0.9
	d := f.declare(1)
	d.Request.System, d.Request.Temperature, d.Request.TopP = "Be long.", &temperature, &topP
	d.Request.Extra = json.RawMessage(`{"top_k":40,"max_completion_tokens":50}`)
	end, err := collect(t, journalPath(t), d, nil, new(lookLog).look)
	require.NoError(t, err)
	require.Equal(t, Asked, end)
	assert.Equal(t, map[string]any{
		"model": "suspect", "temperature": 0.7, "top_p": 0.9, "top_k": 40.0, "max_completion_tokens": 50.0,
		"messages": []any{map[string]any{"role": "system", "content": "Be long."}, map[string]any{"role": "user", "content": "prompt 0"}},
	}, f.bodies[0])
	for name, values := range f.headers[0] {
		assert.NotContains(t, strings.Join(values, " "), "somebody-else", name)
		assert.NotContains(t, strings.Join(values, " "), "org-of-ours", name)
	}

	d = f.declare(1)
	d.Request.API = Completions
	_, err = collect(t, journalPath(t), d, func(r *Run) { r.Key = "sk-right" }, new(lookLog).look)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"model": "suspect", "prompt": "prompt 0", "max_tokens": 50.0}, f.bodies[1])
	assert.Equal(t, "Bearer sk-right", f.headers[1].Get("Authorization"))
}
