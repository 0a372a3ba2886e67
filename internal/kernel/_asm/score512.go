package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// score512 writes the loop of score at 512 bits: 32 pairs a turn, with the round keys in registers. There
// are registers for all that, and the processor overlaps two turns without help.
func score512() {
	swap := table64("swapDwords512", func(i int) uint32 { return []uint32{0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f}[i%4] })
	// Dword i of lane j of a gathered vector belongs to pair 4i+j.
	interleave := table64("interleave512", func(i int) uint32 { return uint32(4*(i%4) + i/4) })
	TEXT("scoreAVX512", NOSPLIT,
		"func(dst *byte, inputs *[16]byte, turns int, keys *[11][16]byte, table *[176]byte)")
	Doc("scoreAVX512 is scoreVAES for 32*turns packed pairs. turns is at least 1.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	inputs := Load(Param("inputs"), GP64())
	turns := Load(Param("turns"), GP64())
	keys := Load(Param("keys"), GP64())
	table := Load(Param("table"), GP64())
	var key [rounds + 1]VecVirtual
	for i := range key {
		key[i] = ZMM()
		VBROADCASTI32X4(Mem{Base: keys, Disp: 16 * i}, key[i])
	}
	constant := func(m Mem) VecVirtual {
		z := ZMM()
		VMOVDQU32(m, z)
		return z
	}
	order, last := constant(swap), constant(interleave)
	// The table has eight dwords of each constant.
	wide := func(disp int) VecVirtual {
		z := ZMM()
		VPBROADCASTD(Mem{Base: table, Disp: disp}, z)
		return z
	}
	lane, mask, threshold := wide(scoreLane), wide(scoreMask), wide(scoreThreshold)
	shift := func(disp int) VecVirtual {
		x := XMM()
		VMOVQ(Mem{Base: table, Disp: disp}, x)
		return x
	}
	block := shift(scoreBlock)
	// dwords of number i in each lane
	var of [4]Register
	for i := range of {
		bits, k := GP32(), K()
		MOVL(U32(0x1111<<i), bits)
		KMOVW(bits, k)
		of[i] = k
	}

	Label("loop")
	var state [8]VecVirtual
	var ids [2]VecVirtual
	for i := range state {
		x, number := ZMM(), ZMM()
		state[i] = x
		VMOVDQU32(Mem{Base: inputs, Disp: 64 * i}, x)
		VPSHUFB(order, x, number)
		if i%4 == 0 {
			ids[i/4] = ZMM()
			VPSHUFD(U8(0xff), number, ids[i/4])
		} else {
			VPSHUFD(U8(0xff), number, of[i%4], ids[i/4])
		}
		VPSRLD(block, number, number)
		VPSHUFB(order, number, number)
		VMOVDQA32(number, of[3], x)
		VPXORD(key[0], x, x)
	}
	for round := 1; round < rounds; round++ {
		for _, s := range state {
			VAESENC(key[round], s, s)
		}
	}
	for _, s := range state {
		VAESENCLAST(key[rounds], s, s)
	}
	for half, id := range ids {
		index, dwords, count := ZMM(), ZMM(), XMM()
		VPXORD(lane, id, id)
		VMOVQ(Mem{Base: table, Disp: scoreDword}, count)
		VPSRLD(count, id, index)
		VPERMILPS(index, state[4*half], dwords)
		for i := 1; i < 4; i++ {
			VPERMILPS(index, state[4*half+i], of[i], dwords)
		}
		VMOVQ(Mem{Base: table, Disp: scoreBit}, count)
		VPSLLD(count, id, id)
		VPSLLD(U8(27), id, id) // the lowest 5 bits
		VPSRLD(U8(27), id, id)
		VPSRLVD(id, dwords, dwords)
		VPANDD(mask, dwords, dwords)
		VPXORD_BCST(Mem{Base: table, Disp: scoreInvert}, dwords, dwords)
		VPERMD(dwords, last, dwords)
		green, bits := K(), GP32()
		VPCMPGTD(dwords, threshold, green)
		KMOVW(green, bits)
		MOVW(bits.As16(), Mem{Base: dst, Disp: 2 * half})
	}
	ADDQ(U32(512), inputs)
	ADDQ(U32(4), dst)
	DECQ(turns)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// table64 defines a constant of 16 dwords.
func table64(name string, dword func(i int) uint32) Mem {
	data := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U64(uint64(dword(2*i))|uint64(dword(2*i+1))<<32))
	}
	return data
}
