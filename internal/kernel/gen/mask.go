package main

import (
	"strconv"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// masks writes the loops that turn keystream into bitmaps, one for each lane width. The
// tenant lane moves bytes within a block, which is one shuffle, and tokens within a byte;
// the latter, the threshold and the complement are in the tables of the two nibbles.
func masks() {
	nibble := table16("nibble", [16]byte{15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15})
	fold := map[int]Mem{
		2: table32("fold2", repeat(0x10011001)), // bytes 1, 16: two masks of 4 bits to 8
		4: table32("fold4", repeat(0x04010401)), // bytes 1, 4: two masks of 2 bits to 4
	}
	words := table32("foldWords", repeat(0x00100001)) // words 1, 16
	for _, width := range []int{1, 2, 4, 8} {
		name := "mask" + strconv.Itoa(width) + "AVX2"
		TEXT(name, NOSPLIT, "func(dst, stream *byte, n int, luts *[3][16]byte)")
		Doc(name+" decides the tokens of 32*n bytes of keystream, "+strconv.Itoa(8/width)+" a byte, and writes as many bits to dst.",
			"luts are the order of bytes in a block, and the bits that a low and a high nibble set;",
			"with a width of 8, the second is the threshold less 1.")
		Pragma("noescape")
		dst := Load(Param("dst"), GP64())
		stream := Load(Param("stream"), GP64())
		n := Load(Param("n"), GP64())
		luts := Load(Param("luts"), GP64())
		order, low, high, low4 := YMM(), YMM(), YMM(), YMM()
		VBROADCASTI128(Mem{Base: luts}, order)
		VBROADCASTI128(Mem{Base: luts, Disp: 16}, low)
		VBROADCASTI128(Mem{Base: luts, Disp: 32}, high)
		VMOVDQU(nibble, low4)

		Label("loop")
		TESTQ(n, n)
		JE(LabelRef("end"))
		x := YMM()
		VMOVDQU(Mem{Base: stream}, x)
		VPSHUFB(order, x, x)
		if width == 8 {
			least, bits := YMM(), GP32()
			VPMINUB(low, x, least)
			VPCMPEQB(x, least, x)
			VPMOVMSKB(x, bits)
			MOVL(bits, Mem{Base: dst})
		} else {
			top := YMM()
			VPSRLW(U8(4), x, top)
			VPAND(low4, x, x)
			VPAND(low4, top, top)
			VPSHUFB(x, low, x)
			VPSHUFB(top, high, top)
			VPOR(x, top, x)
		}
		switch width {
		case 1:
			VMOVDQU(x, Mem{Base: dst})
		case 2:
			VPMADDUBSW(fold[2], x, x)
			VPACKUSWB(x, x, x)
			VPERMQ(U8(0x08), x, x) // quarters 0 and 2
			VMOVDQU(x.AsX(), Mem{Base: dst})
		case 4:
			VPMADDUBSW(fold[4], x, x)
			VPMADDWD(words, x, x)
			VPACKUSDW(x, x, x)
			VPACKUSWB(x, x, x)
			upper := XMM()
			VEXTRACTI128(U8(1), x, upper)
			VPUNPCKLDQ(upper, x.AsX(), upper)
			VMOVQ(upper, Mem{Base: dst})
		}
		ADDQ(U8(32), stream)
		ADDQ(U8(uint8(32/width)), dst)
		DECQ(n)
		JMP(LabelRef("loop"))
		Label("end")
		VZEROUPPER()
		RET()
	}
}

func repeat(w uint32) (words [8]uint32) {
	for i := range words {
		words[i] = w
	}
	return words
}
