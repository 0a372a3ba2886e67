package detect

// refine estimates where the mark of an interval begins and ends. It returns the run with the
// largest log likelihood ratio of the interval's own mean score against the null. The run lies
// within the interval and half its length on either side, and inside [lo, hi).
func (q *sequence) refine(c interval, lo, hi int) (from, to int) {
	n := c.to - c.from
	lo, hi = max(lo, c.from-n/2), min(hi, c.to+n/2)
	ratio := q.Law.Ratio(int64(n), q.Sum(c.from, c.to))
	if ratio == nil {
		return c.from, c.to // only for an Alpha near 1
	}
	var best, sum int64
	start := lo
	for i := lo; i < hi; i++ {
		if sum <= 0 {
			sum, start = 0, i
		}
		sum += ratio(q.Sum(i, i+1))
		if sum > best {
			best, from, to = sum, start, i+1
		}
	}
	if to <= c.from || from >= c.to {
		return c.from, c.to // a run next to the interval is not a part of it
	}
	return from, to
}
