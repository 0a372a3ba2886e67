package kernel

import "math"

// ScanBlock is the number of row entries that [BlockMax] and [AtLeast] take together.
const ScanBlock = 64

// BlockMax sets dst[i] to the largest of row[64*i : 64*i+64], the last block being
// shorter where the row ends. NaN counts as nothing, a block of nothing has -Inf, and
// a zero is +0. dst holds at least (len(row)+63)/64 entries.
func BlockMax(dst, row []float32) {
	whole := len(row) / ScanBlock
	blockMax(dst[:whole], row[:whole*ScanBlock])
	if rest := row[whole*ScanBlock:]; len(rest) > 0 {
		dst[whole] = maxGeneric(rest)
	}
}

// AtLeast returns a bitmap of the entries of row, at most 64, for which the float32
// sum x+delta is at least floor. NaN is not.
func AtLeast(row []float32, delta, floor float32) uint64 {
	if len(row) == ScanBlock {
		return atLeast((*[ScanBlock]float32)(row), delta, floor)
	}
	return atLeastGeneric(row, delta, floor)
}

// GroupMax returns the maxima of groups of 8 of the entries of src, none of which is NaN:
// every entry is in one group. They are in dst, which holds at least
// (len(src)+7)/8+7 entries.
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

// SumExp sets dst[i] to the sum of exp((y-top)*scale) over the entries y < cut of block i of
// a row, where y is the float32 sum of the entry and delta when its bit of green[i] is set, and
// the entry itself otherwise, and returns the sum of all. No y below cut may be above top, and
// scale is positive. NaN counts as nothing. [SumExpError] bounds what is wrong with any
// sum of entries of dst.
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

// SumExpError bounds the absolute error of a sum over n entries that [SumExp] made,
// scale being the float32 nearest to the number meant.
//
// A term exp(z) is wrong by at most 2^-24 (4|z| + 16) of itself: three roundings on the
// way to z, the rest in the exponential and in the sum of a block. Below exp(-87) it is
// wrong by at most exp(-87). Of n terms that sum to s, the mean of |z| is largest when
// they are equal (Gibbs' inequality), which makes it ln(n/s).
func SumExpError(sum float64, n int) float64 {
	const ulp = 1.0 / (1 << 24)
	flushed := float64(n) * 0x1p-125
	if !(sum > 0) {
		return flushed
	}
	return sum*ulp*(4*max(math.Log(float64(n)/sum), 0)+16)*1.01 + flushed
}

// blockMaxGeneric compares floats as integers of the same order: those have a maximum
// without a branch, and a branch on every record of a block would be mispredicted.
func blockMaxGeneric(dst, row []float32) {
	const infinity = 0x7f800000 // what is above is NaN; a negative NaN is below -Inf
	for i := range dst {
		block := (*[ScanBlock]float32)(row[ScanBlock*i:])
		a, b := int32(math.MinInt32), int32(math.MinInt32)
		for j := 0; j < ScanBlock; j += 2 {
			a, b = max(a, ordered(block[j])), max(b, ordered(block[j+1]))
		}
		if a = max(a, b); a > infinity || a < ^infinity {
			dst[i] = maxGeneric(block[:])
			continue
		}
		dst[i] = math.Float32frombits(uint32(a^a>>31&math.MaxInt32)) + 0
	}
}

// ordered returns an integer that is larger for larger floats.
func ordered(x float32) int32 {
	k := int32(math.Float32bits(x))
	return k ^ k>>31&math.MaxInt32
}

func maxGeneric(row []float32) float32 {
	top := float32(math.Inf(-1))
	for _, x := range row {
		if x > top {
			top = x
		}
	}
	return top + 0 // of -0 and 0, whichever came first
}

func atLeastGeneric(row []float32, delta, floor float32) uint64 {
	var bits uint64
	for i, x := range row {
		if x+delta >= floor {
			bits |= 1 << i
		}
	}
	return bits
}

func groupMaxGeneric(dst, src []float32) {
	for i := range dst {
		top := src[i/8*ScanBlock+i%8]
		for j := 1; j < 8; j++ {
			if x := src[i/8*ScanBlock+i%8+8*j]; x > top {
				top = x
			}
		}
		dst[i] = top
	}
}

func sumExpGeneric(dst, row []float32, green []uint64, delta, cut, top, scale float32) {
	for i := range dst {
		var sum float64
		for j, x := range row[i*ScanBlock : min((i+1)*ScanBlock, len(row))] {
			y := x
			if green[i]>>j&1 == 1 {
				y = x + delta
			}
			if y < cut {
				sum += exp((float64(y) - float64(top)) * float64(scale))
			}
		}
		dst[i] = float32(sum)
	}
}

// exp returns e^z for z <= 0, to 1e-9 of itself, by a table of 2^(i/64) and a
// polynomial; below -87 it is e^-87. It is a third of the time of math.Exp.
func exp(z float64) float64 {
	if !(z > -87) {
		z = -87
	}
	const perUnit = 64
	k := int(z*(perUnit*math.Log2E) - 0.5) // z <= 0, so this rounds to nearest
	r := z - float64(k)*(math.Ln2/perUnit)
	p := 1 + r*(1+r*(0.5+r*(1.0/6)))
	return math.Float64frombits(math.Float64bits(powers[k&(perUnit-1)])+uint64(int64(k>>6))<<52) * p
}

var powers = func() (t [64]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(i) / 64)
	}
	return t
}()
