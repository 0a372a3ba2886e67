package tail_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/tail"
)

// erlangBelow sums P(Gamma(n) < x) = e^-x (x^n/n! + x^(n+1)/(n+1)! + ...) with 300 bits.
func erlangBelow(n int64, x float64) float64 {
	const prec = 300
	X := new(big.Float).SetPrec(prec).SetFloat64(x)
	term := big.NewFloat(1).SetPrec(prec)
	for k := int64(1); k <= n; k++ {
		term.Quo(term.Mul(term, X), new(big.Float).SetPrec(prec).SetInt64(k))
	}
	sum := new(big.Float).SetPrec(prec)
	for k := n + 1; ; k++ {
		sum.Add(sum, term)
		term.Quo(term.Mul(term, X), new(big.Float).SetPrec(prec).SetInt64(k))
		if k > n+int64(x) && term.MantExp(nil) < sum.MantExp(nil)-200 {
			break
		}
	}
	mantissa, exp := new(big.Float), 0
	exp = sum.MantExp(mantissa)
	m, _ := mantissa.Float64()
	return (math.Log(m)+float64(exp)*math.Ln2-x)/math.Ln10 + 0
}

func TestBelowIsErlang(t *testing.T) {
	for _, n := range []int64{1, 2, 5, 40, 1000, 20000} {
		for _, f := range []float64{1e-9, 1e-3, 0.1, 0.5, 0.9, 1, 1.1} {
			t.Run(fmt.Sprintf("n=%d x=%v n", n, f), func(t *testing.T) {
				x := f * float64(n)
				want := erlangBelow(n, x)
				got := tail.WeightedExponentialBelow([]tail.Exponential{{Weight: 0.75, Count: n}}, 0.75*x)
				assert.InDelta(t, want, got, 1e-12*max(1, math.Abs(want)))
			})
		}
	}
}

// hyperBelow is P(S < s) for distinct weights, one term each, by partial fractions with 2000 bits:
// 1 - sum_i e^(-s/w_i) prod_{j != i} w_i/(w_i - w_j).
func hyperBelow(weights []float64, s float64) float64 {
	const prec = 2000
	of := func(x float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(x) }
	total := of(1)
	for i, w := range weights {
		part := bigExp(new(big.Float).SetPrec(prec).Quo(of(-s), of(w)), prec)
		for j, v := range weights {
			if i != j {
				d := new(big.Float).SetPrec(prec).Sub(of(w), of(v))
				part.Mul(part, new(big.Float).SetPrec(prec).Quo(of(w), d))
			}
		}
		total.Sub(total, part)
	}
	m := new(big.Float)
	e := total.MantExp(m)
	f, _ := m.Float64()
	return (math.Log(f) + float64(e)*math.Ln2) / math.Ln10
}

// bigExp returns e^x by halving and the Taylor series.
func bigExp(x *big.Float, prec uint) *big.Float {
	halvings := max(x.MantExp(nil)+8, 0)
	y := new(big.Float).SetPrec(prec).SetMantExp(x, -halvings)
	sum, term := big.NewFloat(1).SetPrec(prec), big.NewFloat(1).SetPrec(prec)
	for k := int64(1); k < 400; k++ {
		term.Quo(term.Mul(term, y), new(big.Float).SetPrec(prec).SetInt64(k))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// TestBelowIsHypoexponential: weights of the informed test span many octaves.
func TestBelowIsHypoexponential(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []float64
	}{
		{"two", []float64{1, 3}},
		{"three octaves", []float64{0.125, 0.25, 0.5, 1, 2}},
		{"many octaves", []float64{1e-3, 0.01, 0.1, 0.7, 1, 5, 40, 1000, 30000}},
		{"close", []float64{1, 1.0625, 1.125, 1.1875, 1.25, 1.3125, 1.375}},
	} {
		var mean float64
		for _, w := range c.weights {
			mean += w
		}
		for _, f := range []float64{1e-6, 1e-3, 0.03, 0.3, 1, 2} {
			t.Run(fmt.Sprintf("%s at %v", c.name, f), func(t *testing.T) {
				groups := make([]tail.Exponential, len(c.weights))
				for i, w := range c.weights {
					groups[i] = tail.Exponential{Weight: w, Count: 1}
				}
				want := hyperBelow(c.weights, f*mean)
				got := tail.WeightedExponentialBelow(groups, f*mean)
				assert.InDelta(t, want, got, 1e-11*max(1, math.Abs(want)))
				above := tail.WeightedExponential(groups, f*mean)
				assert.InDelta(t, 1, math.Pow(10, got)+math.Pow(10, above), 1e-11)
			})
		}
	}
}

func TestBelowEdges(t *testing.T) {
	one := []tail.Exponential{{Weight: 2, Count: 3}, {Weight: 0, Count: 5}}
	assert.True(t, math.IsInf(tail.WeightedExponentialBelow(one, 0), -1))
	assert.True(t, math.IsInf(tail.WeightedExponentialBelow(one, -1), -1))
	assert.Zero(t, tail.WeightedExponentialBelow(one, math.Inf(1)))
	assert.Zero(t, tail.WeightedExponentialBelow(nil, 1))
	assert.Zero(t, tail.WeightedExponentialBelow(one, 1e300))
	assert.Less(t, tail.WeightedExponentialBelow(one, 1e-100), -70.0)
	assert.Panics(t, func() { tail.WeightedExponentialBelow(one, math.NaN()) })
	assert.Panics(t, func() { tail.WeightedExponentialBelow([]tail.Exponential{{Weight: -1, Count: 1}}, 1) })
	assert.Panics(t, func() { tail.WeightedExponentialBelow([]tail.Exponential{{Weight: 1, Count: -1}}, 1) })
	last := math.Inf(-1)
	for x := 0.01; x < 60; x *= 1.1 { // it rises
		p := tail.WeightedExponentialBelow([]tail.Exponential{{Weight: 1, Count: 4}, {Weight: 0.3, Count: 9}}, x)
		assert.Greater(t, p, last)
		last = p
	}
}
