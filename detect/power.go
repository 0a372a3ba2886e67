package detect

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// Power says what a test of this size would have detected.
type Power struct {
	Alpha float64 // largest adjusted p-value that is called detected, in (0,1)
	Power float64 // probability of detection that MinExcess and MinShare are stated for: 0.9
	// MinSum is the smallest Sum that would be detected, adjusted for all tests by Bonferroni. If
	// all weights are 1 and scores are colours, it is a number of green units. It is above every
	// possible Sum if no Sum would be detected.
	MinSum int64
	// MinExcess is the smallest rise of the mean score above its mean under the null that would be
	// detected with probability Power. It is +Inf if none would be.
	//
	// For a green list it is the excess of the green rate over gamma, the same for every unit. For
	// a Gumbel mark it is the excess of the score in nats, and for a tournament the excess of the
	// mean bit over 1/2. Those two are means over all units, of which a share is marked.
	MinExcess float64
	// MinShare is the share of marked text that MinExcess means, above 0. No text of this length
	// would do if it is above 1 or +Inf.
	//
	// For a green list it is a lower bound: it holds for a model that finds all tokens equally
	// likely wherever it marks. Text of less entropy needs a larger share. A keyed draw does not
	// have such a bound. So marked tokens count as fair choices between two, which is one bit of
	// entropy each. Text of more entropy than that on average needs a smaller share, and text of
	// less entropy a larger one.
	MinShare float64
	// Rate is the Rate of Options, or 0 if none was stated.
	Rate float64
	// RateShare is the smallest share of marked text that would be detected with probability Power
	// or more, in text of which the marked part raises the mean score by Rate. It is +Inf if Rate is
	// 0, or if no share would do. For a green list and for a Gumbel mark, it holds for every way in
	// which the rise is spread over the text. docs/statistics.md, section 6, has the proofs.
	RateShare float64
}

// powerOf states the power of a test of these units. It adjusts for tests by Bonferroni, which can
// only understate the power.
func powerOf(law null.Law, units *null.Units, o Options, tests int64) Power {
	p := Power{
		Alpha: o.Alpha, Power: null.TargetPower, MinExcess: math.Inf(1), MinShare: math.Inf(1),
		Rate: o.Rate, RateShare: math.Inf(1),
	}
	top := min(null.Max(law, units).Int64(), math.MaxInt64-1)
	limit := tail.Log10(o.Alpha) - tail.Log10(float64(tests))
	p.MinSum = null.Critical(law, units, limit, top)
	if p.MinSum > top {
		return p
	}
	// The power grows with the excess. Without an excess it is at most Alpha.
	sum := null.SumOf(p.MinSum)
	full, most := law.Full()
	above := func(excess float64) float64 {
		return law.Raised(units, sum, excess, false) - tail.Log10(null.TargetPower)
	}
	if above(most) >= 0 {
		p.MinExcess = root(most, law.Digits(), above)
		p.MinShare = p.MinExcess / full
	}
	if o.Rate > 0 {
		likely := func(share float64) float64 {
			return law.Likely(units, sum, share*o.Rate) - tail.Log10(null.TargetPower)
		}
		if likely(1) >= 0 {
			p.RateShare = root(1, 1e-3, likely)
		}
	}
	return p
}

// root returns where an increasing function crosses zero in (0, hi]. It approaches from above, to a
// relative accuracy, by regula falsi in the Illinois form (Dowell and Jarratt 1971).
func root(hi, accuracy float64, f func(float64) float64) float64 {
	lo := 0.0
	flo, fhi := f(lo), f(hi)
	for side := 0; hi-lo > accuracy*hi && fhi > 1e-12; {
		mid := hi - float64(fhi*(hi-lo))/(fhi-flo)
		if !(mid > lo && mid < hi) {
			mid = lo + float64((hi-lo)/2)
		}
		switch v := f(mid); {
		case v >= 0:
			hi, fhi = mid, v
			if side > 0 {
				flo /= 2
			}
			side = 1
		default:
			lo, flo = mid, v
			if side < 0 {
				fhi /= 2
			}
			side = -1
		}
	}
	return hi
}
