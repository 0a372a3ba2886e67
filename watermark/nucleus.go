package watermark

import (
	"math"

	"github.com/isotope-wm/isotope/internal/kernel"
)

// nucleus returns the candidates that TopP and MinP leave of a row whose largest biased logit is top.
// ok is false if the bounds cannot decide; the caller then runs the exact sampler.
//
// It computes an exponential only for tokens near the maximum, the head. The sum of the other weights
// is known within bounds, and so is the mass that the nucleus must reach. Both bounds nearly always
// end the nucleus at the same token.
func (c *rowScanner) nucleus(row []float32, t *rowBias, p Sampler, top float32) (kept []candidate, ok bool) {
	const (
		firstDepth, deeper = 4, 1.5 // nats below the top; the step doubles while most of the mass is missing
		deepest            = 90     // weights beyond are smaller than the error of the bounds
		maxTries           = 3
		headShare          = 2 // a head of half the row would not be faster
	)
	temperature, topP := float64(p.Temperature), float64(p.TopP)
	c.green = t.mask(c.green, len(row))
	var total, slack float64
	tries := 0
	for depth := float64(firstDepth); depth < deepest; depth += deeper {
		cut := float32(float64(top) - depth*temperature)
		if !(cut < top) {
			return nil, false // the temperature is below the resolution of the logits
		}
		head := c.head(row, t.delta, cut)
		if len(head) > len(row)/headShare && len(head) > minHead {
			return nil, false
		}
		mass := weigh(head, top, p.Temperature)
		if total == 0 {
			total, slack = c.total(row, t.delta, cut, top, p.Temperature, mass)
		}
		if need := topP*(total+slack) + slack; mass < need {
			if mass < need/2 {
				depth += deeper
			}
			continue // the nucleus extends below the head
		}
		last, ok := c.lastInNucleus(head, topP, total, slack)
		if !ok {
			if tries++; tries > maxTries {
				return nil, false
			}
			total = 0 // sum again: a deeper head leaves less to the bounds
			continue
		}
		kept = head[:0]
		for _, h := range head {
			if !better(last, h) {
				kept = append(kept, h)
			}
		}
		return kept, true
	}
	return nil, false
}

// minHead is the size up to which a head is cheap even in a small vocabulary.
const minHead = 32

// head returns the tokens whose biased logits are at least cut. c.green must hold the green list.
func (c *rowScanner) head(row []float32, delta, cut float32) []candidate {
	list := c.collect(row, delta, cut)
	add := [2]float32{0, delta}
	n := 0
	for _, h := range list {
		// Without branches, because colours are random and so is which logits reach cut.
		h.logit += add[c.green[h.id/64]>>(h.id%64)&1]
		list[n] = h
		reaches := 0
		if h.logit >= cut {
			reaches = 1
		}
		n += reaches
	}
	return list[:n]
}

// total returns the sum of all weights, given the sum of the head's. slack bounds the difference to
// the sum of the exact sampler, rounding errors included.
func (c *rowScanner) total(row []float32, delta, cut, top, temperature float32, head float64) (total, slack float64) {
	c.sums = sized(c.sums, len(c.green))
	tail := kernel.SumExp(c.sums, row, c.green, delta, cut, top, float32(1/float64(temperature)))
	total = head + tail
	return total, kernel.SumExpError(tail, len(row)) + total*float64(len(row))*0x1p-50
}

// lastInNucleus returns the candidate at which the running sum of weights, the best first, reaches
// topP of the total, and whether that is certain. It is a quickselect by mass: of two parts it
// continues in the one where the sum reaches the target.
func (c *rowScanner) lastInNucleus(head []candidate, topP, total, slack float64) (candidate, bool) {
	low, high := topP*(total-slack)-slack, topP*(total+slack)+slack
	if !(low > 0) {
		return candidate{}, false
	}
	c.ranked = append(c.ranked[:0], head...)
	h, before := c.ranked, 0.0
	for rounds := 0; len(h) > 1; rounds++ {
		if rounds == maxRounds {
			return candidate{}, false
		}
		n := partition(h)
		part := 0.0
		for _, x := range h[:n] {
			part += x.weight
		}
		switch sum := before + part; {
		case sum >= high:
			h = h[:n]
		case sum < low:
			h, before = h[n:], sum
		default:
			return candidate{}, false
		}
	}
	return h[0], before < low && before+h[0].weight >= high
}

// maxRounds is far more partitions than a selection with the median of three takes, unless the
// logits were made to slow it down.
const maxRounds = 100

// partition moves the better candidates of h to the front and returns their number, which is at
// least 1 and below len(h). h must have at least two candidates, all of them different.
func partition(h []candidate) int {
	n := len(h)
	a, b, z := h[0], h[n/2], h[n-1]
	pivot := b
	if better(a, b) == better(z, a) {
		pivot = a
	} else if better(a, z) == better(z, b) {
		pivot = z
	}
	i, j := 0, n-1
	for {
		for better(h[i], pivot) {
			i++
		}
		for better(pivot, h[j]) {
			j--
		}
		if i >= j {
			break
		}
		h[i], h[j] = h[j], h[i]
		i, j = i+1, j-1
	}
	return min(max(i, 1), n-1)
}

// weigh sets the weights as softmax does, and returns their sum. The best token, with the logit top,
// need not be in list.
func weigh(list []candidate, top, temperature float32) float64 {
	var total float64
	for i := range list {
		c := &list[i]
		c.weight = 1
		if c.logit != top {
			c.weight = math.Exp((float64(c.logit) - float64(top)) / float64(temperature))
		}
		total += c.weight
	}
	return total
}
