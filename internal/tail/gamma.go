package tail

import "math"

// Gamma returns log10 P(G >= s) for G ~ Gamma(n, 1), the sum of n standard exponential variables. It
// panics if n < 0 or s is NaN. [Binomial] states the error.
func Gamma(n int64, s float64) float64 {
	if n < 0 {
		panic("tail: negative number of terms")
	}
	if s != s {
		panic("tail: score is NaN")
	}
	switch {
	case s <= 0:
		return 0
	case n == 0 || math.IsInf(s, 1):
		return math.Inf(-1)
	}
	// G >= s if and only if a Poisson process of rate 1 has fewer than n events by s.
	if d := -excess(n, 1, s); d > 0 {
		return log10(gammaUpper(n, s, d))
	} else {
		return log10(log1mExp(gammaLower(n, s, d)))
	}
}

// gammaUpper returns ln P(G >= s) for d = s - n > 0. It adds the Poisson probabilities of n-1, n-2,
// ... (DLMF 8.4.10), or takes the integral of the density from s,
//
//	P(N = n-1) Int_0^inf (1+u/s)^(n-1) e^-u du.
func gammaUpper(n int64, s, d float64) float64 {
	a := float64(n - 1)
	sum := 0.0
	if r := a / s; n < seriesTerms || short(r, a) {
		sum = 1
		for term := 1.0; a > 0; a-- {
			r := a / s
			term = float64(term * r)
			sum += term
			if term*r < 0x1p-56*sum*(1-r) {
				break
			}
		}
	} else {
		sum = decay((d+1)/s, r/s, math.Inf(1), func(u float64) float64 {
			return float64(a * log1pmx(u/s))
		})
	}
	return logPoisson(n-1, s, -1-d) + ln(sum)
}

// gammaLower returns ln P(G < s) for d = s - n <= 0. It adds the Poisson probabilities of n, n+1,
// ..., or takes the integral
//
//	P(N = n-1) Int_0^s (1-u/s)^(n-1) e^u du.
func gammaLower(n int64, s, d float64) float64 {
	a := float64(n)
	if r := s / (a + 1); short(r, s) {
		sum := 1.0
		for term := 1.0; ; a++ {
			r := s / (a + 1)
			term = float64(term * r)
			sum += term
			if term*r < 0x1p-56*sum*(1-r) {
				break
			}
		}
		return logPoisson(n, s, -d) + ln(sum)
	}
	a--
	sum := decay((-1-d)/s, a/s/s, s, func(u float64) float64 {
		return float64(a * log1pmx(-u/s))
	})
	return logPoisson(n-1, s, -1-d) + ln(sum)
}

// logPoisson returns ln P(N = m) for a Poisson variable N of mean s, by the saddle-point form of
// Loader 2000. d is m - s.
func logPoisson(m int64, s, d float64) float64 {
	if m == 0 {
		return -s
	}
	return -stirlingError(m) - deviance(float64(m), s, d) - halfLog2Pi - half(ln(float64(m)))
}
