package plan

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A Share plans a fixed test of any mark: how many scored tokens does it need to detect a share of
// marked text? It rests on the law of the mark's score, and on the reference of detect's
// Power.MinShare. It is a value, and its methods are safe for concurrent use.
type Share struct {
	Law watermark.Law // law of one score, from the Law method of a Scorer
	// Share is the share of marked text, in (0,1].
	Share float64
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5].
	// 0 means 1e-6.
	Alpha float64
	// Tests is the number of tests that are adjusted for (Bonferroni), keys included, at least 1. 0
	// means 1.
	Tests int64
}

// plan returns the law, the excess to detect, and log10 of the p-value that detects. It panics if a
// field is out of range.
func (p Share) plan() (l null.Law, excess, level float64) {
	l = null.Of(p.Law)
	if !(p.Share > 0 && p.Share <= 1) {
		panic("plan: Share is outside (0,1]")
	}
	full, most := l.Full()
	return l, min(p.Share*full, most), levelOf(p.Alpha, p.Tests)
}

// Power returns a lower bound of the probability that a test of n scored tokens detects the share.
// It panics if n is negative or a field is out of range.
func (p Share) Power(n int64) float64 {
	l, excess, level := p.plan()
	if n < 0 {
		panic("plan: the number of tokens is negative")
	}
	return tail.Exp(float64(log10Power(l, excess, level, n) * math.Ln10))
}

// log10Power returns log10 of the power of a test of n units of weight 1.
func log10Power(l null.Law, excess, level float64, n int64) float64 {
	units := null.Units{1: n}
	top := min(null.Max(l, &units).Int64(), math.MaxInt64-1)
	if n == 0 {
		return math.Inf(-1)
	}
	sum := null.Critical(l, &units, level, top)
	if sum > top {
		return math.Inf(-1)
	}
	return l.Raised(&units, null.SumOf(sum), excess, true)
}

// Tokens returns a number of scored tokens whose test has at least this power, in (0,1). For a
// green list it is that of [GreenList.Tokens]. For other marks it is the smallest, except for the
// grain of the test. The error wraps [ErrNoEffect] or [ErrOutOfReach]. It panics if power or a
// field is out of range.
func (p Share) Tokens(power float64) (int64, error) {
	_, excess, level := p.plan()
	checkPower(power)
	if !(excess > 0) {
		return 0, fmt.Errorf("plan: %w", ErrNoEffect)
	}
	n, ok := tokens(p.Law, excess, level, tail.Log10(power))
	if !ok {
		return 0, fmt.Errorf("plan: cannot show a share of %v: %w", p.Share, ErrOutOfReach)
	}
	return n, nil
}

// tokens returns the smallest number of units of weight 1 whose test at 10^level detects an
// excess with a probability of 10^power. ok is false if no practical number exists.
func tokens(law watermark.Law, excess, level, power float64) (n int64, ok bool) {
	if l, ok := law.(watermark.Bernoulli); ok {
		s := staircase{l.P, min(l.P+excess, 1), level, power}
		p := GreenList{Gamma: l.P, Green: s.green}
		return s.smallest(p.approximateAt(level, power))
	}
	return tokensByHalving(null.Of(law), excess, level, power)
}

// tokensByHalving returns the smallest n, except for the grain of the test, whose power is at least
// 10^power.
func tokensByHalving(l null.Law, excess, level, power float64) (n int64, ok bool) {
	enough := func(n int64) bool { return log10Power(l, excess, level, n) >= power }
	lo, hi := int64(0), int64(1)
	for !enough(hi) {
		if hi >= maxSharePlanned {
			return 0, false
		}
		lo, hi = hi, 2*hi
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; enough(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi, true
}

// maxSharePlanned keeps sums of Gumbel scores within an int64.
const maxSharePlanned = 1 << 28
