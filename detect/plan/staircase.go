package plan

import (
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
)

// A staircase finds the smallest test of a power. The critical count k is the same for a run of
// consecutive n, along which the power rises. From one run to the next it falls back. So the search
// is over k, by the power at the last n of its run.
type staircase struct {
	gamma, green float64
	level, power float64 // as log10
}

// lastOf returns the largest n in [lo, hi] whose critical count is at most k. lo must be such an n.
func (s staircase) lastOf(k, lo, hi int64) int64 {
	for lo < hi {
		mid := lo + (hi-lo+1)/2
		if tail.Binomial(k, mid, s.gamma) <= s.level {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// last returns the last n of the run of k. It is below k if k does not have a run.
func (s staircase) last(k int64) int64 {
	// If k is the mean, chance reaches it too often for any level up to 1/2.
	return s.lastOf(k, k-1, int64(math.Ceil(float64(k)/s.gamma))+2)
}

// reaches reports whether a test of n tokens with critical count k has the power.
func (s staircase) reaches(k, n int64) bool {
	return n >= k && tail.Binomial(k, n, s.green) >= s.power
}

// smallest returns the smallest n whose test has the power. The search starts at guess. ok is false
// if n would be above maxPlanned.
func (s staircase) smallest(guess float64) (n int64, ok bool) {
	limit := int64(math.Ceil(maxPlanned * s.gamma))
	// Find the smallest k whose run reaches the power: halve a bracket around the guess.
	hi := int64(math.Ceil(min(max(guess*s.gamma, 1), float64(limit))))
	for !s.reaches(hi, s.last(hi)) {
		if hi == limit {
			return 0, false
		}
		hi = min(2*hi, limit)
	}
	lo := int64(0)
	for step := max(hi/64, 1); hi-step > lo; step *= 2 {
		if k := hi - step; s.reaches(k, s.last(k)) {
			hi = k
		} else {
			lo = k
			break
		}
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; s.reaches(mid, s.last(mid)) {
			hi = mid
		} else {
			lo = mid
		}
	}
	k, n := s.earlier(hi, s.last(hi))
	// Along a run the power rises. The run before does not reach it, so the n that is found has the
	// critical count k.
	from := max(k, 1)
	for from < n {
		if mid := from + (n-from)/2; s.reaches(k, mid) {
			n = mid
		} else {
			from = mid + 1
		}
	}
	return n, true
}

// earlier looks for a smaller k whose run also reaches the power. The last n of a run is rounded
// down by up to one token. The power that this token is worth is that of about sqrt(n)/10 runs. So
// within a multiple of that number, runs may be out of order.
func (s staircase) earlier(k, n int64) (int64, int64) {
	window := 16 + int64(min(0.3*math.Sqrt(float64(n)), 3000))
	gap := int64(1/s.gamma) + 2
	for j, last := k-1, n; j > 0 && k-j <= window; j-- {
		// Runs are at most about 1/gamma long.
		from := max(last-2*gap, j-1)
		if tail.Binomial(j, from, s.gamma) > s.level {
			from = j - 1
		}
		last = s.lastOf(j, from, last)
		if s.reaches(j, last) {
			k, n = j, last
		}
	}
	return k, n
}
