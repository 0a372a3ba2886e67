package tail

import "math"

// log10 turns a natural logarithm of a probability into a decimal one; a rounding
// above certainty is certainty, and zero has no sign.
func log10(ln float64) float64 {
	if x := ln / math.Ln10; !(x >= 0) {
		return x
	}
	return 0
}

// log1mExp returns ln(1 - e^x) for x <= 0 (Maechler 2012, "Accurately computing
// log(1 - exp(-|a|))").
func log1mExp(x float64) float64 {
	if x > -math.Ln2 {
		return ln(-expm1(x))
	}
	return log1p(-exp(x))
}
