package tail

import (
	"math"
	"math/bits"
)

// An estimate is the logarithm of a probability and a bound of its relative error. If the error is
// infinite, ln is only an upper bound of the logarithm.
type estimate struct{ ln, err float64 }

// A line is the path of integration Re z = theta > 0 for P(S >= s) with E[S] < s < top.
type line struct {
	*lattice
	s        int64
	gap      float64 // E[S] - s
	theta    float64
	exponent float64 // K(theta) - theta s
	loss     float64 // a bound of the rounding error of exponent
}

// newLine returns the line through the saddle point.
func newLine(l *lattice, s int64, gap float64) *line {
	theta := l.saddle(gap, true)
	exponent, loss := l.exponent(theta, gap, s)
	return &line{l, s, gap, theta, exponent, loss}
}

// upper estimates P(S >= s) for E[S] < s < top. gap is E[S] - s.
func (l *lattice) upper(s int64, gap float64) estimate {
	path := newLine(l, s, gap)
	nodes, alias := path.nodes()
	work := l.work()
	// A node costs as much as about twenty steps of a convolution, and the integral skips most
	// nodes if there are many.
	if l.top < convolveTop && work < 5*float64(nodes)*float64(l.size()) {
		if e, ok := path.convolve(); ok {
			return e
		}
	}
	e := path.integrate(nodes, alias)
	if l.top < convolveTop && (e.err > 1e-13 && work < 1<<22 || e.err > 1e-11 && work < 1<<27) {
		if e, ok := path.convolve(); ok {
			return e
		}
	}
	return e
}

// size returns the number of atoms.
func (l *lattice) size() int {
	n := 0
	for _, g := range l.groups {
		n += len(g.atoms)
	}
	return n
}

// integrate returns the inversion integral of the tail,
//
//	1/(2 pi i) Int E[e^(zS)] e^(-zs) / (1 - e^-z) dz
//
// over Re z = theta, |Im z| <= pi. It is the exact form from which Daniels 1987, "Tail probability
// approximations", starts. Through the saddle point the integrand does not oscillate. The factor
// e^(K(theta) - theta s) is kept as a logarithm, so that nothing underflows.
//
// The integrand has the period 2 pi i. Therefore the sum over n equidistant nodes does not
// approximate the integral. It equals
//
//	sum over m of e^(theta m n) P(S >= s + m n),
//
// which is the tail plus positive terms that are small for large n. Chernoff's bound limits these
// terms in advance. So the sum errs towards 1, and n can be chosen before the sum is computed.
//
// The sum skips nodes where the integrand is small, under a bound for all of them together. If a
// weight divides nearly all others, the integrand is large again far from the real axis. There the
// bound is large too, and the sum includes the nodes. Skipping nodes because their neighbours are
// small would be wrong.
func (p *line) integrate(nodes uint64, alias float64) estimate {
	chernoff := estimate{min(p.exponent, 0), math.Inf(1)}
	if nodes == 0 {
		return chernoff
	}
	c := newContour(p, nodes)
	c.cover(0, nodes/2)
	if c.budget < 0 {
		return chernoff
	}
	n := float64(nodes)
	err := c.missing + c.rounding + float64(alias*n)
	if !(c.sum > 0 && err < c.sum) {
		// All digits are lost, but the sum is still an upper bound.
		chernoff.ln = min(chernoff.ln, p.exponent+ln((max(c.sum, 0)+err)/n))
		return chernoff
	}
	return estimate{p.exponent + ln(c.sum/n), err/c.sum + p.loss}
}

// exponent returns K(theta) - theta s and a bound of its rounding error. Near the mean it adds the
// centred terms and theta gap. Far from the mean these are large and cancel. Then it starts each
// law at its likeliest value, whose distance from s is an integer: ln E[e^(theta x)] equals
// theta x + ln p(x) - ln p'(x) for every x, where p' is the tilted law.
func (l *lattice) exponent(theta, gap float64, s int64) (value, loss float64) {
	k, _, _ := l.cumulants(theta)
	value = k + float64(theta*gap)
	loss = k - float64(theta*gap)

	far, size, distance := 0.0, 0.0, -s
	for i := range l.groups {
		g := &l.groups[i]
		_, most, lnTilted := g.tilted(theta)
		a, n := &g.atoms[most], float64(g.count)
		far += float64(n * (a.lnP - lnTilted))
		// The tilted probabilities inherit the rounding of their exponents.
		size += float64(n * (math.Abs(a.lnP) + float64(math.Abs(lnTilted)*(1+math.Abs(float64(theta*a.y))))))
		distance += g.count * a.x
	}
	far += float64(theta * float64(distance))
	size += math.Abs(float64(theta * float64(distance)))
	if size < loss {
		value, loss = far, size
	}
	return value, float64(loss * 0x1p-51)
}

// nodes returns an even number of nodes, and a bound of the terms that make the sum too large,
// relative to e^exponent. It returns 0 if no number of nodes makes the bound small.
func (p *line) nodes() (n uint64, alias float64) {
	_, _, variance := p.cumulants(p.theta)
	// The scale is Daniels' approximation of the tail, relative to e^exponent.
	pole := 1 / expm1(p.theta)
	level := ln(1+pole) - halfLog2Pi - half(ln(variance+float64(pole*(1+pole)))) - 37
	for x := float64(9*math.Sqrt(variance)) + 16; x < 1<<60; x *= 1.25 {
		n := 2 * uint64(half(x))
		if b, a := p.below(n), p.above(n); b < level && a < level {
			// Both are log-concave in the number of steps, so all later terms together
			// are less than the first.
			return n, 2 * (exp(b) + exp(a))
		}
	}
	return 0, 0
}

// below returns a bound of ln(P(S >= s-n) e^(-theta n)), relative to e^exponent.
func (p *line) below(n uint64) float64 {
	step := float64(n)
	bound := -p.exponent - float64(p.theta*step)
	if gap := p.gap + step; gap < 0 {
		t := min(p.saddle(gap, false), p.theta)
		k, _, _ := p.cumulants(t)
		bound += k + float64(t*gap)
	}
	return bound
}

// above returns a bound of ln(P(S >= s+n) e^(theta n)), relative to e^exponent.
func (p *line) above(n uint64) float64 {
	step := float64(n)
	bound := float64(p.theta*step) - p.exponent
	switch left := uint64(p.top - p.s); {
	case n > left:
		return math.Inf(-1)
	case n == left:
		return bound + p.logTop()
	}
	gap := p.gap - step
	t := max(p.saddle(gap, false), p.theta)
	k, _, _ := p.cumulants(t)
	return bound + k + float64(t*gap)
}

// contourLimit bounds the work of one integral, in nodes times atoms. It takes a fraction of a
// second.
const contourLimit = 1 << 21

// A contour sums the integrand at the nodes theta + 2 pi i j/nodes.
type contour struct {
	edge, fall float64 // 1 - e^-theta and e^-theta
	nodes      uint64
	offset     uint64 // sum of m x - s modulo nodes, with m and x as in tiltedAtom
	groups     []tiltedGroup

	sum, missing, rounding float64

	atoms, spreads, budget int64
}

// A tiltedGroup is a group under the law tilted by theta. Each term is centred on a mixture of its
// atoms in the proportions m/count, where the integers m are close to count times the probabilities.
// So the phase of the centre is an exact multiple of the phase of one step, and the rest is small.
type tiltedGroup struct {
	count   float64
	atoms   []tiltedAtom
	spreads []spread
	angles  []float64
}

// A tiltedAtom is a value x and its tilted probability p.
type tiltedAtom struct {
	x, m int64
	p    float64
	part float64 // m / count
	rest float64 // p - m/count
}

// A spread is the probability p that two independent terms differ by d.
type spread struct {
	d int64
	p float64
}

func newTilted(g *group, theta float64) tiltedGroup {
	n := float64(g.count)
	t := tiltedGroup{
		count: n, atoms: make([]tiltedAtom, len(g.atoms)), angles: make([]float64, len(g.atoms)),
	}
	k := g.generating(theta)
	p, most, _ := g.tilted(theta)
	left, rest := g.count, 0.0
	for i := range g.atoms {
		a, b := &g.atoms[i], &t.atoms[i]
		b.x, b.p = a.x, p[i]
		if i == most {
			continue
		}
		b.m = int64(math.Floor(float64(n*b.p) + 0.5))
		var r neumaier
		r.addInt(-b.m)
		r.addProduct(g.count, a.p)
		r.addProduct(g.count, a.shift(theta, k))
		b.rest = r.value() / n
		b.part = float64(b.m) / n
		left -= b.m
		rest -= b.rest
	}
	t.atoms[most].m = left
	t.atoms[most].part = float64(left) / n
	t.atoms[most].rest = rest

	byDistance := make([]float64, 0)
	if span := g.atoms[len(g.atoms)-1].x; len(g.atoms) > 8 && span < 1<<16 {
		byDistance = make([]float64, span+1)
	}
	for i, a := range t.atoms {
		for _, b := range t.atoms[:i] {
			if p := float64(2 * a.p * b.p); len(byDistance) > 0 {
				byDistance[a.x-b.x] += p
			} else {
				t.spreads = append(t.spreads, spread{a.x - b.x, p})
			}
		}
	}
	for d, p := range byDistance {
		if p > 0 {
			t.spreads = append(t.spreads, spread{int64(d), p})
		}
	}
	return t
}

func newContour(p *line, nodes uint64) *contour {
	c := &contour{nodes: nodes, edge: -expm1(-p.theta), fall: exp(-p.theta)}
	c.offset = c.modulo(-p.s)
	for i := range p.groups {
		g := newTilted(&p.groups[i], p.theta)
		c.groups = append(c.groups, g)
		c.atoms += int64(len(g.atoms))
		c.spreads += int64(len(g.spreads))
		for _, a := range g.atoms {
			hi, lo := bits.Mul64(c.modulo(a.x), c.modulo(a.m))
			c.offset = (c.offset + bits.Rem64(hi, lo, nodes)) % nodes
		}
	}
	c.budget = max(contourLimit, 4096*c.atoms)
	return c
}

// modulo returns x modulo the number of nodes.
func (c *contour) modulo(x int64) uint64 {
	if x >= 0 {
		return uint64(x) % c.nodes
	}
	return (c.nodes - uint64(-x)%c.nodes) % c.nodes
}

// cover adds the nodes lo to hi and their mirror images.
func (c *contour) cover(lo, hi uint64) {
	if c.budget < 0 {
		return
	}
	c.budget -= c.spreads
	count := float64(hi-lo) + 1
	// No node exceeds the one on the real axis, 1/edge. The sum is about as large.
	if b := c.envelope(lo, hi) + ln(count); b < -42 {
		c.missing += float64(2 * exp(b) / c.edge)
		return
	}
	if hi-lo < 4 {
		for j := lo; j <= hi; j++ {
			c.node(j)
		}
		return
	}
	mid := lo + (hi-lo)/2
	c.cover(lo, mid)
	c.cover(mid+1, hi)
}

// envelope returns a bound of the logarithm of the integrand at the nodes lo to hi, relative to the
// real axis. The squared modulus of a characteristic function at t is 1 - 2 E[sin^2(t d/2)], where d
// is the difference of two independent terms.
func (c *contour) envelope(lo, hi uint64) float64 {
	bound := 0.0
	for i := range c.groups {
		g := &c.groups[i]
		sum := 0.0
		for _, s := range g.spreads {
			qa, ra := c.turns(uint64(s.d), lo)
			qb, rb := c.turns(uint64(s.d), hi)
			if qa != qb {
				continue // the range contains a full turn, where the sine is 0
			}
			n := float64(c.nodes)
			x := min(float64(min(ra, c.nodes-ra)), float64(min(rb, c.nodes-rb))) / n
			// sin(pi x) >= 3x - 4x^3 on [0, 1/2]
			y := x * (3 - float64(4*x*x))
			sum += float64(s.p * y * y)
		}
		// ln(1-2u)/2 <= -u
		bound -= float64(g.count * sum)
		if bound < -100 {
			break
		}
	}
	return bound
}

// turns returns the quotient and the remainder of d j / nodes.
func (c *contour) turns(d, j uint64) (quo, rem uint64) {
	hi, lo := bits.Mul64(d, j)
	return bits.Div64(hi, lo, c.nodes)
}

// angle returns 2 pi x j/nodes, reduced to [-pi, pi] before it is rounded.
func (c *contour) angle(x, j uint64) float64 {
	_, r := c.turns(x, j)
	f := float64(r)
	if r > c.nodes/2 {
		f = -float64(c.nodes - r)
	}
	return 2 * math.Pi * f / float64(c.nodes)
}

// node adds node j and its mirror image.
func (c *contour) node(j uint64) {
	c.budget -= c.atoms
	var modulus, phase, size float64
	for i := range c.groups {
		g := &c.groups[i]
		re, im := g.remainder(c, j)
		lr, li := complexLog1p(re, im)
		modulus += float64(g.count * lr)
		phase += float64(g.count * li)
		slack := math.Abs(re) + math.Abs(im)
		if lr < -0.5 && lr > -700 {
			slack *= exp(-lr) // a rounding of 1 + re + i im weighs more if that number is small
		}
		size += float64(g.count * slack)
	}
	if modulus < -700 {
		return
	}
	phase += c.angle(c.offset, j)
	sin, cos := sincos(phase)
	t := c.angle(1, j)
	sh, _ := sincos(t / 2)
	st, _ := sincos(t)
	// 1 - e^-(theta + i t)
	re := c.edge + float64(2*c.fall*sh*sh)
	im := float64(c.fall * st)
	norm := float64(re*re) + float64(im*im)
	f := exp(modulus)
	value := float64(f * (float64(cos*re) + float64(sin*im)) / norm)
	bound := f / math.Sqrt(norm)
	if j != 0 && 2*j != c.nodes {
		value *= 2
		bound *= 2
	}
	c.sum += value
	c.rounding += float64(bound * (0x1p-49 + float64(0x1p-51*size)))
}

// remainder returns E[e^(i(angle - mean angle))] - 1 for one term at node j.
func (g *tiltedGroup) remainder(c *contour, j uint64) (re, im float64) {
	mean := 0.0
	for i := range g.atoms {
		a := &g.atoms[i]
		g.angles[i] = c.angle(uint64(a.x), j)
		mean += float64(a.part * g.angles[i])
		im += float64(a.rest * g.angles[i])
	}
	for i := range g.atoms {
		a := &g.atoms[i]
		x := g.angles[i] - mean
		sh, _ := sincos(x / 2)
		re -= float64(2 * a.p * sh * sh)
		im += float64(a.p * sinmx(x))
	}
	return re, im
}
