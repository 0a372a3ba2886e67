package tail

const halfLog2Pi = 0.91893853320467274178032973640561763986 // ln(2 pi)/2

// stirlingTable holds the error of Stirling's formula, ln n! - ln(sqrt(2 pi n) (n/e)^n), for n from 0
// to 15. The entry of 0 is not used.
var stirlingTable = [16]float64{
	0,
	0.081061466795327258219670263594382360138,
	0.041340695955409294093822081407117508025,
	0.027677925684998339148789292746244666596,
	0.020790672103765093111522771767848656333,
	0.016644691189821192163194865373593391145,
	0.013876128823070747998745727023762908562,
	0.011896709945891770095055724117659438621,
	0.010411265261972096497478567132534629561,
	0.0092554621827127329177286366331001361174,
	0.0083305634333628712350560486587080146126,
	0.0075736754879518407949720242115950839363,
	0.0069428401072095298656641520634216413259,
	0.0064089941880042070684396310829331872558,
	0.0059513701127588475624198078420386205803,
	0.0055547335519628013710386899597924632867,
}

// stirlingError returns ln n! - ln(sqrt(2 pi n) (n/e)^n), the error of Stirling's formula (stirlerr
// in Loader 2000). From n = 16 on it uses the asymptotic series of Abramowitz and Stegun 6.1.41,
// whose next term is below 2e-18.
func stirlingError(n int64) float64 {
	if n < int64(len(stirlingTable)) {
		return stirlingTable[n]
	}
	return stirlingSeries(float64(n))
}

// stirlingSeries is the asymptotic series of stirlingError, for n from 16 on.
func stirlingSeries(n float64) float64 {
	x := 1 / n
	y := x * x
	const (
		c0 = 1.0 / 12
		c1 = 1.0 / 360
		c2 = 1.0 / 1260
		c3 = 1.0 / 1680
		c4 = 1.0 / 1188
		c5 = 691.0 / 360360
	)
	s := c4 - float64(y*c5)
	s = c3 - float64(y*s)
	s = c2 - float64(y*s)
	s = c1 - float64(y*s)
	s = c0 - float64(y*s)
	return float64(x * s)
}

// deviance returns x ln(x/m) + m - x for x > 0 and m > 0 (bd0 in Loader 2000). The caller also passes
// d = x - m, which it knows to more digits than x and m show.
func deviance(x, m, d float64) float64 {
	if u := -d / x; u > -0.4 && u < 0.7 {
		return -x * log1pmx(u)
	}
	// The quotient of two floats may overflow. The difference of logarithms does not.
	l := ln(x / m)
	if m < 1e-280 {
		l = ln(x) - ln(m)
	}
	return float64(x*l) - d
}

// LogGamma returns the natural logarithm of the gamma function of x >= 1, with the same bits on every
// machine. The error is below 2e-14, and some 1e-15 of x ln x for a large x. It panics for a smaller x
// and for NaN.
//
// From 16 on it uses the series of Abramowitz and Stegun 6.1.41, and below that the recurrence.
func LogGamma(x float64) float64 {
	if !(x >= 1) {
		panic("tail: the gamma function is asked for a number below 1")
	}
	factor := 1.0 // below 16!
	for x < 16 {
		factor = float64(factor * x)
		x++
	}
	return float64((x-0.5)*ln(x)) - x + halfLog2Pi + stirlingSeries(x) - ln(factor)
}
