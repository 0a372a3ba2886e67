package llamacpp

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Config sizes an [Engine]. Zero values stand for the defaults.
type Config struct {
	Slots   int // texts that are decoded together, 1 to 256; default 4
	Context int // tokens of a prompt and its answer together; default 2048, or less if the model was trained for less
	Batch   int // largest number of tokens in a decode, at least 64 and Slots*(Ahead+1); default 512
	Threads int // of llama.cpp; default half of GOMAXPROCS, at least 1
	Queue   int // requests that wait for a slot; default 64, none if negative

	// Ahead is the largest number of tokens that are proposed and then verified in one step, at
	// most 62. 0 is for no speculative decoding. The proposals come from Draft, or from the text itself where
	// its last tokens occurred before.
	Ahead int
	Draft *Model // a smaller model with the same tokenizer; nil looks up the text
}

// Errors of Generate.
var (
	ErrBusy    = errors.New("llamacpp: the queue is full; try again later")
	ErrClosed  = errors.New("llamacpp: the engine is closed")
	ErrContext = errors.New("llamacpp: the context is too small")
)

const (
	maxSlots = 256 // of llama.cpp
	// outputs is how far the engine may be ahead of the goroutine of a request. A step can make
	// Ahead+1 more.
	outputs = 16
)

// An Engine writes texts with one model. It decodes the texts of all slots in one batch, and
// draws their tokens on one goroutine. Slots keep the prompts that they have decoded, and a prompt
// that begins like one of them reuses that part.
//
// A text depends on its request alone, and not on what else the engine writes, reuses or proposes,
// as far as llama.cpp's arithmetic allows. docs/llamacpp.md says where that was checked. All
// methods are safe for concurrent use.
type Engine struct {
	model  *Model
	config Config
	target runner
	draft  runner // nil without a draft model
	slots  []*slot
	batch  []entry
	clock  int64
	wake   chan struct{} // holds one when the loop shall look again
	done   chan struct{} // closed at the end of the loop

	mu     sync.Mutex
	queue  []*job
	closed bool

	stats struct {
		active, waiting, steps, drawn, decoded, reused, proposed, accepted atomic.Int64
	}
}

// NewEngine returns an Engine that runs until Close. The models must stay open for so long.
func NewEngine(m *Model, c Config) (*Engine, error) {
	c, err := c.withDefaults(m)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		model: m, config: c, wake: make(chan struct{}, 1), done: make(chan struct{}), batch: make([]entry, 0, c.Batch),
	}
	sizes := contextConfig{length: c.Context, sequences: c.Slots, batch: c.Batch, threads: c.Threads}
	if e.target, err = m.weights.context(sizes); err != nil {
		return nil, err
	}
	if c.Draft != nil {
		if e.draft, err = c.Draft.weights.context(sizes); err != nil {
			e.target.free()
			return nil, err
		}
	}
	for i := range c.Slots {
		e.slots = append(e.slots, &slot{id: i, cached: make([]Token, 0, c.Context)})
	}
	go e.loop()
	return e, nil
}

func (c Config) withDefaults(m *Model) (Config, error) {
	orDefault := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	length := 2048
	if m.facts.trained > 0 {
		length = min(length, m.facts.trained)
	}
	orDefault(&c.Slots, 4)
	orDefault(&c.Context, length)
	orDefault(&c.Batch, max(512, c.Slots*(c.Ahead+1)))
	orDefault(&c.Threads, max(1, runtime.GOMAXPROCS(0)/2))
	orDefault(&c.Queue, 64)
	switch {
	case c.Slots < 1 || c.Slots > maxSlots:
		return c, fmt.Errorf("llamacpp: %d slots are not possible; give 1 to %d", c.Slots, maxSlots)
	case c.Context < 2 || c.Threads < 1:
		return c, errors.New("llamacpp: a Context below 2 or Threads below 1 is not possible")
	case c.Ahead < 0 || c.Ahead+1 >= wide:
		return c, fmt.Errorf("llamacpp: an Ahead of %d is not possible; give 0 to %d", c.Ahead, wide-2)
	case c.Batch < wide || c.Batch < c.Slots*(c.Ahead+1):
		return c, fmt.Errorf("llamacpp: a Batch of %d is too small for %d slots with %d tokens each; give at least %d",
			c.Batch, c.Slots, c.Ahead+1, max(wide, c.Slots*(c.Ahead+1)))
	case c.Ahead > 0 && m.facts.recurrent:
		return c, errors.New("llamacpp: the memory of this model cannot take tokens back, so it cannot verify a draft; leave out Ahead")
	case c.Draft != nil && c.Ahead == 0:
		return c, errors.New("llamacpp: a draft model needs Ahead; give the number of tokens that it proposes")
	case c.Draft != nil && c.Draft.digest != m.digest:
		return c, errors.New("llamacpp: the draft model has another tokenizer than the model; use models of one family")
	}
	return c, nil
}

// Config returns the configuration, with the defaults filled in.
func (e *Engine) Config() Config { return e.config }

// Model returns the model of the engine.
func (e *Engine) Model() *Model { return e.model }

// Stats count since the start of an engine.
type Stats struct {
	Active   int64 // slots that write a text now
	Waiting  int64 // requests that wait for a slot now
	Steps    int64 // batches decoded
	Drawn    int64 // tokens drawn
	Decoded  int64 // tokens decoded, prompts and rejected proposals included
	Reused   int64 // tokens of prompts that were not decoded again
	Proposed int64 // tokens that a draft proposed
	Accepted int64 // proposals that were drawn
}

// Stats returns the counts.
func (e *Engine) Stats() Stats {
	s := &e.stats
	return Stats{
		Active: s.active.Load(), Waiting: s.waiting.Load(), Steps: s.steps.Load(), Drawn: s.drawn.Load(), Decoded: s.decoded.Load(),
		Reused: s.reused.Load(), Proposed: s.proposed.Load(), Accepted: s.accepted.Load(),
	}
}

// Close ends all texts with [ErrClosed], waits for the step in progress and releases the
// memory of the engine. The models stay open.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.nudge()
	<-e.done
}

// nudge makes the loop look at its texts again.
func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Generate writes one text. It calls emit for each token in order, until emit returns false, the
// text ends or ctx is done. The token that ends a text is not emitted. With emit's false the
// reason is [FinishStop]. Generate returns [ErrBusy] if too many requests wait, [ErrContext] for
// a prompt that has no room, and the cause of ctx. The engine releases the slot of the text
// before its next step.
//
// emit is called on the caller's goroutine and may wait. The engine is ahead of it by a few
// tokens and then leaves the text out of its steps.
func (e *Engine) Generate(ctx context.Context, r *Request, emit func(Output) bool) (Finish, error) {
	if err := r.check(e.model.facts.vocab, e.config.Context, e.draft != nil); err != nil {
		return "", err
	}
	j, err := e.newJob(r)
	if err != nil {
		return "", err
	}
	if err := e.submit(j); err != nil {
		j.free()
		return "", err
	}
	stop := stopper{stops: r.Stop}
	for {
		select {
		case <-ctx.Done():
			e.abandon(j)
			return "", context.Cause(ctx)
		case o, ok := <-j.out:
			if !ok {
				return j.finish, j.err
			}
			if len(j.out) == outputs { // the loop may have left the text out
				e.nudge()
			}
			if !emit(o) || stop.add(e.model.pieces[o.Token]) {
				e.abandon(j)
				return FinishStop, nil
			}
		}
	}
}

// submit puts a job into the queue. Slots that are idle count as places in it.
func (e *Engine) submit(j *job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return ErrClosed
	case len(e.queue)+int(e.stats.active.Load()) >= e.config.Slots+max(e.config.Queue, 0):
		return ErrBusy
	}
	e.queue = append(e.queue, j)
	e.stats.waiting.Store(int64(len(e.queue)))
	e.nudge()
	return nil
}

// abandon tells the loop that nobody wants the rest of a text, and waits until the loop does not
// use the request any more.
func (e *Engine) abandon(j *job) {
	e.mu.Lock()
	i := slices.Index(e.queue, j)
	if i >= 0 {
		e.queue = slices.Delete(e.queue, i, i+1)
		e.stats.waiting.Store(int64(len(e.queue)))
	}
	e.mu.Unlock()
	if i >= 0 {
		j.free()
		return
	}
	close(j.quit)
	e.nudge()
	for range j.out { // the loop closes it
	}
}

// take returns the first job of the queue, or nil. It returns false once the engine is closed.
func (e *Engine) take(idle bool) (*job, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, false
	}
	if !idle || len(e.queue) == 0 {
		return nil, true
	}
	j := e.queue[0]
	e.queue = slices.Delete(e.queue, 0, 1)
	e.stats.waiting.Store(int64(len(e.queue)))
	e.stats.active.Add(1)
	return j, true
}

// A Text is what [Engine.Write] returns.
type Text struct {
	Tokens []Token
	Text   string // without the stop sequence that ended it
	Finish Finish
	Output []Output // with Request.Logprobs; one for each token
}

// Write writes one text and returns it as a whole.
func (e *Engine) Write(ctx context.Context, r *Request) (*Text, error) {
	t := new(Text)
	var err error
	t.Finish, err = e.Generate(ctx, r, func(o Output) bool {
		t.Tokens = append(t.Tokens, o.Token)
		if r.Logprobs {
			t.Output = append(t.Output, o)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if t.Text, err = e.model.Decode(t.Tokens); err != nil {
		return nil, err
	}
	end := len(t.Text)
	for _, s := range r.Stop {
		if i := strings.Index(t.Text, s); i >= 0 {
			end = min(end, i)
		}
	}
	t.Text = t.Text[:end]
	return t, nil
}

// stopper looks for stop sequences in a text that comes in pieces.
type stopper struct {
	stops []string
	held  []byte // the end of the text, as long as the longest stop sequence needs
}

// add appends a piece and reports whether the text holds a stop sequence.
func (s *stopper) add(piece []byte) bool {
	if len(s.stops) == 0 {
		return false
	}
	s.held = append(s.held, piece...)
	longest := 0
	for _, stop := range s.stops {
		if strings.Contains(string(s.held), stop) {
			return true
		}
		longest = max(longest, len(stop))
	}
	if n := len(s.held) - (longest - 1); n > 0 {
		s.held = s.held[:copy(s.held, s.held[n:])]
	}
	return false
}
