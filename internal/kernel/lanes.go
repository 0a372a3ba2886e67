package kernel

// MaxLanes is the number of tenant lanes of one bit.
const MaxLanes = 8 * BlockSize

// laneChunk is how many pairs fit a Scratch and counters of one byte. The loops add 16 at a time.
const laneChunk = 240

// CountLanes adds to ones[i] the number of inputs whose token reads a 1 in tenant lane i. One
// block of AES serves all lanes of an input. Lanes have one bit: with gamma 1/2, a token is
// green in lane i if it reads a 0 there.
func CountLanes(s *Scratch, k *Keys, ones *[MaxLanes]int64, inputs []Input) {
	blocks := s.blocks[:]
	for len(inputs) > 0 {
		n := min(len(inputs), laneChunk)
		var counts [MaxLanes]uint8
		if active == Generic {
			laneBlocksGeneric(blocks[:n], inputs[:n])
			k.Encrypt(s, blocks[:n], blocks[:n])
			countLanesGeneric(&counts, blocks[:n], inputs[:n])
		} else {
			laneBlocks(blocks[:n], inputs[:n])
			k.Encrypt(s, blocks[:n], blocks[:n])
			countLanes(&counts, blocks[:n], inputs[:n])
		}
		for i, c := range counts {
			ones[i] += int64(c)
		}
		inputs = inputs[n:]
	}
}
