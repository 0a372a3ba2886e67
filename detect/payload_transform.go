package detect

// transformBlock is the largest length that fits the first cache of a processor.
const transformBlock = 1 << 11

// walshHadamard replaces a by its Walsh-Hadamard transform: b[m] = sum over c of a[c] (-1)^<c,m>,
// where <c,m> is the parity of c AND m. The length of a is a power of two.
//
// The transform takes len(a) log2 len(a) additions (Fino and Algazi 1976, "Unified Matrix Treatment
// of the Fast Walsh-Hadamard Transform"). It halves long arrays first, so that most additions
// happen in the cache.
func walshHadamard(a []int64) {
	if len(a) > transformBlock {
		low, high := a[:len(a)/2], a[len(a)/2:]
		butterflies(low, high)
		walshHadamard(low)
		walshHadamard(high)
		return
	}
	for half := len(a) / 2; half > 0; half /= 2 {
		for from := 0; from < len(a); from += 2 * half {
			butterflies(a[from:from+half], a[from+half:from+2*half])
		}
	}
}

// butterflies replaces pairs by their sums and differences.
func butterflies(x, y []int64) {
	y = y[:len(x)]
	for i, a := range x {
		b := y[i]
		x[i], y[i] = a+b, a-b
	}
}
