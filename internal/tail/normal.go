package tail

import "math"

// Normal returns log10 P(Z >= z) for a standard normal Z. It panics if z is NaN.
func Normal(z float64) float64 {
	switch {
	case z != z:
		panic("tail: z-score is NaN")
	case math.IsInf(z, 0):
		return min(math.Copysign(math.Inf(1), -z), 0)
	case z < 0:
		return log10(log1mExp(logNormal(-z)))
	}
	// Beyond 1e154 the square overflows. The largest float is an upper bound.
	return max(log10(logNormal(z)), -math.MaxFloat64)
}

// logNormal returns ln P(Z >= z) for z >= 0: the logarithm of the density at z times the Mills ratio
//
//	M(z) = Int_0^inf exp(-z u - u^2/2) du,
//
// which is its definition with u = t - z.
func logNormal(z float64) float64 {
	mills := decay(z, 1, math.Inf(1), func(u float64) float64 { return -half(float64(u * u)) })
	return ln(mills) - halfLog2Pi - half(float64(z*z))
}
