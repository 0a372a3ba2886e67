package detect

import (
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// targetPower is the power that statements about silence are made for.
const targetPower = 0.9

// Power says what a test of this size could have shown.
type Power struct {
	Alpha float64 // the adjusted p-value that is called detected
	Power float64 // the probability of detection the other numbers are for: 0.9
	// MinGreen is the smallest number of green units that is detected; above Scored
	// when none is.
	MinGreen int64
	// MinExcess is the smallest excess of the green rate over gamma that is detected
	// with that probability; +Inf when none is.
	MinExcess float64
	// MinShare is the share of marked text that MinExcess means at best, if every
	// marked token were drawn where the model is indifferent; text with less entropy
	// needs a larger share. Above 1, or +Inf, no text of this length would do.
	MinShare float64
}

// powerOf computes the statement for n units. tests are counted by Bonferroni, which
// at most understates the power.
func powerOf(n int64, law watermark.Bernoulli, o Options, tests int64) Power {
	p := Power{Alpha: o.Alpha, Power: targetPower, MinExcess: math.Inf(1), MinShare: math.Inf(1)}
	p.MinGreen = tail.BinomialCritical(n, law.P, math.Log10(o.Alpha)-math.Log10(float64(tests)))
	if p.MinGreen > n {
		return p
	}
	// The power at a green rate grows with it: bisect between gamma, where it is
	// at most Alpha, and 1, where it is 1.
	target := math.Log10(targetPower)
	lo, hi := law.P, 1.0
	for range 60 {
		mid := lo + (hi-lo)/2
		if tail.Binomial(p.MinGreen, n, mid) >= target {
			hi = mid
		} else {
			lo = mid
		}
	}
	p.MinExcess = hi - law.P
	p.MinShare = p.MinExcess / (law.Marked - law.P)
	return p
}
