package tail_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// oracleBits is the precision of the oracles. They share no code with the package. They use exact
// integers, or so many bits that rounding does not matter.
const oracleBits = 320

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(oracleBits).SetFloat64(x) }

func bigInt(x int64) *big.Float { return new(big.Float).SetPrec(oracleBits).SetInt64(x) }

func bigZero() *big.Float { return new(big.Float).SetPrec(oracleBits) }

// log10Big returns log10 of a probability. Above 1/2 it uses the complement.
func log10Big(t testing.TB, p *big.Float) float64 {
	t.Helper()
	if p.Sign() == 0 {
		return math.Inf(-1)
	}
	if c := bigZero().Sub(bigInt(1), p); c.Cmp(bigFloat(0.5)) < 0 {
		f, _ := c.Float64()
		if c.Sign() < 0 {
			require.Greater(t, f, -1e-60, "a probability above 1")
			return 0
		}
		return math.Log1p(-f) / math.Ln10
	}
	m := bigZero()
	e := p.MantExp(m)
	f, _ := m.Float64()
	return float64(e)*math.Log10(2) + math.Log10(f)
}

// power returns b^n by squaring.
func power(b *big.Float, n int64) *big.Float {
	r, s := bigInt(1), bigZero().Set(b)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			r.Mul(r, s)
		}
		s.Mul(s, s)
	}
	return r
}

// binomialTails returns P(X >= k) for k from 0 to n+1 and a small n.
func binomialTails(n int64, p float64) []*big.Float {
	tails := make([]*big.Float, n+2)
	tails[n+1] = bigZero()
	q := bigZero().Sub(bigInt(1), bigFloat(p))
	choose := new(big.Int)
	for k := n; k >= 0; k-- {
		f := bigZero().SetInt(choose.Binomial(n, k))
		f.Mul(f, power(bigFloat(p), k))
		f.Mul(f, power(q, n-k))
		tails[k] = bigZero().Add(tails[k+1], f)
	}
	return tails
}

// binomialTail returns P(X >= k) for one k and any n that a loop can count to. It computes one term in
// full and the others from their neighbours, on the side of k that has the smaller sum.
func binomialTail(k, n int64, p float64) *big.Float {
	q := bigZero().Sub(bigInt(1), bigFloat(p))
	term := bigZero().Mul(power(bigFloat(p), k), power(q, n-k))
	for i := int64(1); i <= min(k, n-k); i++ {
		term.Mul(term, bigInt(n-i+1))
		term.Quo(term, bigInt(i))
	}
	odds := bigZero().Quo(bigFloat(p), q)
	sum := bigZero()
	if float64(k) > float64(n)*p {
		for i := k; i <= n && matters(term, sum); i++ {
			sum.Add(sum, term)
			term.Mul(term, odds)
			term.Mul(term, bigInt(n-i))
			term.Quo(term, bigInt(i+1))
		}
		return sum
	}
	for i := k; i >= 1 && matters(term, sum); i-- {
		term.Quo(term, odds)
		term.Mul(term, bigInt(i))
		term.Quo(term, bigInt(n-i+1))
		sum.Add(sum, term)
	}
	return sum.Sub(bigInt(1), sum)
}

// matters reports whether a term is large enough to change a sum.
func matters(term, sum *big.Float) bool {
	return sum.Sign() == 0 || term.Sign() != 0 && term.MantExp(nil) > sum.MantExp(nil)-200
}

// requireClose asserts |got - want| <= tol * max(1, |want|).
func requireClose(t testing.TB, want, got, tol float64, msg string, args ...any) {
	t.Helper()
	if math.IsInf(want, -1) {
		require.Equal(t, want, got, append([]any{msg}, args...)...)
		return
	}
	require.InDelta(t, want, got, tol*max(1, math.Abs(want)), append([]any{msg}, args...)...)
}

// A law is the law of an integer sum: min+i has probability p[i]. add convolves it.
type law struct {
	min int64
	p   []*big.Float
}

func newLaw() *law { return &law{0, []*big.Float{bigInt(1)}} }

// add convolves l with the law of one term: min+i has probability p[i].
func (l *law) add(min int64, p []*big.Float) {
	sum := make([]*big.Float, len(l.p)+len(p)-1)
	for i := range sum {
		sum[i] = bigZero()
	}
	t := bigZero()
	for j, q := range p {
		if q.Sign() == 0 {
			continue
		}
		for i, x := range l.p {
			if x.Sign() != 0 {
				sum[i+j].Add(sum[i+j], t.Mul(x, q))
			}
		}
	}
	l.min += min
	l.p = sum
}

// tails returns P(S >= min+i) for every i.
func (l *law) tails() []*big.Float {
	tails := make([]*big.Float, len(l.p)+1)
	tails[len(l.p)] = bigZero()
	for i := len(l.p) - 1; i >= 0; i-- {
		tails[i] = bigZero().Add(tails[i+1], l.p[i])
	}
	return tails
}
