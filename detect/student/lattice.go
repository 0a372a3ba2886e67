package student

import (
	"math"
	"math/bits"
)

// The weights of students' tests are real numbers: an excess of occurrences, or a difference of
// probabilities. They are first written in fixed point, so that sums do not depend on order. Then a
// rule that sees the text and no colour rounds them to a lattice of whole numbers. The rounded
// weights are the weights: the tested law is exactly that of the rounded sum. So rounding can only
// cost power.

// fixedOne is 1 in the fixed point of weights.
const fixedOne = 1 << 30

// maxLattice is the largest magnitude of a weight on the lattice. latticeRMS is a lower bound of
// the root mean square in units, as far as fixed point allows. Weights are rounded to whole
// numbers, and then to 4 significant bits. So a weight that is not cut changes by at most 1/16 of
// it, plus 1/128 of the root mean square.
const (
	maxLattice = 15 << 8
	latticeRMS = 64
)

// toFixed returns x in fixed point. x must be finite and within 2^32.
func toFixed(x float64) int64 { return int64(math.Round(x * fixedOne)) }

// A lattice says how real weights became whole ones.
type lattice struct {
	unit    float64 // real weight of a whole 1
	clipped int64   // number of weights that were above the largest one
}

// ontoLattice rounds fixed-point weights to whole ones. The unit is a power of two that follows
// from all weights, in any order. A weight above maxLattice units is cut to that. So of n pairs,
// none has more than 3600/n of the variance. The rest keeps four significant binary digits, which
// makes few groups of equal weights.
func ontoLattice(fixed []int64) ([]int16, lattice) {
	weights := make([]int16, len(fixed))
	shift := latticeShift(rootMeanSquare(fixed, math.MaxInt64))
	// A few heavy weights would set the unit of all others. Once they are cut, the unit may be
	// smaller, and then more is cut.
	for shift < 51 { // beyond it, no weight that fits 63 bits is cut
		next := latticeShift(rootMeanSquare(fixed, maxLattice<<shift))
		if next >= shift {
			break
		}
		shift = next
	}
	l := lattice{unit: math.Ldexp(1, shift) / fixedOne}
	for i, f := range fixed {
		w := roundShift(magnitude(f), shift)
		if w > maxLattice {
			w = maxLattice
			l.clipped++
		}
		if digits := bits.Len64(w); digits > 4 {
			w = roundShift(w, digits-4) << (digits - 4)
		}
		weights[i] = int16(w)
		if f < 0 {
			weights[i] = -weights[i]
		}
	}
	return weights, l
}

// rootMeanSquare returns the root mean square of the weights that are not 0. A magnitude above
// limit counts as limit. It is 0 without weights.
func rootMeanSquare(fixed []int64, limit uint64) float64 {
	var hi, lo, n uint64 // the sum of squares
	for _, f := range fixed {
		if f != 0 {
			m := min(magnitude(f), limit)
			h, l := bits.Mul64(m, m)
			var carry uint64
			lo, carry = bits.Add64(lo, l, 0)
			hi += h + carry
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return math.Sqrt((math.Ldexp(float64(hi), 64) + float64(lo)) / float64(n))
}

// latticeShift returns the largest shift, of at least 0, for which the root mean square has
// latticeRMS units.
func latticeShift(rms float64) int {
	shift := 0
	for math.Ldexp(latticeRMS, shift+1) <= rms {
		shift++
	}
	return shift
}

func magnitude(f int64) uint64 {
	if f < 0 {
		return uint64(-f)
	}
	return uint64(f)
}

// roundShift returns x / 2^shift, rounded half up.
func roundShift(x uint64, shift int) uint64 {
	if shift == 0 {
		return x
	}
	return (x + 1<<(shift-1)) >> shift
}
