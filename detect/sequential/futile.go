package sequential

import (
	"math"
	"sort"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// maxFutile bounds the search for a futility bound, and keeps sums of scores within an int64.
const maxFutile = 1 << 28

// futileAt returns the number of units from which silence is not_detected: with so many units, the
// e-process p itself reaches 10^-level with probability 0.9 or more, in text whose mean score is
// above that of the null by excess. It returns math.MaxInt64 if there is none.
//
// The supremum over all times is at least the value after n units. So a bound of that value's chance
// holds for every larger number of units. After n units the linear parts of the e-process depend on
// the sum of the scores alone, and increase with it. So the chance that they reach the level is the
// chance of a sum.
func futileAt(law watermark.Law, p process, excess, level float64) int64 {
	l := null.Of(law)
	likely := func(n int64) bool {
		sum, ok := p.reaches(n, -level, l.Top())
		return ok && l.Likely(&null.Units{1: n}, null.SumOf(sum), excess) >= tail.Log10(null.TargetPower)
	}
	hi := int64(1)
	for ; !likely(hi); hi *= 2 {
		if hi >= maxFutile {
			return math.MaxInt64
		}
	}
	lo := hi / 2
	for hi-lo > max(hi/256, 1) { // every hi is a bound, and the last percent is not worth the time
		if mid := lo + (hi-lo)/2; likely(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// reaches returns the smallest sum of n scores at which log10 of the value is at least level.
func (e *EProcess) reaches(n int64, level float64, _ int64) (sum int64, ok bool) {
	green := int64(sort.Search(int(n)+1, func(g int) bool { return e.mixture.log10E(int64(g), n) >= level }))
	return green, green <= n
}

// reaches counts the linear bets alone. The others add to the mean.
func (p *betProcess) reaches(n int64, level float64, top int64) (sum int64, ok bool) {
	value := func(sum int64) float64 {
		most, total := math.Inf(-1), 0.0
		for _, b := range p.bets {
			if b.Tilt > 0 {
				most = max(most, float64(b.Tilt*float64(sum))-float64(b.Offset*float64(n)))
			}
		}
		for _, b := range p.bets {
			if b.Tilt > 0 {
				total += tail.Exp(float64(b.Tilt*float64(sum)) - float64(b.Offset*float64(n)) - most)
			}
		}
		return (most + tail.Ln(total/float64(len(p.bets)))) / math.Ln10
	}
	if n > math.MaxInt64/2/top {
		return 0, false
	}
	lo, hi := int64(-1), n*top
	if !(value(hi) >= level) {
		return 0, false
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; value(mid) >= level {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi, true
}
