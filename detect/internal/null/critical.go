package null

import "math"

// Moments returns the mean and the variance, under the null, of the weighted sum of these units.
func Moments(l Law, units *Units) (mean, variance float64) {
	of, spread := l.Moments()
	for w, count := range units {
		weight, n := float64(w), float64(count)
		mean += float64(weight * n * of)
		variance += float64(weight * weight * n * spread)
	}
	return mean, variance
}

// Max returns a number that the weighted sum of these units cannot exceed.
func Max(l Law, units *Units) Sum {
	var sum Sum
	for w, n := range units {
		sum = sum.Plus(int64(w)*l.Top(), n)
	}
	return sum
}

// Critical returns the smallest sum whose survival is at most limit, a log10 p-value. It returns
// top+1 if no sum up to top qualifies.
//
// Tails of weighted sums are costly. So the search starts where a normal law would place the
// sum, and widens from there.
func Critical(l Law, units *Units, limit float64, top int64) int64 {
	mean, variance := Moments(l, units)
	sd := math.Sqrt(variance)
	guess := int64(min(mean+float64(sd*math.Sqrt(max(-2*math.Ln10*limit, 0))), float64(top)))
	above := func(sum int64) float64 { return l.Survival(units, SumOf(sum)) - limit }
	if above(top) > 0 { // short texts cannot reach the limit, and the tail at the top is cheap
		return top + 1
	}
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
	// The logarithm of a tail is nearly straight, so a line finds the crossing (regula falsi in the
	// Illinois form, Dowell and Jarratt 1971). Every third step halves the bracket, because some
	// tails consist of steps.
	for i, side := 0, 0; hi-lo > 1; i++ {
		at := lo + (hi-lo)/2
		if x := float64(hi-lo) * (atLo / (atLo - atHi)); i%3 < 2 && x >= 0 { // NaN if an end has no value
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
