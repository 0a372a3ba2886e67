package kernel

import "math"

// A Format is one of logits in half precision.
type Format uint8

const (
	BF16 Format = iota // bfloat16, the upper half of a float32
	FP16               // binary16 of IEEE 754
)

// widen returns a number of half precision, which a float32 holds exactly.
func (f Format) widen(h uint16) float32 {
	if f == BF16 {
		return math.Float32frombits(uint32(h) << 16)
	}
	sign, exponent, fraction := uint32(h)>>15<<31, uint32(h)>>10&31, uint32(h)&1023
	switch exponent {
	case 0: // zero and subnormal numbers: fraction * 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*(1.0/(1<<24))))
	case 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	default:
		return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
	}
}

// ProcessHalf is [Table.Process] for a row in half precision: it writes src, widened and
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

// biasHalfChunk widens a part of a row, a chunk at most, and adds the biases of the
// decisions in s.mask.
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

// Widen writes a row in half precision to dst as float32, unmarked.
func Widen(s *Scratch, f Format, dst []float32, src []uint16) {
	dst = dst[:len(src)]
	minusZero := math.Float32frombits(1 << 31) // what changes nothing, not even -0
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
