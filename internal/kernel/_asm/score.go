package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const scoreGroup = 16 // as in the Go code

// Offsets in the Go struct scoreTable, in bytes.
const (
	scoreLane      = 0
	scoreMask      = 32
	scoreInvert    = 64
	scoreThreshold = 96
	scoreBlock     = 128
	scoreDword     = 144
	scoreBit       = 160
)

// score writes the family of loops that decide pairs.
func score() {
	pack()
	swap := table16("swapDwords", [16]byte{3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12})
	interleave := table32("interleave", [8]uint32{0, 4, 1, 5, 2, 6, 3, 7})
	low5 := table32("low5", repeat(31))
	for _, b := range []backend{aesni, vaes} {
		b.score(low5, swap, interleave)
	}
}

// pack writes the loop that packs pairs of widths up to 4.
func pack() {
	const no = 0x80
	slots := table16("packSlots", [16]byte{0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, no, no, no, no})
	token := table16("packToken", [16]byte{no, no, no, no, no, no, no, no, no, no, no, no, 15, 14, 13, 12})
	largest := table32("packAbsent", repeat(1<<24-1))
	TEXT("packAVX2", NOSPLIT, "func(dst *[16]byte, tokens *int32, n int, absent *[16]byte)")
	Doc("packAVX2 writes the inputs of n positions from tokens on. It also reads the 4 tokens before.",
		"absent has FF in the slots that hold no context:",
		"",
		"\tfor i := range n {",
		"\t\tdst[i] = LE24(tokens[i-4]) ... LE24(tokens[i-1]) | absent, BE32(tokens[i])",
		"\t}")
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

// score writes the loop that decides packed pairs, 8 vectors at once. AES uses two ports of the
// processor, and a burst of it would fill the queues and leave the other ports idle. Between its
// rounds the loop therefore prepares the pairs of the next burst, and decides those of the last one.
// The stack holds both.
func (b backend) score(low5, swap, interleave Mem) {
	TEXT("score"+b.name, 0,
		"func(dst *byte, inputs *[16]byte, groups int, keys *[11][16]byte, table *[176]byte)")
	Doc("score"+b.name+" decides 16*groups packed pairs, one bit each. groups is at least 1:",
		"",
		"\tv := BE32(input[12:])",
		"\tblock := AES(keys, input[:12] || BE32(v >> blockShift))",
		"\tdword := block[(v^lane) >> dwordShift & 3]",
		"\tgreen := dword >> ((v^lane) << bitShift & 31) & mask ^ invert < threshold")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	inputs := Load(Param("inputs"), GP64())
	bursts := Load(Param("groups"), GP64())
	keys := Load(Param("keys"), GP64())
	table := Load(Param("table"), GP64())
	at := func(disp int) Mem { return Mem{Base: table, Disp: disp} }

	const inFlight = 8
	per := inFlight * b.bytes / 16 // pairs per burst
	if per < scoreGroup {
		SHLQ(U8(1), bursts)
	}
	ready := AllocLocal(inFlight * b.bytes) // inputs of the next burst
	done := AllocLocal(inFlight * b.bytes)  // blocks of the last one
	readyIDs, ids := AllocLocal(2*b.bytes), AllocLocal(2*b.bytes)
	place := func(m Mem, i int) Mem { return m.Offset(b.bytes * i) }

	next := GP64() // the inputs to prepare
	MOVQ(inputs, next)
	// prepare replaces tokens by the numbers of their blocks. Dword i of each lane of a gathered
	// vector belongs to vector i.
	prepare := func() (steps []func()) {
		for half := range 2 {
			pairs, gathered, numbers := b.vector(), b.vector(), b.vector()
			from := func(i int) Mem { return Mem{Base: next, Disp: b.bytes * (4*half + i)} }
			steps = append(steps, func() {
				VMOVDQU(from(0), pairs)
				VPUNPCKHDQ(from(1), pairs, pairs)
			}, func() {
				VMOVDQU(from(2), gathered)
				VPUNPCKHDQ(from(3), gathered, gathered)
			}, func() {
				VPUNPCKHQDQ(gathered, pairs, gathered)
				VPSHUFB(swap, gathered, gathered)
			}, func() {
				VPSRLD(at(scoreBlock), gathered, numbers)
				VPSHUFB(swap, numbers, numbers)
			}, func() {
				VPXOR(at(scoreLane), gathered, gathered)
				VMOVDQU(gathered, place(readyIDs, half))
			})
			for i := range 4 {
				steps = append(steps, func() {
					x, vector := b.vector(), 4*half+i
					VPSHUFD(U8(0x55*i), numbers, x)
					VPBLENDD(U8(0x77), Mem{Base: next, Disp: b.bytes * vector}, x, x)
					VMOVDQU(x, place(ready, vector))
				})
			}
		}
		return steps
	}
	// decide writes the decisions of the last burst.
	decide := func() (steps []func()) {
		var dwords, bits [2]VecVirtual
		final := func(x, bit VecVirtual, at8 int) []func() {
			return []func(){func() {
				VPSLLD(at(scoreBit), bit, bit)
				VPAND(low5, bit, bit)
			}, func() {
				VPSRLVD(bit, x, x)
				VPAND(at(scoreMask), x, x)
				VPXOR(at(scoreInvert), x, x)
			}, func() {
				VMOVDQU(at(scoreThreshold), bit)
				VPCMPGTD(x, bit, x)
				if b.bytes == 32 { // vector i holds pairs 2i and 2i+1
					VMOVDQU(interleave, bit)
					VPERMD(x, bit, x)
				}
				green := GP32()
				VMOVMSKPS(x, green)
				MOVB(green.As8(), Mem{Base: dst, Disp: at8})
			}}
		}
		for half := range 2 {
			dwords[half], bits[half] = YMM(), YMM()
			x, bit, index := dwords[half], bits[half], b.vector()
			if b.bytes == 16 {
				x, bit = x.AsX().(VecVirtual), bit.AsX().(VecVirtual)
			}
			steps = append(steps, func() {
				VMOVDQU(place(ids, half), bit)
				VPSRLD(at(scoreDword), bit, index)
			})
			for i := range 4 {
				steps = append(steps, func() {
					if i == 0 {
						VMOVDQU(place(done, 4*half), x)
						VPERMILPS(index, x, x)
						return
					}
					y := b.vector()
					VMOVDQU(place(done, 4*half+i), y)
					VPERMILPS(index, y, y)
					VPBLENDD(U8(0x11<<i), y, x, x)
				})
			}
			if b.bytes == 32 {
				steps = append(steps, final(x, bit, half)...)
			}
		}
		if b.bytes == 16 {
			steps = append(steps, func() {
				VINSERTI128(U8(1), dwords[1].AsX(), dwords[0], dwords[0])
				VINSERTI128(U8(1), bits[1].AsX(), bits[0], bits[0])
			})
			steps = append(steps, final(dwords[0], bits[0], 0)...)
		}
		return steps
	}
	run := func(steps []func()) {
		for _, step := range steps {
			step()
		}
	}
	run(prepare())
	// No burst comes before the first one. The loop overwrites what it decides then.
	advance := GP64()
	XORQ(advance, advance)

	Label("loop")
	// No burst comes after the last one, so it prepares itself again.
	ahead := GP64()
	LEAQ(Mem{Base: next, Disp: 16 * per}, ahead)
	CMPQ(bursts, U8(1))
	CMOVQGT(ahead, next)
	state := make([]VecVirtual, inFlight)
	key := b.vector()
	b.loadKey(keys, 0, key)
	for i := range state {
		state[i] = b.vector()
		VPXOR(place(ready, i), key, state[i])
	}
	steps := decide()
	for half := range 2 {
		steps = append(steps, func() {
			x := b.vector()
			VMOVDQU(place(readyIDs, half), x)
			VMOVDQU(x, place(ids, half))
		})
	}
	steps = append(steps, prepare()...)
	const slots = inFlight * (rounds - 1)
	for round := 1; round < rounds; round++ {
		key := b.vector()
		b.loadKey(keys, round, key)
		for i, s := range state {
			VAESENC(key, s, s)
			slot := (round-1)*inFlight + i
			run(steps[slot*len(steps)/slots : (slot+1)*len(steps)/slots])
		}
	}
	last := b.vector()
	b.loadKey(keys, rounds, last)
	for i, s := range state {
		VAESENCLAST(last, s, s)
		VMOVDQU(s, place(done, i))
	}
	ADDQ(advance, dst)
	MOVQ(U32(uint32(per/8)), advance)
	DECQ(bursts)
	JNE(LabelRef("loop"))
	run(decide())
	VZEROUPPER()
	RET()
}
