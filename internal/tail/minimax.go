package tail

import "math"

// Minimax returns the minimax score h of Li, Ruan, Wang, Long and Su 2025, "A statistical
// framework of watermarks for large language models: Pivot, detection efficiency and
// optimal rules", for the uniform variable r = e^lnR of a Gumbel mark, against all laws of
// the next token whose largest probability is at most 1-delta:
//
//	h = ln( k r^(delta/(1-delta)) + r^(1/rest - 1) ),  k = floor(1/(1-delta)), rest = 1 - k (1-delta)
//
// the log likelihood ratio of the least favourable law, k tokens of probability 1-delta
// and one of the rest. As k (1-delta) + rest = 1, e^h integrates to 1 over r in (0,1): it
// is an e-value. It increases in r. It panics unless delta is in (0,1) and lnR <= 0.
func Minimax(lnR, delta float64) float64 {
	least := newLeastFavourable(delta)
	if !(lnR <= 0) {
		panic("tail: not the logarithm of a probability")
	}
	if math.IsInf(lnR, -1) {
		return lnR
	}
	return logSum(ln(least.k)+float64((1/least.p-1)*lnR), least.last(lnR))
}

// MinimaxBelow returns ln E[e^h | r <= e^lnR], what [Minimax] is worth on average where
// all that is known of r is that it is at most e^lnR. It panics as Minimax does.
func MinimaxBelow(lnR, delta float64) float64 {
	least := newLeastFavourable(delta)
	if !(lnR <= 0) {
		panic("tail: not the logarithm of a probability")
	}
	if math.IsInf(lnR, -1) {
		return lnR
	}
	return logSum(ln(least.k*least.p)+float64((1/least.p-1)*lnR), ln(least.rest)+least.last(lnR))
}

// leastFavourable is the law of a next token with k tokens of probability p and one of rest.
type leastFavourable struct{ k, p, rest float64 }

func newLeastFavourable(delta float64) leastFavourable {
	if !(delta > 0 && delta < 1) {
		panic("tail: delta is outside (0,1)")
	}
	p := 1 - delta
	k := math.Floor(1 / p)
	return leastFavourable{k, p, max(math.FMA(-k, p, 1), 0)}
}

// last is (1/rest - 1) lnR.
func (l leastFavourable) last(lnR float64) float64 {
	if l.rest == 0 {
		return math.Inf(-1)
	}
	return float64((1/l.rest - 1) * lnR)
}

// logSum is ln(e^a + e^b), a finite.
func logSum(a, b float64) float64 {
	if b > a {
		a, b = b, a
	}
	return a + log1p(exp(b-a))
}

// LogRank returns ln(1 - e^-s) for s >= 0: the logarithm of the uniform variable whose
// exponential score is s.
func LogRank(s float64) float64 {
	if !(s >= 0) {
		panic("tail: negative score")
	}
	if s == 0 {
		return math.Inf(-1)
	}
	return log1mExp(-s)
}
