package tail

import "math"

// NormalQuantile returns the z with P(Z >= z) = 10^log10P for a standard normal Z. It is for
// plans and for intervals, and no p-value rests on it.
func NormalQuantile(log10P float64) float64 {
	if log10P > -Log10(2) {
		return -NormalQuantile(Log10(-Expm1(log10P * math.Ln10)))
	}
	lo, hi := 0.0, 2.0
	for Normal(hi) > log10P {
		lo, hi = hi, 2*hi
	}
	for range 80 {
		mid := lo + half(hi-lo)
		if Normal(mid) > log10P {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
