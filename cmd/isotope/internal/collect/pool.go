package collect

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A pacer spaces the requests of a pool, and delays all of them while the endpoint wants a
// pause.
type pacer struct {
	interval time.Duration // 0 means no limit
	mu       sync.Mutex
	next     time.Time // of the next request
}

func newPacer(perMinute float64) *pacer {
	p := new(pacer)
	if perMinute > 0 {
		p.interval = time.Duration(float64(time.Minute) / perMinute)
	}
	return p
}

// wait waits until it is this request's turn. It returns an error if ctx or stop ends.
func (p *pacer) wait(ctx context.Context, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return context.Canceled
		default:
		}
		p.mu.Lock()
		now := time.Now()
		until := p.next.Sub(now)
		if until <= 0 {
			p.next = now.Add(p.interval)
			p.mu.Unlock()
			return ctx.Err()
		}
		p.mu.Unlock()
		if err := sleep(ctx, stop, until); err != nil {
			return err
		}
	}
}

// pause delays all requests for a while.
func (p *pacer) pause(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := time.Now().Add(d); t.After(p.next) {
		p.next = t
	}
}

// longer returns how much a pause of d from now on would add to the pause that all requests make.
func (p *pacer) longer(d time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, time.Now().Add(d).Sub(p.next))
}

// sleep waits. It returns an error if ctx or stop ends before.
func sleep(ctx context.Context, stop <-chan struct{}, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-stop:
		return context.Canceled
	case <-t.C:
		return nil
	}
}

// A reply is the result of a question, after retries.
type reply struct {
	ask      int
	prompt   string
	exchange Exchange
	// broken is true if the question was given up. exchange then has the attempts that were
	// made, if any, and what they may have cost.
	broken bool
	// spent is true if it was given up after a failure because the budget had no room for a
	// retry.
	spent bool
}

// A pool asks several questions at a time.
type pool struct {
	client   *client
	pace     Pace
	pacer    *pacer
	retries  retryBudget
	patience patience
}

// A patience is how long a run still waits because the endpoint asks for it. It is safe for
// concurrent use.
type patience struct {
	mu   sync.Mutex
	left time.Duration
}

// take takes a pause off what is left, and reports whether there was enough. Pauses of questions
// that wait at the same time count once.
func (p *patience) take(pacer *pacer, wait time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	longer := min(wait, pacer.longer(wait))
	if longer > p.left {
		return false
	}
	p.left -= longer
	pacer.pause(wait)
	return true
}

// A retryBudget is the budget that is left for attempts after the first of each question. It is
// safe for concurrent use.
type retryBudget struct {
	mu     sync.Mutex
	budget Budget
	most   Usage // upper bound on everything so far
}

func (b *retryBudget) reset(budget Budget, most Usage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.budget, b.most = budget, most
}

// take reserves the cost of one more attempt, and reports whether the budget had room for it.
func (b *retryBudget) take(cost Usage) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	most := b.most.plus(cost)
	if !b.budget.holds(most) {
		return false
	}
	b.most = most
	return true
}

// ask asks questions, and sends a reply for each one that it started. It starts no more when stop
// or ctx ends. Requests on their way complete when stop ends, and break off when ctx does.
func (p *pool) ask(ctx context.Context, stop <-chan struct{}, asks []int, prompt func(int) string) <-chan reply {
	replies := make(chan reply)
	queue := make(chan int)
	var workers sync.WaitGroup
	for range min(p.pace.Concurrency, len(asks)) {
		workers.Go(func() {
			for i := range queue {
				replies <- p.one(ctx, stop, i, prompt(i))
			}
		})
	}
	go func() {
		defer close(replies)
		defer workers.Wait()
		defer close(queue)
		for _, i := range asks {
			select {
			case queue <- i:
			case <-stop:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return replies
}

// one asks one question until it has a reply.
func (p *pool) one(ctx context.Context, stop <-chan struct{}, ask int, prompt string) reply {
	r := reply{ask: ask, prompt: prompt}
	var lost Usage
	var earlier []Exchange
	room := p.client.most
	for attempts := 1; ; attempts++ {
		if p.pacer.wait(ctx, stop) != nil {
			r.broken = true
			return r
		}
		a := p.client.ask(ctx, prompt)
		r.exchange = a.exchange
		r.exchange.Attempts, r.exchange.Earlier = attempts, earlier
		if a.unknown {
			lost = lost.plus(p.client.request.worst(prompt))
		}
		r.exchange.Lost = lost
		switch {
		case ctx.Err() != nil && a.exchange.Error != "":
			r.broken = true
			return r
		case !a.retry, attempts > p.pace.Retries, a.wait > maxWait:
			return r
		case a.wait > 0 && !p.patience.take(p.pacer, a.wait):
			return r // it has kept the run waiting for long enough
		case a.unknown && !p.retries.take(p.client.request.worst(prompt)):
			r.broken, r.spent = true, true // the budget has no room for a retry
			return r
		}
		again := a.exchange
		again.Attempts = attempts
		room -= again.shorten(room)
		earlier = append(earlier, again)
		if a.wait > 0 {
			continue
		}
		if sleep(ctx, stop, p.backoff(attempts)) != nil {
			r.broken = true
			return r
		}
	}
}

// backoff returns the wait after a number of attempts. It doubles up to a minute.
// It is random between half and all of that, so that requests that failed together do not retry
// together.
func (p *pool) backoff(attempts int) time.Duration {
	d := min(p.pace.Backoff<<min(attempts-1, 16), time.Minute)
	return d/2 + rand.N(d/2+1)
}
