package tail

import "math"

// The tails of the normal, binomial and gamma laws are integrals over densities, from the tested
// value outwards. All have the shape of one side of a bell, so one Gauss-Legendre rule serves them.
// They lose no digits, because the integrands are positive.

// seriesTerms bounds the number of terms of a ratio series. An integral replaces a longer one.
const seriesTerms = 192

// short reports whether a series of terms reaches the last bit within seriesTerms. Its terms fall
// from 1, first by the ratio r and then faster. They reach the last bit after a geometric fall by 40
// nats, or 9 standard deviations out.
func short(r, variance float64) bool {
	return -ln(r)*seriesTerms > 40 || 81*variance < seriesTerms*seriesTerms
}

// decay returns the integral of exp(rest(u) - slope u) over [0, limit]. At 0, the value and the slope
// of rest are 0, and its second derivative is -curve.
func decay(slope, curve, limit float64, rest func(u float64) float64) float64 {
	// Where the quadratic term has fallen by 44 nats, the cubic term does not matter yet. The laws
	// of the callers are wide enough for that.
	end := 2 * 44 / (slope + math.Sqrt(float64(slope*slope)+float64(2*44*curve)))
	end = min(end, limit)
	s := 0.0
	for i, t := range legendre.node {
		u := float64(end * t)
		s += float64(legendre.weight[i] * exp(rest(u)-float64(slope*u)))
	}
	return float64(s * end)
}

const legendreNodes = 48

// legendre is the Gauss-Legendre rule on [0, 1].
var legendre = gaussLegendre()

type rule struct{ node, weight [legendreNodes]float64 }

// gaussLegendre finds the zeros of the Legendre polynomial by Newton's method from the usual cosine
// guess. The weights are 2/((1-x^2) P'(x)^2) (Abramowitz and Stegun 25.4.29), halved because the
// interval is half as long.
func gaussLegendre() (r rule) {
	const n = legendreNodes
	for i := range n {
		_, x := sincos(math.Pi * (float64(i) + 0.75) / (n + 0.5))
		var slope float64
		for range 8 {
			p0, p1 := 1.0, x
			for j := 2; j <= n; j++ {
				f := float64(j)
				p0, p1 = p1, (float64((2*f-1)*x*p1)-float64((f-1)*p0))/f
			}
			slope = n * (float64(x*p1) - p0) / (float64(x*x) - 1)
			x -= p1 / slope
		}
		r.node[i] = (1 - x) / 2
		r.weight[i] = 1 / ((1 - float64(x*x)) * slope * slope)
	}
	return r
}
