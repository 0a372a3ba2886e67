package plan

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A Student is about a model that was trained on marked text, tested by its
// outputs. It rests on the law z = C1 * share * sqrt(n): the z-score of n scored
// tokens grows with the share of marked text in the training data and with sqrt(n).
//
// C1 is the z-score of one token at share 1. It is not known beforehand: it depends on
// the width, the bias, the training and the prompts, and must be measured on a student of
// one's own. And the law holds only while the scored pairs are fresh: with more tokens
// the distinct pairs run out, and evidence stops growing and may fall. (Sander et al.,
// "Watermarking Makes Language Models Radioactive", 2024, for both.) Alpha and Tests are
// those of [GreenList].
type Student struct {
	C1    float64 // above 0
	Alpha float64 // in (0,0.5]; 0 means 1e-6
	Tests int64   // 0 means 1
}

// z returns the sum of the quantiles of level and power.
func (p Student) z(power float64) float64 {
	checkPower(power)
	if !(p.C1 > 0) || math.IsInf(p.C1, 1) {
		panic("plan: C1 is not a positive number")
	}
	level := levelOf(p.Alpha, p.Tests)
	return max(tail.NormalQuantile(level)-tail.NormalQuantile(math.Log10(power)), 0)
}

// Tokens returns how many scored tokens show a share of marked training text, in
// (0,1], with this power: ((zA+zB)/(C1 share))^2. It panics when something is out of
// range.
func (p Student) Tokens(share, power float64) float64 {
	if !(share > 0 && share <= 1) {
		panic("plan: share is outside (0,1]")
	}
	return math.Pow(p.z(power)/(p.C1*share), 2)
}

// Share returns the smallest share that n scored tokens show with this power:
// (zA+zB)/(C1 sqrt(n)). Above 1, or +Inf for no tokens, none does. It panics when
// something is out of range or n is negative.
func (p Student) Share(n int64, power float64) float64 {
	if n < 0 {
		panic("plan: a negative number of tokens")
	}
	return p.z(power) / (p.C1 * math.Sqrt(float64(n)))
}

// Implied returns the share that a z-score of n scored tokens means by the law,
// z/(C1 sqrt(n)), and the ends of a central interval of this coverage, in (0,1), which is
// about the noise of z alone and not about C1. All are held within 0 and 1. It panics when
// something is out of range, n is below 1, or z is NaN.
func (p Student) Implied(z float64, n int64, coverage float64) (share, low, high float64) {
	p.z(null.TargetPower) // checks C1
	if !(coverage > 0 && coverage < 1) {
		panic("plan: coverage is outside (0,1)")
	}
	if n < 1 || math.IsNaN(z) {
		panic("plan: a share needs tokens and a z-score")
	}
	half := tail.NormalQuantile(math.Log10((1 - coverage) / 2))
	of := func(z float64) float64 { return min(max(z/(p.C1*math.Sqrt(float64(n))), 0), 1) }
	return of(z), of(z - half), of(z + half)
}
