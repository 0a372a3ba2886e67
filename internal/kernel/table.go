package kernel

// A Table cuts keystream into lanes of 1, 2, 4 or 8 bits and decides each token: a token is
// green if its lane is below the threshold. Whole bytes of keystream index a Table, so that no
// branch depends on random bits. A Table is immutable and safe for concurrent use.
type Table struct {
	width   int              // bits per lane
	m       int              // the threshold
	lane    int              // the tenant lane: token v owns lane v XOR lane
	flip    int              // the part of lane that changes the index of a byte
	invert  int              // 1 if a lane of 1 bit decides the other way round
	green   [256]uint8       // bit i of green[b] is set if byte b makes its token i green
	bias8   *[256][8]float32 // for width 1
	bias4   *[256][4]float32 // for width 2
	bias2   *[256][2]float32 // for width 4
	bias1   *[256][1]float32 // for width 8
	perByte int              // tokens that one byte of keystream decides
	delta   float32
	luts    [3][BlockSize]byte // of the assembly, see fillLuts
	score   scoreTable
}

// NewTable returns the table for lanes of width bits (1, 2, 4 or 8), a threshold m in
// (0, 2^width), a tenant lane in [0, 128/width) and the bias delta.
func NewTable(width, m, lane int, delta float32) *Table {
	t := &Table{width: width, m: m, lane: lane, flip: lane * width >> 3, perByte: 8 / width, delta: delta}
	switch width {
	case 1:
		t.bias8 = new([256][8]float32)
	case 2:
		t.bias4 = new([256][4]float32)
	case 4:
		t.bias2 = new([256][2]float32)
	case 8:
		t.bias1 = new([256][1]float32)
	default:
		panic("kernel: lane width is not 1, 2, 4 or 8")
	}
	for b := range 256 {
		biases := t.biases(byte(b))
		for i := range t.perByte {
			// The part of v XOR lane within a byte. flip has the rest.
			own := i ^ lane&(t.perByte-1)
			if b>>(own*width)&(1<<width-1) < m {
				t.green[b] |= 1 << i
				biases[i] = delta
			}
		}
	}
	t.fillLuts()
	return t
}

// fillLuts fills the tables that assembly keeps in registers. luts[0] is the order of bytes in a
// block. luts[1] and luts[2] are the tokens that the lower and the upper nibble of a byte make
// green. With a width of 8, luts[1] is the largest green lane.
func (t *Table) fillLuts() {
	t.score = newScoreTable(t)
	var lower byte // tokens that the lower nibble decides
	for i := range t.perByte {
		if (i^t.lane&(t.perByte-1))*t.width < 4 {
			lower |= 1 << i
		}
	}
	for i := range byte(BlockSize) {
		t.luts[0][i] = i ^ byte(t.flip)
		if t.width == 8 {
			t.luts[1][i] = byte(t.m - 1)
			continue
		}
		t.luts[1][i] = t.green[i] & lower
		t.luts[2][i] = t.green[i<<4] &^ lower
	}
}

// Complement returns the table that swaps green and red tokens for the same keystream. It panics
// unless lanes have 1 bit: only then is half of the vocabulary green.
func (t *Table) Complement() *Table {
	if t.width != 1 {
		panic("kernel: only lanes of 1 bit have a complement")
	}
	c := *t
	c.invert ^= 1
	c.bias8 = new([256][8]float32)
	for b := range 256 {
		// The complement of a byte decides the opposite.
		c.green[b], c.bias8[b] = t.green[b^0xff], t.bias8[b^0xff]
	}
	c.fillLuts()
	return &c
}

// biases returns what one byte of keystream adds to the tokens that it decides.
func (t *Table) biases(b byte) []float32 {
	switch {
	case t.bias8 != nil:
		return t.bias8[b][:]
	case t.bias4 != nil:
		return t.bias4[b][:]
	case t.bias2 != nil:
		return t.bias2[b][:]
	default:
		return t.bias1[b][:]
	}
}

// StreamSize returns how many bytes of keystream decide n tokens, in whole blocks.
func (t *Table) StreamSize(n int) int {
	bytes := (n + t.perByte - 1) / t.perByte
	return (bytes + BlockSize - 1) &^ (BlockSize - 1)
}

// BlockOf returns the number of the block that decides token v.
func (t *Table) BlockOf(v uint32) uint32 {
	return uint32(uint64(v) * uint64(t.width) >> 7)
}

// Green reports whether token v is green. block is the block that decides it.
func (t *Table) Green(block *[BlockSize]byte, v uint32) bool {
	bit := int((uint64(v) ^ uint64(t.lane)) * uint64(t.width) & (8*BlockSize - 1))
	return int(block[bit>>3])>>(bit&7)&(1<<t.width-1)^t.invert < t.m
}
