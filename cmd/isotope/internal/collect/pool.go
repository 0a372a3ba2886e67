package collect

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A pacer spaces the requests of a pool, and holds all of it back when the endpoint
// asks for a pause.
type pacer struct {
	interval time.Duration // 0 is no limit
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

// wait returns when it is this request's turn, or with an error when ctx or stop end.
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

// pause lets nobody ask for a while.
func (p *pacer) pause(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := time.Now().Add(d); t.After(p.next) {
		p.next = t
	}
}

// sleep waits, unless ctx or stop end before.
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

// A reply is what came of a question, after retries.
type reply struct {
	ask      int
	prompt   string
	exchange Exchange
	// broken says that the question was given up; exchange has the attempts that were
	// made, if there were any, and what they may have cost.
	broken bool
	// spent says that it was given up for want of room in the budget, after it failed.
	spent bool
}

// A pool asks questions at a time.
type pool struct {
	client *client
	pace   Pace
	pacer  *pacer
	spare  spare
}

// A spare is what a budget leaves for attempts beyond the first of each question.
type spare struct {
	mu     sync.Mutex
	budget Budget
	most   Usage // that everything can cost so far
}

func (s *spare) reset(b Budget, most Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget, s.most = b, most
}

// take takes room for one more attempt, if there is.
func (s *spare) take(cost Usage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most.plus(cost)
	if !s.budget.holds(most) {
		return false
	}
	s.most = most
	return true
}

// ask asks questions and sends a reply for each that was begun. It begins no more when
// stop or ctx end; what is on its way is waited for when stop ends and broken off when
// ctx does.
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
	room := MaxBody
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
		case a.unknown && !p.spare.take(p.client.request.worst(prompt)):
			r.broken, r.spent = true, true // what it may have cost was the last that the budget holds
			return r
		}
		again := a.exchange
		again.Attempts = attempts
		room -= again.shorten(room)
		earlier = append(earlier, again)
		if a.wait > 0 {
			p.pacer.pause(a.wait)
			continue
		}
		if sleep(ctx, stop, p.backoff(attempts)) != nil {
			r.broken = true
			return r
		}
	}
}

// backoff returns the wait after a number of attempts: doubling up to a minute, and
// spread, so that requests which failed together do not come together again.
func (p *pool) backoff(attempts int) time.Duration {
	d := min(p.pace.Backoff<<min(attempts-1, 16), time.Minute)
	return d/2 + rand.N(d/2+1)
}
