package prf

// Blocks sets dst[i] to block index[i] of the current context. dst and index have one
// length. Many at once are faster than as many calls of Block.
func (f *Function) Blocks(s *Scratch, dst [][16]byte, index []uint32) {
	nonce := s.Nonce()
	f.keyed().keys.Blocks(&s.loops, dst, &nonce, index)
}
