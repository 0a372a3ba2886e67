//go:build amd64 && !purego

package kernel

import "unsafe"

// The loops of the active backend. Callers have taken the Generic one elsewhere.

// streamBlocks writes blocks first, first+1, ... of a nonce's keystream.
func streamBlocks(dst *byte, blocks int, keys *Keys, nonce *Nonce, first uint32) {
	if active == VAES {
		streamVAES(dst, blocks, &keys.round, nonce, first)
	} else {
		streamAESNI(dst, blocks, &keys.round, nonce, first)
	}
}

// encryptBlocks encrypts n independent blocks in place or to another place.
func encryptBlocks(dst, src *[BlockSize]byte, n int, keys *Keys) {
	if active == VAES {
		encryptVAES(dst, src, n, &keys.round)
	} else {
		encryptAESNI(dst, src, n, &keys.round)
	}
}

// maskGroups decides the tokens of n groups of groupSize bytes of keystream.
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

// biasGroups adds the bias of a bitmap to 8*groups logits.
func biasGroups(x *float32, groups int, mask *byte, delta float32) {
	biasAVX2(x, groups, mask, delta)
}

// biasHalf is biasGroups for logits in half precision, which it widens.
func biasHalf(f Format, x *float32, src *uint16, groups int, mask *byte, delta float32) {
	if f == BF16 {
		biasBF16AVX2(x, src, groups, mask, delta)
	} else {
		biasFP16AVX2(x, src, groups, mask, delta)
	}
}

// scoreGroups decides inputs, a multiple of scoreGroup, a bit each.
func scoreGroups(dst []byte, inputs []Input, keys *Keys, t *scoreTable) {
	groups := len(inputs) / scoreGroup
	_ = dst[groups*scoreGroup/8-1]
	table := (*[unsafe.Sizeof(*t)]byte)(unsafe.Pointer(t))
	if active == VAES {
		scoreVAES(&dst[0], &inputs[0], groups, &keys.round, table)
	} else {
		scoreAESNI(&dst[0], &inputs[0], groups, &keys.round, table)
	}
}

// packPlaces writes the inputs of n tokens, which have 4 more before them.
func packPlaces(dst *Input, tokens *int32, n int, absent *Input) {
	packAVX2(dst, tokens, n, absent)
}

// floor adds c to a part of x and returns how long that part is.
func floor(x []float32, c float32) int {
	n := len(x) &^ 63
	if len(available) == 1 || n == 0 {
		return 0
	}
	floorAVX2(&x[0], n, c)
	return n
}

// countLanes is countLanesGeneric of the active backend.
func countLanes(counts *[MaxLanes]uint8, blocks, inputs []Input) {
	lanesAVX2(counts, &blocks[0], &inputs[0], len(blocks))
}
