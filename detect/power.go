package detect

import "math"

// targetPower is the power that statements about silence are made for.
const targetPower = 0.9

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

// power computes the statement for the units of a tally. tests are counted by
// Bonferroni, which at most understates the power.
func (t *tally) power(o Options, tests int64) Power {
	p := Power{Alpha: o.Alpha, Power: targetPower, MinExcess: math.Inf(1), MinShare: math.Inf(1)}
	top := min(t.max().int64(), math.MaxInt64-1)
	limit := math.Log10(o.Alpha) - math.Log10(float64(tests))
	p.MinSum = t.critical(limit, top)
	if p.MinSum > top {
		return p
	}
	// The power grows with the excess, from at most Alpha.
	units, sum := t.units(), wide{}.plus(1, p.MinSum)
	full, most := t.law.full()
	above := func(excess float64) float64 { return t.law.raised(units, sum, excess, false) - math.Log10(targetPower) }
	if above(most) >= 0 {
		p.MinExcess = root(most, t.law.digits(), above)
		p.MinShare = p.MinExcess / full
	}
	return p
}

// critical returns the smallest sum whose survival is at most limit, top+1 if there is
// none. Tails of weighted sums are costly, so the search starts where a normal law
// would have it and widens from there.
func (t *tally) critical(limit float64, top int64) int64 {
	mean, variance := t.moments()
	sd := math.Sqrt(variance)
	guess := int64(min(mean+sd*math.Sqrt(max(-2*math.Ln10*limit, 0)), float64(top)))
	units := t.units()
	above := func(sum int64) float64 { return t.law.survival(units, wide{}.plus(1, sum)) - limit }
	// Bracket: lo is above the limit (or -1), hi is not (or top+1).
	lo, hi := int64(-1), top+1
	atLo, atHi := math.NaN(), math.NaN()
	step := int64(sd/16) + 1
	for at := min(max(guess, 0), top); ; step *= 4 {
		if y := above(at); y <= 0 {
			hi, atHi = at, y
			if at == 0 || lo >= 0 {
				break
			}
			at = max(at-step, 0)
		} else {
			lo, atLo = at, y
			if at == top || hi <= top {
				break
			}
			at += min(step, top-at)
		}
	}
	// The logarithm of a tail is nearly straight, so that a line finds where it crosses, in
	// the Illinois form; every third step is a halving, for tails that are all steps.
	for i, side := 0, 0; hi-lo > 1; i++ {
		at := lo + (hi-lo)/2
		if x := float64(hi-lo) * (atLo / (atLo - atHi)); i%3 < 2 && x >= 0 { // no number where an end was not looked at
			at = min(max(lo+int64(x), lo+1), hi-1)
		}
		if y := above(at); y <= 0 {
			hi, atHi = at, y
			if side > 0 {
				atLo /= 2
			}
			side = 1
		} else {
			lo, atLo = at, y
			if side < 0 {
				atHi /= 2
			}
			side = -1
		}
	}
	return hi
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
