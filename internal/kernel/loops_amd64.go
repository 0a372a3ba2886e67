//go:build amd64 && !purego

package kernel

import "unsafe"

// These functions dispatch the loops of AESNI, VAES and AVX512. AVX512 has those of VAES where it has
// none. Their contracts are in loops_noasm.go. Callers handle Generic themselves.

func streamBlocks(dst *byte, blocks int, keys *Keys, nonce *Nonce, first uint32) {
	if active != AESNI {
		streamVAES(dst, blocks, &keys.round, nonce, first)
	} else {
		streamAESNI(dst, blocks, &keys.round, nonce, first)
	}
}

func encryptBlocks(dst, src *[BlockSize]byte, n int, keys *Keys) {
	if active != AESNI {
		encryptVAES(dst, src, n, &keys.round)
	} else {
		encryptAESNI(dst, src, n, &keys.round)
	}
}

func maskGroups(width int, dst, stream *byte, n int, luts *[3][BlockSize]byte) {
	switch width {
	case 1:
		mask1AVX2(dst, stream, n, luts)
	case 2:
		mask2AVX2(dst, stream, n, luts)
	case 4:
		mask4AVX2(dst, stream, n, luts)
	default:
		mask8AVX2(dst, stream, n, luts)
	}
}

func biasGroups(x *float32, groups int, mask *byte, delta float32) {
	biasAVX2(x, groups, mask, delta)
}

func biasHalf(f Format, x *float32, src *uint16, groups int, mask *byte, delta float32) {
	if f == BF16 {
		biasBF16AVX2(x, src, groups, mask, delta)
	} else {
		biasFP16AVX2(x, src, groups, mask, delta)
	}
}

func scoreGroups(dst []byte, inputs []Input, keys *Keys, t *scoreTable) {
	groups := len(inputs) / scoreGroup
	_ = dst[groups*scoreGroup/8-1]
	table := (*[unsafe.Sizeof(*t)]byte)(unsafe.Pointer(t))
	if turns := groups / 2; active == AVX512 && turns > 0 {
		scoreAVX512(&dst[0], &inputs[0], turns, &keys.round, table)
		if groups%2 == 0 {
			return
		}
		dst, inputs, groups = dst[4*turns:], inputs[2*scoreGroup*turns:], 1
	}
	if active != AESNI {
		scoreVAES(&dst[0], &inputs[0], groups, &keys.round, table)
	} else {
		scoreAESNI(&dst[0], &inputs[0], groups, &keys.round, table)
	}
}

func packPlaces(dst *Input, tokens *int32, n int, absent *Input) {
	packAVX2(dst, tokens, n, absent)
}

// fusedTokens is how many tokens one turn of the fused loops marks.
const fusedTokens = 256

func (t *Table) processTurns(k *Keys, nonce *Nonce, row []float32) int {
	turns := len(row) / fusedTokens
	if turns == 0 {
		return 0
	}
	x := &row[0]
	switch {
	case active != AESNI && t.width == 1:
		fused1VAES(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	case active != AESNI && t.width == 2:
		fused2VAES(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	case active != AESNI && t.width == 4:
		fused4VAES(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	case active != AESNI:
		fused8VAES(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	case t.width == 1:
		fused1AESNI(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	case t.width == 2:
		fused2AESNI(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	case t.width == 4:
		fused4AESNI(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	default:
		fused8AESNI(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	}
	return turns * fusedTokens
}

func floor(x []float32, c float32) int {
	n := len(x) &^ 63
	if len(available) == 1 || n == 0 {
		return 0
	}
	floorAVX2(&x[0], n, c)
	return n
}

func laneBlocks(dst, inputs []Input) {
	laneBlocksAVX2(&dst[0], &inputs[0], len(inputs))
}

func countLanes(counts *[MaxLanes]uint8, blocks, inputs []Input) {
	lanesAVX2(counts, &blocks[0], &inputs[0], len(blocks))
}
