package main

import (
	"strconv"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// fusedTokens is how many tokens one turn of the fused loops marks.
const fusedTokens = 256

// fused writes the family of loops that make keystream, decide and add biases in one pass. A turn
// adds the biases that were decided two turns before, and decides those for two turns later. Two
// ports of the processor run AES, and the additions and stores between its rounds need the others.
// Two turns are longer than the chain from a counter to its decisions. After one turn the additions
// would wait for the chain and keep AES out of the queues.
func fused() {
	swap := table16("swapCounter", [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 14, 13, 12})
	lanes := table32("counterLanes", [8]uint32{3: 0, 7: 1})
	var step [16]Mem
	for i := range step {
		step[i] = table32("counterStep"+string(rune('A'+i)), [8]uint32{3: uint32(i + 1), 7: uint32(i + 1)})
	}
	var bits [3]Mem
	for i := range bits {
		var words [8]uint32
		for j := range words {
			words[j] = 1 << (8*i + j)
		}
		bits[i] = table32("bits"+string(rune('A'+i)), words)
	}
	m := newMasker()
	for _, b := range []backend{aesni, vaes} {
		for _, width := range []int{1, 2, 4, 8} {
			b.fused(width, m, swap, lanes, step, bits)
		}
	}
}

func (b backend) fused(width int, m masker, swap, lanes Mem, step [16]Mem, bits [3]Mem) {
	name := "fused" + strconv.Itoa(width) + b.name
	TEXT(name, 0, "func(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, "+
		"luts *[3][16]byte, delta float32)")
	mask := "mask" + strconv.Itoa(width) + "AVX2"
	Doc(name+" is stream"+b.name+" from block first on, "+mask+" and biasAVX2 in one pass.",
		"It marks 256*turns logits. turns is at least 1.")
	Pragma("noescape")
	x := Load(Param("x"), GP64())
	turns := Load(Param("turns"), GP64())
	keys := Load(Param("keys"), GP64())
	nonce := Load(Param("nonce"), GP64())
	first := Load(Param("first"), GP32())
	luts := Load(Param("luts"), GP64())

	masks := AllocLocal(3 * fusedTokens / 8) // for this turn and the next two
	tables := AllocLocal(3 * 32)             // each of luts twice
	now, next, far := GP64(), GP64(), GP64()
	LEAQ(masks, now)
	LEAQ(masks.Offset(fusedTokens/8), next)
	LEAQ(masks.Offset(2*fusedTokens/8), far)
	for i := range 3 {
		lut := YMM()
		VBROADCASTI128(Mem{Base: luts, Disp: 16 * i}, lut)
		VMOVDQU(lut, tables.Offset(32*i))
	}
	// The last dword of each lane holds the counter in native order.
	counter := YMM()
	VMOVQ(Mem{Base: nonce}, counter.AsX())
	VPINSRD(U8(2), Mem{Base: nonce, Disp: 8}, counter.AsX(), counter.AsX())
	VPINSRD(U8(3), first, counter.AsX(), counter.AsX())
	VINSERTI128(U8(1), counter.AsX(), counter, counter)
	if b.bytes == 32 {
		VPADDD(lanes, counter, counter)
	}
	delta := YMM()
	VBROADCASTSS(NewParamAddr("delta", 48), delta)

	perVector := b.bytes / 16
	vectors := 2 * width / perVector // of AES per turn
	inFlight := min(vectors, 8)
	// Constants stay in registers if AES leaves some free.
	var selects [3]Op
	for i := range bits {
		selects[i] = bits[i]
		if inFlight <= 4 {
			r := YMM()
			VMOVDQU(bits[i], r)
			selects[i] = r
		}
	}

	// encrypt decides for the turn after the next, and runs steps between the rounds.
	encrypt := func(steps []func()) {
		slots, slot := vectors*(rounds-1), 0
		for wave := 0; wave < vectors; wave += inFlight {
			state := make([]VecVirtual, inFlight)
			key := b.vector()
			b.loadKey(keys, 0, key)
			for i := range state {
				state[i] = b.vector()
				c := Op(counter)
				if b.bytes == 16 {
					c = counter.AsX()
				}
				if wave+i == 0 {
					VPSHUFB(swap, c, state[i])
				} else {
					VPADDD(step[(wave+i)*perVector-1], c, state[i])
					VPSHUFB(swap, state[i], state[i])
				}
				VPXOR(key, state[i], state[i])
			}
			for round := 1; round < rounds; round++ {
				key := b.vector()
				b.loadKey(keys, round, key)
				for _, s := range state {
					VAESENC(key, s, s)
					for _, step := range steps[slot*len(steps)/slots : (slot+1)*len(steps)/slots] {
						step()
					}
					slot++
				}
			}
			last := b.vector()
			b.loadKey(keys, rounds, last)
			for i, s := range state {
				VAESENCLAST(last, s, s)
				to := Mem{Base: far, Disp: b.bytes / width * (wave + i)}
				switch group := m.group(width); {
				case width < 8 && i%group == group-1:
					m.mask(b, width, state[i+1-group:i+1], tables, to.Offset(b.bytes/width*(1-group)))
				case width == 8 && b.bytes == 32:
					m.mask(b, width, state[i:i+1], tables, to)
				case width == 8 && i%2 == 1: // a whole dword, because the loop reads dwords
					low, high := m.bits(b, state[i-1], tables), m.bits(b, s, tables)
					SHLL(U8(16), high)
					ORL(high, low)
					MOVL(low, to.Offset(-2))
				}
			}
		}
		VPADDD(step[2*width-1], counter, counter)
		XCHGQ(now, next)
		XCHGQ(next, far)
	}
	var steps []func()
	for word := range fusedTokens / 32 {
		dword, top := YMM(), YMM()
		for i := range 4 {
			steps = append(steps, func() {
				if i == 0 {
					VPBROADCASTD(Mem{Base: now, Disp: 4 * word}, dword)
				}
				add, at := YMM(), Mem{Base: x, Disp: 32 * (4*word + i)}
				if i < 3 {
					VPAND(selects[i], dword, add)
				} else {
					VPSRLD(U8(8), dword, top) // a set sign bit would make VPSIGND negate
					VPAND(selects[2], top, add)
				}
				VPSIGND(add, delta, add)
				VADDPS(at, add, add)
				VMOVUPS(add, at)
			})
		}
	}
	encrypt(nil)
	encrypt(nil)
	Label("loop")
	encrypt(steps)
	ADDQ(U32(4*fusedTokens), x)
	DECQ(turns)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
