package detect

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/null"
)

// Power says what a test of this size could have shown.
type Power struct {
	Alpha float64 // the adjusted p-value that is called detected
	Power float64 // the probability of detection the other numbers are for: 0.9
	// MinSum is the smallest Sum that is detected, tests counted by Bonferroni, which is a number of green units
	// where all weights are 1; above every possible one when none is.
	MinSum int64
	// MinExcess is the smallest excess of a score's mean over its mean under the null that
	// is detected with that probability; +Inf when none is. For a green list it is that of
	// the green rate over gamma, the same for every unit; for a Gumbel mark that of the
	// score in nats, for a tournament that of the mean bit over 1/2, over a share of units.
	MinExcess float64
	// MinShare is the share of marked text that MinExcess means. For a green list it is
	// so at best, if every marked token were drawn where the model is indifferent; text
	// with less entropy needs a larger share. For a keyed draw there is no best, so that
	// marked tokens count as fair choices between two, one bit of entropy each: text with
	// more entropy than that on average shows a smaller share, with less a larger one. Above
	// 1, or +Inf, no text of this length would do.
	MinShare float64
}

// powerOf computes the statement for scored units. The tests enter by Bonferroni, which can
// only understate the power.
func powerOf(law null.Law, units *null.Units, o Options, tests int64) Power {
	p := Power{Alpha: o.Alpha, Power: null.TargetPower, MinExcess: math.Inf(1), MinShare: math.Inf(1)}
	top := min(null.Max(law, units).Int64(), math.MaxInt64-1)
	limit := math.Log10(o.Alpha) - math.Log10(float64(tests))
	p.MinSum = null.Critical(law, units, limit, top)
	if p.MinSum > top {
		return p
	}
	// The power grows with the excess, from at most Alpha.
	sum := null.SumOf(p.MinSum)
	full, most := law.Full()
	above := func(excess float64) float64 {
		return law.Raised(units, sum, excess, false) - math.Log10(null.TargetPower)
	}
	if above(most) >= 0 {
		p.MinExcess = root(most, law.Digits(), above)
		p.MinShare = p.MinExcess / full
	}
	return p
}

// root returns where an increasing function crosses zero in (0, hi], from above and to a
// relative accuracy, by regula falsi in the Illinois form (Dowell and Jarratt 1971).
func root(hi, accuracy float64, f func(float64) float64) float64 {
	lo := 0.0
	flo, fhi := f(lo), f(hi)
	for side := 0; hi-lo > accuracy*hi && fhi > 1e-12; {
		mid := hi - fhi*(hi-lo)/(fhi-flo)
		if !(mid > lo && mid < hi) {
			mid = lo + (hi-lo)/2
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
