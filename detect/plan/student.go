package plan

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A Student plans a test of the outputs of a model that was trained on marked text. It rests on the
// law z = C1 * share * sqrt(n). The z-score of n scored tokens grows with the share of marked text
// in the training data, and with sqrt(n). (Sander et al., "Watermarking Makes Language Models
// Radioactive", 2024.)
//
// C1 is the z-score of one token at share 1. It depends on the width, the bias, the training and
// the prompts, so it is not known beforehand. Measure it on a student of your own. The law holds
// only while the scored pairs are fresh. With more tokens the distinct pairs run out. Evidence then
// stops growing and may fall. Alpha and Tests are those of [GreenList].
type Student struct {
	C1    float64 // sensitivity, above 0
	Alpha float64 // largest adjusted p-value that is called detected, in (0,0.5]; 0 means 1e-6
	Tests int64   // tests that are adjusted for (Bonferroni), at least 1; 0 means 1
}

// z returns zA + zB, the normal quantiles of 1 - Alpha/Tests and of the power.
func (p Student) z(power float64) float64 {
	checkPower(power)
	if !(p.C1 > 0) || math.IsInf(p.C1, 1) {
		panic("plan: C1 is not a positive finite number")
	}
	level := levelOf(p.Alpha, p.Tests)
	return max(tail.NormalQuantile(level)-tail.NormalQuantile(math.Log10(power)), 0)
}

// Tokens returns the number of scored tokens that show a share of marked training text with this
// power: ((zA+zB)/(C1 share))^2. share is in (0,1], and power in (0,1). It panics if a number is
// out of range.
func (p Student) Tokens(share, power float64) float64 {
	if !(share > 0 && share <= 1) {
		panic("plan: share is outside (0,1]")
	}
	return math.Pow(p.z(power)/(p.C1*share), 2)
}

// Share returns the smallest share that n scored tokens show with this power, in (0,1): (zA+zB)/(C1
// sqrt(n)). No share is shown if it is above 1, or +Inf for n = 0. It panics if a number is out of
// range or n is negative.
func (p Student) Share(n int64, power float64) float64 {
	if n < 0 {
		panic("plan: the number of tokens is negative")
	}
	return p.z(power) / (p.C1 * math.Sqrt(float64(n)))
}

// Implied returns the share that a z-score of n scored tokens means by the law, z/(C1 sqrt(n)). It
// also returns the ends of a central interval of this coverage, in (0,1). The interval covers the
// noise of z alone, and not that of C1. All three are clamped to [0,1]. It panics if a number is
// out of range, n is below 1, or z is NaN.
func (p Student) Implied(z float64, n int64, coverage float64) (share, low, high float64) {
	p.z(null.TargetPower) // checks C1
	if !(coverage > 0 && coverage < 1) {
		panic("plan: coverage is outside (0,1)")
	}
	if n < 1 || math.IsNaN(z) {
		panic("plan: an implied share needs a number of tokens above 0 and a z-score that is not NaN")
	}
	half := tail.NormalQuantile(math.Log10((1 - coverage) / 2))
	of := func(z float64) float64 { return min(max(z/(p.C1*math.Sqrt(float64(n))), 0), 1) }
	return of(z), of(z - half), of(z + half)
}
