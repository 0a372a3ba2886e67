//go:build purego || !(amd64 || arm64)

package kernel

// These are the scans that a backend may supply. Their contracts are in generic.go.

func blockMax(dst, row []float32) { blockMaxGeneric(dst, row) }

func atLeast(row *[ScanBlock]float32, delta, floor float32) uint64 {
	return atLeastGeneric(row[:], delta, floor)
}

func groupMax(dst, src []float32) { groupMaxGeneric(dst, src) }

func sumExp(dst, row []float32, green []uint64, delta, cut, top, scale float32) {
	sumExpGeneric(dst, row, green, delta, cut, top, scale)
}
