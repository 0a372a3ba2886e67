package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// An End says why a run ended.
type End string

const (
	Asked       End = "asked"       // every question has its answer
	Decided     End = "decided"     // the look had seen enough
	Exhausted   End = "budget"      // the next question might exceed the budget
	Interrupted End = "interrupted" // by a signal, or by a kill
	Failing     End = "failing"     // the endpoint failed several times in a row
)

// Complete reports whether the run did what was declared. Otherwise it can resume.
func (e End) Complete() bool { return e == Asked || e == Decided }

// ErrEndpoint is wrapped by the error of a run whose endpoint failed several times in a row. The
// journal keeps the failures, and their questions stay open: the same call asks them again. A
// question that fails by itself does not count the second time. A few bad prompts thus cannot stop
// every run at the same place.
var ErrEndpoint = errors.New("the endpoint fails")

// failures is the number of questions in a row after whose failure a run gives up.
const failures = 5

// A Look gets the answers of a batch in the order of their questions, and reports whether it has
// seen enough.
type Look func(batch []Answer) (enough bool, err error)

// A Run asks the questions of a journal that have no answer yet.
type Run struct {
	Journal  *Journal
	Key      string // API key; "" sends none
	Pace     Pace
	Tool     string // name and version of the program, recorded
	Progress func(done, total int64)
	// Head, if it is not nil, gets the number of records and the hash of the last one, before the
	// first question and after each batch. Kept elsewhere, it shows that a journal was cut or
	// written anew.
	Head func(records int64, hash string)
	// Stop ends the run when it is closed, after the answers on their way have arrived.
	Stop <-chan struct{}

	transport http.RoundTripper // nil is that of net/http; for tests
}

// Collect asks the questions of a journal's declaration, batch by batch, and passes each batch to
// look. It does not ask a question that has an answer. A run that did not end in order, or a
// request without an answer, may have cost something: its upper bound counts against the budget.
// Cancelling ctx breaks off the requests on their way, and Stop waits for them.
func (r *Run) Collect(ctx context.Context, look Look) (End, error) {
	d := r.Journal.Recording().Declaration
	c, err := newClient(&d, r.Key, r.Pace.Timeout, r.transport)
	if err != nil {
		return Interrupted, err
	}
	rec := r.Journal.Recording()
	if rec.clean && rec.Reason.Complete() {
		return Replay(rec, look)
	}
	s := &session{Run: r, declaration: d, recording: rec, pool: &pool{client: c, pace: r.Pace, pacer: newPacer(r.Pace.PerMinute), patience: patience{left: maxPauses}}}
	if err := s.begin(); err != nil {
		return Interrupted, err
	}
	s.head()
	fill := func(from, size int, spent Usage) (End, error) { return s.fill(ctx, from, size, spent) }
	end, err := walk(&d, rec, fill, func(batch []Answer) (bool, error) {
		s.head()
		return look(batch)
	})
	if r.Journal.broken != nil {
		return end, err
	}
	var note string
	if err != nil {
		note = err.Error()
	}
	err = errors.Join(err, r.Journal.append(kindEnd, endCanonical{end}, endInfo{At: time.Now().UTC(), Note: note}))
	s.head()
	return end, err
}

// Replay passes the answers of a recording to look, as the runs that made it did. If answers are
// missing it returns the recorded end.
func Replay(rec *Recording, look Look) (End, error) {
	return walk(&rec.Declaration, rec, func(int, int, Usage) (End, error) { return rec.Reason, nil }, look)
}

// walk goes through a declaration batch by batch. fill gets answers to the questions
// [from, from+size), where spent is the usage of the answers before them. It returns why some
// have no answer.
//
// A batch is as large as fits into the budget if every answer in it costs as much as it can. This
// depends on the answers before alone, so the same answers always give the same batches. walk
// does not look at a batch that was interrupted.
func walk(d *Declaration, rec *Recording, fill func(from, size int, spent Usage) (End, error), look Look) (End, error) {
	in, err := rec.open()
	if err != nil {
		return Interrupted, err
	}
	defer in.Close()
	var spent Usage
	for from := 0; from < d.Asks; {
		size := fits(d, from, spent)
		if size == 0 {
			return Exhausted, nil
		}
		end, err := fill(from, size, spent)
		batch := make([]Answer, 0, size)
		for len(batch) < size {
			ask := from + len(batch)
			if _, ok := rec.Answers[ask]; !ok {
				break
			}
			a, err := in.answer(ask)
			if err != nil {
				return Interrupted, err
			}
			batch = append(batch, a)
			spent = spent.plus(rec.cost(ask))
		}
		whole := len(batch) == size
		if len(batch) == 0 || !whole && end != Exhausted {
			return end, err
		}
		from += len(batch)
		enough, lookErr := look(batch)
		switch {
		case lookErr != nil:
			return Interrupted, errors.Join(err, lookErr)
		case enough:
			return Decided, err
		case !whole || err != nil:
			return end, err
		}
	}
	return Asked, nil
}

// fits returns how many questions, from the first one on, fit into the budget whatever they cost.
// It returns at most a batch.
func fits(d *Declaration, from int, spent Usage) int {
	for n := range min(d.Batch, d.Asks-from) {
		if spent = spent.plus(d.Request.worst(d.prompt(from + n))); !d.Budget.holds(spent) {
			return n
		}
	}
	return min(d.Batch, d.Asks-from)
}

// cost returns the usage of an answer: what the endpoint reports, or the most that it can be if it
// reports none, or one that cannot be right. An error costs nothing here: [Exchange.Lost] has the
// usage of its attempts. believed is false if a report was not believed.
//
// The endpoint has a reason to lie in both directions. Too little makes the auditor spend more than
// the budget. Too much ends the audit.
func (d *Declaration) cost(a *Answer) (cost Usage, believed bool) {
	worst := d.Request.worst(a.Prompt)
	switch {
	case a.Skip == Failed:
		return Usage{}, true
	case a.Usage == nil:
		return worst, true
	case d.Journal < boundedJournal:
		return *a.Usage, true
	}
	out := int64(0)
	for _, t := range a.Texts {
		out += leastTokens(t)
	}
	in := leastTokens(d.Request.System) + leastTokens(a.Prompt)
	if u := *a.Usage; u.In >= in && u.Out >= out && u.In <= worst.In && u.Out <= worst.Out {
		return u, true
	}
	return worst, false
}

// leastTokens returns a lower bound on the tokens of a text in the vocabularies that models have: a
// word is at least one token, and the tokens of visible text have at most eight bytes on average.
func leastTokens(text string) int64 {
	words, visible := int64(0), int64(0)
	for word := range strings.FieldsSeq(text) {
		words++
		visible += int64(len(word))
	}
	return max(words, visible/8)
}

// cost returns what an answer counts in the budget.
func (r *Recording) cost(ask int) Usage {
	if u, ok := r.costs[ask]; ok {
		return u
	}
	return r.Declaration.Request.worst(r.Declaration.prompt(ask))
}

// A session is one call of Collect.
type session struct {
	*Run
	declaration Declaration
	recording   *Recording
	pool        *pool
}

// begin records the start of a run, and what the run before may have lost.
func (s *session) begin() error {
	info := SessionInfo{At: time.Now().UTC(), Tool: s.Tool, From: len(s.recording.Answers), Torn: s.recording.torn, Concurrency: s.Pace.Concurrency}
	if n := len(s.recording.Sessions); n > 0 && !s.recording.clean {
		// As many requests as ran at a time may have been on their way: those of the first
		// questions without an answer.
		for i, left := 0, s.recording.Sessions[n-1].Concurrency; i < s.declaration.Asks && left > 0; i++ {
			if _, ok := s.recording.Answers[i]; !ok {
				info.Lost = info.Lost.plus(s.declaration.Request.worst(s.declaration.prompt(i)))
				left--
			}
		}
	}
	return s.Journal.append(kindSession, struct{}{}, info)
}

// fill gets answers to questions; see walk. After each pass it replaces the upper bounds by the
// real usage, and asks again. It returns [Exhausted] only if the same call, made again, would
// ask nothing either, because the fixed test is made then.
func (s *session) fill(ctx context.Context, from, size int, spent Usage) (End, error) {
	for {
		asks, most, end := s.open(from, size, spent)
		if len(asks) == 0 {
			return end, nil
		}
		s.pool.retries.reset(s.declaration.Budget, most)
		if s.stopped(ctx) {
			return Interrupted, nil
		}
		err := s.ask(ctx, asks)
		switch {
		case errors.Is(err, ErrEndpoint):
			return Failing, err
		case err != nil:
			return Interrupted, err
		}
	}
}

// open returns the questions without an answer that fit into the budget. most is an upper bound on
// the usage once they have an answer. end is [Exhausted] if some do not fit.
func (s *session) open(from, size int, spent Usage) (asks []int, most Usage, end End) {
	most = spent.plus(s.recording.Lost)
	for i := from; i < from+size; i++ { // an answer is paid for, whatever is missing before it
		if _, ok := s.recording.Answers[i]; ok {
			most = most.plus(s.recording.cost(i))
		}
	}
	for i := from; i < from+size; i++ {
		if _, ok := s.recording.Answers[i]; ok {
			continue
		}
		next := most.plus(s.declaration.Request.worst(s.declaration.prompt(i)))
		if !s.declaration.Budget.holds(next) {
			return asks, most, Exhausted
		}
		most, asks = next, append(asks, i)
	}
	return asks, most, Asked
}

// stopped reports whether the run is to end.
func (s *session) stopped(ctx context.Context) bool {
	select {
	case <-s.Stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

// ask asks questions once and records the answers. A failure becomes an answer only after another
// question succeeds, so that an endpoint that is down leaves its questions open.
func (s *session) ask(ctx context.Context, asks []int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	halt, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-s.Stop:
			stop()
		case <-halt.Done():
		}
	}()
	p := pass{session: s}
	var err error
	for r := range s.pool.ask(ctx, halt.Done(), asks, s.declaration.prompt) {
		if err != nil {
			continue // drain
		}
		if err = p.take(r); err != nil {
			cancel()
		} else if p.givesUp {
			stop()
		}
	}
	if err != nil {
		return err
	}
	return p.finish(ctx)
}

// A pass is one pass over open questions.
type pass struct {
	*session
	pending   []entry   // failures since the last success
	row       int       // number of these, without questions that failed by themselves in an earlier run
	last      *Exchange // the last failure
	succeeded bool
	givesUp   bool // no more questions are to be asked
}

// An entry is an answer, which may be a failure, and its exchange.
type entry struct {
	answer   Answer
	exchange Exchange
}

// take takes the reply to a question, and records it unless it is a failure.
func (p *pass) take(r reply) error {
	if r.broken {
		return p.takeBroken(r)
	}
	e := entry{answer(&p.declaration, r.ask, r.prompt, &r.exchange), r.exchange}
	p.pending = append(p.pending, e)
	if !e.answer.Skip.failure() {
		err := p.record(p.pending)
		p.succeeded, p.pending, p.row = true, nil, 0
		p.progress()
		return err
	}
	if !p.recording.final[r.ask] || !e.exchange.final() {
		p.row++
	}
	p.last = &e.exchange
	p.givesUp = p.givesUp || p.row >= failures || p.refusesAll(p.last)
	return nil
}

// takeBroken takes a question that was given up.
func (p *pass) takeBroken(r reply) error {
	if r.spent {
		p.row, p.last = p.row+1, &r.exchange
		p.givesUp = p.givesUp || p.row >= failures
	}
	if r.exchange.Attempts == 0 {
		return nil
	}
	return p.leave(entry{Answer{Ask: r.ask}, r.exchange})
}

// finish records the pending failures: as answers, or as failures whose questions stay open.
func (p *pass) finish(ctx context.Context) error {
	switch {
	case p.row >= failures:
		return p.fails()
	case len(p.pending) == 0:
		return nil
	}
	p.last = &p.pending[len(p.pending)-1].exchange
	switch {
	case p.refusesAll(p.last), !p.succeeded && (p.last.Error != "" || retryable(p.last.Status)):
		return p.fails()
	case p.stopped(ctx):
		return p.leave(p.pending...) // whether another question would have succeeded is unknown
	}
	defer p.progress()
	return p.record(p.pending)
}

// fails leaves the pending questions open and returns an error that wraps [ErrEndpoint].
func (p *pass) fails() error {
	return errors.Join(fmt.Errorf("%w: %s", ErrEndpoint, p.last.describe()), p.leave(p.pending...))
}

// record records answers.
func (s *session) record(all []entry) error {
	for _, e := range all {
		if err := s.Journal.append(kindAnswer, e.answer, e.exchange); err != nil {
			return err
		}
	}
	return nil
}

// leave records the attempts at questions that stay open.
func (s *session) leave(all ...entry) error {
	for _, e := range all {
		if err := s.Journal.append(kindFailure, failureCanonical{e.answer.Ask}, e.exchange); err != nil {
			return err
		}
	}
	return nil
}

// refusesAll reports whether the endpoint refused us before it answered anything: the key, the
// address or the model is wrong.
func (s *session) refusesAll(x *Exchange) bool {
	return refusesCaller(x.Status) && len(s.recording.Answers) == 0
}

func (s *session) head() {
	if s.Head != nil {
		s.Head(s.recording.Records, s.recording.Head)
	}
}

func (s *session) progress() {
	if s.Progress != nil {
		s.Progress(int64(len(s.recording.Answers)), int64(s.declaration.Asks))
	}
}
