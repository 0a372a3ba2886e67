package tail

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestErrorsTowardsOne: the error bound of an integral makes the result larger.
func TestErrorsTowardsOne(t *testing.T) {
	groups := []Bernoulli{{1, 1e9, 0.25}, {1e6, 3, 0.1}}
	for _, s := range []int64{250819795, 251339591, 252898978} {
		l, _ := newTestLattice(groups, 1)
		e := l.upper(s, l.gap(s))
		rounding := 0x1p-51 * max(1, -e.ln)
		require.Greater(t, e.err, 2*rounding, "s=%d: an error too small to see", s)
		got := WeightedBernoulli(groups, s) * math.Ln10
		require.GreaterOrEqual(t, got, e.ln+e.err-rounding, "s=%d", s)
	}
}

// TestBoundWithoutNodes: Chernoff's bound remains if there are not enough nodes, or if the bound of
// the aliases is useless.
func TestBoundWithoutNodes(t *testing.T) {
	eachLine(t, func(t *testing.T, p *line) {
		exact, ok := p.convolve()
		require.True(t, ok)
		e := p.integrate(0, 0)
		require.True(t, math.IsInf(e.err, 1))
		require.GreaterOrEqual(t, e.ln, exact.ln)
		nodes, _ := p.nodes()
		e = p.integrate(nodes, 1) // aliases as large as everything else
		require.True(t, math.IsInf(e.err, 1))
		require.GreaterOrEqual(t, e.ln, exact.ln)
		require.LessOrEqual(t, e.ln, 0.0)
	})
}

// TestExponentialHalving: the change in the last halving bounds the error of the result.
func TestExponentialHalving(t *testing.T) {
	for _, groups := range [][]Exponential{
		{{1, 1}, {0.5, 1}}, {{1, 2}, {0.999, 1}}, {{1, 1}, {1e-3, 1000}}, {{1, 1}, {0.1, 3}, {0.01, 40}},
	} {
		mean := 0.0
		for _, g := range groups {
			mean += g.Weight * float64(g.Count)
		}
		for _, f := range []float64{0.05, 0.5, 0.9, 1.001, 1.5, 4, 30} {
			t.Run(fmt.Sprintf("%v/f=%v", groups, f), func(t *testing.T) {
				h := newHypo(groups, mean*f, false)
				value, err := h.integrate()
				require.Less(t, err, 1e-11*value)
				// Other paths through the same point give the same integral.
				for _, bend := range []float64{0.8, 1.25} {
					other := *h
					other.bend *= bend
					again, slack := other.integrate()
					require.InDelta(t, value, again, err+slack)
				}
			})
		}
	}
}
