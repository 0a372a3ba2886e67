package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	scanBlock   = 64            // ScanBlock of the Go code
	scanVectors = scanBlock / 8 // per block
)

// scans writes the loops that read a row for the sampler.
func scans() {
	blockMax()
	groupMax()
	atLeast()
	sumExp()
}

// floats8 defines a constant of 8 floats x.
func floats8(name string, x float32) Mem {
	return table32(name, repeat(math.Float32bits(x)))
}

func vector(row Register, i int) Mem { return Mem{Base: row, Disp: 32 * i} }

func blockMax() {
	TEXT("blockMaxAVX2", NOSPLIT, "func(dst, row *float32, blocks int)")
	Doc("blockMaxAVX2 writes one maximum per block:",
		"",
		"\tfor i := range blocks { dst[i] = maxGeneric(row[64*i:][:64]) }")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	row := Load(Param("row"), GP64())
	blocks := Load(Param("blocks"), GP64())
	nothing, zero := YMM(), YMM()
	VMOVUPS(floats8("minusInf", float32(math.Inf(-1))), nothing)
	VXORPS(zero, zero, zero)

	Label("loop")
	TESTQ(blocks, blocks)
	JE(LabelRef("end"))
	// If an operand is NaN, VMAXPS returns the second one in Intel's order. That is the first one
	// here: the maximum so far.
	top := []VecVirtual{YMM(), YMM()}
	for i := range scanVectors {
		x, so := YMM(), top[i%2]
		VMOVUPS(vector(row, i), x)
		if i < 2 {
			VMAXPS(nothing, x, so)
		} else {
			VMAXPS(so, x, so)
		}
	}
	VMAXPS(top[0], top[1], top[0])
	half, t := XMM(), top[0].AsX()
	VEXTRACTF128(U8(1), top[0], half)
	VMAXPS(half, t, t)
	VPERMILPS(U8(0x4e), t, half)
	VMAXPS(half, t, t)
	VPERMILPS(U8(0xb1), t, half)
	VMAXPS(half, t, t)
	VADDSS(zero.AsX(), t, t) // -0 to +0
	VMOVSS(t, Mem{Base: dst})
	ADDQ(U32(4*scanBlock), row)
	ADDQ(U8(4), dst)
	DECQ(blocks)
	JMP(LabelRef("loop"))
	Label("end")
	VZEROUPPER()
	RET()
}

func groupMax() {
	TEXT("groupMaxAVX2", NOSPLIT, "func(dst, src *float32, blocks int)")
	Doc("groupMaxAVX2 writes 8 maxima per block of 64 entries. No entry may be NaN:",
		"",
		"\tfor i := range 8*blocks { dst[i] = max over j of src[i/8*64 + i%8 + 8*j] }")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	blocks := Load(Param("blocks"), GP64())
	Label("loop")
	TESTQ(blocks, blocks)
	JE(LabelRef("end"))
	top := YMM()
	VMOVUPS(vector(src, 0), top)
	for i := 1; i < scanVectors; i++ {
		VMAXPS(vector(src, i), top, top)
	}
	VMOVUPS(top, Mem{Base: dst})
	ADDQ(U32(4*scanBlock), src)
	ADDQ(U8(32), dst)
	DECQ(blocks)
	JMP(LabelRef("loop"))
	Label("end")
	VZEROUPPER()
	RET()
}

func atLeast() {
	TEXT("atLeastAVX2", NOSPLIT, "func(row *float32, delta, floor float32) (bits uint64)")
	Doc("atLeastAVX2 compares 64 entries:",
		"",
		"\tfor i := range 64 { if row[i]+delta >= floor { bits |= 1<<i } }")
	Pragma("noescape")
	row := Load(Param("row"), GP64())
	delta, floor := YMM(), YMM()
	deltaAt, _ := Param("delta").Resolve()
	floorAt, _ := Param("floor").Resolve()
	VBROADCASTSS(deltaAt.Addr, delta)
	VBROADCASTSS(floorAt.Addr, floor)
	all := GP64()
	XORL(all.As32(), all.As32())
	const notLess = 0x1d // GE_OQ
	for i := scanVectors - 1; i >= 0; i-- {
		x, found := YMM(), GP32()
		VADDPS(vector(row, i), delta, x)
		VCMPPS(U8(notLess), floor, x, x)
		VMOVMSKPS(x, found)
		SHLQ(U8(8), all)
		ORQ(found.As64(), all)
	}
	Store(all, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// sumExp writes the loop of SumExp. It computes e^z as 2^k e^r with |r| <= ln(2)/2, and e^r by its
// series to degree 7, with a relative error of about 2^-27.
func sumExp() {
	TEXT("sumExpAVX2", NOSPLIT,
		"func(dst, row *float32, green *uint64, blocks int, delta, cut, top, scale float32)")
	Doc("sumExpAVX2 writes one sum per block of 64 entries. It rounds in another order than this:",
		"",
		"\tfor i := range 64*blocks {",
		"\t\tif y := row[i] + delta*green[i]; y < cut { dst[i/64] += exp((y-top)*scale) }",
		"\t}")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	row := Load(Param("row"), GP64())
	green := Load(Param("green"), GP64())
	blocks := Load(Param("blocks"), GP64())
	broadcast := func(name string) VecVirtual {
		v := YMM()
		at, _ := Param(name).Resolve()
		VBROADCASTSS(at.Addr, v)
		return v
	}
	delta, cut, top, scale := broadcast("delta"), broadcast("cut"), broadcast("top"), broadcast("scale")
	least := floats8("leastExp", -87)
	log2e := floats8("log2e", math.Log2E)
	const ln2High = 0x1.62e4p-1 // so few bits that its product with k is exact
	high, low := floats8("ln2High", ln2High), floats8("ln2Low", float32(math.Ln2-ln2High))
	var series [8]Mem
	factorial := 1.0
	for i := range series {
		factorial *= float64(max(i, 1))
		series[i] = floats8("series"+string(rune('0'+i)), float32(1/factorial))
	}
	var bits [4]Mem
	for i := range bits {
		var words [8]uint32
		for j := range words {
			words[j] = 1 << (8*i + j)
		}
		bits[i] = table32("greenBits"+string(rune('0'+i)), words)
	}

	Label("loop")
	TESTQ(blocks, blocks)
	JE(LabelRef("end"))
	block := YMM()
	for i := range scanVectors {
		y, bit, keep := YMM(), YMM(), YMM()
		VPBROADCASTD(Mem{Base: green, Disp: i / 4 * 4}, y)
		VMOVDQU(bits[i%4], bit)
		VPAND(bit, y, y)
		VPCMPEQD(bit, y, y)
		VPAND(delta, y, y)
		VADDPS(vector(row, i), y, y)
		const less = 0x11 // LT_OQ
		VCMPPS(U8(less), cut, y, keep)
		VSUBPS(top, y, y)
		VMULPS(scale, y, y)
		bound := YMM()
		VMOVUPS(least, bound)
		VMAXPS(bound, y, y) // this is the bound if y is NaN
		k, p := YMM(), YMM()
		VMULPS(log2e, y, k)
		VROUNDPS(U8(8), k, k)
		VFNMADD231PS(high, k, y)
		VFNMADD231PS(low, k, y)
		VMOVUPS(series[7], p)
		for n := 6; n >= 0; n-- {
			VFMADD213PS(series[n], y, p)
		}
		VCVTPS2DQ(k, k)
		VPSLLD(U8(23), k, k)
		VPADDD(k, p, p)
		if i == 0 {
			VANDPS(keep, p, block)
		} else {
			VANDPS(keep, p, p)
			VADDPS(p, block, block)
		}
	}
	half, sum := XMM(), block.AsX()
	VEXTRACTF128(U8(1), block, half)
	VADDPS(half, sum, sum)
	VPERMILPS(U8(0x4e), sum, half)
	VADDPS(half, sum, sum)
	VPERMILPS(U8(0xb1), sum, half)
	VADDSS(half, sum, sum)
	VMOVSS(sum, Mem{Base: dst})
	ADDQ(U8(4), dst)
	ADDQ(U32(4*scanBlock), row)
	ADDQ(U8(scanBlock/8), green)
	DECQ(blocks)
	JMP(LabelRef("loop"))

	Label("end")
	VZEROUPPER()
	RET()
}
