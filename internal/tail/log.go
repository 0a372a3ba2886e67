package tail

import "math"

// log10 converts the natural logarithm of a probability to a decimal one. It turns a rounding above
// 0 into 0, and -0 into 0.
func log10(ln float64) float64 {
	if x := ln / math.Ln10; !(x >= 0) {
		return x
	}
	return 0
}

// Log10 returns the decimal logarithm of a number, the same on every machine, which [math.Log10] is
// not. It returns NaN for a number below 0, and minus infinity for 0.
func Log10(x float64) float64 { return ln(x) / math.Ln10 }

// log1mExp returns ln(1 - e^x) for x <= 0, as in Maechler 2012, "Accurately computing
// log(1 - exp(-|a|))".
func log1mExp(x float64) float64 {
	if x > -math.Ln2 {
		return ln(-expm1(x))
	}
	return log1p(-exp(x))
}
