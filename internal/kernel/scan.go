package kernel

import "math"

// ScanBlock is the number of row entries in a block of [BlockMax], [AtLeast] and [SumExp].
const ScanBlock = 64

// BlockMax sets dst[i] to the largest entry of row[64*i : 64*i+64]. The last block may be shorter.
// It ignores NaN, gives -Inf for a block without numbers, and gives +0 for a zero. dst holds at
// least (len(row)+63)/64 entries.
func BlockMax(dst, row []float32) {
	whole := len(row) / ScanBlock
	blockMax(dst[:whole], row[:whole*ScanBlock])
	if rest := row[whole*ScanBlock:]; len(rest) > 0 {
		dst[whole] = maxGeneric(rest)
	}
}

// AtLeast returns a bitmap of the entries x of row, at most 64, whose float32 sum x+delta is at
// least floor. A NaN is not.
func AtLeast(row []float32, delta, floor float32) uint64 {
	if len(row) == ScanBlock {
		return atLeast((*[ScanBlock]float32)(row), delta, floor)
	}
	return atLeastGeneric(row, delta, floor)
}

// GroupMax writes to dst the maxima of groups of at most 8 entries of src, and returns them. Every
// entry is in one group. No entry may be NaN. dst holds at least (len(src)+7)/8+7 entries.
func GroupMax(dst, src []float32) []float32 {
	whole := len(src) / ScanBlock
	groupMax(dst[:8*whole], src[:ScanBlock*whole])
	n := 8 * whole
	for rest := src[ScanBlock*whole:]; len(rest) > 0; rest = rest[min(8, len(rest)):] {
		dst[n] = maxGeneric(rest[:min(8, len(rest))])
		n++
	}
	return dst[:n]
}

// SumExp sets dst[i] to the sum of exp((y-top)*scale) over block i of a row, and returns the sum of
// all. y is the float32 sum of an entry and delta if its bit of green[i] is set, or else the entry.
// The sum takes only y < cut, and no NaN. No y below cut may be above top, and scale is positive.
//
// Backends round in different orders. [SumExpError] bounds the error of any sum of entries of dst.
func SumExp(dst, row []float32, green []uint64, delta, cut, top, scale float32) float64 {
	whole := len(row) / ScanBlock
	sumExp(dst[:whole], row[:whole*ScanBlock], green[:whole], delta, cut, top, scale)
	if whole*ScanBlock < len(row) {
		sumExpGeneric(dst[whole:whole+1], row[whole*ScanBlock:], green[whole:whole+1], delta, cut, top, scale)
	}
	var sum float64
	for _, s := range dst[:len(green)] {
		sum += float64(s)
	}
	return sum
}

// SumExpError returns a bound on the absolute error of a sum of [SumExp] over n entries, if scale
// is the float32 nearest to the intended number.
//
// A term exp(z) has a relative error of at most 2^-24 (4|z| + 16): three roundings on the way to
// z, the rest in the exponential and in the sum of a block. A term below exp(-87) has an absolute
// error of at most exp(-87). Take the mean of |z| weighted by the terms: for n terms with sum s it is
// largest if all are equal (Gibbs' inequality). It is then ln(n/s).
func SumExpError(sum float64, n int) float64 {
	const ulp = 1.0 / (1 << 24)
	flushed := float64(n) * 0x1p-125
	if !(sum > 0) {
		return flushed
	}
	return sum*ulp*(4*max(math.Log(float64(n)/sum), 0)+16)*1.01 + flushed
}
