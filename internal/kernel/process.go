package kernel

// Process marks a row in place with the keystream of a nonce. It equals [Table.Bias] of
// [Keys.Stream], a chunk at a time, so that neither keystream nor decisions leave the cache.
func (t *Table) Process(s *Scratch, k *Keys, nonce *Nonce, row []float32) {
	if active == Generic {
		t.biasGeneric(row, k.streamGeneric(s, nonce, t.StreamSize(len(row))))
		return
	}
	done := t.processTurns(k, nonce, row)
	block := uint32(t.blocks(done))
	row = row[done:]
	tokens := t.chunk()
	for ; len(row) > 0; block += uint32(t.blocks(tokens)) {
		n := min(len(row), tokens)
		t.decide(s, k, nonce, block, n)
		t.biasChunk(s, row[:n])
		row = row[n:]
	}
}

// ProcessMask writes the bitmap of n tokens under the keystream of a nonce, as [Table.Mask]
// does.
func (t *Table) ProcessMask(s *Scratch, k *Keys, nonce *Nonce, dst []uint64, n int) {
	if active == Generic {
		t.maskGeneric(dst, k.streamGeneric(s, nonce, t.StreamSize(n)), n)
		return
	}
	tokens := t.chunk()
	for block := uint32(0); n > 0; block += uint32(t.blocks(tokens)) {
		now := min(n, tokens)
		blocks := t.blocks(now)
		streamBlocks(&s.stream[0], blocks, k, nonce, block)
		t.Mask(dst, s.stream[:blocks*BlockSize], now)
		n -= now
		dst = dst[(now+63)/64:]
	}
}

// blocks returns how many blocks of keystream decide n tokens.
func (t *Table) blocks(n int) int { return t.StreamSize(n) / BlockSize }

// decide fills s.mask with the decisions of n tokens, at most a chunk, whose keystream starts
// at block.
func (t *Table) decide(s *Scratch, k *Keys, nonce *Nonce, block uint32, n int) {
	blocks := t.blocks(n)
	streamBlocks(&s.stream[0], blocks, k, nonce, block)
	// The last group may end in old keystream. Its bits are past n.
	groups := (blocks*BlockSize + groupSize - 1) / groupSize
	maskGroups(t.width, &s.mask[0], &s.stream[0], groups, &t.luts)
}
