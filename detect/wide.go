package detect

import (
	"math"
	"math/bits"
)

// wide is a sum that is not negative and does not overflow: a billion Gumbel scores of
// some 2^32 fill an int64, and weights come on top.
type wide struct{ hi, lo uint64 }

// plus returns s + times * x, neither of them negative.
func (s wide) plus(times, x int64) wide {
	hi, lo := bits.Mul64(uint64(times), uint64(x))
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi, _ = bits.Add64(s.hi, hi, carry)
	return s
}

// int64 returns the sum, at most math.MaxInt64.
func (s wide) int64() int64 {
	if s.hi > 0 || s.lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(s.lo)
}

// float returns the largest float64 that is at most the sum.
func (s wide) float() float64 {
	top, shift := s.lo, 0
	if s.hi > 0 {
		shift = bits.Len64(s.hi)
		top = s.hi<<(64-shift) | s.lo>>shift
	}
	if excess := bits.Len64(top) - 53; excess > 0 {
		top = top >> excess << excess
	}
	return math.Ldexp(float64(top), shift)
}

// saturated returns a + b, neither of them negative, at most math.MaxInt64.
func saturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
