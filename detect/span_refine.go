package detect

import "math"

// refine estimates where the mark of an interval begins and ends: the run with the
// largest log likelihood ratio, at the interval's own green rate against gamma, within
// the interval and half its length on either side, but not outside [lo, hi).
func (q *sequence) refine(c interval, gamma float64, lo, hi int) (from, to int) {
	n := c.to - c.from
	lo, hi = max(lo, c.from-n/2), min(hi, c.to+n/2)
	// Half a count more of each colour keeps the logarithms finite.
	rate := (float64(q.green(c.from, c.to)) + 0.5) / (float64(n) + 1)
	// Integers, so that sums are the same everywhere.
	const unit = 1 << 20
	up := int64(math.Round(unit * math.Log(rate/gamma)))
	down := int64(math.Round(unit * math.Log((1-rate)/(1-gamma))))
	if up <= 0 || down >= 0 {
		return c.from, c.to // only for an Alpha near 1
	}
	var best, sum int64
	start := lo
	for i := lo; i < hi; i++ {
		if sum <= 0 {
			sum, start = 0, i
		}
		if q.green(i, i+1) == 1 {
			sum += up
		} else {
			sum += down
		}
		if sum > best {
			best, from, to = sum, start, i+1
		}
	}
	if to <= c.from || from >= c.to {
		return c.from, c.to // what is beside an interval is not a part of it
	}
	return from, to
}
