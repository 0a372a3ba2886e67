package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// bias writes the family of biases. It uses no AES, so one set of loops serves both backends.
func bias() {
	floor()
	var bits [3]Mem
	for i := range bits {
		var words [8]uint32
		for j := range words {
			words[j] = 1 << (8*i + j)
		}
		bits[i] = table32("bits"+string(rune('A'+i)), words)
	}
	for _, r := range rows {
		r.write(bits)
	}
}

// floor writes the loop by whose time every benchmark divides.
func floor() {
	TEXT("floorAVX2", NOSPLIT, "func(x *float32, n int, c float32)")
	Doc("floorAVX2 adds c to n floats. n is a multiple of 64. It is the floor of the benchmarks:",
		"",
		"\tfor i := range n { x[i] += c }")
	Pragma("noescape")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	c := YMM()
	VBROADCASTSS(NewParamAddr("c", 16), c)
	Label("loop")
	CMPQ(n, U32(64))
	JL(LabelRef("end"))
	var sums [8]VecVirtual
	for i := range sums {
		sums[i] = YMM()
		VADDPS(Mem{Base: x, Disp: 32 * i}, c, sums[i])
	}
	for i, s := range sums {
		VMOVUPS(s, Mem{Base: x, Disp: 32 * i})
	}
	ADDQ(U32(256), x)
	SUBQ(U32(64), n)
	JMP(LabelRef("loop"))
	Label("end")
	VZEROUPPER()
	RET()
}

// A row is a format of logits. add loads 8 of them as float32 and adds them to a vector.
type row struct {
	name, param, source string
	size                int // bytes per logit
	add                 func(from Mem, to VecVirtual)
}

var rows = []row{
	{"bias", "x *float32", "x[i]", 4, func(from Mem, to VecVirtual) {
		VADDPS(from, to, to)
	}},
	{"biasBF16", "x *float32, src *uint16", "bfloat16(src[i])", 2, func(from Mem, to VecVirtual) {
		x := YMM()
		VPMOVZXWD(from, x)
		VPSLLD(U8(16), x, x)
		VADDPS(x, to, to)
	}},
	{"biasFP16", "x *float32, src *uint16", "float16(src[i])", 2, func(from Mem, to VecVirtual) {
		x := YMM()
		VCVTPH2PS(from, x)
		VADDPS(x, to, to)
	}},
}

// write writes the loop that adds the biases of a bitmap. AND with one bit for each dword leaves a
// positive number or 0, and VPSIGND by it leaves delta or 0.
func (r row) write(bits [3]Mem) {
	TEXT(r.name+"AVX2", NOSPLIT, "func("+r.param+", groups int, mask *byte, delta float32)")
	Doc(r.name+"AVX2 adds delta, or 0, to 8*groups logits:",
		"",
		"\tfor i := range 8*groups { if mask bit i { x[i] = "+r.source+
			" + delta } else { x[i] = "+r.source+" + 0 } }")
	Pragma("noescape")
	x := Load(Param("x"), GP64())
	src := x
	offset := 24
	if r.size == 2 {
		src = Load(Param("src"), GP64())
		offset += 8
	}
	groups := Load(Param("groups"), GP64())
	mask := Load(Param("mask"), GP64())
	delta := YMM()
	VBROADCASTSS(NewParamAddr("delta", offset), delta)
	var select8 [3]VecVirtual
	for i := range bits {
		select8[i] = YMM()
		VMOVDQU(bits[i], select8[i])
	}
	step := func(n int) {
		ADDQ(U32(uint32(32*n)), x)
		if r.size == 2 {
			ADDQ(U32(uint32(16*n)), src)
		}
		ADDQ(U32(uint32(n)), mask)
		SUBQ(U32(uint32(n)), groups)
	}
	const perLoop = 8
	Label("wide")
	CMPQ(groups, U32(perLoop))
	JL(LabelRef("widedone"))
	for half := range perLoop / 4 {
		word, top := YMM(), YMM()
		VPBROADCASTD(Mem{Base: mask, Disp: 4 * half}, word)
		VPSRLD(U8(8), word, top) // a set sign bit would make VPSIGND negate
		for i := range 4 {
			add, at := YMM(), 4*half+i
			if i < 3 {
				VPAND(select8[i], word, add)
			} else {
				VPAND(select8[2], top, add)
			}
			VPSIGND(add, delta, add)
			r.add(Mem{Base: src, Disp: 8 * r.size * at}, add)
			VMOVUPS(add, Mem{Base: x, Disp: 32 * at})
		}
	}
	step(perLoop)
	JMP(LabelRef("wide"))
	Label("widedone")

	Label("one")
	TESTQ(groups, groups)
	JE(LabelRef("end"))
	add := YMM()
	VPBROADCASTB(Mem{Base: mask}, add)
	VPAND(select8[0], add, add)
	VPSIGND(add, delta, add)
	r.add(Mem{Base: src}, add)
	VMOVUPS(add, Mem{Base: x})
	step(1)
	JMP(LabelRef("one"))
	Label("end")
	VZEROUPPER()
	RET()
}
