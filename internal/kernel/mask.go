package kernel

import "unsafe"

// Mask writes a bitmap of the green tokens below n: bit v%64 of dst[v/64] is set if token v is
// green. It clears the other bits of the (n+63)/64 words. stream holds at least
// [Table.StreamSize] of n bytes.
func (t *Table) Mask(dst []uint64, stream []byte, n int) {
	done := 0
	if active != Generic {
		// The loops take whole groups that fill whole words.
		perGroup := groupSize * t.perByte
		if whole := n / max(perGroup, 64); whole > 0 {
			done = whole * max(perGroup, 64)
			groups := done / perGroup
			_, _ = dst[done/64-1], stream[groups*groupSize-1]
			maskGroups(t.width, bytesOf(dst), &stream[0], groups, &t.luts)
		}
	}
	if done < n {
		t.maskGeneric(dst[done/64:], stream[done/t.perByte:], n-done)
	}
}

// bytesOf returns the memory of a bitmap, for loops of little-endian machines.
func bytesOf(words []uint64) *byte { return (*byte)(unsafe.Pointer(unsafe.SliceData(words))) }
