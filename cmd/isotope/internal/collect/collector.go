package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// An End is why a run ended.
type End string

const (
	Asked       End = "asked"       // every question has its answer
	Decided     End = "decided"     // whoever looked had seen enough
	Exhausted   End = "budget"      // the next question might cost more than the budget
	Interrupted End = "interrupted" // by a signal, or by a kill
	Failing     End = "failing"     // the endpoint failed several times in a row
)

// Complete reports whether the run did what was declared. The others can go on.
func (e End) Complete() bool { return e == Asked || e == Decided }

// ErrEndpoint is wrapped by the error of a run whose endpoint failed several times in a
// row. The journal keeps the failures, and their questions stay open: the same call asks
// them again. A question that was to blame itself does not count the second time, so that
// a few bad prompts do not stop every run at the same place.
var ErrEndpoint = errors.New("the endpoint fails")

// failures is how many questions in a row may fail before a run gives up.
const failures = 5

// A Look is given the answers of a batch in the order of their questions, and says
// whether it has seen enough.
type Look func(batch []Answer) (enough bool, err error)

// A Run asks what a journal does not hold yet.
type Run struct {
	Journal  *Journal
	Key      string // API key; empty sends none
	Pace     Pace
	Tool     string // name and version of the program, recorded
	Progress func(done, total int64)
	// Stop, closed, ends the run once what is on its way has arrived.
	Stop <-chan struct{}

	transport http.RoundTripper // nil is HTTP's; for tests
}

// Collect asks the questions of a journal's declaration, batch by batch, and gives each
// batch to look. What is recorded is not asked. A run that did not end in order, and a
// request without an answer, may have cost something that no answer says: the most it
// can have been counts against the budget. ctx breaks the run off, Stop ends it in order.
func (r *Run) Collect(ctx context.Context, look Look) (End, error) {
	d := r.Journal.Recording().Declaration
	c, err := newClient(d.Request, r.Key, r.Pace.Timeout, r.transport)
	if err != nil {
		return Interrupted, err
	}
	rec := r.Journal.Recording()
	if rec.clean && rec.Reason.Complete() {
		return Replay(rec, look)
	}
	s := &session{Run: r, declaration: d, recording: rec, pool: &pool{client: c, pace: r.Pace, pacer: newPacer(r.Pace.PerMinute)}}
	if err := s.begin(); err != nil {
		return Interrupted, err
	}
	fill := func(from, size int, spent Usage) (End, error) { return s.fill(ctx, from, size, spent) }
	end, err := walk(&d, rec, fill, look)
	if r.Journal.broken != nil {
		return end, err
	}
	var note string
	if err != nil {
		note = err.Error()
	}
	return end, errors.Join(err, r.Journal.append(kindEnd, endCanonical{end}, endInfo{At: time.Now().UTC(), Note: note}))
}

// Replay gives the answers of a recording to look, as the runs that made it did. The end
// is the recorded one where answers are missing.
func Replay(rec *Recording, look Look) (End, error) {
	return walk(&rec.Declaration, rec, func(int, int, Usage) (End, error) { return rec.Reason, nil }, look)
}

// walk goes through a declaration batch by batch. fill has the questions
// [from, from+size) answered, where spent is what the answers before them took, and says
// why some of them are not.
//
// A batch is as large as fits into the budget if every answer in it costs the most it
// can. That depends on the answers before alone: whoever walks through the same
// answers looks at the same batches. A batch that was interrupted is not looked at.
func walk(d *Declaration, rec *Recording, fill func(from, size int, spent Usage) (End, error), look Look) (End, error) {
	var spent Usage
	for from := 0; from < d.Asks; {
		size := fits(d, from, spent)
		if size == 0 {
			return Exhausted, nil
		}
		end, err := fill(from, size, spent)
		batch := make([]Answer, 0, size)
		for len(batch) < size {
			a, ok := rec.Answers[from+len(batch)]
			if !ok {
				break
			}
			batch = append(batch, a)
			spent = spent.plus(a.cost(&d.Request))
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

// fits returns how many questions from the first on fit into the budget whatever they
// cost, a batch at most.
func fits(d *Declaration, from int, spent Usage) int {
	for n := range min(d.Batch, d.Asks-from) {
		if spent = spent.plus(d.Request.worst(d.prompt(from + n))); !d.Budget.holds(spent) {
			return n
		}
	}
	return min(d.Batch, d.Asks-from)
}

// cost returns what an answer took, and the most it can have taken where the endpoint
// did not say. An error is not billed; what its attempts may have taken is Lost.
func (a *Answer) cost(r *Request) Usage {
	switch {
	case a.Skip == Failed:
		return Usage{}
	case a.Usage != nil:
		return *a.Usage
	}
	return r.worst(a.Prompt)
}

// A session is one call of Collect.
type session struct {
	*Run
	declaration Declaration
	recording   *Recording
	pool        *pool
}

// begin records that a run begins, and what the one before may have lost.
func (s *session) begin() error {
	info := SessionInfo{At: time.Now().UTC(), Tool: s.Tool, From: len(s.recording.Answers), Torn: s.recording.torn, Concurrency: s.Pace.Concurrency}
	if n := len(s.recording.Sessions); n > 0 && !s.recording.clean {
		// As many as were asked at a time may have been on their way: those that
		// are missing first.
		for i, left := 0, s.recording.Sessions[n-1].Concurrency; i < s.declaration.Asks && left > 0; i++ {
			if _, ok := s.recording.Answers[i]; !ok {
				info.Lost = info.Lost.plus(s.declaration.Request.worst(s.declaration.prompt(i)))
				left--
			}
		}
	}
	return s.Journal.append(kindSession, struct{}{}, info)
}

// fill has questions answered; see walk. What they cost at most makes way for what they did
// cost, so that it ends with [Exhausted] only when the same call, made again, would ask
// nothing either: the fixed test is made then.
func (s *session) fill(ctx context.Context, from, size int, spent Usage) (End, error) {
	for {
		asks, most, end := s.open(from, size, spent)
		if len(asks) == 0 {
			return end, nil
		}
		s.pool.spare.reset(s.declaration.Budget, most)
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

// open returns the questions without an answer that the budget holds, what everything will
// have cost at most when they have one, and [Exhausted] when it does not hold all.
func (s *session) open(from, size int, spent Usage) (asks []int, most Usage, end End) {
	most = spent.plus(s.recording.Lost)
	for i := from; i < from+size; i++ { // answers that came are paid for, whatever is missing before them
		if a, ok := s.recording.Answers[i]; ok {
			most = most.plus(a.cost(&s.declaration.Request))
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

func (s *session) stopped(ctx context.Context) bool {
	select {
	case <-s.Stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

// ask asks questions once and records what comes. Failures become answers when something
// else succeeds, so that an endpoint that is down leaves its questions open.
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
	var pending []answered
	row := 0           // failures since the last success, but for questions that failed by themselves in an earlier run
	var last *Exchange // of these
	succeeded := false
	var err error
	for r := range s.pool.ask(ctx, halt.Done(), asks, s.declaration.prompt) {
		if err != nil {
			continue // drain
		}
		if r.broken {
			if r.exchange.Attempts > 0 {
				if err = s.leave(answered{Answer{Ask: r.ask}, r.exchange}); err != nil {
					cancel()
				}
			}
			if r.spent {
				row, last = row+1, &r.exchange
				if row >= failures {
					stop()
				}
			}
			continue
		}
		pending = append(pending, answered{answer(&s.declaration.Request, r.ask, r.prompt, &r.exchange), r.exchange})
		if pending[len(pending)-1].answer.Skip.failure() {
			if !s.recording.final[r.ask] || !r.exchange.final() {
				row++
			}
			last = &r.exchange
			if row >= failures || s.locked(last) {
				stop()
			}
			continue
		}
		succeeded = true
		if err = s.record(pending); err != nil {
			cancel()
		}
		pending, row = nil, 0
		s.progress()
	}
	switch {
	case err != nil:
		return err
	case row >= failures:
		return errors.Join(fmt.Errorf("%w: %s", ErrEndpoint, last.describe()), s.leave(pending...))
	case len(pending) == 0:
		return nil
	}
	last = &pending[len(pending)-1].exchange
	switch {
	case s.locked(last) || !succeeded && (last.Error != "" || retryable(last.Status)):
		return errors.Join(fmt.Errorf("%w: %s", ErrEndpoint, last.describe()), s.leave(pending...))
	case s.stopped(ctx):
		return s.leave(pending...) // whether anything else would have succeeded is not known
	}
	defer s.progress()
	return s.record(pending)
}

// An answered is an answer, which may be a failure, and what it follows from.
type answered struct {
	answer   Answer
	exchange Exchange
}

func (s *session) record(all []answered) error {
	for _, a := range all {
		if err := s.Journal.append(kindAnswer, a.answer, a.exchange); err != nil {
			return err
		}
	}
	return nil
}

// leave records the attempts at questions that stay open.
func (s *session) leave(all ...answered) error {
	for _, a := range all {
		if err := s.Journal.append(kindFailure, failureCanonical{a.answer.Ask}, a.exchange); err != nil {
			return err
		}
	}
	return nil
}

// locked reports whether an endpoint that never answered refuses all of us: a wrong
// key, address or model.
func (s *session) locked(x *Exchange) bool {
	switch x.Status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return len(s.recording.Answers) == 0
	}
	return false
}

func (s *session) progress() {
	if s.Progress != nil {
		s.Progress(int64(len(s.recording.Answers)), int64(s.declaration.Asks))
	}
}
