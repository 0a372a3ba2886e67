package lm

import "math"

var negInf = math.Inf(-1)

// ln returns the natural logarithm of a positive, finite number, with a relative error below 1e-14.
// math.Log is assembly on some machines and Go on others. ln gives the same bits on all: the
// conversions forbid fusing a product into a sum (Go specification, "Floating-point operators").
//
// It writes x = f 2^e with f in [sqrt(1/2), sqrt(2)), and uses ln f = 2 artanh(s) for
// s = (f-1)/(f+1), |s| < 0.172. The series s + s^3/3 + s^5/5 + ... ends with s^19, and the rest is
// below 1e-17.
func ln(x float64) float64 {
	f, e := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f *= 2
		e--
	}
	s := (f - 1) / (f + 1)
	z := float64(s * s)
	sum := 1.0 / 19
	for k := 17; k >= 1; k -= 2 {
		sum = float64(sum*z) + 1/float64(k)
	}
	return float64(float64(e)*math.Ln2) + float64(2*s*sum)
}
