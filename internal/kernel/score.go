package kernel

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// An Input is a pair as the dedup tag reads it: the nonce of its context, then the token
// in big-endian order. For contexts that fit a nonce it is the pair itself.
type Input = [BlockSize]byte

// scoreGroup is how many pairs the loops decide at once, 16 of them in flight.
const scoreGroup = 16

// scoreTable holds the constants of the scoring loops. gen/score.go knows its layout.
type scoreTable struct {
	lane, mask, invert, threshold [8]uint32
	block, dword, bit             [2]uint64 // shifts
}

func newScoreTable(t *Table) scoreTable {
	log := uint64(bits.TrailingZeros(uint(t.width)))
	s := scoreTable{block: [2]uint64{7 - log}, dword: [2]uint64{5 - log}, bit: [2]uint64{log}}
	for i := range s.lane {
		s.lane[i] = uint32(t.lane)
		s.mask[i] = 1<<t.width - 1
		s.invert[i] = uint32(t.invert)
		s.threshold[i] = uint32(t.m)
	}
	return s
}

// ScoreSize returns how many words [Table.Score] writes for n inputs.
func ScoreSize(n int) int { return (n + 63) / 64 }

// Score decides each input under a key: bit i%64 of dst[i/64] is set when the token of
// inputs[i] is green. The other bits of the [ScoreSize] words are cleared.
func (t *Table) Score(s *Scratch, dst []uint64, k *Keys, inputs []Input) {
	n := len(inputs)
	clear(dst[:ScoreSize(n)])
	done := 0
	if active != Generic {
		done = n &^ (scoreGroup - 1)
		if done > 0 {
			scoreGroups(unsafe.Slice(bytesOf(dst), done/8), inputs[:done], k, &t.score)
		}
		if rest := inputs[done:]; len(rest) > 0 {
			var group [scoreGroup]Input
			copy(group[:], rest)
			var bits [2]byte
			scoreGroups(bits[:], group[:], k, &t.score)
			dst[done/64] |= uint64(binary.LittleEndian.Uint16(bits[:])&(1<<len(rest)-1)) << (done % 64)
		}
		return
	}
	for i := range inputs {
		v := binary.BigEndian.Uint32(inputs[i][12:])
		s.in = inputs[i]
		binary.BigEndian.PutUint32(s.in[12:], t.BlockOf(v))
		k.block.Encrypt(s.out[:], s.in[:])
		if t.Green(&s.out, v) {
			dst[i/64] |= 1 << (i % 64)
		}
	}
}

// Encrypt encrypts each input: under the public key, dedup tags. dst and inputs may be
// the same.
func (k *Keys) Encrypt(s *Scratch, dst, inputs []Input) {
	n := len(inputs)
	if n == 0 {
		return
	}
	if active != Generic {
		_ = dst[n-1]
		encryptBlocks(&dst[0], &inputs[0], n, k)
		return
	}
	for i := range inputs {
		s.in = inputs[i]
		k.block.Encrypt(s.out[:], s.in[:])
		dst[i] = s.out
	}
}

// MaxPacked is the largest context that an [Input] holds as it is.
const MaxPacked = 4

// absent24 is the id of a token that is absent.
const absent24 = 1<<24 - 1

// Pack writes to dst[i] the input of tokens[from+i] after the width tokens before it, in
// [0, [MaxPacked]], for every place of dst. Places before tokens are absent, and so are
// ids outside [0, 2^24-1) in a context.
func Pack(dst []Input, tokens []int32, from, width int) {
	if active != Generic {
		if head := min(max(MaxPacked-from, 0), len(dst)); head < len(dst) {
			packGeneric(dst[:head], tokens, from, width)
			_ = tokens[from+len(dst)-1]
			packPlaces(&dst[head], &tokens[from+head], len(dst)-head, &absentSlots[width])
			return
		}
	}
	packGeneric(dst, tokens, from, width)
}

// packGeneric is the specification of Pack.
func packGeneric(dst []Input, tokens []int32, from, width int) {
	for i := range dst {
		at := from + i
		PackOne(&dst[i], tokens[max(0, at-width):at], tokens[at], width)
	}
}

// PackOne writes the input of one pair, of which the last width ids of context count.
func PackOne(dst *Input, context []int32, token int32, width int) {
	for i := range MaxPacked {
		t := uint32(absent24)
		if i < width && i < len(context) {
			t = min(uint32(context[len(context)-1-i]), absent24) // a negative id is large
		}
		slot := dst[3*(MaxPacked-1-i):]
		slot[0], slot[1], slot[2] = byte(t), byte(t>>8), byte(t>>16)
	}
	binary.BigEndian.PutUint32(dst[12:], uint32(token))
}

// absentSlots has FF in the slots that are no context, for each width.
var absentSlots = func() (slots [MaxPacked + 1]Input) {
	for width := range slots {
		for i := range 3 * (MaxPacked - width) {
			slots[width][i] = 0xff
		}
	}
	return slots
}()
