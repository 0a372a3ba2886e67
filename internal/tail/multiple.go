package tail

import "math"

// Bonferroni returns the log10 of the adjusted p-value of the best of several tests, with any
// dependence between them: tests times p, at most 1. It panics if log10P is NaN or tests < 1. A
// log10P above 0 counts as 0.
func Bonferroni(log10P float64, tests int64) float64 {
	checkTests(log10P, tests)
	if tests == 1 {
		return min(log10P, 0)
	}
	return min(log10P+ln(float64(tests))/math.Ln10, 0)
}

// Sidak returns the log10 of the adjusted p-value of the best of several independent tests:
// 1 - (1-p)^tests (Sidak 1967). It panics if log10P is NaN or tests < 1. A log10P above 0 counts
// as 0.
func Sidak(log10P float64, tests int64) float64 {
	checkTests(log10P, tests)
	bound := Bonferroni(log10P, tests)
	// The bound errs upwards, by a relative error of less than tests * p.
	if tests == 1 || bound < -17 {
		return bound
	}
	p := exp(min(log10P, 0) * math.Ln10)
	return min(log10(log1mExp(float64(tests)*log1p(-p))), bound)
}

func checkTests(log10P float64, tests int64) {
	if math.IsNaN(log10P) {
		panic("tail: p-value is NaN")
	}
	if tests < 1 {
		panic("tail: the number of tests is below 1")
	}
}
