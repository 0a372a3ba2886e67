package kernel

import "encoding/binary"

// MaxLanes is the number of tenant lanes of one bit.
const MaxLanes = 8 * BlockSize

// laneChunk is how many pairs fit a Scratch and counters of one byte.
const laneChunk = 240

// CountLanes adds to ones[i] the number of inputs whose token reads a 1 in tenant lane i. One
// block of AES serves all lanes of an input. Lanes have one bit: with gamma 1/2, a token is
// green in lane i if it reads a 0 there.
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
		if active == Generic {
			countLanesGeneric(&counts, blocks[:n], inputs[:n])
		} else {
			countLanes(&counts, blocks[:n], inputs[:n])
		}
		for i, c := range counts {
			ones[i] += int64(c)
		}
		inputs = inputs[n:]
	}
}
