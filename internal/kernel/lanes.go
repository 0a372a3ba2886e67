package kernel

import "encoding/binary"

// MaxLanes is the number of tenant lanes of one bit.
const MaxLanes = 8 * BlockSize

// laneChunk is how many pairs fill counters of a byte, and the scratch, at most.
const laneChunk = 240

// CountLanes adds to ones[i] the number of inputs whose token reads a 1 in tenant lane i,
// for all lanes from one block an input. Lanes are of one bit: with gamma 1/2, a token is
// green in lane i when it reads a 0 there.
func CountLanes(s *Scratch, k *Keys, ones *[MaxLanes]int64, inputs []Input) {
	blocks := s.blocks[:]
	for len(inputs) > 0 {
		n := min(len(inputs), laneChunk)
		for i := range inputs[:n] {
			blocks[i] = inputs[i]
			v := binary.BigEndian.Uint32(inputs[i][12:])
			binary.BigEndian.PutUint32(blocks[i][12:], v>>7)
		}
		k.Encrypt(s, blocks[:n], blocks[:n])
		var counts [MaxLanes]uint8
		if active == AESNI || active == VAES {
			countLanes(&counts, blocks[:n], inputs[:n])
		} else {
			countLanesGeneric(&counts, blocks[:n], inputs[:n])
		}
		for i, c := range counts {
			ones[i] += int64(c)
		}
		inputs = inputs[n:]
	}
}

// countLanesGeneric adds the bits that the lanes of at most 255 tokens read.
func countLanesGeneric(counts *[MaxLanes]uint8, blocks, inputs []Input) {
	for j := range blocks {
		v := inputs[j][15] & (MaxLanes - 1)
		for i := range counts {
			bit := v ^ uint8(i)
			counts[i] += blocks[j][bit>>3] >> (bit & 7) & 1
		}
	}
}
