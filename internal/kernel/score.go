package kernel

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// scoreGroup is how many pairs the loops decide at once.
const scoreGroup = 16

// scoreTable holds the constants of the scoring loops. _asm/score.go relies on its layout.
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

// Score decides each input under a key: it sets bit i%64 of dst[i/64] if the token of inputs[i]
// is green. It clears the other bits of the [ScoreSize] words.
func (t *Table) Score(s *Scratch, dst []uint64, k *Keys, inputs []Input) {
	n := len(inputs)
	clear(dst[:ScoreSize(n)])
	if active == Generic {
		t.scoreGeneric(s, dst, k, inputs)
		return
	}
	done := n &^ (scoreGroup - 1)
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
}
