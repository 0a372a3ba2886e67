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
	// Gamma is the green rate of the null, in (0,1). With it Tokens and Share are those of the exact
	// test of a green rate of Gamma + C1 share sqrt(Gamma(1-Gamma)). 0 takes the normal law: at
	// gamma 1/4 and a few hundred tokens, its share of power 0.9 is detected with 0.77 to 0.88.
	Gamma float64
}

// exact returns the exact test of a share.
func (p Student) exact(share float64) GreenList {
	excess := p.C1 * share * math.Sqrt(p.Gamma*(1-p.Gamma))
	return GreenList{Gamma: p.Gamma, Green: min(p.Gamma+float64(excess), 1), Alpha: p.Alpha, Tests: p.Tests}
}

// z returns zA + zB, the normal quantiles of 1 - Alpha/Tests and of the power.
func (p Student) z(power float64) float64 {
	checkPower(power)
	if !(p.C1 > 0) || math.IsInf(p.C1, 1) {
		panic("plan: C1 is not a positive finite number")
	}
	if !(p.Gamma >= 0 && p.Gamma < 1) {
		panic("plan: Gamma is outside [0,1)")
	}
	level := levelOf(p.Alpha, p.Tests)
	return max(tail.NormalQuantile(level)-tail.NormalQuantile(tail.Log10(power)), 0)
}

// Tokens returns the number of scored tokens that show a share of marked training text with this
// power: ((zA+zB)/(C1 share))^2, or with a Gamma those of the exact test. +Inf is more than can be
// counted. share is in (0,1], and power in (0,1). It panics if a number is out of range.
func (p Student) Tokens(share, power float64) float64 {
	if !(share > 0 && share <= 1) {
		panic("plan: share is outside (0,1]")
	}
	z := p.z(power)
	if p.Gamma > 0 {
		n, err := p.exact(share).Tokens(power)
		if err != nil {
			return math.Inf(1)
		}
		return float64(n)
	}
	return square(z / (p.C1 * share))
}

func square(x float64) float64 { return float64(x * x) }

// Share returns the smallest share that n scored tokens show with this power, in (0,1): (zA+zB)/(C1
// sqrt(n)), or with a Gamma that of the exact test. No share is shown if it is above 1, or +Inf for n
// = 0. It panics if a number is out of range or n is negative.
func (p Student) Share(n int64, power float64) float64 {
	if n < 0 {
		panic("plan: the number of tokens is negative")
	}
	z := p.z(power)
	if p.Gamma == 0 {
		return z / (p.C1 * math.Sqrt(float64(n)))
	}
	// A green rate of 1 is the most that any share gives.
	lo, hi := 0.0, math.Sqrt((1-p.Gamma)/p.Gamma)/p.C1
	if p.exact(hi).Power(n) < power {
		return math.Inf(1)
	}
	for range 60 {
		if mid := (lo + hi) / 2; p.exact(mid).Power(n) < power {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
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
	half := tail.NormalQuantile(tail.Log10((1 - coverage) / 2))
	of := func(z float64) float64 { return min(max(z/(p.C1*math.Sqrt(float64(n))), 0), 1) }
	return of(z), of(z - half), of(z + half)
}
