package llamacpp

import (
	"slices"

	"github.com/isotope-wm/isotope/watermark"
)

// A job is a request in the engine. The loop owns it from the queue until it closes out.
type job struct {
	drawer
	text    []Token // the prompt and what has been drawn
	decoded int     // tokens of text that the slot has decoded for this job
	drawn   int
	limit   int     // of drawn
	guesses []Token // proposals for the positions after text
	first   int     // index in the batch of the first row of this step; -1 for none
	waits   bool    // for another slot to decode the same prefix

	out    chan Output   // the loop closes it and then does not use the request any more
	quit   chan struct{} // closed when nobody wants more
	finish Finish        // set before out is closed
	err    error
}

func (e *Engine) newJob(r *Request) (*job, error) {
	c := e.config
	j := &job{
		drawer: drawer{r: r, seq: r.Sequence, uniforms: newUniforms(r.Seed, c.Ahead)},
		text:   append(make([]Token, 0, c.Context+1), r.Prompt...), limit: c.Context - len(r.Prompt), guesses: make([]Token, 0, c.Ahead), first: -1,
		out: make(chan Output, outputs+c.Ahead+1), quit: make(chan struct{}),
	}
	if r.MaxTokens > 0 {
		j.limit = min(j.limit, r.MaxTokens)
	}
	var err error
	switch {
	case r.Speculation != nil:
		j.proposed = make([]watermark.Row, c.Ahead)
	case j.seq == nil:
		if j.seq, err = watermark.NewSequence(); err != nil {
			return nil, err
		}
	}
	if r.TopLogprobs > 0 {
		j.top = make([]Logprob, 0, r.TopLogprobs+1)
	}
	if r.Grammar != "" {
		if j.grammar, err = e.model.weights.grammar(r.Grammar); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// A slot is a sequence of the context of llama.cpp.
type slot struct {
	id      int
	job     *job    // nil for an idle slot
	cached  []Token // what the memory holds of the sequence, in order
	exact   int     // how many of them were decoded in wide chunks, and can be reused
	drafted []Token // the same of the draft model
	used    int64   // when the slot was last in a step
}

// loop decodes and draws until the engine is closed.
func (e *Engine) loop() {
	defer close(e.done)
	defer e.shutDown()
	for {
		e.release()
		if !e.admit() {
			return
		}
		if !e.step() { // nobody asks, or every client is slow
			<-e.wake
		}
	}
}

// shutDown ends every text and frees the contexts.
func (e *Engine) shutDown() {
	for _, s := range e.slots {
		if s.job != nil {
			e.end(s, "", ErrClosed)
		}
	}
	e.mu.Lock()
	queue := e.queue
	e.queue = nil
	e.stats.waiting.Store(0)
	e.mu.Unlock()
	for _, j := range queue {
		j.err = ErrClosed
		j.free()
		close(j.out)
	}
	e.target.free()
	if e.draft != nil {
		e.draft.free()
	}
}

// release ends the texts that nobody wants.
func (e *Engine) release() {
	for _, s := range e.slots {
		if s.job == nil {
			continue
		}
		select {
		case <-s.job.quit:
			e.end(s, "", nil)
		default:
		}
	}
}

// end ends the text of a slot. What the slot has decoded stays for prompts that begin alike.
func (e *Engine) end(s *slot, f Finish, err error) {
	j := s.job
	s.job = nil
	e.stats.active.Add(-1)
	j.finish, j.err = f, err
	j.free()
	close(j.out)
}

// admit gives waiting requests a slot, in their order. It returns false once the engine is closed.
func (e *Engine) admit() bool {
	for {
		idle := slices.ContainsFunc(e.slots, func(s *slot) bool { return s.job == nil })
		j, ok := e.take(idle)
		if j == nil {
			return ok
		}
		e.start(j)
	}
}

// start puts a job into an idle slot: the one that shares most of its text with the job, or else
// the one that was idle for longest.
func (e *Engine) start(j *job) {
	var best *slot
	most := -1
	for _, s := range e.slots {
		if s.job != nil {
			continue
		}
		if n := inChunks(common(s.cached[:s.exact], j.text)); n > most || n == most && s.used < best.used {
			best, most = s, n
		}
	}
	best.job = j
	j.waits = true
	e.reuse(best)
}

// wide is the number of tokens of one sequence from which on llama.cpp's processor backend
// computes attention by another kernel. The two round differently, and logits then differ by up to
// one nat. A prompt is therefore decoded in chunks of multiples of wide, and the rest, like every
// text, in fewer tokens at a time. So it does not matter how many chunks there were, or whether
// another prompt left some of them.
const wide = 64

// inChunks returns how many of n tokens are decoded in wide chunks.
func inChunks(n int) int { return n - n%wide }

// reuse takes over the longest part of a prompt that any slot has decoded. It does not yet, while
// another slot decodes more of the same: the samples of one prompt then decode it once.
func (e *Engine) reuse(s *slot) {
	j := s.job
	prompt := j.text[:len(j.text)-1] // the last token gives the first row, so it is decoded again
	from, n := s, inChunks(common(s.cached[:s.exact], prompt))
	for _, o := range e.slots {
		if o == s || e.model.facts.recurrent {
			continue
		}
		if m := inChunks(common(o.cached[:o.exact], prompt)); m > n {
			from, n = o, m
		}
	}
	for _, o := range e.slots {
		if o != s && o.job != nil && !o.job.waits && o.exact < inChunks(len(o.job.r.Prompt)) && !e.model.facts.recurrent &&
			inChunks(common(o.job.r.Prompt, prompt)) > n {
			return
		}
	}
	j.waits = false
	if from == s {
		e.forget(s, n)
	} else {
		e.target.remove(s.id, 0)
		e.target.share(from.id, s.id, n)
		s.cached = append(s.cached[:0], prompt[:n]...)
	}
	s.exact, j.decoded = len(s.cached), len(s.cached)
	e.stats.reused.Add(int64(j.decoded))
	if e.draft != nil {
		e.forgetDraft(s)
	}
}

// common returns the length of the longest common prefix.
func common(a, b []Token) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// step decodes what there is and draws from its rows: first all texts, and the ends of prompts,
// in one batch, and then a chunk of one prompt. It returns false if there was nothing to decode.
func (e *Engine) step() bool {
	e.clock++
	e.propose()
	e.batch = e.batch[:0]
	for _, s := range e.slots {
		if j := s.job; j != nil {
			if j.first = -1; j.ready() {
				e.addText(s)
			}
		}
	}
	for _, s := range e.slots {
		if j := s.job; j != nil && j.waits {
			e.reuse(s)
		}
	}
	for _, s := range e.slots {
		if j := s.job; j != nil && j.inPrompt() && j.decoded == inChunks(len(j.text)) && len(j.text)-j.decoded <= e.config.Batch-len(e.batch) {
			e.addPrompt(s, len(j.text)-j.decoded)
		}
	}
	worked := e.decode()
	e.batch = e.batch[:0]
	if s := e.nextPrompt(); s != nil {
		j := s.job
		if n := inChunks(len(j.text)) - j.decoded; n > 0 {
			e.addPrompt(s, min(n, inChunks(e.config.Batch)))
			s.exact = j.decoded
		} else {
			e.addPrompt(s, len(j.text)-j.decoded) // the batch of the texts had no room for it
		}
		return e.decode() || worked
	}
	return worked
}

// nextPrompt returns the slot whose prompt gets the next chunk; slots take turns.
func (e *Engine) nextPrompt() (next *slot) {
	for _, s := range e.slots {
		if j := s.job; j != nil && j.inPrompt() && (next == nil || s.used < next.used) {
			next = s
		}
	}
	return next
}

// decode decodes the batch and draws from its rows.
func (e *Engine) decode() bool {
	if len(e.batch) == 0 {
		return false
	}
	e.stats.steps.Add(1)
	e.stats.decoded.Add(int64(len(e.batch)))
	if err := e.target.decode(e.batch); err != nil {
		e.failed(err)
		return true
	}
	for _, s := range e.slots {
		if j := s.job; j != nil && j.first >= 0 {
			e.drawAll(s)
			j.first = -1
		}
	}
	return true
}

// ready reports whether one token of the text is left to decode, and its client has room for what
// is drawn then.
func (j *job) ready() bool {
	return !j.waits && j.decoded == len(j.text)-1 && j.drawn > 0 && len(j.out) <= outputs
}

// inPrompt reports whether the prompt is being decoded.
func (j *job) inPrompt() bool { return !j.waits && j.drawn == 0 && j.decoded < len(j.text) }

// addText adds the last token of a text, and the proposals for those after it.
func (e *Engine) addText(s *slot) {
	j := s.job
	j.first = len(e.batch)
	for i := range 1 + len(j.guesses) {
		t := j.text[len(j.text)-1]
		if i > 0 {
			t = j.guesses[i-1]
		}
		e.batch = append(e.batch, entry{token: t, pos: j.decoded, seq: s.id, logits: true})
		s.cached = append(s.cached, t)
		j.decoded++
	}
	s.used = e.clock
}

// addPrompt adds the next n tokens of a prompt.
func (e *Engine) addPrompt(s *slot, n int) {
	j := s.job
	for _, t := range j.text[j.decoded : j.decoded+n] {
		e.batch = append(e.batch, entry{token: t, pos: j.decoded, seq: s.id})
		s.cached = append(s.cached, t)
		j.decoded++
	}
	if j.decoded == len(j.text) {
		j.first = len(e.batch) - 1
		e.batch[j.first].logits = true
	}
	s.used = e.clock
}

// failed ends the texts of a batch that could not be decoded. Their memory is unknown, so it goes.
func (e *Engine) failed(err error) {
	for _, entry := range e.batch {
		s := e.slots[entry.seq]
		if s.job != nil {
			e.target.remove(s.id, 0)
			s.cached, s.exact = s.cached[:0], 0
			e.end(s, "", err)
		}
	}
}

// drawAll draws from the rows of a slot: the first follows the text, and each further one
// follows a proposal. It stops at the first proposal that is not what was drawn.
func (e *Engine) drawAll(s *slot) {
	j := s.job
	base := len(j.text) // all decoded but for the proposals
	for i := 0; ; i++ {
		proposed := Token(-1)
		if i < len(j.guesses) {
			proposed = j.guesses[i]
		}
		row, err := e.target.row(j.first + i)
		if err != nil {
			e.end(s, "", err)
			return
		}
		o, err := j.draw(row, i, proposed)
		if err != nil {
			e.forget(s, base+i)
			e.end(s, "", err)
			return
		}
		e.stats.drawn.Add(1)
		if e.model.kinds[o.Token] == ending {
			e.forget(s, base+i)
			e.end(s, FinishEnd, nil)
			return
		}
		j.text = append(j.text, o.Token)
		j.drawn++
		j.out <- o
		if j.drawn == j.limit {
			e.forget(s, base+i)
			e.end(s, FinishLength, nil)
			return
		}
		if o.Token != proposed {
			e.forget(s, base+i)
			break
		}
		e.stats.accepted.Add(1)
	}
	j.guesses = j.guesses[:0]
}

// forget removes what a slot has decoded beyond its first n tokens.
func (e *Engine) forget(s *slot, n int) {
	if len(s.cached) > n {
		if !e.target.remove(s.id, n) {
			n = 0
		}
		s.cached = s.cached[:n]
	}
	s.exact = min(s.exact, n)
	s.job.decoded = min(s.job.decoded, n)
}
