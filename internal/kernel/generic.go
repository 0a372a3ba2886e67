package kernel

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"math"
	"slices"
)

// This file is the specification of every loop. See the package comment for the rule.

// tagSize is the number of bytes that GCM appends.
const tagSize = 16

// streamGeneric returns size bytes of keystream, a multiple of BlockSize, in s.buf.
//
// It encrypts with GCM from counter 2 on and drops the tag. GCM has fast code in the standard
// library and does not allocate, whereas cipher.NewCTR does.
func (k *Keys) streamGeneric(s *Scratch, nonce *Nonce, size int) []byte {
	const head = 2 * aes.BlockSize
	s.buf = slices.Grow(s.buf[:0], max(size, head)+tagSize)
	stream := s.buf[:max(size, head)]
	copy(s.in[:], nonce[:])
	for j := range uint32(2) {
		binary.BigEndian.PutUint32(s.in[len(nonce):], j)
		k.block.Encrypt(stream[j*aes.BlockSize:], s.in[:])
	}
	clear(stream[head:])
	k.stream.Seal(stream[head:head], s.in[:len(nonce)], stream[head:], nil)
	return stream[:size]
}

// encryptGeneric encrypts each block. dst may be src.
func (k *Keys) encryptGeneric(s *Scratch, dst, src [][BlockSize]byte) {
	for i := range src {
		s.in = src[i]
		k.block.Encrypt(s.out[:], s.in[:])
		dst[i] = s.out
	}
}

// find255Generic is Keys.Find255.
func (k *Keys) find255Generic(s *Scratch, dst []uint32, nonce *Nonce, n int) []uint32 {
	stream := k.streamGeneric(s, nonce, (n+BlockSize-1)&^(BlockSize-1))[:n]
	for at := 0; ; at++ {
		next := bytes.IndexByte(stream[at:], 255)
		if next < 0 {
			return dst
		}
		at += next
		dst = append(dst, uint32(at))
	}
}

// maskGeneric is Table.Mask.
func (t *Table) maskGeneric(dst []uint64, stream []byte, n int) {
	bytesPerWord := 64 / t.perByte
	for i := range (n + 63) / 64 {
		var word uint64
		for k := range bytesPerWord {
			// The last word may reach past the stream. The code below clears its bits.
			if j := i*bytesPerWord + k; j < len(stream) {
				word |= uint64(t.green[stream[j^t.flip]]) << (k * t.perByte)
			}
		}
		if rest := n - 64*i; rest < 64 {
			word &= 1<<rest - 1
		}
		dst[i] = word
	}
}

// biasGeneric is Table.Bias. It takes whole blocks of keystream first, 4 bytes at a time and without
// checks of bounds between them. The compiler inlines the additions.
func (t *Table) biasGeneric(row []float32, stream []byte) {
	flip, tokens := t.flip, BlockSize*t.perByte // of a block
	for ; len(row) >= tokens; row, stream = row[tokens:], stream[BlockSize:] {
		block, row := (*[BlockSize]byte)(stream), row[:tokens]
		switch {
		case t.bias8 != nil:
			bias8Generic((*[8 * BlockSize]float32)(row), block, t.bias8, flip)
		case t.bias4 != nil:
			bias4Generic((*[4 * BlockSize]float32)(row), block, t.bias4, flip)
		case t.bias2 != nil:
			bias2Generic((*[2 * BlockSize]float32)(row), block, t.bias2, flip)
		default:
			bias1Generic((*[BlockSize]float32)(row), block, t.bias1, flip)
		}
	}
	for j := 0; len(row) > 0; j++ {
		n := min(len(row), t.perByte)
		for i, add := range t.biases(stream[j^flip])[:n] {
			row[i] += add
		}
		row = row[n:]
	}
}

// These add the biases of a block, whose byte j^flip decides the tokens at place j.

func bias8Generic(row *[8 * BlockSize]float32, block *[BlockSize]byte, biases *[256][8]float32, flip int) {
	for j := 0; j < BlockSize; j += 4 {
		x := (*[32]float32)(row[8*j:])
		add8((*[8]float32)(x[0:]), &biases[block[(j^flip)&15]])
		add8((*[8]float32)(x[8:]), &biases[block[((j+1)^flip)&15]])
		add8((*[8]float32)(x[16:]), &biases[block[((j+2)^flip)&15]])
		add8((*[8]float32)(x[24:]), &biases[block[((j+3)^flip)&15]])
	}
}

func bias4Generic(row *[4 * BlockSize]float32, block *[BlockSize]byte, biases *[256][4]float32, flip int) {
	for j := 0; j < BlockSize; j += 4 {
		x := (*[16]float32)(row[4*j:])
		add4((*[4]float32)(x[0:]), &biases[block[(j^flip)&15]])
		add4((*[4]float32)(x[4:]), &biases[block[((j+1)^flip)&15]])
		add4((*[4]float32)(x[8:]), &biases[block[((j+2)^flip)&15]])
		add4((*[4]float32)(x[12:]), &biases[block[((j+3)^flip)&15]])
	}
}

func bias2Generic(row *[2 * BlockSize]float32, block *[BlockSize]byte, biases *[256][2]float32, flip int) {
	for j := 0; j < BlockSize; j += 4 {
		x := (*[8]float32)(row[2*j:])
		add2((*[2]float32)(x[0:]), &biases[block[(j^flip)&15]])
		add2((*[2]float32)(x[2:]), &biases[block[((j+1)^flip)&15]])
		add2((*[2]float32)(x[4:]), &biases[block[((j+2)^flip)&15]])
		add2((*[2]float32)(x[6:]), &biases[block[((j+3)^flip)&15]])
	}
}

func bias1Generic(row *[BlockSize]float32, block *[BlockSize]byte, biases *[256][1]float32, flip int) {
	for j := 0; j < BlockSize; j += 4 {
		x := (*[4]float32)(row[j:])
		x[0] += biases[block[(j^flip)&15]][0]
		x[1] += biases[block[((j+1)^flip)&15]][0]
		x[2] += biases[block[((j+2)^flip)&15]][0]
		x[3] += biases[block[((j+3)^flip)&15]][0]
	}
}

func add8(x, add *[8]float32) {
	x[0] += add[0]
	x[1] += add[1]
	x[2] += add[2]
	x[3] += add[3]
	x[4] += add[4]
	x[5] += add[5]
	x[6] += add[6]
	x[7] += add[7]
}

func add4(x, add *[4]float32) {
	x[0] += add[0]
	x[1] += add[1]
	x[2] += add[2]
	x[3] += add[3]
}

func add2(x, add *[2]float32) {
	x[0] += add[0]
	x[1] += add[1]
}

// widen returns a number of half precision as float32, which is exact.
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

// packGeneric is Pack.
func packGeneric(dst []Input, tokens []int32, from, width int) {
	for i := range dst {
		at := from + i
		PackOne(&dst[i], tokens[max(0, at-width):at], tokens[at], width)
	}
}

// scoreGeneric is Table.Score, for words of dst that are clear.
func (t *Table) scoreGeneric(s *Scratch, dst []uint64, k *Keys, inputs []Input) {
	for i := range inputs {
		v := binary.BigEndian.Uint32(inputs[i][12:])
		s.in = inputs[i]
		binary.BigEndian.PutUint32(s.in[12:], t.BlockOf(v))
		k.block.Encrypt(s.out[:], s.in[:])
		if t.Green(&s.out, v) {
			dst[i/64] |= 1 << (i % 64)
		}
	}
}

// laneBlocksGeneric copies inputs, and divides the number of the token by MaxLanes: so many tokens
// share a block, and each reads a bit of it in every lane.
func laneBlocksGeneric(dst, inputs []Input) {
	for i := range inputs {
		dst[i] = inputs[i]
		v := binary.BigEndian.Uint32(inputs[i][12:])
		binary.BigEndian.PutUint32(dst[i][12:], v/MaxLanes)
	}
}

// countLanesGeneric adds to counts[i] the bits that tenant lane i reads from the blocks of at
// most 255 inputs.
func countLanesGeneric(counts *[MaxLanes]uint8, blocks, inputs []Input) {
	for j := range blocks {
		v := inputs[j][15] & (MaxLanes - 1)
		for i := range counts {
			bit := v ^ uint8(i)
			counts[i] += blocks[j][bit>>3] >> (bit & 7) & 1
		}
	}
}

// blockMaxGeneric is BlockMax of whole blocks. It compares floats as integers that have the
// same order. The maximum of integers compiles to no branch, and a branch on every record of
// a block would be mispredicted.
func blockMaxGeneric(dst, row []float32) {
	const infinity = 0x7f800000 // larger integers are NaN, and a negative NaN is below -Inf
	for i := range dst {
		block := (*[ScanBlock]float32)(row[ScanBlock*i:])
		a, b := int32(math.MinInt32), int32(math.MinInt32)
		for j := 0; j < ScanBlock; j += 2 {
			a, b = max(a, ordered(block[j])), max(b, ordered(block[j+1]))
		}
		if a = max(a, b); a > infinity || a < ^infinity {
			dst[i] = maxGeneric(block[:])
			continue
		}
		dst[i] = math.Float32frombits(uint32(a^a>>31&math.MaxInt32)) + 0
	}
}

// ordered returns an integer that is larger for larger floats.
func ordered(x float32) int32 {
	k := int32(math.Float32bits(x))
	return k ^ k>>31&math.MaxInt32
}

// maxGeneric returns the largest entry that is not NaN, or -Inf. A zero is +0.
func maxGeneric(row []float32) float32 {
	top := float32(math.Inf(-1))
	for _, x := range row {
		if x > top {
			top = x
		}
	}
	return top + 0 // -0 and +0 compare equal
}

// groupMaxGeneric is GroupMax of whole blocks. Group i%8 of block i/8 holds every eighth entry of
// the block, from entry i%8 on.
func groupMaxGeneric(dst, src []float32) {
	for i := range dst {
		top := src[i/8*ScanBlock+i%8]
		for j := 1; j < 8; j++ {
			if x := src[i/8*ScanBlock+i%8+8*j]; x > top {
				top = x
			}
		}
		dst[i] = top
	}
}

// atLeastGeneric is AtLeast.
func atLeastGeneric(row []float32, delta, floor float32) uint64 {
	var bits uint64
	for i, x := range row {
		if x+delta >= floor {
			bits |= 1 << i
		}
	}
	return bits
}

// sumExpGeneric is SumExp of the blocks of dst, the last of which may be short. A backend may
// round differently within SumExpError.
func sumExpGeneric(dst, row []float32, green []uint64, delta, cut, top, scale float32) {
	for i := range dst {
		var sum float64
		for j, x := range row[i*ScanBlock : min((i+1)*ScanBlock, len(row))] {
			y := x
			if green[i]>>j&1 == 1 {
				y = x + delta
			}
			if y < cut {
				sum += exp((float64(y) - float64(top)) * float64(scale))
			}
		}
		dst[i] = float32(sum)
	}
}

// exp returns e^z for z in [-87,0] with a relative error of at most 1e-9, and e^-87 below. It
// multiplies a table of 2^(i/64) by a polynomial, in a third of the time of math.Exp.
func exp(z float64) float64 {
	if !(z > -87) {
		z = -87
	}
	const perUnit = 64
	k := int(z*(perUnit*math.Log2E) - 0.5) // z <= 0, so this rounds to nearest
	r := z - float64(k)*(math.Ln2/perUnit)
	p := 1 + r*(1+r*(0.5+r*(1.0/6)))
	return math.Float64frombits(math.Float64bits(powers[k&(perUnit-1)])+uint64(int64(k>>6))<<52) * p
}

var powers = func() (t [64]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(i) / 64)
	}
	return t
}()
