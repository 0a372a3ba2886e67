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
// v XOR i of a block. The loop puts the block in the order of the token, once for all lanes, and
// adds each bit to a counter of its own.
func lanes() {
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
	ones := Load(Param("ones"), GP64())
	blocks := Load(Param("blocks"), GP64())
	inputs := Load(Param("inputs"), GP64())
	n := Load(Param("n"), GP64())
	orderAt, innerAt := GP64(), GP64()
	LEAQ(order, orderAt)
	LEAQ(inner, innerAt)
	nibble, bits := YMM(), YMM()
	VMOVDQU(low, nibble)
	VMOVDQU(bit, bits)
	var counters [4]VecVirtual
	for i := range counters {
		counters[i] = YMM()
		VMOVDQU(Mem{Base: ones, Disp: 32 * i}, counters[i])
	}
	Label("loop")
	TESTQ(n, n)
	JE(LabelRef("end"))
	byteAt, bitAt := GP64(), GP64()
	MOVBQZX(Mem{Base: inputs, Disp: 15}, byteAt)
	MOVQ(byteAt, bitAt)
	ANDQ(U8(7), bitAt)
	SHLQ(U8(5), bitAt)
	SHLQ(U8(1), byteAt) // 16 times bits 3 to 6
	ANDQ(U32(0xf0), byteAt)
	x, to, top := YMM(), YMM(), YMM()
	VBROADCASTI128(Mem{Base: blocks}, x)
	VBROADCASTI128(Mem{Base: orderAt, Index: byteAt, Scale: 1}, to)
	VPSHUFB(to, x, x)
	VPSRLW(U8(4), x, top)
	VPAND(nibble, x, x)
	VPAND(nibble, top, top)
	lowTable, highTable := YMM(), YMM()
	VBROADCASTI128(Mem{Base: innerAt, Index: bitAt, Scale: 1}, lowTable)
	VBROADCASTI128(Mem{Base: innerAt, Index: bitAt, Scale: 1, Disp: 16}, highTable)
	VPSHUFB(x, lowTable, x)
	VPSHUFB(top, highTable, top)
	VPOR(x, top, x)
	for i, c := range counters {
		y := YMM()
		VPSHUFB(spread[i], x, y)
		VPAND(bits, y, y)
		VPCMPEQB(bits, y, y)
		VPSUBB(y, c, c)
	}
	ADDQ(U8(16), blocks)
	ADDQ(U8(16), inputs)
	DECQ(n)
	JMP(LabelRef("loop"))
	Label("end")
	for i, c := range counters {
		VMOVDQU(c, Mem{Base: ones, Disp: 32 * i})
	}
	VZEROUPPER()
	RET()
}
