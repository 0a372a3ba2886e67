package detect

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
// follows from all of them, whatever their order. What is above maxLattice units is cut
// to that, which also keeps few heavy weights from ruling the sum; the rest keeps four
// significant binary digits, which makes few groups of equal weights.
func ontoLattice(fixed []int64) ([]int16, lattice) {
	var hi, lo, n uint64 // the sum of squares
	for _, f := range fixed {
		if f != 0 {
			h, l := bits.Mul64(magnitude(f), magnitude(f))
			var carry uint64
			lo, carry = bits.Add64(lo, l, 0)
			hi += h + carry
			n++
		}
	}
	weights := make([]int16, len(fixed))
	if n == 0 {
		return weights, lattice{unit: 1.0 / fixedOne}
	}
	rms := math.Sqrt((math.Ldexp(float64(hi), 64) + float64(lo)) / float64(n))
	shift := 0
	for math.Ldexp(latticeRMS, shift+1) <= rms {
		shift++
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
