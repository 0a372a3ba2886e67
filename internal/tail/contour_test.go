package tail

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// newTestLattice returns a normalised lattice, and s in its unit.
func newTestLattice(groups []Bernoulli, s int64) (*lattice, int64) {
	var l lattice
	for _, g := range groups {
		no := atom{x: 0, p: 1 - g.P, lnP: log1p(-g.P)}
		yes := atom{x: g.Weight, p: g.P, lnP: ln(g.P)}
		l.add(g.Count, []atom{no, yes})
	}
	return &l, l.normalise(s)
}

// ramp returns groups of count terms, with the weights 1 to weights.
func ramp(weights, count int64, p float64) []Bernoulli {
	var groups []Bernoulli
	for w := int64(1); w <= weights; w++ {
		groups = append(groups, Bernoulli{w, count, p})
	}
	return groups
}

// eachLine runs f with the paths of many laws and of values above their means.
func eachLine(t *testing.T, f func(t *testing.T, p *line)) {
	for _, c := range []struct {
		name   string
		groups []Bernoulli
	}{
		{"weights to 4", ramp(4, 10, 0.25)},
		{"weights to 15", ramp(15, 10, 0.25)},
		{"rare", ramp(15, 4, 1.0/256)},
		{"six terms", ramp(3, 1, 0.5)},
		{"frequent", ramp(7, 30, 0.9)},
		{"one odd term", []Bernoulli{{2, 100, 0.25}, {1, 1, 0.25}}},
		{"resonance at 15", []Bernoulli{{15, 40, 0.25}, {1, 5, 0.25}, {4, 3, 0.5}}},
		{"resonance at 10", []Bernoulli{{10, 50, 0.25}, {20, 50, 0.25}, {3, 2, 0.5}}},
		{"heavy and rare", []Bernoulli{{1, 200, 0.1}, {90, 2, 0.01}}},
	} {
		l, _ := newTestLattice(c.groups, 1)
		for i := int64(1); i < 40; i++ {
			s := l.top * i / 40
			if gap := l.gap(s); gap < 0 {
				t.Run(fmt.Sprintf("%s/s=%d", c.name, s), func(t *testing.T) { f(t, newLine(l, s, gap)) })
			}
		}
	}
}

// TestIntegrateConvolve compares the integral with the convolution.
func TestIntegrateConvolve(t *testing.T) {
	worst, loss := 0.0, 0.0
	eachLine(t, func(t *testing.T, p *line) {
		nodes, alias := p.nodes()
		require.NotZero(t, nodes)
		got := p.integrate(nodes, alias)
		want, ok := p.convolve()
		require.True(t, ok)
		require.InDelta(t, want.ln, got.ln, got.err+want.err)
		require.GreaterOrEqual(t, got.ln+math.Log1p(got.err), want.ln-1e-14*max(1, -want.ln))
		if e := math.Abs(got.ln - want.ln); e > worst {
			worst = e
		}
		loss = max(loss, got.err)
	})
	t.Logf("worst difference %.2g, worst bound %.2g", worst, loss)
	require.Less(t, loss, 1e-10)
}

// TestIntegrateBinomial compares the integral of a single group with the binomial law.
func TestIntegrateBinomial(t *testing.T) {
	worst := 0.0
	for _, n := range []int64{10, 300, 1e4, 1e6, 1e9, 1e12} {
		for _, p := range []float64{0.5, 0.25, 1.0 / 256, 0.9, 1e-6} {
			for _, z := range []float64{0, 0.3, 1, 4, 10, 40, 300} {
				s := int64(float64(n)*p+z*math.Sqrt(float64(n)*p*(1-p))) + 1
				if s >= n {
					continue
				}
				l, _ := newTestLattice([]Bernoulli{{1, n, p}}, 1)
				path := newLine(l, s, l.gap(s))
				nodes, alias := path.nodes()
				got, want := path.integrate(nodes, alias), Binomial(s, n, p)*math.Ln10
				e := (got.ln - want) / max(1, -want)
				if math.Abs(e) > math.Abs(worst) {
					worst = e
				}
				require.InDelta(t, 0, e, 2e-14, "n=%d p=%v s=%d", n, p, s)
				require.Less(t, got.err, 1e-12+1e-14*-want)
			}
		}
	}
	t.Logf("worst relative error %.2g", worst)
}

// TestIntegrateAliases: with too few nodes, the sum is the tail plus its aliases.
func TestIntegrateAliases(t *testing.T) {
	eachLine(t, func(t *testing.T, p *line) {
		const nodes = 16
		c := newContour(p, nodes)
		c.cover(0, nodes/2)
		got := c.sum / nodes
		want := 0.0
		for m := -p.s/nodes - 200; p.s+m*nodes <= p.top; m++ {
			s := p.s + m*nodes
			tail := estimate{}
			switch {
			case s > 0 && s == p.top:
				tail.ln = p.logTop()
			case s > 0:
				at := *p
				at.s = s
				at.exponent, _ = p.lattice.exponent(p.theta, p.lattice.gap(s), s)
				tail, _ = at.convolve()
			}
			want += math.Exp(tail.ln + p.theta*nodes*float64(m) - p.exponent)
		}
		if p.theta*nodes*200 > 50 { // else want lacks terms to the left
			require.InEpsilon(t, want, got, 1e-9)
		}
	})
}

// TestEnvelope: the bound under which the sum skips nodes holds at every node.
func TestEnvelope(t *testing.T) {
	random := rand.New(rand.NewPCG(19, 20))
	eachLine(t, func(t *testing.T, p *line) {
		nodes := uint64(50 + 2*random.IntN(2000))
		c := newContour(p, nodes)
		for range 10 {
			lo := uint64(random.IntN(int(nodes / 2)))
			hi := min(nodes/2, lo+uint64(random.IntN(1+int(nodes)>>random.IntN(12))))
			bound := c.envelope(lo, hi)
			for j := lo; j <= hi; j++ {
				size := 0.0
				for _, g := range c.groups {
					var z complex128
					for _, a := range g.atoms {
						angle := 2 * math.Pi * float64(a.x) * float64(j) / float64(nodes)
						z += complex(a.p, 0) * cmplx.Exp(complex(0, angle))
					}
					size += g.count * math.Log(cmplx.Abs(z))
				}
				require.LessOrEqual(t, size, bound+1e-9, "node %d of %d to %d", j, lo, hi)
			}
		}
	})
}

// TestResonanceIsAdded: near a resonance the integrand is large again, and the sum includes its nodes.
func TestResonanceIsAdded(t *testing.T) {
	l, s := newTestLattice([]Bernoulli{{15, 300, 0.25}, {1, 5, 0.25}}, 1501)
	p := newLine(l, s, l.gap(s))
	nodes, alias := p.nodes()
	e := p.integrate(nodes, alias)
	require.InEpsilon(t, -3.164656528158*math.Ln10, e.ln, 1e-12)

	c := newContour(p, nodes)
	c.cover(0, nodes/20) // up to the first minimum of the integrand
	early := p.exponent + ln(c.sum/float64(nodes))
	require.Greater(t, math.Abs(early-e.ln), 1e-3, "the case has no resonance")
}

func TestRoot(t *testing.T) {
	for _, want := range []float64{1e-12, 0.003, 1, 77, 1e9} {
		for _, c := range []struct {
			name string
			f    func(x float64) (y, slope float64)
		}{
			{"line", func(x float64) (float64, float64) { return x - want, 1 }},
			{"pole", func(x float64) (float64, float64) { return 1/want - 1/x, 1 / x / x }},
			{"flat", func(x float64) (float64, float64) {
				return math.Atan(x - want), 1 / (1 + (x-want)*(x-want))
			}},
			{"no slope", func(x float64) (float64, float64) { return x - want, 0 }},
			{"step", func(x float64) (float64, float64) { return math.Copysign(1, x-want), 1e-9 }},
		} {
			t.Run(fmt.Sprintf("%s/%v", c.name, want), func(t *testing.T) {
				require.InEpsilon(t, want, root(c.f), 1e-6)
			})
		}
	}
}
