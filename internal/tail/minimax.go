package tail

import "math"

// Minimax returns the minimax score h of Li, Ruan, Wang, Long and Su 2025, "A statistical framework
// of watermarks for large language models: Pivot, detection efficiency and optimal rules". r = e^lnR
// is the uniform variable of a Gumbel mark. h is minimax against all laws of the next token whose
// largest probability is at most 1-delta:
//
//	h = ln( k r^(delta/(1-delta)) + r^(1/rest - 1) ),  k = floor(1/(1-delta)), rest = 1 - k (1-delta)
//
// It is the log likelihood ratio of the least favourable law, which has k tokens of probability
// 1-delta and one of the rest. Since k (1-delta) + rest = 1, the integral of e^h over r in (0,1) is
// 1. So e^h is an e-value. h increases in r. Minimax panics unless delta is in (0,1) and lnR <= 0.
func Minimax(lnR, delta float64) float64 {
	least := newLeastFavourable(delta)
	if !(lnR <= 0) {
		panic("tail: the logarithm of a probability is above 0 or NaN")
	}
	if math.IsInf(lnR, -1) {
		return lnR
	}
	return logSum(ln(least.k)+float64((1/least.p-1)*lnR), least.last(lnR))
}

// MinimaxBelow returns ln E[e^h | r <= e^lnR] for the h of [Minimax]: the value if r is only known to
// be at most e^lnR. It panics as Minimax does.
func MinimaxBelow(lnR, delta float64) float64 {
	least := newLeastFavourable(delta)
	if !(lnR <= 0) {
		panic("tail: the logarithm of a probability is above 0 or NaN")
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

// last returns (1/rest - 1) lnR.
func (l leastFavourable) last(lnR float64) float64 {
	if l.rest == 0 {
		return math.Inf(-1)
	}
	return float64((1/l.rest - 1) * lnR)
}

// logSum returns ln(e^a + e^b) for a finite a.
func logSum(a, b float64) float64 {
	if b > a {
		a, b = b, a
	}
	return a + log1p(exp(b-a))
}

// LogRank returns ln(1 - e^-s): the logarithm of the uniform variable whose exponential score is s.
// It panics unless s >= 0.
func LogRank(s float64) float64 {
	if !(s >= 0) {
		panic("tail: score is negative or NaN")
	}
	if s == 0 {
		return math.Inf(-1)
	}
	return log1mExp(-s)
}
