//go:build arm64 && !purego

package kernel

// The stubs of amd64 with the same names carry the Go that they stand for.

//go:noescape
func blockMaxNEON(dst, row *float32, blocks int)

//go:noescape
func groupMaxNEON(dst, src *float32, blocks int)

//go:noescape
func atLeastNEON(row *float32, delta, floor float32) (bits uint64)

//go:noescape
func sumExpNEON(dst, row *float32, green *uint64, blocks int, delta, cut, top, scale float32)

// The functions below dispatch the scans. Their contracts are in generic.go.

func blockMax(dst, row []float32) {
	if active == Generic || len(dst) == 0 {
		blockMaxGeneric(dst, row)
		return
	}
	blockMaxNEON(&dst[0], &row[0], len(dst))
}

func atLeast(row *[ScanBlock]float32, delta, floor float32) uint64 {
	if active == Generic {
		return atLeastGeneric(row[:], delta, floor)
	}
	return atLeastNEON(&row[0], delta, floor)
}

func groupMax(dst, src []float32) {
	if active == Generic || len(dst) == 0 {
		groupMaxGeneric(dst, src)
		return
	}
	groupMaxNEON(&dst[0], &src[0], len(dst)/8)
}

func sumExp(dst, row []float32, green []uint64, delta, cut, top, scale float32) {
	if active == Generic || len(dst) == 0 {
		sumExpGeneric(dst, row, green, delta, cut, top, scale)
		return
	}
	sumExpNEON(&dst[0], &row[0], &green[0], len(dst), delta, cut, top, scale)
}
