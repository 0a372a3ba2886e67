package main

import (
	"encoding/binary"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const rounds = 10 // of AES-128

// A backend is the width of vectors for AES.
type backend struct {
	name   string
	bytes  int // per vector
	vector func() VecVirtual
}

var (
	aesni = backend{"AESNI", 16, XMM}
	vaes  = backend{"VAES", 32, YMM}
)

// half returns the lower 128 bits.
func half(v VecVirtual) Op { return v.AsX() }

// loadKey loads a round key into every 128-bit lane.
func (b backend) loadKey(keys Register, round int, to VecVirtual) {
	at := Mem{Base: keys, Disp: 16 * round}
	if b.bytes == 16 {
		VMOVDQU(at, to)
	} else {
		VBROADCASTI128(at, to)
	}
}

// encrypt runs AES-128 over blocks. It interleaves their rounds.
func (b backend) encrypt(keys Register, state []VecVirtual) {
	key := b.vector()
	b.loadKey(keys, 0, key)
	for _, s := range state {
		VPXOR(key, s, s)
	}
	for round := 1; round < rounds; round++ {
		key := b.vector()
		b.loadKey(keys, round, key)
		for _, s := range state {
			VAESENC(key, s, s)
		}
	}
	last := b.vector()
	b.loadKey(keys, rounds, last)
	for _, s := range state {
		VAESENCLAST(last, s, s)
	}
}

// table16 defines a constant of 32 bytes that holds lane twice.
func table16(name string, lane [16]byte) Mem {
	data := GLOBL(name, RODATA|NOPTR)
	for i := range 4 {
		DATA(8*i, U64(binary.LittleEndian.Uint64(lane[i%2*8:])))
	}
	return data
}

// table32 defines a constant of 8 dwords.
func table32(name string, words [8]uint32) Mem {
	data := GLOBL(name, RODATA|NOPTR)
	for i := range 4 {
		DATA(8*i, U64(uint64(words[2*i])|uint64(words[2*i+1])<<32))
	}
	return data
}

// aes writes the family of AES-128.
func aes() {
	features()
	subWord()
	swap := table16("swapCounter", [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 14, 13, 12})
	lanes := table32("counterLanes", [8]uint32{3: 0, 7: 1})
	step := [16]Mem{}
	for i := range step {
		step[i] = table32("counterStep"+string(rune('A'+i)), [8]uint32{3: uint32(i + 1), 7: uint32(i + 1)})
	}
	for _, b := range []backend{aesni, vaes} {
		b.stream(swap, lanes, step)
		b.encryptBlocks()
	}
}

// features writes cpuidECX. It finds two features that golang.org/x/sys/cpu does not report: AES on
// 256-bit vectors without AVX-512, and the conversion of half precision.
func features() {
	TEXT("cpuidECX", NOSPLIT|NOFRAME, "func(leaf uint32) (ecx uint32)")
	Doc("cpuidECX returns register ECX of a CPUID leaf, subleaf 0.")
	Load(Param("leaf"), EAX)
	XORL(ECX, ECX)
	CPUID()
	Store(ECX, ReturnIndex(0))
	RET()
}

// subWord writes the S-box on 4 bytes, for the key schedule. With the same word in every column,
// ShiftRows changes nothing and SubBytes remains.
func subWord() {
	TEXT("subWordAESNI", NOSPLIT|NOFRAME, "func(word uint32) uint32")
	Doc("subWordAESNI returns SubWord of FIPS 197, section 5.2.")
	x, zero := XMM(), XMM()
	word := Load(Param("word"), GP32())
	VMOVD(word, x)
	VPSHUFD(U8(0), x, x)
	VPXOR(zero, zero, zero)
	VAESENCLAST(zero, x, x)
	VMOVD(x, word)
	Store(word, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// stream writes the loop of AES-CTR keystream.
func (b backend) stream(swap, lanes Mem, step [16]Mem) {
	TEXT("stream"+b.name, NOSPLIT,
		"func(dst *byte, blocks int, keys *[11][16]byte, nonce *[12]byte, first uint32)")
	Doc("stream"+b.name+" writes blocks AES(keys, nonce || BE32(first + i)) to dst:",
		"",
		"\tfor i := range blocks { dst[16*i:] = AES(keys, nonce || BE32(first+i)) }")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	blocks := Load(Param("blocks"), GP64())
	keys := Load(Param("keys"), GP64())
	nonce := Load(Param("nonce"), GP64())
	first := Load(Param("first"), GP32())

	// The last dword of each lane holds the counter in native order.
	counter, order := b.vector(), b.vector()
	VMOVQ(Mem{Base: nonce}, half(counter).(VecVirtual))
	VPINSRD(U8(2), Mem{Base: nonce, Disp: 8}, half(counter), half(counter))
	VPINSRD(U8(3), first, half(counter), half(counter))
	per := b.bytes / 16
	if per == 2 {
		VINSERTI128(U8(1), half(counter), counter, counter)
		VPADDD(lanes, counter, counter)
	}
	VMOVDQU(swap, order)

	const wide = 8
	loop := func(label string, n int) {
		done := label + "done"
		Label(label)
		CMPQ(blocks, U32(uint32(n*per)))
		JL(LabelRef(done))
		state := make([]VecVirtual, n)
		for i := range state {
			state[i] = b.vector()
			if i == 0 {
				VPSHUFB(order, counter, state[0])
				continue
			}
			VPADDD(step[i*per-1], counter, state[i])
			VPSHUFB(order, state[i], state[i])
		}
		VPADDD(step[n*per-1], counter, counter)
		b.encrypt(keys, state)
		for i, s := range state {
			VMOVDQU(s, Mem{Base: dst, Disp: b.bytes * i})
		}
		ADDQ(U32(uint32(n*b.bytes)), dst)
		SUBQ(U32(uint32(n*per)), blocks)
		JMP(LabelRef(label))
		Label(done)
	}
	loop("wide", wide)
	loop("one", 1)
	if per == 2 {
		TESTQ(blocks, blocks)
		JE(LabelRef("end"))
		state := YMM()
		VPSHUFB(order, counter, state)
		b.encrypt(keys, []VecVirtual{state})
		VMOVDQU(half(state), Mem{Base: dst})
		Label("end")
	}
	VZEROUPPER()
	RET()
}

// encryptBlocks writes the loop of AES over independent blocks.
func (b backend) encryptBlocks() {
	TEXT("encrypt"+b.name, NOSPLIT, "func(dst, src *[16]byte, n int, keys *[11][16]byte)")
	Doc("encrypt"+b.name+" encrypts n blocks. dst may be src:",
		"",
		"\tfor i := range n { dst[i] = AES(keys, src[i]) }")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64())
	keys := Load(Param("keys"), GP64())
	per := b.bytes / 16
	loop := func(label string, count int) {
		done := label + "done"
		Label(label)
		CMPQ(n, U32(uint32(count*per)))
		JL(LabelRef(done))
		state := make([]VecVirtual, count)
		for i := range state {
			state[i] = b.vector()
			VMOVDQU(Mem{Base: src, Disp: b.bytes * i}, state[i])
		}
		b.encrypt(keys, state)
		for i, s := range state {
			VMOVDQU(s, Mem{Base: dst, Disp: b.bytes * i})
		}
		ADDQ(U32(uint32(count*b.bytes)), src)
		ADDQ(U32(uint32(count*b.bytes)), dst)
		SUBQ(U32(uint32(count*per)), n)
		JMP(LabelRef(label))
		Label(done)
	}
	loop("wide", 8)
	loop("one", 1)
	if per == 2 {
		TESTQ(n, n)
		JE(LabelRef("end"))
		state := YMM()
		VMOVDQU(Mem{Base: src}, half(state))
		b.encrypt(keys, []VecVirtual{state})
		VMOVDQU(half(state), Mem{Base: dst})
		Label("end")
	}
	VZEROUPPER()
	RET()
}
