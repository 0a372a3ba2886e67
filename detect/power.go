package detect

import (
	"math"

	"github.com/isotope-wm/isotope/watermark"
)

// targetPower is the power that statements about silence are made for.
const targetPower = 0.9

// Power says what a test of this size could have shown.
type Power struct {
	Alpha float64 // the adjusted p-value that is called detected
	Power float64 // the probability of detection the other numbers are for: 0.9
	// MinSum is the smallest Sum that is detected, tests counted by Bonferroni, which is a number of green units
	// where all weights are 1; above every possible one when none is.
	MinSum int64
	// MinExcess is the smallest excess of the green rate over gamma, the same for
	// every unit, that is detected with that probability; +Inf when none is.
	MinExcess float64
	// MinShare is the share of marked text that MinExcess means at best, if every
	// marked token were drawn where the model is indifferent; text with less entropy
	// needs a larger share. Above 1, or +Inf, no text of this length would do.
	MinShare float64
}

// power computes the statement for the units of a tally. tests are counted by
// Bonferroni, which at most understates the power.
func (t *tally) power(law watermark.Bernoulli, o Options, tests int64) Power {
	p := Power{Alpha: o.Alpha, Power: targetPower, MinExcess: math.Inf(1), MinShare: math.Inf(1)}
	top := t.max()
	limit := math.Log10(o.Alpha) - math.Log10(float64(tests))
	p.MinSum = t.critical(law.P, limit, top)
	if p.MinSum > top {
		return p
	}
	// The power at a green rate grows with it, from at most Alpha at gamma to 1 at 1.
	target := math.Log10(targetPower)
	rate := root(law.P, 1, func(rate float64) float64 { return t.survival(p.MinSum, rate) - target })
	p.MinExcess = rate - law.P
	p.MinShare = p.MinExcess / (law.Marked - law.P)
	return p
}

// critical returns the smallest sum whose survival is at most limit, top+1 if there is
// none. Tails of weighted sums are costly, so the search starts where a normal law
// would have it and widens from there.
func (t *tally) critical(p, limit float64, top int64) int64 {
	var mean, variance float64
	for w, c := range t.classes {
		mean += float64(w) * float64(c.Scored) * p
		variance += float64(w*w) * float64(c.Scored) * p * (1 - p)
	}
	sd := math.Sqrt(variance)
	guess := int64(mean + sd*math.Sqrt(max(-2*math.Ln10*limit, 0)))
	deep := func(sum int64) bool { return t.survival(sum, p) <= limit }
	// Bracket: lo is not deep (or -1), hi is (or top+1).
	lo, hi := int64(-1), top+1
	step := int64(sd/4) + 1
	for at := min(max(guess, 0), top); ; step *= 2 {
		if deep(at) {
			hi = at
			if at == 0 || lo >= 0 {
				break
			}
			at = max(at-step, 0)
		} else {
			lo = at
			if at == top || hi <= top {
				break
			}
			at = min(at+step, top)
		}
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; deep(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// root returns where an increasing function crosses zero in [lo, hi], from above, by
// regula falsi in the Illinois form (Dowell and Jarratt 1971).
func root(lo, hi float64, f func(float64) float64) float64 {
	flo, fhi := f(lo), f(hi)
	for side := 0; hi-lo > 1e-13*hi && fhi > 1e-12; {
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
