// Package kernel holds the loops over the vocabulary: keystream in, biased logits
// or green masks out. It knows nothing of keys and contexts.
//
// The Go code is the specification: every other implementation of a loop must
// produce the same bits. A [Backend] is chosen once, at start, by what the processor
// can do. Files *_amd64.s come from the generators in gen, a module of its own (go
// generate); loops_arm64.s is written by hand; build tag purego leaves both out.
package kernel

// BlockSize is the unit of keystream in bytes. Streams are whole blocks.
const BlockSize = 16

// A Table cuts keystream into lanes of 1, 2, 4 or 8 bits and decides each token: it
// is green when its lane is below the threshold. It is indexed by whole bytes of
// keystream, so that no branch depends on random bits. A Table is immutable.
type Table struct {
	width  int // bits a lane
	m      int // the threshold
	lane   int // the tenant lane: token v owns lane v XOR lane
	flip   int // what that does to the index of a byte
	invert int // 1 when a lane of 1 bit decides the other way round
	green  [256]uint8
	bias8  *[256][8]float32 // width 1
	bias4  *[256][4]float32 // width 2
	bias2  *[256][2]float32 // width 4
	bias1  *[256][1]float32 // width 8
	perRow int              // tokens a byte decides
	delta  float32
	luts   [3][BlockSize]byte // of the assembly: see maskGroups
	score  scoreTable
}

// NewTable returns the table for lanes of width bits (1, 2, 4 or 8), threshold m in
// (0, 2^width), tenant lane in [0, 128/width) and the bias delta.
func NewTable(width, m, lane int, delta float32) *Table {
	t := &Table{width: width, m: m, lane: lane, flip: lane * width >> 3, perRow: 8 / width, delta: delta}
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
		for i := range t.perRow {
			// The byte's own part of v XOR lane; the rest went into flip.
			own := i ^ lane&(t.perRow-1)
			if b>>(own*width)&(1<<width-1) < m {
				t.green[b] |= 1 << i
				biases[i] = delta
			}
		}
	}
	t.fillLuts()
	return t
}

// fillLuts prepares what assembly looks up in registers: the order of bytes in a block,
// and the tokens that the two nibbles of a byte make green, or with a width of 8 the
// largest green lane.
func (t *Table) fillLuts() {
	t.score = newScoreTable(t)
	var lower byte // tokens that the lower nibble decides
	for i := range t.perRow {
		if (i^t.lane&(t.perRow-1))*t.width < 4 {
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

// Complement returns the table in which the tokens that are green in t are red, and
// the red ones green, for the same keystream. Only lanes of 1 bit have one, since with
// them alone half of the vocabulary is green.
func (t *Table) Complement() *Table {
	if t.width != 1 {
		panic("kernel: only lanes of 1 bit have a complement")
	}
	c := *t
	c.invert ^= 1
	c.bias8 = new([256][8]float32)
	for b := range 256 {
		// The byte of opposite bits decides the opposite.
		c.green[b], c.bias8[b] = t.green[b^0xff], t.bias8[b^0xff]
	}
	c.fillLuts()
	return &c
}

// biases returns what one byte of keystream adds to the tokens it decides.
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

// StreamSize returns how many bytes of keystream decide n tokens.
func (t *Table) StreamSize(n int) int {
	bytes := (n + t.perRow - 1) / t.perRow
	return (bytes + BlockSize - 1) &^ (BlockSize - 1)
}

// BlockOf returns the number of the block that decides token v.
func (t *Table) BlockOf(v uint32) uint32 {
	return uint32(uint64(v) * uint64(t.width) >> 7)
}

// Green decides token v from its block.
func (t *Table) Green(block *[BlockSize]byte, v uint32) bool {
	bit := int((uint64(v) ^ uint64(t.lane)) * uint64(t.width) & (8*BlockSize - 1))
	return int(block[bit>>3])>>(bit&7)&(1<<t.width-1)^t.invert < t.m
}
