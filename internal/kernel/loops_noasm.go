//go:build purego || !(amd64 || arm64)

package kernel

// These are the loops that a backend with assembly supplies. Without assembly only Generic is
// registered, so callers never reach those that panic.
const noLoops = "kernel: no assembly in this build"

// subWord returns SubWord of FIPS 197, section 5.2, without a memory access that depends on w.
func subWord(uint32) uint32 { panic(noLoops) }

// streamBlocks writes n > 0 blocks of the keystream of a nonce to dst, from block first on.
func streamBlocks(dst *byte, n int, keys *Keys, nonce *Nonce, first uint32) { panic(noLoops) }

// encryptBlocks encrypts n > 0 independent blocks. dst may be src.
func encryptBlocks(dst, src *[BlockSize]byte, n int, keys *Keys) { panic(noLoops) }

// maskGroups writes the decisions of n groups of groupSize bytes of keystream to dst, one bit per
// token. luts come from a Table of this lane width.
func maskGroups(width int, dst, stream *byte, n int, luts *[3][BlockSize]byte) { panic(noLoops) }

// biasGroups adds delta to each of 8*n logits whose bit in mask is set, and 0 to the others.
func biasGroups(x *float32, n int, mask *byte, delta float32) { panic(noLoops) }

// biasHalf is biasGroups of logits in half precision, which it widens from src to x.
func biasHalf(f Format, x *float32, src *uint16, n int, mask *byte, delta float32) { panic(noLoops) }

// scoreGroups decides inputs, a positive multiple of scoreGroup, one bit of dst each.
func scoreGroups(dst []byte, inputs []Input, keys *Keys, t *scoreTable) { panic(noLoops) }

// packPlaces writes the inputs of n > 0 tokens that have MaxPacked more before them. absent is an
// entry of absentSlots.
func packPlaces(dst *Input, tokens *int32, n int, absent *Input) { panic(noLoops) }

// laneBlocks is laneBlocksGeneric of n > 0 inputs.
func laneBlocks(dst, inputs []Input) { panic(noLoops) }

// countLanes is countLanesGeneric.
func countLanes(counts *[MaxLanes]uint8, blocks, inputs []Input) { panic(noLoops) }

// floor adds c to the first entries of x and returns how many they are.
func floor(x []float32, c float32) int { return 0 }

// processTurns marks the first entries of a row from block 0 on and returns how many they are. They
// are whole blocks of keystream.
func (t *Table) processTurns(k *Keys, nonce *Nonce, row []float32) int { return 0 }
