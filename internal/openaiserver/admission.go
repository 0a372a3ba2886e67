package openaiserver

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

// An admission decides which requests may work, and which wait. One tenant cannot starve the others:
// it has a share of the places, and a line of its own with an end. A place that becomes free goes
// to the tenant that works least, and among equals to the one that has waited longest for a turn.
// It is safe for concurrent use.
type admission struct {
	places, share, line int

	mu      sync.Mutex
	working int
	turn    uint64 // counts the places that were given
	arrived uint64 // counts the requests that waited
	tenants map[string]*account
}

// An account is what an admission knows about a tenant that has requests.
type account struct {
	inside  int // requests that read, wait or work
	working int
	last    uint64    // the turn of the last place
	waiting []*ticket // in the order of arrival
}

// A ticket is a request that waits. ready is closed when it has a place.
type ticket struct {
	number uint64 // in the order of arrival
	ready  chan struct{}
}

// before reports whether a tenant that waits is served before another.
func (t *account) before(o *account) bool {
	return cmp.Or(cmp.Compare(t.working, o.working), cmp.Compare(t.last, o.last), cmp.Compare(t.waiting[0].number, o.waiting[0].number)) < 0
}

func newAdmission(l Limits) *admission {
	return &admission{places: l.Concurrent, share: l.share(), line: l.line(), tenants: make(map[string]*account)}
}

// share returns how many places one tenant may have.
func (l *Limits) share() int {
	if l.PerTenant > 0 {
		return min(l.PerTenant, l.Concurrent)
	}
	return l.Concurrent
}

// line returns how many requests of one tenant may wait or be read.
func (l *Limits) line() int {
	if l.Line > 0 {
		return l.Line
	}
	return 16
}

// enter counts a request of a tenant in, before anything of it is read. It returns false if the
// tenant has as many as may wait and work. leave counts it out.
func (a *admission) enter(tenant string) (leave func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tenants[tenant]
	if t == nil {
		t = new(account)
		a.tenants[tenant] = t
	}
	if t.inside >= a.share+a.line {
		return nil, false
	}
	t.inside++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if t.inside--; t.inside == 0 {
			delete(a.tenants, tenant)
		}
	}, true
}

// acquire waits for a place, for at most as long as queue says. The tenant must have entered. release
// gives the place back.
func (a *admission) acquire(ctx context.Context, tenant string, queue time.Duration) (release func(), err error) {
	a.mu.Lock()
	t := a.tenants[tenant]
	a.arrived++
	k := &ticket{a.arrived, make(chan struct{})}
	t.waiting = append(t.waiting, k)
	a.serve()
	a.mu.Unlock()
	release = a.releaser(t)
	select {
	case <-k.ready:
		return release, nil
	default:
	}
	timer := time.NewTimer(queue)
	defer timer.Stop()
	select {
	case <-k.ready:
		return release, nil
	case <-timer.C:
		err = errBusy
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	a.mu.Lock()
	i := slices.Index(t.waiting, k)
	if i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	a.mu.Unlock()
	if i < 0 { // it got a place at the same time
		release()
	}
	return nil, err
}

// try takes a place without waiting. The tenant must have entered.
func (a *admission) try(tenant string) (release func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tenants[tenant]
	if a.working >= a.places || t.working >= a.share { // whoever may have a free place has it already
		return nil, false
	}
	a.take(t)
	return a.releaser(t), true
}

// take gives a place to a tenant. The caller holds the lock.
func (a *admission) take(t *account) {
	a.turn++
	t.last = a.turn
	t.working++
	a.working++
}

// releaser returns how a tenant gives a place back.
func (a *admission) releaser(t *account) func() {
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		t.working--
		a.working--
		a.serve()
	})
}

// serve gives free places to who waits. The caller holds the lock.
func (a *admission) serve() {
	for a.working < a.places {
		var next *account
		for _, t := range a.tenants {
			if len(t.waiting) == 0 || t.working >= a.share {
				continue
			}
			if next == nil || t.before(next) {
				next = t
			}
		}
		if next == nil {
			return
		}
		a.take(next)
		close(next.waiting[0].ready)
		next.waiting = next.waiting[1:]
	}
}

// inUse returns the number of places that are taken.
func (a *admission) inUse() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.working
}

// A boundedListener closes connections beyond a number at once: of all clients, and of one host. A
// limit of 0 is none. Behind a proxy all connections are of one host.
type boundedListener struct {
	net.Listener
	most, perHost int
	refused       func()

	mu    sync.Mutex
	open  int
	hosts map[string]int
}

func newBoundedListener(l net.Listener, most, perHost int, refused func()) *boundedListener {
	return &boundedListener{Listener: l, most: most, perHost: perHost, refused: refused, hosts: make(map[string]int)}
}

// Accept implements [net.Listener].
func (b *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(c.RemoteAddr().String())
		if err != nil {
			host = c.RemoteAddr().String()
		}
		if !b.take(host) {
			c.Close()
			b.refused()
			continue
		}
		return &boundedConn{Conn: c, done: sync.OnceFunc(func() { b.give(host) })}, nil
	}
}

func (b *boundedListener) take(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most > 0 && b.open >= b.most || b.perHost > 0 && b.hosts[host] >= b.perHost {
		return false
	}
	b.open++
	b.hosts[host]++
	return true
}

func (b *boundedListener) give(host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
	if b.hosts[host]--; b.hosts[host] == 0 {
		delete(b.hosts, host)
	}
}

type boundedConn struct {
	net.Conn
	done func()
}

// Close implements [net.Conn].
func (c *boundedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}
