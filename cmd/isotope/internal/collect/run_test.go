package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRetriesUntilItWorks(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, times int) {
		statuses := []int{429, 500, 503, 408}
		if times < len(statuses) && prompt == "prompt 1" {
			fail(w, statuses[times])
			return
		}
		say(w, "fine")
	})
	path := journalPath(t)
	end, err := collect(t, path, f.declare(3), nil, new(lookLog).look)
	require.NoError(t, err)
	assert.Equal(t, Asked, end)
	assert.Equal(t, 5, f.times("prompt 1"))
	rec, s, _ := replayed(t, path)
	assert.EqualValues(t, 7, rec.Attempts)
	assert.Equal(t, []string{"fine"}, s.answers[1].Texts)

	// The responses that were not the last are kept, too.
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var kept []int
	for line := range strings.Lines(string(text)) {
		var record struct {
			Kind     string
			Observed Exchange
		}
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record.Kind != "answer" {
			continue
		}
		for i, x := range record.Observed.Earlier {
			kept = append(kept, x.Status)
			assert.Equal(t, i+1, x.Attempts)
			assert.NotEmpty(t, x.Body)
			assert.Empty(t, x.Earlier)
		}
	}
	assert.Equal(t, []int{429, 500, 503, 408}, kept)
}

// TestEarlierResponsesAreBounded: whatever an endpoint sends, the journal can be read again.
func TestEarlierResponsesAreBounded(t *testing.T) {
	large := strings.Repeat("\x01", MaxBody-3) // each byte takes six
	rec := inTime(t, new(fake).declareAt("http://host/v1", 1), Pace{Concurrency: 1, Retries: 3, Timeout: time.Minute, Backoff: time.Second},
		func() http.HandlerFunc {
			times := 0
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Large", strings.Repeat(`"`, 1000))
				if times++; times < 4 {
					w.WriteHeader(500)
				}
				io.WriteString(w, large)
			}
		}())
	assert.EqualValues(t, 4, rec.Attempts)
	assert.Equal(t, TooLarge, rec.Answers[0].Skip)
	x := Exchange{Body: "abc", Header: http.Header{"A": {"b"}}}
	assert.Equal(t, 5, x.shorten(5))
	assert.False(t, x.Truncated)
	assert.Equal(t, 3, x.shorten(4))
	assert.Nil(t, x.Header)
	assert.True(t, x.Truncated)
	x.Truncated = false
	assert.Equal(t, 2, x.shorten(2))
	assert.Equal(t, "ab", x.Body)
	assert.True(t, x.Truncated)
	assert.Zero(t, x.shorten(0))
	assert.Empty(t, x.Body)
}

// inTime makes a run over a handler, in a clock that moves only when all goroutines wait.
func inTime(t *testing.T, d Declaration, pace Pace, handler http.HandlerFunc) *Recording {
	path := journalPath(t)
	synctest.Test(t, func(t *testing.T) {
		end, err := collect(t, path, d, func(r *Run) { r.Pace, r.transport = pace, handlerTransport(handler) }, new(lookLog).look)
		require.NoError(t, err)
		assert.Equal(t, Asked, end)
	})
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	return rec
}

// handled is a transport without a network.
type handlerTransport http.HandlerFunc

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// TestLongErrorsAreBounded: an error of the transport may quote what an endpoint sent, in every
// attempt.
func TestLongErrorsAreBounded(t *testing.T) {
	path, d := journalPath(t), new(fake).declareAt("http://host/v1", 1)
	synctest.Test(t, func(t *testing.T) {
		_, err := collect(t, path, d, func(r *Run) {
			r.Pace.Retries, r.transport = 100, failingTransport{errors.New(strings.Repeat("\x01", 1<<20))}
		}, new(lookLog).look)
		require.ErrorIs(t, err, ErrEndpoint)
		assert.Less(t, len(err.Error()), 2*maxError)
	})
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	assert.EqualValues(t, 101, rec.Attempts)
}

// refusing is a transport that fails.
type failingTransport struct{ err error }

func (r failingTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

// TestRetryAfterHoldsEverybody: while the endpoint wants a pause, no request begins.
func TestRetryAfterHoldsEverybody(t *testing.T) {
	const pause = 90 * time.Second
	for _, h := range []struct{ name, value string }{{"Retry-After", "90"}, {"Retry-After-Ms", "90000"}} {
		var mu sync.Mutex
		var begun []time.Time
		var until time.Time
		d := new(fake).declareAt("http://host/v1", 12)
		d.Batch = 12
		inTime(t, d, Pace{Concurrency: 3, Retries: 1, Timeout: time.Minute, Backoff: time.Second}, func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			begun = append(begun, time.Now())
			n := len(begun)
			mu.Unlock()
			time.Sleep(time.Duration(n) * time.Second)
			if n == 4 {
				until = time.Now().Add(pause)
				w.Header().Set(h.name, h.value)
				fail(w, 429)
				return
			}
			say(w, "fine")
		})
		require.Len(t, begun, 13)
		after := 0
		for _, at := range begun {
			assert.False(t, at.After(until.Add(-pause)) && at.Before(until), "a request in the pause")
			if !at.Before(until) {
				after++
			}
		}
		assert.Greater(t, after, 5)
	}
}

func TestRateSpacesRequests(t *testing.T) {
	var mu sync.Mutex
	var begun []time.Time
	inTime(t, new(fake).declareAt("http://host/v1", 10), Pace{Concurrency: 4, PerMinute: 30, Timeout: time.Minute}, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		begun = append(begun, time.Now())
		mu.Unlock()
		say(w, "fine")
	})
	for i := range begun[1:] {
		assert.Equal(t, 2*time.Second, begun[i+1].Sub(begun[i]))
	}
}

func TestBackoffDoublesAndEnds(t *testing.T) {
	var begun []time.Time
	inTime(t, new(fake).declareAt("http://host/v1", 1), Pace{Concurrency: 1, Retries: 9, Timeout: time.Minute, Backoff: time.Second}, func(w http.ResponseWriter, _ *http.Request) {
		if begun = append(begun, time.Now()); len(begun) < 10 {
			fail(w, 503)
			return
		}
		say(w, "fine")
	})
	require.Len(t, begun, 10)
	for i := range begun[1:] {
		most := min(time.Second<<i, time.Minute)
		wait := begun[i+1].Sub(begun[i])
		assert.LessOrEqual(t, wait, most)
		assert.GreaterOrEqual(t, wait, most/2)
	}
}

func TestTimeoutIsRetriedAndCounted(t *testing.T) {
	d := new(fake).declareAt("http://host/v1", 1)
	times := 0
	rec := inTime(t, d, Pace{Concurrency: 1, Retries: 3, Timeout: time.Minute, Backoff: time.Second}, func(w http.ResponseWriter, r *http.Request) {
		if times++; times < 3 {
			<-r.Context().Done()
			return
		}
		say(w, "fine")
	})
	assert.EqualValues(t, 3, rec.Attempts)
	assert.Equal(t, d.Request.worst("prompt 0").plus(d.Request.worst("prompt 0")), rec.Lost)
}

func TestOneBadPromptIsSkippedAndAnEndpointThatIsDownIsNot(t *testing.T) {
	var down atomic.Bool
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, _ int) {
		switch {
		case prompt == "prompt 2":
			fail(w, 400)
		case down.Load():
			fail(w, 500)
		default:
			say(w, "fine")
		}
	})
	path, d := journalPath(t), f.declare(30)
	d.Batch = 10
	look := func(batch []Answer) (bool, error) {
		down.Store(batch[0].Ask == 0) // after the first batch
		return false, nil
	}
	one := func(r *Run) { r.Pace.Concurrency, r.Pace.Retries = 1, 1 }
	end, err := collect(t, path, d, one, look)
	require.ErrorIs(t, err, ErrEndpoint)
	assert.ErrorContains(t, err, "500")
	assert.Equal(t, Failing, end)
	rec, s, end := replayed(t, path)
	assert.Equal(t, Failing, end)
	assert.Len(t, rec.Answers, 10, "no failure of an endpoint that is down is an answer")
	assert.GreaterOrEqual(t, rec.Failures, int64(failures), "all of them are kept")
	assert.EqualValues(t, f.total(), rec.Attempts, "every request is recorded")
	assert.Equal(t, Failed, s.answers[2].Skip)
	assert.Equal(t, 1, f.times("prompt 2"), "a bad request is not repeated")

	down.Store(false)
	end, err = collect(t, path, d, one, func([]Answer) (bool, error) { return false, nil })
	require.NoError(t, err)
	assert.Equal(t, Asked, end)
	assert.Equal(t, 1, f.times("prompt 0"))
}

// TestPromptsThatAlwaysFailDoNotStopEveryRun: failures in a row end a run, and the next run gets past
// them.
func TestPromptsThatAlwaysFailDoNotStopEveryRun(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(w http.ResponseWriter)
	}{
		{"refused", func(w http.ResponseWriter) { fail(w, 400) }},
		{"invalid", func(w http.ResponseWriter) { io.WriteString(w, "not JSON") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, _ int) {
				if len(prompt) == len("prompt 1") && prompt > "prompt 1" {
					c.bad(w)
					return
				}
				say(w, "fine")
			})
			path, d := journalPath(t), f.declare(20) // 2 to 9 are bad
			d.Batch = 20
			one := func(r *Run) { r.Pace.Concurrency = 1 }
			s := new(lookLog)
			end, err := collect(t, path, d, one, s.look)
			require.ErrorIs(t, err, ErrEndpoint)
			assert.Equal(t, Failing, end)
			rec, err := ReadJournal(path)
			require.NoError(t, err)
			assert.Len(t, rec.Answers, 2)
			assert.GreaterOrEqual(t, rec.Failures, int64(failures)) // one more may be on its way when the run gives up
			assert.LessOrEqual(t, rec.Failures, int64(failures+1))
			end, err = collect(t, path, d, one, s.look)
			require.NoError(t, err)
			assert.Equal(t, Asked, end)
			rec, again, _ := replayed(t, path)
			assert.Len(t, rec.Answers, 20)
			assert.Equal(t, s, again)
			for i, a := range s.answers {
				assert.Equal(t, i >= 2 && i < 10, a.Skip.failure(), i)
			}
			assert.EqualValues(t, f.total(), rec.Attempts, "every request is recorded")
			assert.Equal(t, 2, f.times("prompt 2"))
			assert.Equal(t, 1, f.times("prompt 9"))
		})
	}
}

// TestAnEndpointThatRefusesEverybodySettlesNothing: its questions stay open in every run.
func TestAnEndpointThatRefusesEverybodySettlesNothing(t *testing.T) {
	for _, status := range []int{401, 429, 503} {
		f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) { fail(w, status) })
		path, d := journalPath(t), f.declare(40)
		d.Batch = 40
		for range 3 {
			before := f.total()
			end, err := collect(t, path, d, func(r *Run) { r.Pace.Retries = 1 }, new(lookLog).look)
			require.ErrorIs(t, err, ErrEndpoint)
			assert.Equal(t, Failing, end)
			assert.LessOrEqual(t, f.total()-before, 2*(failures+fast().Concurrency), "it gives up as soon as the first time")
		}
		rec, err := ReadJournal(path)
		require.NoError(t, err)
		assert.Empty(t, rec.Answers)
		assert.EqualValues(t, f.total(), rec.Attempts, "every request is recorded")
	}
}

// TestAnInterruptKeepsWhatCame: the journal keeps the failed attempts at a question that is given up.
func TestAnInterruptKeepsWhatCame(t *testing.T) {
	stop := make(chan struct{})
	var once sync.Once
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) {
		fail(w, 503)
		once.Do(func() { close(stop) })
	})
	path := journalPath(t)
	end, err := collect(t, path, f.declare(3), func(r *Run) { r.Stop, r.Pace.Concurrency, r.Pace.Backoff = stop, 1, time.Minute }, new(lookLog).look)
	require.NoError(t, err)
	assert.Equal(t, Interrupted, end)
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	assert.EqualValues(t, 1, f.total())
	assert.EqualValues(t, 1, rec.Attempts)
	assert.EqualValues(t, 1, rec.Failures)
}

// TestAnInterruptSettlesNoFailure: if an endpoint goes down in the middle of a batch, and the run is
// interrupted before enough questions fail, the questions stay open.
func TestAnInterruptSettlesNoFailure(t *testing.T) {
	stop, down := make(chan struct{}), true
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, _ int) {
		if !down || prompt == "prompt 0" {
			say(w, "fine")
			return
		}
		if prompt == "prompt 2" {
			close(stop)
		}
		fail(w, 503)
	})
	path, d := journalPath(t), f.declare(4)
	end, err := collect(t, path, d, func(r *Run) { r.Stop, r.Pace.Concurrency, r.Pace.Retries = stop, 1, 0 }, new(lookLog).look)
	require.NoError(t, err)
	assert.Equal(t, Interrupted, end)
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	assert.Len(t, rec.Answers, 1)
	assert.EqualValues(t, f.total(), rec.Attempts, "every request is recorded")

	down = false
	end, err = collect(t, path, d, nil, new(lookLog).look)
	require.NoError(t, err)
	assert.Equal(t, Asked, end)
	_, s, _ := replayed(t, path)
	for i, a := range s.answers {
		assert.Empty(t, a.Skip, i)
	}
}

func TestARefusedKeyEndsTheRun(t *testing.T) {
	for _, status := range []int{401, 403, 404} {
		f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) { fail(w, status) })
		d := f.declare(100)
		d.Batch = 100
		end, err := collect(t, journalPath(t), d, nil, new(lookLog).look)
		require.ErrorIs(t, err, ErrEndpoint)
		assert.ErrorContains(t, err, fmt.Sprint(status))
		assert.Equal(t, Failing, end)
		assert.LessOrEqual(t, f.total(), 2*fast().Concurrency)
	}
}

func TestBudgetOfTokens(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) { say(w, strings.Repeat("word ", 10)) })
	path, d := journalPath(t), f.declare(100)
	worst := d.Request.worst("prompt 00") // at most
	most := worst.In + worst.Out
	d.Budget.Tokens = 400 // an answer takes 17
	s := new(lookLog)
	end, err := collect(t, path, d, nil, s.look)
	require.NoError(t, err)
	assert.Equal(t, Exhausted, end)
	spent := int64(17 * len(s.answers))
	assert.LessOrEqual(t, spent, d.Budget.Tokens)
	assert.Greater(t, spent+most, d.Budget.Tokens, "the budget is used as far as it is safe")
	assert.Equal(t, len(s.answers), f.total())

	rec, again, end := replayed(t, path)
	assert.Equal(t, Exhausted, end)
	assert.Equal(t, s, again)
	assert.Len(t, rec.Answers, len(s.answers))
}

// TestRetriesAreInTheBudget: an attempt without an answer may have cost something, and so does the
// next one.
func TestRetriesAreInTheBudget(t *testing.T) {
	d := new(fake).declareAt("http://host/v1", 3)
	worst := d.Request.worst("prompt 0")
	one := worst.In + worst.Out
	d.Budget.Tokens = 5*one + one/2
	path := journalPath(t)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		handler := func(_ http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			<-r.Context().Done() // a time-out
		}
		run := func(r *Run) {
			r.Pace, r.transport = Pace{Concurrency: 2, Retries: 9, Timeout: time.Minute, Backoff: time.Second}, handlerTransport(handler)
		}
		for range 2 {
			end, err := collect(t, path, d, run, new(lookLog).look)
			require.NoError(t, err)
			assert.Equal(t, Exhausted, end)
			assert.EqualValues(t, 5, asked.Load())
		}
	})
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	assert.Equal(t, 5*one, rec.Lost.In+rec.Lost.Out)
	assert.True(t, d.Budget.holds(rec.Lost))
}

func TestBudgetOfMoney(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) { say(w, "ten words") })
	d := f.declare(100)
	d.Request.Endpoint = f.URL
	d.Budget = Budget{Money: 0.003, PriceIn: 1, PriceOut: 20} // at most 0.00114 an answer, 0.000047 in fact
	s := new(lookLog)
	end, err := collect(t, journalPath(t), d, nil, s.look)
	require.NoError(t, err)
	assert.Equal(t, Exhausted, end)
	cost := d.Budget.Cost(Usage{7, 2}) * float64(len(s.answers))
	assert.LessOrEqual(t, cost, d.Budget.Money)
	assert.Greater(t, cost+d.Budget.Cost(d.Request.worst("prompt 99")), d.Budget.Money)

	d.Budget = Budget{Money: 1}
	_, err = OpenJournal(journalPath(t), d)
	assert.ErrorContains(t, err, "prices")
}

// TestBudgetWithoutUsageCountsTheMost: an endpoint that reports no usage cannot make a run spend
// more than its budget.
func TestBudgetWithoutUsageCountsTheMost(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) {
		fmt.Fprint(w, `{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":-5,"completion_tokens":"many"}}`)
	})
	d := f.declare(50)
	worst := d.Request.worst("prompt 0")
	d.Budget.Tokens = 5 * (worst.In + worst.Out)
	s := new(lookLog)
	end, err := collect(t, journalPath(t), d, nil, s.look)
	require.NoError(t, err)
	assert.Equal(t, Exhausted, end)
	assert.Len(t, s.answers, 5)
	assert.Nil(t, s.answers[0].Usage)
}

// TestASpentBudgetStaysSpent: the fixed test follows a run that spent its budget. The same call, made
// again, must not find room for more questions because answers cost less than their upper bound:
// the fixed test would then be made twice.
func TestASpentBudgetStaysSpent(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, times int) {
		if prompt == "prompt 0" && times == 0 {
			panic(http.ErrAbortHandler) // its cost is unknown, and its upper bound counts
		}
		say(w, "ten words")
	})
	path, d := journalPath(t), f.declare(200)
	worst := d.Request.worst("prompt 00")
	d.Budget.Tokens = 4*(worst.In+worst.Out) + 10
	s := new(lookLog)
	end, err := collect(t, path, d, nil, s.look)
	require.NoError(t, err)
	assert.Equal(t, Exhausted, end)
	rec, again, end := replayed(t, path)
	assert.Equal(t, Exhausted, end)
	assert.Equal(t, s, again)
	assert.NotZero(t, rec.Lost)
	asked := f.total()

	s = new(lookLog)
	end, err = collect(t, path, d, nil, s.look)
	require.NoError(t, err)
	assert.Equal(t, Exhausted, end)
	assert.Equal(t, asked, f.total())
	assert.Equal(t, again, s)
}

func TestALookThatHasSeenEnoughEndsTheRun(t *testing.T) {
	f := newFake(t, nil)
	path := journalPath(t)
	looks := 0
	enough := func([]Answer) (bool, error) { looks++; return looks == 2, nil }
	end, err := collect(t, path, f.declare(40), nil, enough)
	require.NoError(t, err)
	assert.Equal(t, Decided, end)
	assert.Equal(t, 8, f.total())
	looks = 0
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	end, err = Replay(rec, enough)
	require.NoError(t, err)
	assert.Equal(t, Decided, end)

	broken := errors.New("broken")
	_, err = collect(t, journalPath(t), f.declare(4), nil, func([]Answer) (bool, error) { return false, broken })
	assert.ErrorIs(t, err, broken)
}

// TestStopWaitsForWhatIsOnItsWay: answers that were paid for are recorded, and the next run asks the
// other questions.
func TestStopWaitsForWhatIsOnItsWay(t *testing.T) {
	path := journalPath(t)
	synctest.Test(t, func(t *testing.T) { // no answer arrives before everybody knows of the stop
		stop := make(chan struct{})
		var once sync.Once
		f := &fake{asked: make(map[string]int), answer: func(w http.ResponseWriter, _ *http.Request, _ string, _ int) {
			once.Do(func() { close(stop) })
			time.Sleep(20 * time.Millisecond)
			say(w, "fine")
		}}
		d := f.declareAt("http://host/v1", 12)
		s := new(lookLog)
		end, err := collect(t, path, d, func(r *Run) { r.Stop, r.Pace.Concurrency, r.transport = stop, 2, handlerTransport(f.ServeHTTP) }, s.look)
		require.NoError(t, err)
		assert.Equal(t, Interrupted, end)
		rec, err := ReadJournal(path)
		require.NoError(t, err)
		assert.Len(t, rec.Answers, f.total())
		assert.LessOrEqual(t, len(rec.Answers), 2)
		assert.Empty(t, s.answers, "half a batch is not looked at")
		assert.Zero(t, rec.Lost)

		end, err = collect(t, path, d, func(r *Run) { r.transport = handlerTransport(f.ServeHTTP) }, s.look)
		require.NoError(t, err)
		assert.Equal(t, Asked, end)
		assert.Equal(t, 12, f.total(), "nothing was asked twice")
	})
}

func TestCancelBreaksOff(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f := newFake(t, func(_ http.ResponseWriter, r *http.Request, _ string, _ int) {
		cancel()
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	})
	path, d := journalPath(t), f.declare(3)
	j, err := OpenJournal(path, d)
	require.NoError(t, err)
	end, err := (&Run{Journal: j, Pace: fast()}).Collect(ctx, new(lookLog).look)
	require.NoError(t, err)
	assert.Equal(t, Interrupted, end)
	require.NoError(t, j.Close())
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	assert.Empty(t, rec.Answers)
	assert.NotZero(t, rec.Lost.Out, "a request on its way may have cost something")
}

// TestTheKeyIsNeverRecorded: not even if the endpoint repeats it.
func TestTheKeyIsNeverRecorded(t *testing.T) {
	const key = "sk-secret-0123456789"
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, prompt string, _ int) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.Header().Set("Set-Cookie", "session=abc")
		if prompt == "prompt 1" {
			w.WriteHeader(400)
		}
		say(w, "you are "+r.Header.Get("Authorization"))
	})
	path := journalPath(t)
	_, err := collect(t, path, f.declare(3), func(r *Run) { r.Key = key }, new(lookLog).look)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "secret")
	assert.NotContains(t, string(text), "session=abc")
	rec, s, _ := replayed(t, path)
	assert.Equal(t, 3, rec.Redacted)
	assert.Equal(t, []string{"you are Bearer [API key]"}, s.answers[0].Texts)

	f = newFake(t, func(w http.ResponseWriter, r *http.Request, prompt string, times int) {
		switch {
		case prompt == "prompt 0" && times == 0: // in an attempt that is made again
			w.WriteHeader(500)
			io.WriteString(w, r.Header.Get("Authorization"))
			return
		case prompt == "prompt 1": // in a header alone
			w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		}
		say(w, "fine")
	})
	path = journalPath(t)
	_, err = collect(t, path, f.declare(3), func(r *Run) { r.Key = key }, new(lookLog).look)
	require.NoError(t, err)
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "secret")
	rec, _, _ = replayed(t, path)
	assert.Equal(t, 2, rec.Redacted)

	f = newFake(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
		w.WriteHeader(401)
		fmt.Fprintf(w, `{"error":"wrong key %s"}`, r.Header.Get("Authorization"))
	})
	_, err = collect(t, journalPath(t), f.declare(3), func(r *Run) { r.Key = key }, new(lookLog).look)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret")
}

// TestAnOutageIsNoReasonToSpendTheBudget: without room for retries in the budget, failures in a row
// still end the run, and the rest of the budget stays for the next one.
func TestAnOutageIsNoReasonToSpendTheBudget(t *testing.T) {
	d := new(fake).declareAt("http://host/v1", 20)
	d.Batch = 20
	worst := d.Request.worst("prompt 10")
	d.Budget.Tokens = 20 * (worst.In + worst.Out)
	path := journalPath(t)
	synctest.Test(t, func(t *testing.T) {
		s := new(lookLog)
		end, err := collect(t, path, d, func(r *Run) {
			r.Pace.Concurrency, r.transport = 1, failingTransport{errors.New("nobody is there")}
		}, s.look)
		require.ErrorIs(t, err, ErrEndpoint)
		assert.ErrorContains(t, err, "nobody is there")
		assert.Equal(t, Failing, end)
		assert.Empty(t, s.answers)
	})
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	assert.Empty(t, rec.Answers)
	assert.LessOrEqual(t, rec.Attempts, int64(failures+1))
	assert.EqualValues(t, rec.Attempts, rec.Lost.Out/worst.Out, "each may have cost something")
}

// TestAnswersAfterAGapAreInTheBudget: an answer is paid for, whether or not a question before it is
// open.
func TestAnswersAfterAGapAreInTheBudget(t *testing.T) {
	d := new(fake).declareAt("http://host/v1", 4)
	worst := d.Request.worst("prompt 0")
	one := worst.In + worst.Out
	d.Budget.Tokens = 4*one + one/2
	rec := &Recording{Declaration: d, Lost: worst.plus(worst), Answers: map[int]Answer{}}
	for _, i := range []int{2, 3} {
		rec.Answers[i] = Answer{Ask: i, Prompt: d.Prompts[i], Texts: []string{"fine"}} // of an endpoint that reports no usage
	}
	s := &session{declaration: d, recording: rec}
	asks, most, end := s.open(0, 4, Usage{})
	assert.Empty(t, asks)
	assert.Equal(t, Exhausted, end)
	assert.True(t, d.Budget.holds(most))

	d.Budget.Tokens += one
	s.declaration = d
	asks, most, end = s.open(0, 4, Usage{})
	assert.Equal(t, []int{0}, asks)
	assert.Equal(t, Exhausted, end)
	assert.True(t, d.Budget.holds(most))
}
