package watermark

import "math"

// pickIndex returns the index at which the running sum of probs, each multiplied by its factor,
// passes u times the total. It returns -1 if no probability is positive. A nil factor means 1.
// Negative and infinite probabilities and NaN count as 0.
func pickIndex(probs []float32, u float64, factor func(i int) float64) int {
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
	return last // u*total was rounded up to the sum
}
