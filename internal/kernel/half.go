package kernel

import "math"

// A Format is a format of logits in half precision.
type Format uint8

const (
	BF16 Format = iota // bfloat16, the upper half of a float32
	FP16               // binary16 of IEEE 754
)

// ProcessHalf is [Table.Process] for a row in half precision. It writes src, widened and
// marked, to the first len(src) entries of dst.
func (t *Table) ProcessHalf(s *Scratch, k *Keys, nonce *Nonce, f Format, dst []float32, src []uint16) {
	dst = dst[:len(src)]
	if active == Generic {
		for i, h := range src {
			dst[i] = f.widen(h)
		}
		t.Process(s, k, nonce, dst)
		return
	}
	tokens := t.chunk()
	for block := uint32(0); len(src) > 0; block += uint32(t.blocks(tokens)) {
		n := min(len(src), tokens)
		t.decide(s, k, nonce, block, n)
		biasHalfChunk(s, f, dst[:n], src[:n], t.delta)
		dst, src = dst[n:], src[n:]
	}
}

// biasHalfChunk widens at most a chunk of a row and adds the biases of the decisions in s.mask.
func biasHalfChunk(s *Scratch, f Format, dst []float32, src []uint16, delta float32) {
	groups := len(src) / 8
	if groups > 0 {
		biasHalf(f, &dst[0], &src[0], groups, &s.mask[0], delta)
	}
	choice := [2]float32{0, delta}
	for i := 8 * groups; i < len(src); i++ {
		dst[i] = f.widen(src[i]) + choice[s.mask[groups]>>(i%8)&1]
	}
}

// Widen writes a row in half precision to the first len(src) entries of dst as float32,
// unmarked.
func Widen(s *Scratch, f Format, dst []float32, src []uint16) {
	dst = dst[:len(src)]
	minusZero := math.Float32frombits(1 << 31) // changes no number that it is added to, not even -0
	if active == Generic {
		for i, h := range src {
			dst[i] = f.widen(h) + minusZero
		}
		return
	}
	for i := range s.mask {
		s.mask[i] = 0xff
	}
	for len(src) > 0 {
		n := min(len(src), chunkTokens)
		biasHalfChunk(s, f, dst[:n], src[:n], minusZero)
		dst, src = dst[n:], src[n:]
	}
}
