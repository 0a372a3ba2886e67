package null

import (
	"math"
	"math/bits"
)

// A Sum is an unsigned 128-bit sum. A billion Gumbel scores near 2^32 fill an int64, and weights
// multiply them.
type Sum struct{ hi, lo uint64 }

// SumOf returns the Sum of one number, which is at least 0.
func SumOf(x int64) Sum { return Sum{lo: uint64(x)} }

// Plus returns s + times*x. Neither times nor x may be negative.
func (s Sum) Plus(times, x int64) Sum {
	hi, lo := bits.Mul64(uint64(times), uint64(x))
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi, _ = bits.Add64(s.hi, hi, carry)
	return s
}

// Int64 returns the sum, or math.MaxInt64 if the sum is larger.
func (s Sum) Int64() int64 {
	if s.hi > 0 || s.lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(s.lo)
}

// Float returns the largest float64 that is at most the sum.
func (s Sum) Float() float64 {
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

// AddSaturated returns a + b, or math.MaxInt64 if that is larger. Neither may be negative.
func AddSaturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
