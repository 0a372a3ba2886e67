package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Places in the Go struct scoreTable.
const (
	scoreLane      = 0
	scoreMask      = 32
	scoreInvert    = 64
	scoreThreshold = 96
	scoreBlock     = 128
	scoreDword     = 144
	scoreBit       = 160
)

// score is the family of loops that decide pairs.
func score() {
	pack()
	const no = 0x80 // VPSHUFB writes 0
	token := table16("inputToken", [16]byte{no, no, no, no, no, no, no, no, no, no, no, no, 15, 14, 13, 12})
	tokens := table16("inputTokens", [16]byte{15, 14, 13, 12, 15, 14, 13, 12, 15, 14, 13, 12, 15, 14, 13, 12})
	for _, b := range []backend{aesni, vaes} {
		b.score(token, tokens)
	}
}

// pack is what a detector does first, for widths up to 4.
func pack() {
	const no = 0x80
	slots := table16("packSlots", [16]byte{0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, no, no, no, no})
	token := table16("packToken", [16]byte{no, no, no, no, no, no, no, no, no, no, no, no, 15, 14, 13, 12})
	largest := table32("packAbsent", repeat(1<<24-1))
	TEXT("packAVX2", NOSPLIT, "func(dst *[16]byte, tokens *int32, n int, absent *[16]byte)")
	Doc("packAVX2 writes the inputs of n positions, from tokens on; it reads the 4 tokens before them too.",
		"absent has FF in the slots that are no context:",
		"",
		"\tfor i := range n { dst[i] = LE24(tokens[i-4]) ... LE24(tokens[i-1]) | absent, BE32(tokens[i]) }")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	from := Load(Param("tokens"), GP64())
	n := Load(Param("n"), GP64())
	mask := Load(Param("absent"), GP64())
	absent, order, last, limit := YMM(), YMM(), YMM(), YMM()
	VBROADCASTI128(Mem{Base: mask}, absent)
	VMOVDQU(slots, order)
	VMOVDQU(token, last)
	VMOVDQU(largest, limit)
	one := func(at int, pair bool) {
		context, next := YMM(), YMM()
		VMOVDQU(Mem{Base: from, Disp: at - 16}, half(context))
		VMOVDQU(Mem{Base: from, Disp: at - 12}, half(next))
		if pair {
			VINSERTI128(U8(1), Mem{Base: from, Disp: at - 12}, context, context)
			VINSERTI128(U8(1), Mem{Base: from, Disp: at - 8}, next, next)
		}
		VPMINUD(limit, context, context)
		VPSHUFB(order, context, context)
		VPSHUFB(last, next, next)
		VPOR(absent, context, context)
		VPOR(next, context, context)
		if pair {
			VMOVDQU(context, Mem{Base: dst, Disp: 4 * at})
		} else {
			VMOVDQU(half(context), Mem{Base: dst, Disp: 4 * at})
		}
	}
	Label("wide")
	CMPQ(n, U32(8))
	JL(LabelRef("widedone"))
	for i := range 4 {
		one(8*i, true)
	}
	ADDQ(U32(32), from)
	ADDQ(U32(128), dst)
	SUBQ(U32(8), n)
	JMP(LabelRef("wide"))
	Label("widedone")
	Label("one")
	TESTQ(n, n)
	JE(LabelRef("end"))
	one(0, false)
	ADDQ(U32(4), from)
	ADDQ(U32(16), dst)
	DECQ(n)
	JMP(LabelRef("one"))
	Label("end")
	VZEROUPPER()
	RET()
}

// score decides packed pairs, 8 or 16 in flight.
func (b backend) score(token, tokens Mem) {
	TEXT("score"+b.name, NOSPLIT, "func(dst *byte, inputs *[16]byte, groups int, keys *[11][16]byte, table *[176]byte)")
	Doc("score"+b.name+" decides 16*groups packed pairs, a bit each:",
		"",
		"\tv := BE32(input[12:])",
		"\tblock := AES(keys, input[:12] || BE32(v >> blockShift))",
		"\tdword := block[(v^lane) >> dwordShift & 3]",
		"\tgreen := dword >> ((v^lane) << bitShift & 31) & mask ^ invert < threshold")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	inputs := Load(Param("inputs"), GP64())
	groups := Load(Param("groups"), GP64())
	keys := Load(Param("keys"), GP64())
	table := Load(Param("table"), GP64())
	at := func(disp int) Mem { return Mem{Base: table, Disp: disp} }
	low5 := YMM()
	VPCMPEQD(low5, low5, low5)
	VPSRLD(U8(27), low5, low5)

	Label("loop")
	TESTQ(groups, groups)
	JE(LabelRef("end"))
	perVector := b.bytes / 16
	per := 8 * perVector
	for from := 0; from < 16; from += per {
		// Vector i of a half holds pair i, and pair i+4 in its upper lane.
		load := func(i int, to VecVirtual) {
			first := from + i%4 + i/4*4*perVector
			if perVector == 1 {
				VMOVDQU(Mem{Base: inputs, Disp: 16 * first}, to)
			} else {
				// A load of the lower lane alone would look to avo as if the upper one
				// were in use before.
				VBROADCASTI128(Mem{Base: inputs, Disp: 16 * first}, to)
				VINSERTI128(U8(1), Mem{Base: inputs, Disp: 16 * (first + 4)}, to, to)
			}
		}
		state := make([]VecVirtual, 8)
		for i := range state {
			state[i] = b.vector()
			number := b.vector()
			load(i, state[i])
			VPSHUFB(token, state[i], number)
			VPSRLD(at(scoreBlock), number, number)
			VPSHUFB(token, number, number)
			VPBLENDD(U8(0x88), number, state[i], state[i])
		}
		b.encrypt(keys, state)
		decide := func(x, id VecVirtual, place int) {
			VPSLLD(at(scoreBit), id, id)
			VPAND(low5, id, id)
			VPSRLVD(id, x, x)
			VPAND(at(scoreMask), x, x)
			VPXOR(at(scoreInvert), x, x)
			threshold, bits := YMM(), GP32()
			VMOVDQU(at(scoreThreshold), threshold)
			VPCMPGTD(x, threshold, x)
			VMOVMSKPS(x, bits)
			MOVB(bits.As8(), Mem{Base: dst, Disp: place})
		}
		var dwords, ids [2]VecVirtual
		for i, s := range state {
			id, index := b.vector(), b.vector()
			load(i, id)
			VPSHUFB(tokens, id, id)
			VPXOR(at(scoreLane), id, id)
			VPSRLD(at(scoreDword), id, index)
			VPERMILPS(index, s, s)
			if i%4 == 0 {
				dwords[i/4], ids[i/4] = s, id
			} else {
				VPBLENDD(U8(0x11<<(i%4)), s, dwords[i/4], dwords[i/4])
				VPBLENDD(U8(0x11<<(i%4)), id, ids[i/4], ids[i/4])
			}
			switch {
			case i%4 < 3:
			case perVector == 2:
				decide(dwords[i/4], ids[i/4], i/4)
			case i == 7:
				x, id := dwords[0].AsY().(VecVirtual), ids[0].AsY().(VecVirtual)
				VINSERTI128(U8(1), dwords[1], x, x)
				VINSERTI128(U8(1), ids[1], id, id)
				decide(x, id, from/8)
			}
		}
	}
	ADDQ(U32(256), inputs)
	ADDQ(U32(2), dst)
	DECQ(groups)
	JMP(LabelRef("loop"))
	Label("end")
	VZEROUPPER()
	RET()
}
