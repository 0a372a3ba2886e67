package prf

// Blocks sets dst[i] to block index[i] of the current context. dst is at least as long as index.
// One call is faster than as many calls of Block.
func (f *Function) Blocks(s *Scratch, dst [][16]byte, index []uint32) {
	nonce := s.Nonce()
	f.keyed().keys.Blocks(&s.loops, dst, &nonce, index)
}

// Find255 appends to dst, in order, the positions of the bytes 255 among the first n bytes of the
// current context's keystream.
func (f *Function) Find255(s *Scratch, dst []uint32, n int) []uint32 {
	nonce := s.Nonce()
	return f.keyed().keys.Find255(&s.loops, dst, &nonce, n)
}
