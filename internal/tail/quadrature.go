package tail

import "math"

const legendreNodes = 48

// legendre is the Gauss-Legendre rule on [0, 1].
var legendre = gaussLegendre()

type rule struct{ node, weight [legendreNodes]float64 }

// gaussLegendre finds the zeros of the Legendre polynomial by Newton's method from
// the usual cosine guess; the weights are 2/((1-x^2) P'(x)^2) (DLMF 3.5.32), halved
// for the shorter interval.
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
