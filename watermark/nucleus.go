package watermark

import (
	"math"

	"github.com/isotope-wm/isotope/internal/kernel"
)

// nucleus returns what TopP and MinP leave of a row whose largest biased logit is top,
// or ok false where it cannot tell: the specification must then decide.
//
// Only the tokens near the top, the head, get an exponential each. The rest of the mass
// is known to within bounds, and so is the mass that the nucleus must reach. Nearly
// always both bounds end it at the same token.
func (c *rowScanner) nucleus(row []float32, t *rowBias, p Sampler, top float32) (kept []candidate, ok bool) {
	const (
		firstDepth, deeper = 4, 1.5 // nats below the top; twice as deep while most is missing
		deepest            = 90     // where weights are below what bounds the tail
		maxTries           = 3
		headShare          = 2 // a head this part of the row is no faster
	)
	temperature, topP := float64(p.Temperature), float64(p.TopP)
	c.green = t.mask(c.green, len(row))
	var total, slack float64
	tries := 0
	for depth := float64(firstDepth); depth < deepest; depth += deeper {
		cut := float32(float64(top) - depth*temperature)
		if !(cut < top) {
			return nil, false // a temperature below the resolution of the logits
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
			continue // the nucleus reaches below the head
		}
		last, ok := c.lastInNucleus(head, topP, total, slack)
		if !ok {
			if tries++; tries > maxTries {
				return nil, false
			}
			total = 0 // a deeper head leaves less to the bounds
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

// minHead is a head that costs nothing even in a small vocabulary.
const minHead = 32

// head collects the tokens whose biased logits, by c.green, are at least cut.
func (c *rowScanner) head(row []float32, delta, cut float32) []candidate {
	list := c.collect(row, delta, cut)
	add := [2]float32{0, delta}
	n := 0
	for _, h := range list {
		// No branch: colours are random, and so is whether a red one reaches cut.
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

// total returns the sum of all weights, given that of the head, and by how much the
// specification's own sum may differ from it, its roundings included.
func (c *rowScanner) total(row []float32, delta, cut, top, temperature float32, head float64) (total, slack float64) {
	c.sums = sized(c.sums, len(c.green))
	tail := kernel.SumExp(c.sums, row, c.green, delta, cut, top, float32(1/float64(temperature)))
	total = head + tail
	return total, kernel.SumExpError(tail, len(row)) + total*float64(len(row))*0x1p-50
}

// lastInNucleus returns the candidate with which the running sum of weights, the best
// first, reaches topP of the total, and whether that is certain. It is a selection by
// mass: of two parts, it goes on in the one where the sum passes.
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

// maxRounds is far more partitions than a selection takes, by the median of three,
// unless somebody made up the logits to slow it down.
const maxRounds = 100

// partition puts the better ones of h, at least one and not all, first and returns how
// many they are. h has at least two entries, all of them different.
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

// weigh sets the weights as softmax does, for a top that may lie outside the list.
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
