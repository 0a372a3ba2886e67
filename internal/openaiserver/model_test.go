package openaiserver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/watermark"
)

// An engine decodes requests in batches, as an engine on an accelerator does. Its one loop draws
// a token for each slot in a step, from rows that are valid until the next step. It preempts a
// request after a few tokens while others wait, ends texts at a token, and has a small context.
type engine struct {
	*ngram
	slots   int
	end     watermark.Token // no token if negative
	context int
	queue   chan *slot
	steps   atomic.Int64
	drawn   atomic.Int64
	active  atomic.Int64
}

// A slot is a request in the engine.
type slot struct {
	r      *Request
	text   []watermark.Token
	turn   int // tokens since it was admitted
	out    chan watermark.Token
	finish Finish // set before out is closed
	err    error

	drawing sync.Mutex // held while the loop draws
	left    bool       // nobody wants more, and Draw must not be called any more
}

// leave returns once no draw of the slot is under way. None follows.
func (s *slot) leave() {
	s.drawing.Lock()
	defer s.drawing.Unlock()
	s.left = true
}

const (
	outCap   = 4 // tokens that wait for a slow client
	turnSize = 7 // tokens until a request makes room for another
)

func newEngine(t testing.TB, slots int) *engine {
	model, err := testModel()
	require.NoError(t, err)
	return &engine{ngram: model, slots: slots, end: -1, queue: make(chan *slot, 1000)}
}

// start runs the loop until the test ends.
func (e *engine) start(t testing.TB) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		e.loop(stop)
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
}

func (e *engine) Info() Info {
	info := e.ngram.Info()
	info.Context = e.context
	return info
}

func (e *engine) Generate(ctx context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error) {
	s := &slot{r: r, text: r.Prompt[:len(r.Prompt):len(r.Prompt)], out: make(chan watermark.Token, outCap)}
	defer s.leave()
	e.queue <- s
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case t, ok := <-s.out:
			if !ok {
				return s.finish, s.err
			}
			if !emit(t) {
				return FinishLength, nil
			}
		}
	}
}

func (e *engine) loop(stop chan struct{}) {
	var active []*slot
	rows := make([][]float32, e.slots)
	for i := range rows {
		rows[i] = make([]float32, e.Vocab())
	}
	for {
		for len(active) == 0 || len(active) < e.slots && len(e.queue) > 0 {
			select {
			case <-stop:
				return
			case s := <-e.queue:
				s.turn = 0
				active = append(active, s)
			}
		}
		select {
		case <-stop:
			return
		default:
		}
		e.steps.Add(1)
		e.active.Store(int64(len(active)))
		for i, s := range active { // the batch
			e.Logits(rows[i], s.text)
		}
		kept := active[:0]
		for i, s := range active {
			if e.step(s, rows[i]) {
				continue
			}
			if s.turn >= turnSize && len(e.queue) > 0 {
				e.queue <- s
				continue
			}
			kept = append(kept, s)
		}
		active = kept
		e.active.Store(int64(len(active)))
	}
}

// step draws a token for a slot and reports whether its request has ended.
func (e *engine) step(s *slot, row []float32) (ended bool) {
	s.drawing.Lock()
	defer s.drawing.Unlock()
	if s.left {
		return true
	}
	if len(s.out) == cap(s.out) {
		return false // the client is slow; the others continue
	}
	t, err := s.r.Draw(row)
	switch {
	case err != nil:
		s.err = err
	case t == e.end:
		s.finish = FinishStop
	default:
		e.drawn.Add(1)
		s.text = append(s.text, t)
		s.turn++
		s.out <- t
		if e.context == 0 || len(s.text) < e.context {
			return false
		}
		s.finish = FinishLength
	}
	close(s.out)
	return true
}

// TestEngine checks that answers from a batching engine that preempts requests are those of the
// plain model, token for token.
func TestEngine(t *testing.T) {
	plain := start(t, nil)
	client := plain.client(acmeKey)
	const requests, tokens = 6, 16
	want := make([]string, requests)
	for i := range want {
		got, err := client.Completions.New(t.Context(), textParams("The", tokens, int64(i)))
		require.NoError(t, err)
		want[i] = got.Choices[0].Text
	}

	e := newEngine(t, 3)
	s := start(t, func(c *Config) { c.Model, c.Concurrent = e, requests })
	var wg sync.WaitGroup
	for i := range want {
		wg.Go(func() {
			client := s.client(acmeKey)
			got, err := client.Completions.New(t.Context(), textParams("The", tokens, int64(i)))
			if assert.NoError(t, err) {
				assert.Equal(t, want[i], got.Choices[0].Text)
				assert.EqualValues(t, FinishLength, got.Choices[0].FinishReason)
			}
		})
	}
	eventually(t, func() bool { return len(e.queue) == requests }) // so that there is a batch
	e.start(t)
	wg.Wait()
	assert.GreaterOrEqual(t, e.drawn.Load(), int64(requests*tokens))
	assert.Less(t, e.steps.Load(), int64(requests*tokens), "requests share steps")
}

// TestEngineEndsText checks that a model can end a text itself.
func TestEngineEndsText(t *testing.T) {
	e := newEngine(t, 2)
	e.end = e.tokenizer.Append(nil, []byte("."))[0]
	e.start(t)
	s := start(t, func(c *Config) { c.Model = e })
	marks, err := s.config.Marker.Marks(s.config.Tenants.Find(acmeKey))
	require.NoError(t, err)
	seed := int64(5)
	q := request{Seed: &seed}
	ids, err := e.ngram.Model.Generate(t.Context(), lm.Job{
		Prompts: [][]int32{e.tokenizer.Append(nil, []byte("The"))}, Tokens: 200, Marks: marks, Seed: q.seedFor(s.config.Tenants.Find(acmeKey), "The"),
		Sampler: watermark.Sampler{Temperature: 1, TopP: 1, TopK: 50, MinP: 0.03},
	})
	require.NoError(t, err)
	n := 0
	for ids[0][n] != e.end {
		n++
	}
	require.Positive(t, n)
	want, err := e.tokenizer.Decode(nil, ids[0][:n])
	require.NoError(t, err)

	client := s.client(acmeKey)
	got, err := client.Completions.New(t.Context(), textParams("The", 200, seed))
	require.NoError(t, err)
	assert.Equal(t, string(want), got.Choices[0].Text)
	assert.EqualValues(t, FinishStop, got.Choices[0].FinishReason)
	assert.EqualValues(t, n, got.Usage.CompletionTokens, "the end is not a token of the text")
}

// A limited model has a context, and does not end a text there itself.
type limited struct {
	*ngram
	context int
}

func (m *limited) Info() Info {
	info := m.ngram.Info()
	info.Context = m.context
	return info
}

// TestContext checks that an answer ends where the context of the model is full, and that a
// prompt leaves room for a token, whether the model ends the text or the server does.
func TestContext(t *testing.T) {
	e := newEngine(t, 1)
	e.context = 40
	e.start(t)
	t.Run("by the engine", func(t *testing.T) { testContext(t, e) })
	t.Run("by the server", func(t *testing.T) { testContext(t, &limited{e.ngram, 40}) })
}

func testContext(t *testing.T, m Model) {
	s := start(t, func(c *Config) { c.Model = m })
	for _, c := range []struct {
		name        string
		prompt, max int
		answer      int // tokens; 0 for an error
		finish      Finish
	}{
		{"room for all", 30, 10, 10, FinishLength},
		{"room for a part", 30, 11, 10, FinishLength},
		{"room for one", 39, 20, 1, FinishLength},
		{"no room", 40, 1, 0, ""},
		{"a prompt beyond the context", 45, 1, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			prompt := "The" + strings.Repeat(" river", c.prompt-1)
			require.Len(t, s.ngram.tokenizer.Append(nil, []byte(prompt)), c.prompt)
			status, text, _ := s.post(t, "/v1/completions", acmeKey, fmt.Sprintf(`{"model":"isotope-lm","prompt":%q,"max_tokens":%d}`, prompt, c.max))
			if c.answer == 0 {
				assert.Equal(t, 400, status)
				assert.Contains(t, text, `"code":"context_length_exceeded"`)
				assert.Contains(t, text, "The limit is 39.")
				return
			}
			require.Equal(t, 200, status, text)
			assert.Contains(t, text, fmt.Sprintf(`"completion_tokens":%d`, c.answer))
			assert.Contains(t, text, fmt.Sprintf(`"finish_reason":%q`, c.finish))
		})
	}
}

// TestEngineReleasesSlots checks that a client that leaves, or that reads slowly, does not hold
// up others.
func TestEngineReleasesSlots(t *testing.T) {
	e := newEngine(t, 1)
	e.start(t)
	s := start(t, func(c *Config) {
		endless(c)
		c.Model = e
	})
	_, hangUp := open(t, s.url)
	assert.EqualValues(t, 1, e.active.Load())
	status, _, _ := s.post(t, "/v1/completions", acmeKey, `{"model":"isotope-lm","prompt":"The","max_tokens":30}`)
	assert.Equal(t, 200, status, "an endless text in the only slot is preempted")
	hangUp()
	eventually(t, func() bool { return e.active.Load() == 0 })
}

// A scripted model answers as a test says.
type scripted struct {
	*ngram
	chat     []Message // as the model got it
	chatErr  error
	generate func(ctx context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error)
}

func (m *scripted) Chat(messages []Message) ([]watermark.Token, error) {
	m.chat = messages
	return []watermark.Token{1}, m.chatErr
}

func (m *scripted) Generate(ctx context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error) {
	if m.generate == nil {
		return m.ngram.Generate(ctx, r, emit)
	}
	return m.generate(ctx, r, emit)
}

// TestModelGetsMessages checks that the model can apply its own template to a chat.
func TestModelGetsMessages(t *testing.T) {
	model, err := testModel()
	require.NoError(t, err)
	m := &scripted{ngram: model}
	s := start(t, func(c *Config) { c.Model = m })
	client := s.client(acmeKey)
	got, err := client.Chat.Completions.New(t.Context(), chatParams("The", 5, 1))
	require.NoError(t, err)
	assert.EqualValues(t, 1, got.Usage.PromptTokens, "the model decides what a chat is in tokens")
	assert.Equal(t, []Message{{"system", "Write."}, {"user", "The"}}, m.chat)

	m.chatErr = errors.New("the last message must be of the user")
	_, err = client.Chat.Completions.New(t.Context(), chatParams("The", 5, 1))
	var api *openai.Error
	require.ErrorAs(t, err, &api)
	assert.Equal(t, 400, api.StatusCode)
	assert.Equal(t, "the last message must be of the user", api.Message)
}

// TestModelErrors checks that an error of the model is logged and that no client sees its text.
func TestModelErrors(t *testing.T) {
	model, err := testModel()
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		generate func(ctx context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error)
		log      string
	}{
		{"an error", func(context.Context, *Request, func(watermark.Token) bool) (Finish, error) {
			return "", errors.New("CUDA error 700")
		}, "CUDA error 700"},
		{"an error after a token", func(_ context.Context, _ *Request, emit func(watermark.Token) bool) (Finish, error) {
			emit(1)
			return "", errors.New("CUDA error 700")
		}, "CUDA error 700"},
		{"no reason", func(context.Context, *Request, func(watermark.Token) bool) (Finish, error) { return "", nil }, "without a reason"},
		{"a row without a candidate", func(_ context.Context, r *Request, _ func(watermark.Token) bool) (Finish, error) {
			_, err := r.Draw([]float32{float32(math.Inf(-1)), float32(math.NaN())})
			return "", err
		}, "no token can be drawn"},
		{"a token that does not exist", func(_ context.Context, _ *Request, emit func(watermark.Token) bool) (Finish, error) {
			emit(1 << 20)
			return FinishLength, nil
		}, "1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, func(config *Config) { config.Model = &scripted{ngram: model, generate: c.generate} })
			status, text, _ := s.post(t, "/v1/completions", acmeKey, `{"model":"isotope-lm","prompt":"The"}`)
			assert.Equal(t, 500, status)
			assert.Contains(t, text, `"code":"internal_error"`)
			assert.NotContains(t, text, c.log)
			e := s.log.entries(t)
			require.Len(t, e, 1)
			assert.Contains(t, e[0]["error"], c.log)
			assert.Equal(t, "ERROR", e[0]["level"])
		})
	}
}

// TestOwnSampler checks the other way to draw: an engine biases the row itself, draws, and accepts.
func TestOwnSampler(t *testing.T) {
	model, err := testModel()
	require.NoError(t, err)
	own := &scripted{ngram: model, generate: func(_ context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error) {
		text, row := r.Prompt[:len(r.Prompt):len(r.Prompt)], make([]float32, model.Vocab())
		for {
			model.Logits(row, text)
			r.Sequence.Process(row)
			best := 0
			for i, x := range row {
				if x > row[best] {
					best = i
				}
			}
			r.Sequence.Accept(watermark.Token(best))
			text = append(text, watermark.Token(best))
			if !emit(watermark.Token(best)) {
				return FinishLength, nil
			}
		}
	}}
	var texts []string
	for _, m := range []Model{model, own} {
		s := start(t, func(c *Config) { c.Model = m })
		params := textParams("The quiet garden", 40, 1)
		params.Temperature = openai.Float(0)
		client := s.client(acmeKey)
		got, err := client.Completions.New(t.Context(), params)
		require.NoError(t, err)
		texts = append(texts, got.Choices[0].Text)
	}
	assert.Equal(t, texts[0], texts[1])
}
