package prf

// Blocks sets dst[i] to block index[i] of the current context. dst and index have one
// length. Many at once are faster than as many calls of Block.
func (f *Function) Blocks(s *Scratch, dst [][16]byte, index []uint32) {
	nonce := s.Nonce()
	f.keyed().keys.Blocks(&s.loops, dst, &nonce, index)
}

// Find255 appends to dst where among the first n bytes of the current context's keystream
// the bytes of 255 are, in order.
func (f *Function) Find255(s *Scratch, dst []uint32, n int) []uint32 {
	nonce := s.Nonce()
	return f.keyed().keys.Find255(&s.loops, dst, &nonce, n)
}
