package tokset

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/internal/prf"
)

// An index finds units by their inputs: open addressing with linear probing, at most half
// full, and a quarter while it is small. Inputs are compared whole, so it is exact. Places are chosen by a hash that is
// seeded anew in each process, so that nobody can write a text whose pairs meet in one
// place; nothing that a Set returns depends on them.
type index struct {
	slots []uint32 // 1 + the unit, 0 where there is none; a power of two
	shift uint     // 64 - log2(len(slots))
}

// seeds of the hash: see [index.find].
var seeds = [2]uint64{rand.Uint64(), rand.Uint64()}

const (
	minSlots = 1 << 8 // of a first table
	// smallSlots is how many fit the second cache of any processor.
	smallSlots = 1 << 15
)

// hash folds the product of the seeded halves of an input (as wyhash does, by Wang Yi).
func hash(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^seeds[0], b^seeds[1])
	return hi ^ lo
}

// halves returns an input as two numbers.
func halves(in *prf.Input) (a, b uint64) {
	return binary.LittleEndian.Uint64(in[:]), binary.LittleEndian.Uint64(in[8:])
}

// find returns the unit of an input, of whose second half last says what counts, or makes len(inputs) its place and returns that.
// There is room: see grow.
func (x *index) find(inputs []prf.Input, in *prf.Input, last uint64) (unit int, ok bool) {
	a, b := halves(in)
	b &= last
	mask := uint64(len(x.slots) - 1)
	for at := hash(a, b) >> x.shift; ; at++ {
		slot := &x.slots[at&mask]
		if *slot == 0 {
			*slot = uint32(len(inputs)) + 1
			return len(inputs), false
		}
		if a0, b0 := halves(&inputs[*slot-1]); a0 == a && b0&last == b {
			return int(*slot - 1), true
		}
	}
}

// grow makes room for more units beside inputs.
func (x *index) grow(inputs []prf.Input, more int, last uint64) {
	need := 2 * (len(inputs) + more)
	if need <= smallSlots {
		need *= 2 // fewer collisions, whose branches nobody predicts
	}
	if need <= len(x.slots) {
		return
	}
	size := max(minSlots, 1<<bits.Len(uint(need-1)))
	x.slots, x.shift = make([]uint32, size), uint(64-bits.TrailingZeros(uint(size)))
	x.fill(inputs, last)
}

// rebuild makes the index that of inputs, which are distinct and not more than there were.
func (x *index) rebuild(inputs []prf.Input, last uint64) {
	clear(x.slots)
	x.fill(inputs, last)
}

// fill enters distinct inputs into an empty table.
func (x *index) fill(inputs []prf.Input, last uint64) {
	for i := range inputs {
		x.find(inputs[:i], &inputs[i], last)
	}
}

// reset empties an index of so many units. A table that was much too large is let go,
// so that one long text does not make every short one after it slow.
func (x *index) reset(units int) {
	if len(x.slots) > max(minSlots, 64*units) {
		x.slots = nil
	}
	clear(x.slots)
}
