package watermark

import "math"

// draw returns the index at which the running sum of probs, each multiplied by
// factor, passes u times the whole, or -1 when nothing is positive. A nil factor is
// 1. What is negative, infinite or no number counts as 0.
func draw(probs []float32, u float64, factor func(i int) float64) int {
	weight := func(i int) float64 {
		p := float64(probs[i])
		if !(p > 0) || math.IsInf(p, 1) {
			return 0
		}
		if factor == nil {
			return p
		}
		return p * factor(i)
	}
	var total float64
	for i := range probs {
		total += weight(i)
	}
	last := -1
	var sum float64
	for i := range probs {
		w := weight(i)
		if w == 0 {
			continue
		}
		sum += w
		last = i
		if sum > u*total {
			return i
		}
	}
	return last // rounding left u*total at or above the sum
}
