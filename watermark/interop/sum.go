package interop

import (
	"math"
	"math/bits"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A uniform is what an engine's function gives for a pair, read as a uniform variable u. Both
// numbers are in units of 2^-64, and 0 stands for 2^64.
type uniform struct {
	// atLeast is the probability of u or more. Its negative logarithm is never above a standard
	// exponential variable in law, whatever the number of values that the function has.
	atLeast uint64
	// complement is 1-u, whose negative logarithm the engine adds up.
	complement uint64
}

// score returns -ln of the probability, rounded down, in units of 1/watermark.ScoreUnit.
func (u uniform) score() int64 { return int64(prf.NegLog(u.atLeast, 32)) }

// logUnit is the fixed point of sums of logarithms: 2^-logUnit.
const logUnit = 50

// A logSum adds logarithms exactly, so that no order of pairs and no machine changes the sum.
type logSum struct{ hi, lo uint64 }

func (s *logSum) add(u uniform) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, prf.NegLog(u.complement, logUnit), 0)
	s.hi += carry
}

func (s *logSum) float() float64 {
	return float64(math.Ldexp(float64(s.hi), 64-logUnit)) + float64(math.Ldexp(float64(s.lo), -logUnit))
}
