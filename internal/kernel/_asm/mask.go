package main

import (
	"strconv"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A masker turns keystream into bitmaps. The tenant lane moves bytes within a block, which takes one
// shuffle, and tokens within a byte. The tables of the two nibbles include the latter, the threshold
// and the complement.
type masker struct {
	nibble, order Mem
	fold          map[int]Mem
}

func newMasker() masker {
	return masker{
		nibble: table16("nibble", [16]byte{15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15}),
		fold: map[int]Mem{
			2: table32("fold2", repeat(0x10011001)), // bytes 1, 16: two masks of 4 bits to 8
			4: table32("fold4", repeat(0x04010401)), // bytes 1, 4: two masks of 2 bits to 4
		},
		order: table32("foldOrder", [8]uint32{0, 4, 1, 5, 2, 6, 3, 7}),
	}
}

// group returns how many vectors of keystream are decided together.
func (m masker) group(width int) int { return map[int]int{1: 1, 2: 2, 4: 4, 8: 1}[width] }

// mask writes the decisions of a group of vectors of keystream and overwrites the vectors. tables
// holds the order of bytes and the tables of the nibbles, 32 bytes each.
func (m masker) mask(b backend, width int, x []VecVirtual, tables, to Mem) {
	if width == 8 {
		if b.bytes == 32 {
			MOVL(m.bits(b, x[0], tables), to)
		} else {
			MOVW(m.bits(b, x[0], tables).As16(), to)
		}
		return
	}
	for _, x := range x {
		VPSHUFB(tables, x, x)
		top, table := b.vector(), b.vector()
		VPSRLW(U8(4), x, top)
		VPAND(m.nibble, x, x)
		VPAND(m.nibble, top, top)
		VMOVDQU(tables.Offset(32), table)
		VPSHUFB(x, table, x)
		VMOVDQU(tables.Offset(64), table)
		VPSHUFB(top, table, top)
		VPOR(x, top, x)
		if width > 1 {
			VPMADDUBSW(m.fold[width], x, x)
		}
	}
	// Packing works within 128-bit lanes. The last step restores their order.
	switch width {
	case 2:
		VPACKUSWB(x[1], x[0], x[0])
		if b.bytes == 32 {
			VPERMQ(U8(0xd8), x[0], x[0])
		}
	case 4:
		for i := 0; i < 4; i += 2 {
			VPACKUSWB(x[i+1], x[i], x[i])
			VPMADDUBSW(m.fold[2], x[i], x[i])
		}
		VPACKUSWB(x[2], x[0], x[0])
		if b.bytes == 32 {
			index := YMM()
			VMOVDQU(m.order, index)
			VPERMD(x[0], index, x[0])
		}
	}
	VMOVDQU(x[0], to)
}

// bits returns the decisions of a vector for a lane width of 8.
func (m masker) bits(b backend, x VecVirtual, tables Mem) GPVirtual {
	VPSHUFB(tables, x, x)
	least, bits := b.vector(), GP32()
	VPMINUB(tables.Offset(32), x, least)
	VPCMPEQB(x, least, x)
	VPMOVMSKB(x, bits)
	return bits
}

// maskGroup equals groupSize of the Go code.
const maskGroup = 128

// masks writes the loops that turn keystream into bitmaps, one per lane width.
func masks() {
	m := newMasker()
	for _, width := range []int{1, 2, 4, 8} {
		name := "mask" + strconv.Itoa(width) + "AVX2"
		TEXT(name, NOSPLIT, "func(dst, stream *byte, n int, luts *[3][16]byte)")
		perByte := strconv.Itoa(8 / width)
		Doc(name+" decides the tokens of 128*n bytes of keystream, "+perByte+" per byte, and writes",
			"one bit per token to dst. luts are those of a Table, see fillLuts.")
		Pragma("noescape")
		dst := Load(Param("dst"), GP64())
		stream := Load(Param("stream"), GP64())
		n := Load(Param("n"), GP64())
		luts := Load(Param("luts"), GP64())
		tables := AllocLocal(3 * 32)
		for i := range 3 {
			lut := YMM()
			VBROADCASTI128(Mem{Base: luts, Disp: 16 * i}, lut)
			VMOVDQU(lut, tables.Offset(32*i))
		}
		Label("loop")
		TESTQ(n, n)
		JE(LabelRef("end"))
		for from := 0; from < maskGroup/32; from += m.group(width) {
			x := make([]VecVirtual, m.group(width))
			for i := range x {
				x[i] = YMM()
				VMOVDQU(Mem{Base: stream, Disp: 32 * (from + i)}, x[i])
			}
			m.mask(vaes, width, x, tables, Mem{Base: dst, Disp: 32 * from / width})
		}
		ADDQ(U32(maskGroup), stream)
		ADDQ(U32(uint32(maskGroup/width)), dst)
		DECQ(n)
		JMP(LabelRef("loop"))
		Label("end")
		VZEROUPPER()
		RET()
	}
}

// repeat returns 8 dwords w.
func repeat(w uint32) (words [8]uint32) {
	for i := range words {
		words[i] = w
	}
	return words
}
