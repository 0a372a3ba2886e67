package openaiserver

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// A queue is an admission whose requests say when they have a place.
type queue struct {
	t *testing.T
	*admission
	mu    sync.Mutex
	order []string
}

// request sends a request of a tenant in, which works until the function that it returns is called.
func (q *queue) request(tenant, name string) (done func()) {
	leave, ok := q.enter(tenant)
	require.True(q.t, ok)
	finish := make(chan struct{})
	go func() {
		defer leave()
		release, err := q.acquire(q.t.Context(), tenant, time.Hour)
		if err != nil {
			return
		}
		defer release()
		q.mu.Lock()
		q.order = append(q.order, name)
		q.mu.Unlock()
		<-finish
	}()
	synctest.Wait()
	return func() { close(finish); synctest.Wait() }
}

// TestOrderOfAdmission: who has a place depends on the order of arrival and on the tenants alone.
func TestOrderOfAdmission(t *testing.T) {
	for _, c := range []struct {
		name    string
		limits  Limits
		arrive  string // tenants, in order
		end     []int  // requests that end, in order
		want    string
		waiting int
	}{
		{"nobody else", Limits{Concurrent: 2, PerTenant: 2}, "aaa", []int{0, 1, 2}, "a0 a1 a2", 0},
		{"a share of the places", Limits{Concurrent: 4, PerTenant: 2}, "aaaaab", nil, "a0 a1 b5", 3},
		{"one place, two tenants", Limits{Concurrent: 1}, "aaab", []int{0, 3, 1}, "a0 b3 a1 a2", 0},
		{"three tenants in turn", Limits{Concurrent: 1}, "aaabbc", []int{0, 3, 5, 1, 4}, "a0 b3 c5 a1 b4 a2", 0},
		{"who works least is next", Limits{Concurrent: 3, PerTenant: 2}, "aaabbb", []int{0}, "a0 a1 b3 a2", 2},
		{"work counts before turns", Limits{Concurrent: 2, PerTenant: 2}, "abab", []int{1}, "a0 b1 b3", 1},
		{"who works less comes first", Limits{Concurrent: 4, PerTenant: 3}, "aaaabb", []int{4}, "a0 a1 a2 b4 b5", 1},
		{"one at a time of each", Limits{Concurrent: 3, PerTenant: 1}, "aabbcc", []int{2}, "a0 b2 c4 b3", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &queue{t: t, admission: newAdmission(c.limits)}
				var done []func()
				for i, tenant := range c.arrive {
					done = append(done, q.request(string(tenant), fmt.Sprintf("%c%d", tenant, i)))
				}
				ended := make(map[int]bool)
				for _, i := range c.end {
					done[i]()
					ended[i] = true
				}
				assert.Equal(t, c.want, strings.Join(q.order, " "))
				waiting := 0
				for _, a := range q.tenants {
					waiting += len(a.waiting)
				}
				assert.Equal(t, c.waiting, waiting)
				assert.LessOrEqual(t, q.inUse(), c.limits.Concurrent)
				for i := range done {
					if !ended[i] {
						done[i]()
					}
				}
				assert.Zero(t, q.inUse())
				assert.Empty(t, q.tenants, "nothing is kept of tenants without requests")
			})
		})
	}
}

// TestLinesEnd: a tenant with a full line is refused, and another is not.
func TestLinesEnd(t *testing.T) {
	a := newAdmission(Limits{Concurrent: 4, PerTenant: 2, Line: 3})
	var leaves []func()
	for range 2 + 3 { // its share, and its line
		leave, ok := a.enter("a")
		require.True(t, ok)
		leaves = append(leaves, leave)
	}
	_, ok := a.enter("a")
	assert.False(t, ok)
	_, ok = a.enter("b")
	assert.True(t, ok)
	leaves[0]()
	_, ok = a.enter("a")
	assert.True(t, ok)
}

// TestNoPlaceIsLost: requests that give up, and those that get a place as they give up, leave all
// places free.
func TestNoPlaceIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Limits{Concurrent: 3, PerTenant: 2, Line: 1000})
		rng := rand.New(rand.NewPCG(1, 2))
		var all sync.WaitGroup
		var most atomic.Int64
		for i := range 500 {
			tenant, wait, work, hangUp := string(rune('a'+i%4)), rng.IntN(20), rng.IntN(10), rng.IntN(40)
			leave, ok := a.enter(tenant)
			require.True(t, ok)
			all.Go(func() {
				defer leave()
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(hangUp)*time.Millisecond)
				defer cancel()
				release, err := a.acquire(ctx, tenant, time.Duration(wait)*time.Millisecond)
				if err != nil {
					return
				}
				more, ok := a.try(tenant)
				most.Store(max(most.Load(), int64(a.inUse())))
				time.Sleep(time.Duration(work) * time.Millisecond)
				if ok {
					more()
				}
				release()
				release() // once is enough
			})
		}
		all.Wait()
		assert.Zero(t, a.inUse())
		assert.Empty(t, a.tenants)
		assert.EqualValues(t, 3, most.Load())
	})
}

// A countingModel counts the prompts that it turns into tokens.
type countingModel struct {
	Model
	texts atomic.Int64
}

func (m *countingModel) Text(prompt string) ([]watermark.Token, error) {
	m.texts.Add(1)
	return m.Model.Text(prompt)
}

// TestPlacesComeBeforeWork: a request that waits has neither been parsed nor turned into tokens, and
// one that may not even wait has not been read.
func TestPlacesComeBeforeWork(t *testing.T) {
	var m *countingModel
	s := start(t, func(c *Config) {
		endless(c)
		m = &countingModel{Model: c.Model}
		c.Model, c.Concurrent, c.PerTenant, c.Line, c.Queue = m, 2, 1, 2, time.Hour
	})
	_, hangUp := open(t, s.url)
	require.EqualValues(t, 1, m.texts.Load())
	ctx, leave := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() {
			req, err := http.NewRequestWithContext(ctx, "POST", s.url+"/v1/completions", strings.NewReader(`{"model":"isotope-lm","prompt":"`+strings.Repeat(" ", 60_000)+`"}`))
			if assert.NoError(t, err) {
				req.Header.Set("Authorization", "Bearer "+acmeKey)
				if resp, err := http.DefaultClient.Do(req); err == nil {
					resp.Body.Close()
				}
			}
		})
	}
	eventually(t, func() bool {
		s.places.mu.Lock()
		defer s.places.mu.Unlock()
		return len(s.places.tenants["acme"].waiting) == 2
	})
	assert.EqualValues(t, 1, m.texts.Load(), "who waits has cost nothing")

	body := &countingReader{r: strings.NewReader(`{"model":"isotope-lm","prompt":"The"}`)}
	req := httptest.NewRequest("POST", "/v1/completions", body)
	req.Header.Set("Authorization", "Bearer "+acmeKey)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	assert.Equal(t, 429, w.Code)
	assert.Zero(t, body.n)

	// Another tenant has its answer meanwhile.
	status, _, _ := s.post(t, "/v1/completions", globexKey, `{"model":"isotope-lm","prompt":"The","max_tokens":5}`)
	assert.Equal(t, 200, status)
	leave()
	waiting.Wait()
	hangUp()
	eventually(t, func() bool { return s.places.inUse() == 0 })
}

// TestRefusalsPause: a client beyond its line cannot ask again at once, and one that leaves is not
// waited for.
func TestRefusalsPause(t *testing.T) {
	const pause = 20 * time.Millisecond
	s := start(t, func(c *Config) {
		endless(c)
		c.Concurrent, c.PerTenant, c.Line, c.Queue, c.Pause = 2, 1, 1, time.Hour, pause
	})
	leave, ok := s.places.enter("acme")
	require.True(t, ok)
	defer leave()
	another, ok := s.places.enter("acme")
	require.True(t, ok)
	defer another()
	ask := func(ctx context.Context) int {
		req := httptest.NewRequestWithContext(ctx, "POST", "/v1/completions", strings.NewReader(`{"model":"isotope-lm","prompt":"The"}`))
		req.Header.Set("Authorization", "Bearer "+acmeKey)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		return w.Code
	}
	before := time.Now()
	assert.Equal(t, 429, ask(t.Context()))
	assert.GreaterOrEqual(t, time.Since(before), pause)
	s.config.Pause = time.Hour
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, 429, ask(gone))
}

type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// TestChoicesTakePlaces: the texts of one request do not work beyond the share of their tenant.
func TestChoicesTakePlaces(t *testing.T) {
	for _, c := range []struct{ concurrent, share, want int }{{8, 2, 2}, {8, 8, 4}, {1, 1, 1}} {
		t.Run(fmt.Sprint(c.concurrent, " ", c.share), func(t *testing.T) {
			var now, most atomic.Int64
			s := start(t, func(config *Config) {
				config.Model = &busyModel{Model: config.Model, now: &now, most: &most, want: int64(c.want)}
				config.Concurrent, config.PerTenant, config.Choices = c.concurrent, c.share, 4
			})
			status, text, _ := s.post(t, "/v1/completions", acmeKey, `{"model":"isotope-lm","prompt":"The","n":4,"max_tokens":5}`)
			assert.Equal(t, 200, status, text)
			assert.EqualValues(t, c.want, most.Load())
			assert.Zero(t, s.places.inUse())
		})
	}
}

// A busyModel waits until as many texts as are expected are written at a time.
type busyModel struct {
	Model
	now, most *atomic.Int64
	want      int64
}

func (m *busyModel) Generate(ctx context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error) {
	n := m.now.Add(1)
	defer m.now.Add(-1)
	for {
		old := m.most.Load()
		if n <= old || m.most.CompareAndSwap(old, n) {
			break
		}
	}
	for m.most.Load() < m.want && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return m.Model.Generate(ctx, r, emit)
}

// TestConnectionsAreBounded: of all, and of one host. A connection that ends makes room.
func TestConnectionsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name           string
		most, perHost  int
		hosts          []string
		want           []bool
		closes, lastly int
	}{
		{"of all", 2, 0, []string{"a", "b", "c"}, []bool{true, true, false}, 1, 2},
		{"of one host", 10, 2, []string{"a", "a", "a", "b"}, []bool{true, true, false, true}, 1, 2},
		{"no limit", 0, 0, []string{"a", "a", "a", "a"}, []bool{true, true, true, true}, 2, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &fakeListener{hosts: c.hosts}
			refused := 0
			b := newBoundedListener(l, c.most, c.perHost, func() { refused++ })
			var got []net.Conn
			for {
				conn, err := b.Accept()
				if err != nil {
					break
				}
				got = append(got, conn)
			}
			for i, conn := range l.conns {
				assert.Equal(t, !c.want[i], conn.closed, i)
			}
			assert.Equal(t, len(c.hosts)-len(got), refused)
			require.NoError(t, got[c.closes].Close())
			got[c.closes].Close() // once is enough
			assert.Equal(t, len(got)-1, b.open)
			l.hosts = append(l.hosts, "a")
			_, err := b.Accept()
			assert.NoError(t, err, "there is room again")
			assert.Equal(t, c.lastly, b.hosts["a"])
		})
	}
}

// A fakeListener has a connection of each host.
type fakeListener struct {
	hosts []string
	conns []*fakeConn
}

func (l *fakeListener) Accept() (net.Conn, error) {
	if len(l.conns) == len(l.hosts) {
		return nil, net.ErrClosed
	}
	c := &fakeConn{host: l.hosts[len(l.conns)]}
	l.conns = append(l.conns, c)
	return c, nil
}
func (*fakeListener) Close() error   { return nil }
func (*fakeListener) Addr() net.Addr { return fakeAddr("l:1") }

type fakeConn struct {
	net.Conn
	host   string
	closed bool
}

func (c *fakeConn) Close() error         { c.closed = true; return nil }
func (c *fakeConn) RemoteAddr() net.Addr { return fakeAddr(c.host + ":1") }

type fakeAddr string

func (fakeAddr) Network() string  { return "tcp" }
func (a fakeAddr) String() string { return string(a) }

// TestRequestsMeanOneThing: a body with a repeated field could mean two things.
func TestRequestsMeanOneThing(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct{ name, body string }{
		{"a field twice", `{"model":"isotope-lm","prompt":"The","max_tokens":5,"max_tokens":6}`},
		{"within", `{"model":"isotope-lm","messages":[{"role":"user","role":"system","content":"x"}]}`},
		{"another case", `{"model":"isotope-lm","prompt":"The","Max_Tokens":5}`},
		{"deep", `{"model":"isotope-lm","prompt":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/v1/completions"
			if strings.Contains(c.body, "messages") {
				path = "/v1/chat/completions"
			}
			status, text, _ := s.post(t, path, acmeKey, c.body)
			assert.Equal(t, 400, status, text)
		})
	}
}
