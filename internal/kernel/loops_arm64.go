//go:build arm64 && !purego

package kernel

import "unsafe"

// The stubs of amd64 with the same names carry the Go that they stand for.

func subWordNEON(word uint32) uint32

//go:noescape
func streamNEON(dst *byte, blocks int, keys *[11][16]byte, nonce *[12]byte, first uint32)

//go:noescape
func encryptNEON(dst, src *[16]byte, n int, keys *[11][16]byte)

//go:noescape
func mask1NEON(dst, stream *byte, n int, luts *[3][16]byte)

//go:noescape
func mask2NEON(dst, stream *byte, n int, luts *[3][16]byte)

//go:noescape
func mask4NEON(dst, stream *byte, n int, luts *[3][16]byte)

//go:noescape
func mask8NEON(dst, stream *byte, n int, luts *[3][16]byte)

//go:noescape
func biasNEON(x *float32, groups int, mask *byte, delta float32)

//go:noescape
func biasBF16NEON(x *float32, src *uint16, groups int, mask *byte, delta float32)

//go:noescape
func biasFP16NEON(x *float32, src *uint16, groups int, mask *byte, delta float32)

//go:noescape
func fused1NEON(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, luts *[3][16]byte, delta float32)

//go:noescape
func fused2NEON(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, luts *[3][16]byte, delta float32)

//go:noescape
func fused4NEON(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, luts *[3][16]byte, delta float32)

//go:noescape
func fused8NEON(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, luts *[3][16]byte, delta float32)

//go:noescape
func floorNEON(x *float32, n int, c float32)

//go:noescape
func packNEON(dst *[16]byte, tokens *int32, n int, absent *[16]byte)

//go:noescape
func scoreNEON(dst *byte, inputs *[16]byte, groups int, keys *[11][16]byte, table *[176]byte)

//go:noescape
func laneBlocksNEON(dst, inputs *[16]byte, n int)

//go:noescape
func lanesNEON(ones *[128]uint8, blocks, inputs *[16]byte, n int)

// The functions below dispatch the loops of NEON. Their contracts are in loops_noasm.go.

func streamBlocks(dst *byte, blocks int, keys *Keys, nonce *Nonce, first uint32) {
	streamNEON(dst, blocks, &keys.round, nonce, first)
}

func encryptBlocks(dst, src *[BlockSize]byte, n int, keys *Keys) {
	encryptNEON(dst, src, n, &keys.round)
}

func maskGroups(width int, dst, stream *byte, n int, luts *[3][BlockSize]byte) {
	n *= groupSize / 32 // these loops take 32 bytes at once
	switch width {
	case 1:
		mask1NEON(dst, stream, n, luts)
	case 2:
		mask2NEON(dst, stream, n, luts)
	case 4:
		mask4NEON(dst, stream, n, luts)
	default:
		mask8NEON(dst, stream, n, luts)
	}
}

func biasGroups(x *float32, groups int, mask *byte, delta float32) {
	biasNEON(x, groups, mask, delta)
}

func biasHalf(f Format, x *float32, src *uint16, groups int, mask *byte, delta float32) {
	if f == BF16 {
		biasBF16NEON(x, src, groups, mask, delta)
	} else {
		biasFP16NEON(x, src, groups, mask, delta)
	}
}

func scoreGroups(dst []byte, inputs []Input, keys *Keys, t *scoreTable) {
	groups := len(inputs) / scoreGroup
	_ = dst[groups*scoreGroup/8-1]
	scoreNEON(&dst[0], &inputs[0], groups, &keys.round, (*[unsafe.Sizeof(*t)]byte)(unsafe.Pointer(t)))
}

func packPlaces(dst *Input, tokens *int32, n int, absent *Input) {
	packNEON(dst, tokens, n, absent)
}

func floor(x []float32, c float32) int {
	n := len(x) &^ 15
	if len(available) == 1 || n == 0 {
		return 0
	}
	floorNEON(&x[0], n, c)
	return n
}

func laneBlocks(dst, inputs []Input) {
	laneBlocksNEON(&dst[0], &inputs[0], len(inputs))
}

func countLanes(counts *[MaxLanes]uint8, blocks, inputs []Input) {
	lanesNEON(counts, &blocks[0], &inputs[0], len(blocks))
}

// fusedBlocks is how many blocks of keystream one turn of the fused loops makes.
const fusedBlocks = 4

func (t *Table) processTurns(k *Keys, nonce *Nonce, row []float32) int {
	tokens := fusedBlocks * 8 * BlockSize / t.width // of a turn
	turns := len(row) / tokens
	if turns == 0 {
		return 0
	}
	x := &row[0]
	switch t.width {
	case 1:
		fused1NEON(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	case 2:
		fused2NEON(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	case 4:
		fused4NEON(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	default:
		fused8NEON(x, turns, &k.round, nonce, 0, &t.luts, t.delta)
	}
	return turns * tokens
}

// The tables of lanesNEON. Bytes of laneOrder[j] are i XOR j. The two tables of laneInner[j] put the
// bits i of a byte, given by its lower and its upper nibble, in the order i XOR j.
var laneOrder, laneInner = func() (order [16][16]byte, inner [8][2][16]byte) {
	for j := range order {
		for i := range order[j] {
			order[j][i] = byte(i ^ j)
		}
	}
	for j := range inner {
		for nibble := range 16 {
			for i := range 4 {
				if nibble>>i&1 == 1 {
					inner[j][0][nibble] |= 1 << (i ^ j)
					inner[j][1][nibble] |= 1 << ((i + 4) ^ j)
				}
			}
		}
	}
	return order, inner
}()
