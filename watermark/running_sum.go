package watermark

import "github.com/isotope-wm/isotope/internal/kernel"

// runningSum draws from all tokens of row under the bias t, at a temperature, by the running sum in
// order of ids. top is the largest biased logit. ok is false if the bounds cannot decide; the caller
// then runs the exact sampler.
//
// It computes an exponential only for tokens near the maximum. The others are summed by block, within
// bounds. It examines only the block in which the running sum passes u.
func (c *rowScanner) runningSum(row []float32, t *rowBias, top, temperature float32, u float64) (id Token, ok bool) {
	if !(u >= 0 && u < 1) {
		return 0, false
	}
	c.green = t.mask(c.green, len(row))
	// A deep head leaves less to the bounds, and takes longer.
	for _, depth := range []float64{7, 11} {
		cut := float32(float64(top) - depth*float64(temperature))
		if !(cut < top) {
			return 0, false
		}
		head := c.head(row, t.delta, cut)
		if len(head) > len(row)/2 && len(head) > minHead {
			return 0, false
		}
		mass := weigh(head, top, temperature)
		total, slack := c.total(row, t.delta, cut, top, temperature, mass)
		if id, ok := c.passes(row, t.delta, head, top, temperature, u*total, 2*slack); ok {
			return id, true
		}
	}
	return 0, false
}

// passes returns the token at which the running sum passes target. ok is false if an error of
// slack, in sums and target together, could change the result. c.sums must hold the block sums
// without the head.
func (c *rowScanner) passes(
	row []float32, delta float32, head []candidate, top, temperature float32, target, slack float64,
) (t Token, ok bool) {
	sum := 0.0
	for b, tail := range c.sums {
		block := sum + float64(tail)
		for len(head) > 0 && int(head[0].id)/kernel.ScanBlock == b {
			block += head[0].weight
			head = head[1:]
		}
		if block+slack < target {
			sum = block
			continue
		}
		first := b * kernel.ScanBlock
		for i, x := range row[first:min(first+kernel.ScanBlock, len(row))] {
			if !(x > negInf) {
				continue
			}
			one := [1]candidate{{logit: x}}
			if c.green[b]>>i&1 == 1 {
				one[0].logit += delta
			}
			before := sum
			if sum += weigh(one[:], top, temperature); sum+slack < target {
				continue
			}
			return Token(first + i), before+slack < target && sum-slack > target
		}
	}
	return 0, false
}

// mass returns the sum of the weights of all tokens of row under the bias t, with a relative error below
// 1e-5. best is the largest biased logit, and has weight 1. The row must be scanned and bounded.
func (c *rowScanner) mass(row []float32, t *rowBias, best, temperature float32) float64 {
	const depth = 7
	c.green = t.mask(c.green, len(row))
	cut := float32(float64(best) - depth*float64(temperature))
	total, _ := c.total(row, t.delta, cut, best, temperature, weigh(c.head(row, t.delta, cut), best, temperature))
	return total
}

// weightOf returns the weight of one token of row.
func (c *rowScanner) weightOf(row []float32, t *rowBias, id Token, best, temperature float32) float64 {
	one := append(c.ranked[:0], candidate{logit: row[id], id: id})
	c.ranked = one
	c.colour(one, t, len(row))
	return weigh(one, best, temperature)
}
