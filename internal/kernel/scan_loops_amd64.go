//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// These functions dispatch the scans. Their contracts are in generic.go.

// hasFMA is true on every known CPU with AVX2.
var hasFMA = cpu.X86.HasFMA

func blockMax(dst, row []float32) {
	if active == Generic || len(dst) == 0 {
		blockMaxGeneric(dst, row)
		return
	}
	blockMaxAVX2(&dst[0], &row[0], len(dst))
}

func atLeast(row *[ScanBlock]float32, delta, floor float32) uint64 {
	if active == Generic {
		return atLeastGeneric(row[:], delta, floor)
	}
	return atLeastAVX2(&row[0], delta, floor)
}

func groupMax(dst, src []float32) {
	if active == Generic || len(dst) == 0 {
		groupMaxGeneric(dst, src)
		return
	}
	groupMaxAVX2(&dst[0], &src[0], len(dst)/8)
}

func sumExp(dst, row []float32, green []uint64, delta, cut, top, scale float32) {
	if active == Generic || !hasFMA || len(dst) == 0 {
		sumExpGeneric(dst, row, green, delta, cut, top, scale)
		return
	}
	sumExpAVX2(&dst[0], &row[0], &green[0], len(dst), delta, cut, top, scale)
}
