package main

import (
	"encoding/binary"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// constant defines a table of 16-byte rows.
func constant(name string, rows ...[16]byte) Mem {
	data := GLOBL(name, RODATA|NOPTR)
	for i, row := range rows {
		DATA(16*i, U64(binary.LittleEndian.Uint64(row[:])))
		DATA(16*i+8, U64(binary.LittleEndian.Uint64(row[8:])))
	}
	return data
}

// lanes writes the family of tenant lanes. Of 128 lanes of one bit, lane i of token v reads bit
// v XOR i of a block. The loop puts the block in the order of the token, once for all lanes.
//
// Two tokens share a register. A tree of carry-save adders (Harley and Seal) adds the bits of 16
// tokens: ones, twos and fours hold three binary digits of the sum of each lane, and only the
// carries of weight eight go to counters of their own. The rest of fewer than 16 tokens goes to
// the counters one by one.
func lanes() {
	laneBlocks()
	var orders, inners [][16]byte
	for j := range 16 { // bytes i XOR j
		var order [16]byte
		for i := range order {
			order[i] = byte(i ^ j)
		}
		orders = append(orders, order)
	}
	for j := range 8 { // bits i XOR j of a byte, from its nibbles
		var low, high [16]byte
		for nibble := range 16 {
			for i := range 4 {
				if nibble>>i&1 == 1 {
					low[nibble] |= 1 << (i ^ j)
					high[nibble] |= 1 << ((i + 4) ^ j)
				}
			}
		}
		inners = append(inners, low, high)
	}
	order, inner := constant("laneOrder", orders...), constant("laneInner", inners...)
	low := table16("laneNibble", [16]byte{15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15})
	var bitOf [8]uint32 // byte i selects bit i%8
	for i := range bitOf {
		bitOf[i] = [2]uint32{0x08040201, 0x80402010}[i%2]
	}
	bit := table32("laneBits", bitOf)
	var spread [4]Mem // byte i/8 of the block for lane i, in four parts of 32 lanes
	for part := range spread {
		var words [8]uint32
		for i := range words {
			words[i] = uint32(4*part+i/2) * 0x01010101
		}
		spread[part] = table32("laneSpread"+string(rune('A'+part)), words)
	}

	TEXT("lanesAVX2", NOSPLIT, "func(ones *[128]uint8, blocks, inputs *[16]byte, n int)")
	Doc("lanesAVX2 adds the bits that the lanes of n tokens read. n is at most 255:",
		"",
		"\tfor j := range n { for i := range 128 { ones[i] += bit (inputs[j][15]&127) ^ i of blocks[j] } }")
	Pragma("noescape")
	sums := Load(Param("ones"), GP64())
	blocks := Load(Param("blocks"), GP64())
	inputs := Load(Param("inputs"), GP64())
	n := Load(Param("n"), GP64())
	orderAt, innerAt := GP64(), GP64()
	LEAQ(order, orderAt)
	LEAQ(inner, innerAt)
	counters := AllocLocal(128)

	// places finds the tables of a token: 16 times bits 3 to 6 of its number, and 32 times bits 0 to 2.
	places := func(token int) (outer, within Register) {
		byteAt, bitAt := GP64(), GP64()
		MOVBQZX(Mem{Base: inputs, Disp: 16*token + 15}, byteAt)
		MOVQ(byteAt, bitAt)
		ANDQ(U8(7), bitAt)
		SHLQ(U8(5), bitAt)
		SHLQ(U8(1), byteAt)
		ANDQ(U32(0xf0), byteAt)
		return byteAt, bitAt
	}
	// permuted puts the block of x in order, in place.
	permuted := func(x, to, lowTable, highTable VecVirtual) {
		top := to
		VPSHUFB(to, x, x)
		VPSRLW(U8(4), x, top)
		VPAND(low, x, x)
		VPAND(low, top, top)
		VPSHUFB(x, lowTable, x)
		VPSHUFB(top, highTable, top)
		VPOR(x, top, x)
	}
	// two returns the blocks of two tokens, in order.
	two := func(token int) VecVirtual {
		outer, within := places(token)
		outer2, within2 := places(token + 1)
		both := func(at, i, j Register, disp int) VecVirtual {
			y := YMM()
			VBROADCASTI128(Mem{Base: at, Index: i, Scale: 1, Disp: disp}, y)
			VINSERTI128(U8(1), Mem{Base: at, Index: j, Scale: 1, Disp: disp}, y, y)
			return y
		}
		x := YMM()
		VMOVDQU(Mem{Base: blocks, Disp: 16 * token}, x)
		permuted(x, both(orderAt, outer, outer2, 0), both(innerAt, within, within2, 0), both(innerAt, within, within2, 16))
		return x
	}
	// add is a carry-save adder: it replaces sum by the lower digit of sum + a + b, and returns the
	// upper one. It may overwrite a and b.
	add := func(sum, a, b VecVirtual) VecVirtual {
		odd := YMM()
		VPXOR(sum, a, odd)
		VPAND(sum, a, a)
		VPXOR(odd, b, sum)
		VPAND(odd, b, b)
		VPOR(a, b, a)
		return a
	}
	// count adds the bits of both halves of x to the counters. double doubles these before.
	count := func(x VecVirtual, double bool) {
		bits := YMM()
		VMOVDQU(bit, bits)
		first, second := YMM(), YMM()
		VPERM2I128(U8(0x00), x, x, first)
		VPERM2I128(U8(0x11), x, x, second)
		for i := range spread {
			c := YMM()
			VMOVDQU(counters.Offset(32*i), c)
			if double {
				VPADDB(c, c, c)
			}
			for _, half := range []VecVirtual{first, second} {
				y := YMM()
				VPSHUFB(spread[i], half, y)
				VPAND(bits, y, y)
				VPCMPEQB(bits, y, y)
				VPSUBB(y, c, c)
			}
			VMOVDQU(c, counters.Offset(32*i))
		}
	}

	ones, twos, fours := YMM(), YMM(), YMM()
	for _, digit := range []VecVirtual{ones, twos, fours} {
		VPXOR(digit, digit, digit)
	}
	for i := range spread {
		VMOVDQU(ones, counters.Offset(32*i))
	}
	Label("sixteen")
	CMPQ(n, U8(16))
	JL(LabelRef("sums"))
	var ofFour []VecVirtual // carries of this weight
	for eight := range 2 {
		a := add(ones, two(8*eight), two(8*eight+2))
		b := add(ones, two(8*eight+4), two(8*eight+6))
		ofFour = append(ofFour, add(twos, a, b))
	}
	count(add(fours, ofFour[0], ofFour[1]), false)
	ADDQ(U32(256), blocks)
	ADDQ(U32(256), inputs)
	SUBQ(U8(16), n)
	JMP(LabelRef("sixteen"))
	Label("sums")
	count(fours, true)
	count(twos, true)
	count(ones, true)
	var left [4]VecVirtual
	for i := range left {
		left[i] = YMM()
		VMOVDQU(counters.Offset(32*i), left[i])
		VPADDB(Mem{Base: sums, Disp: 32 * i}, left[i], left[i])
	}
	bits := YMM()
	VMOVDQU(bit, bits)
	Label("one")
	TESTQ(n, n)
	JE(LabelRef("end"))
	outer, within := places(0)
	x, to, lowTable, highTable := YMM(), YMM(), YMM(), YMM()
	VBROADCASTI128(Mem{Base: blocks}, x)
	VBROADCASTI128(Mem{Base: orderAt, Index: outer, Scale: 1}, to)
	VBROADCASTI128(Mem{Base: innerAt, Index: within, Scale: 1}, lowTable)
	VBROADCASTI128(Mem{Base: innerAt, Index: within, Scale: 1, Disp: 16}, highTable)
	permuted(x, to, lowTable, highTable)
	for i, c := range left {
		y := YMM()
		VPSHUFB(spread[i], x, y)
		VPAND(bits, y, y)
		VPCMPEQB(bits, y, y)
		VPSUBB(y, c, c)
	}
	ADDQ(U8(16), blocks)
	ADDQ(U8(16), inputs)
	DECQ(n)
	JMP(LabelRef("one"))
	Label("end")
	for i, c := range left {
		VMOVDQU(c, Mem{Base: sums, Disp: 32 * i})
	}
	VZEROUPPER()
	RET()
}

// laneBlocks writes the loop that finds the inputs of AES for tenant lanes: 128 tokens share one.
func laneBlocks() {
	word := [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 14, 13, 12}
	swap := table16("laneSwap", word) // the number of the token, from big-endian and back
	shift := table32("laneShift", [8]uint32{3: 7, 7: 7})
	TEXT("laneBlocksAVX2", NOSPLIT, "func(dst, inputs *[16]byte, n int)")
	Doc("laneBlocksAVX2 copies n inputs and divides the number in their last four bytes by 128:",
		"",
		"\tfor i := range n { dst[i] = inputs[i][:12], BE32(BE32(inputs[i][12:]) >> 7) }")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	inputs := Load(Param("inputs"), GP64())
	n := Load(Param("n"), GP64())
	order, by := YMM(), YMM()
	VMOVDQU(swap, order)
	VMOVDQU(shift, by)
	block := func(x, order, by Op, at int) {
		VMOVDQU(Mem{Base: inputs, Disp: at}, x)
		VPSHUFB(order, x, x)
		VPSRLVD(by, x, x)
		VPSHUFB(order, x, x)
		VMOVDQU(x, Mem{Base: dst, Disp: at})
	}
	Label("eight")
	SUBQ(U8(8), n)
	JL(LabelRef("rest"))
	for i := range 4 {
		block(YMM(), order, by, 32*i)
	}
	ADDQ(U32(128), inputs)
	ADDQ(U32(128), dst)
	JMP(LabelRef("eight"))
	Label("rest")
	ADDQ(U8(8), n)
	Label("one")
	SUBQ(U8(1), n)
	JL(LabelRef("end"))
	block(XMM(), half(order), half(by), 0)
	ADDQ(U8(16), inputs)
	ADDQ(U8(16), dst)
	JMP(LabelRef("one"))
	Label("end")
	VZEROUPPER()
	RET()
}
