package kernel

// maskGeneric sets bit v of dst, which is bit v%64 of word v/64, for each green token v
// below n, and clears the other bits of the (n+63)/64 words. stream holds at least
// [Table.StreamSize] of n bytes.
func (t *Table) maskGeneric(dst []uint64, stream []byte, n int) {
	bytesPerWord := 64 / t.perRow
	for i := range (n + 63) / 64 {
		var word uint64
		for k := range bytesPerWord {
			// A last word may reach past the stream; its bits are cut off below.
			if j := i*bytesPerWord + k; j < len(stream) {
				word |= uint64(t.green[stream[j^t.flip]]) << (k * t.perRow)
			}
		}
		if rest := n - 64*i; rest < 64 {
			word &= 1<<rest - 1
		}
		dst[i] = word
	}
}
