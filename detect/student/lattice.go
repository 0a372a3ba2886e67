package student

import (
	"math"
	"math/bits"
)

// Weights of students' tests are real numbers: an excess of occurrences, a difference of
// probabilities. They are written as fixed-point numbers first, so that sums do not
// depend on order, and then rounded onto a lattice of whole numbers, by a rule that sees
// the text and no colour. The rounded weights are the weights: the law of the sum that is
// tested is exactly that of the rounded ones, and rounding can cost power only.

// fixedOne is 1 in the fixed point of weights.
const fixedOne = 1 << 30

// maxLattice is the largest weight on the lattice in magnitude, and latticeRMS its root
// mean square at least, so that a weight is rounded by a part in 16 at most, or where
// it is below a 64th of the root mean square by half of that.
const (
	maxLattice = 15 << 8
	latticeRMS = 64
)

// toFixed writes a number as fixed point. It must be finite and within 2^32.
func toFixed(x float64) int64 { return int64(math.Round(x * fixedOne)) }

// A lattice is how real weights became whole ones.
type lattice struct {
	unit    float64 // the real weight of a whole 1
	clipped int64   // weights that were above the largest one
}

// ontoLattice rounds fixed-point weights to whole ones. The unit is a power of two that
// follows from all of them, whatever their order. What is above maxLattice units is cut to
// that, so that of n pairs none has more than a part 3600/n of the variance; the rest keeps
// four significant binary digits, which makes few groups of equal weights.
func ontoLattice(fixed []int64) ([]int16, lattice) {
	weights := make([]int16, len(fixed))
	shift := latticeShift(rootMeanSquare(fixed, math.MaxInt64))
	// Few heavy weights would set the unit of all others; without what is cut off them it may
	// be smaller, and then more is cut off.
	for shift < 51 { // beyond, nothing that fits 63 bits is cut off
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

// rootMeanSquare is that of the weights that are not 0, where magnitudes above limit count
// as limit; 0 for no weights.
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

// latticeShift is the largest shift, of at least 0, with latticeRMS units in a root mean
// square.
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

// roundShift is x / 2^shift, halves up.
func roundShift(x uint64, shift int) uint64 {
	if shift == 0 {
		return x
	}
	return (x + 1<<(shift-1)) >> shift
}
