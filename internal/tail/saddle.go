package tail

import "math"

// cumulants returns the cumulant generating function of S - E[S] at theta, which is
// ln E[exp(theta (S - E[S]))], and its first two derivatives.
func (l *lattice) cumulants(theta float64) (k, k1, k2 float64) {
	for _, g := range l.groups {
		a, b, c := g.cumulants(theta)
		n := float64(g.count)
		k += float64(n * a)
		k1 += float64(n * b)
		k2 += float64(n * c)
	}
	return k, k1, k2
}

// cumulants returns the same for one term of the group.
func (g *group) cumulants(theta float64) (k, k1, k2 float64) {
	k = g.generating(theta)
	for i := range g.atoms {
		a := &g.atoms[i]
		k1 += float64(a.shift(theta, k) * a.y)
	}
	for i := range g.atoms {
		a := &g.atoms[i]
		d := a.y - k1
		k2 += float64(a.tilt(theta, k) * float64(d*d))
	}
	return k, k1, k2
}

// generating returns ln E[e^(theta y)]. y has mean 0. So the terms of the exponential after the first
// two give a sum of positive numbers, which is small if theta is.
func (g *group) generating(theta float64) float64 {
	top := 0.0
	for i := range g.atoms {
		top = max(top, float64(theta*g.atoms[i].y))
	}
	sum := 0.0
	if top < 30 {
		for i := range g.atoms {
			a := &g.atoms[i]
			sum += float64(a.p * expm1mx(float64(theta*a.y)))
		}
		return log1p(sum)
	}
	top = math.Inf(-1)
	for i := range g.atoms {
		a := &g.atoms[i]
		top = max(top, float64(theta*a.y)+a.lnP)
	}
	for i := range g.atoms {
		a := &g.atoms[i]
		sum += exp(float64(theta*a.y) + a.lnP - top)
	}
	return top + ln(sum)
}

// tilt returns the probability of an atom under the tilted law, p e^(theta y - k).
func (a *atom) tilt(theta, k float64) float64 {
	e := float64(theta*a.y) - k
	if e > 30 {
		return exp(e + a.lnP)
	}
	return float64(a.p * exp(e))
}

// shift returns the difference of tilt and p, with a small relative error.
func (a *atom) shift(theta, k float64) float64 {
	e := float64(theta*a.y) - k
	if e > 30 {
		return exp(e+a.lnP) - a.p
	}
	return float64(a.p * expm1(e))
}

// tilted returns the tilted probabilities, the index of the likeliest atom, and the logarithm of its
// tilted probability. The probabilities add up to 1 even if theta y is rounded.
func (g *group) tilted(theta float64) (p []float64, most int, lnMost float64) {
	k := g.generating(theta)
	p = make([]float64, len(g.atoms))
	for i := range g.atoms {
		p[i] = g.atoms[i].tilt(theta, k)
		if p[i] > p[most] {
			most = i
		}
	}
	others := 0.0
	for i := range p {
		if i != most {
			others += p[i]
		}
	}
	others = min(others, 1)
	p[most] = 1 - others
	return p, most, log1p(-others)
}

// saddle solves K'(theta) = -gap for theta >= 0. K is the centred cumulant generating function, and
// gap = E[S] - s < 0. With kernel it solves for the saddle point of the product with the kernel
// 1/(1 - e^-z) of the tail. That point keeps a distance from the pole at 0 even if s is near the
// mean. A few digits are enough, because the integral is the same along every line.
func (l *lattice) saddle(gap float64, kernel bool) float64 {
	return root(func(theta float64) (f, slope float64) {
		_, k1, k2 := l.cumulants(theta)
		f, slope = k1+gap, k2
		if e := expm1(theta); kernel && e < 1e300 {
			f -= 1 / e
			slope += (1 + 1/e) / e
		}
		return f, slope
	})
}

// root returns the zero of an increasing function of x > 0 that is negative near 0, to about 7
// digits. It uses Newton's method as long as a step halves the value, and else bisects ln x.
func root(f func(x float64) (value, slope float64)) float64 {
	lo, hi := 0.0, math.Inf(1)
	x, last := 1.0, math.Inf(1)
	for range 400 {
		y, slope := f(x)
		if y < 0 {
			lo = x
		} else {
			hi = x
		}
		next := x - y/slope
		halved := math.Abs(y) < last/2
		last = math.Abs(y)
		switch {
		case halved && math.Abs(next-x) <= 1e-7*x:
			return x
		case halved && next > lo && next < hi && next < 16*x && next > x/16:
		case math.IsInf(hi, 1):
			next = 16 * x
		case lo == 0:
			next = hi / 16
		default:
			next = math.Sqrt(lo) * math.Sqrt(hi)
		}
		if !(next > lo && next < hi) || hi-lo < 1e-7*lo {
			return x
		}
		x = next
	}
	return x
}
