package tail

import "math"

// Binomial returns log10 P(X >= k) for X ~ Bin(n, p). It panics if n < 0 or p is not
// in [0, 1].
//
// The error is below 1e-13 * max(1, |log10 P|) up to n = 2^53, and about 1e-15 of the result in
// practice. The time is bounded for all n.
func Binomial(k, n int64, p float64) float64 {
	if n < 0 {
		panic("tail: negative number of trials")
	}
	if !(p >= 0 && p <= 1) {
		panic("tail: probability outside [0, 1]")
	}
	switch {
	case k <= 0 || p == 1 && k <= n:
		return 0
	case k > n || p == 0:
		return math.Inf(-1)
	}
	return log10(newTrials(n, p, 1-p, ln(p), log1p(-p)).tail(k))
}

// BinomialCritical returns the smallest k with Binomial(k, n, p) <= log10Alpha, or n+1 if there is
// none. It panics as Binomial does, and if log10Alpha is NaN.
func BinomialCritical(n int64, p float64, log10Alpha float64) int64 {
	if math.IsNaN(log10Alpha) {
		panic("tail: level is NaN")
	}
	if Binomial(0, n, p) <= log10Alpha {
		return 0
	}
	if Binomial(n, n, p) > log10Alpha {
		return n + 1
	}
	lo, hi := int64(0), n // the tail at lo is above the level, and that at hi is not
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		if Binomial(mid, n, p) <= log10Alpha {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// trials is a binomial law. It holds both outcomes, so that swap keeps all digits of the smaller
// probability.
type trials struct {
	n          int64
	p, q       float64
	logP, logQ float64
	mean, rest float64 // n p, n q
}

func newTrials(n int64, p, q, logP, logQ float64) trials {
	f := float64(n)
	return trials{n, p, q, logP, logQ, float64(f * p), float64(f * q)}
}

// tail returns ln P(X >= k) for 0 < k <= n and 0 < p < 1.
func (x trials) tail(k int64) float64 {
	d := 0.0 // k - n p
	if x.p <= x.q {
		d = excess(k, x.n, x.p)
	} else {
		d = -excess(x.n-k, x.n, x.q)
	}
	if d > 0 {
		return x.upper(k, d)
	}
	// At or below the mean the other side is smaller: P(X >= k) = 1 - P(n-X >= n-k+1).
	return log1mExp(x.swap().upper(x.n-k+1, 1-d))
}

func (x trials) swap() trials {
	return trials{x.n, x.q, x.p, x.logQ, x.logP, x.rest, x.mean}
}

// upper returns ln P(X >= k) for 0 < k <= n above the mean: d = k - n p > 0.
func (x trials) upper(k int64, d float64) float64 {
	if k == x.n {
		return float64(x.n) * x.logP
	}
	return x.logPMF(k, d) + ln(x.sum(k, d))
}

// logPMF returns ln P(X = k) for 0 < k < n by the saddle-point form of Loader 2000, "Fast and
// accurate computation of binomial probabilities". Differences of log-gamma values would lose 12
// digits at n = 1e12.
func (x trials) logPMF(k int64, d float64) float64 {
	n, a, b := float64(x.n), float64(k), float64(x.n-k)
	s := stirlingError(x.n) - stirlingError(k) - stirlingError(x.n-k)
	s -= deviance(a, x.mean, d)
	s -= deviance(b, x.rest, -d)
	return s - halfLog2Pi - half(ln(a*(b/n)))
}

// sum returns P(X >= k) / P(X = k).
func (x trials) sum(k int64, d float64) float64 {
	a, b := float64(k), float64(x.n-k)
	odds := x.p / x.q
	if short(b/(a+1)*odds, x.mean*x.q) || b < seriesTerms {
		return x.series(a, b, odds)
	}
	return x.integral(a, b, d)
}

// series adds the terms P(X = k+j) / P(X = k). It computes each from the one before.
func (x trials) series(a, b, odds float64) float64 {
	s, term := 1.0, 1.0
	for b > 0 {
		r := float64(b / (a + 1) * odds)
		term = float64(term * r)
		s += term
		a, b = a+1, b-1
		// The remaining terms sum to less than the geometric series of the last ratio.
		if r < 1 && term*r < 0x1p-56*s*(1-r) {
			break
		}
	}
	return s
}

// integral returns the same sum as an incomplete beta integral (DLMF 8.17.5),
//
//	k/p Int_0^p (1-u/p)^(k-1) (1+u/q)^(n-k) du.
//
// The integrand is positive and, for a long series, close to one half of a normal curve. Its
// exponent is split into a linear part and the remainders of the two logarithms. d gives the linear
// part without cancellation.
func (x trials) integral(a, b, d float64) float64 {
	slope := (d - x.q) / (x.p * x.q)
	curve := float64((a-1)/x.p/x.p) + float64(b/x.q/x.q)
	return a / x.p * decay(slope, curve, x.p, func(u float64) float64 {
		return float64((a-1)*log1pmx(-u/x.p)) + float64(b*log1pmx(u/x.q))
	})
}
