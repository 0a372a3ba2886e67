package kernel

// Bias adds delta to the green tokens of row and 0 to the red ones, one float32 addition each.
// NaN and infinities stay what they are, and -0 becomes +0. stream holds at least
// [Table.StreamSize] of len(row) bytes.
func (t *Table) Bias(s *Scratch, row []float32, stream []byte) {
	if active == Generic {
		t.biasGeneric(row, stream)
		return
	}
	tokens := t.chunk()
	for len(row) > 0 {
		n := min(len(row), tokens)
		bytes := (n + t.perByte - 1) / t.perByte
		t.maskChunk(s, stream, bytes)
		t.biasChunk(s, row[:n])
		row, stream = row[n:], stream[min(bytes, len(stream)):]
	}
}

// chunk returns how many tokens are decided at once.
func (t *Table) chunk() int { return min(chunkTokens, chunkBytes*t.perByte) }

// maskChunk fills s.mask with the decisions of size bytes of keystream, at most a chunk.
func (t *Table) maskChunk(s *Scratch, stream []byte, size int) {
	groups := size / groupSize
	if groups > 0 {
		maskGroups(t.width, &s.mask[0], &stream[0], groups, &t.luts)
	}
	if rest := size % groupSize; rest > 0 {
		var last [groupSize]byte
		copy(last[:], stream[groups*groupSize:])
		maskGroups(t.width, &s.mask[groups*groupSize/t.width], &last[0], 1, &t.luts)
	}
}

// biasChunk adds the biases of the decisions in s.mask to a row of at most a chunk.
func (t *Table) biasChunk(s *Scratch, row []float32) {
	groups := len(row) / 8
	if groups > 0 {
		biasGroups(&row[0], groups, &s.mask[0], t.delta)
	}
	rest, bits := row[8*groups:], 0
	if len(rest) > 0 {
		bits = int(s.mask[groups])
	}
	choice := [2]float32{0, t.delta}
	for i := range rest {
		rest[i] += choice[bits>>i&1]
	}
}

// BiasMask adds delta to the tokens of row whose bits in mask are set, and 0 to the others. mask
// is a bitmap as [Table.Mask] writes it.
func (t *Table) BiasMask(row []float32, mask []uint64) {
	done := 0
	if groups := len(row) / 8; active != Generic && groups > 0 {
		_ = mask[(8*groups-1)/64]
		biasGroups(&row[0], groups, bytesOf(mask), t.delta)
		done = 8 * groups
	}
	choice := [2]float32{0, t.delta}
	for i := done; i < len(row); i++ {
		row[i] += choice[mask[i/64]>>(i%64)&1]
	}
}
