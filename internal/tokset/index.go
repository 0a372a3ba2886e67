package tokset

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/internal/prf"
)

// An index finds units by their inputs. It uses open addressing with linear probing, and is at most
// half full, or a quarter while it is small. It compares whole inputs, so it is exact.
//
// A hash with new seeds in each process chooses the slots. Thus nobody can write a text whose pairs
// all meet in one slot. No result of a Set depends on the seeds.
type index struct {
	slots []uint32 // 1 + the unit, or 0 if empty. The length is a power of two.
	shift uint     // 64 - log2(len(slots))
}

// seeds are the seeds of hash.
var seeds = [2]uint64{rand.Uint64(), rand.Uint64()}

const (
	// minSlots is the size of the first table.
	minSlots = 1 << 8
	// smallSlots is the size of a table that fits the L2 cache of any processor.
	smallSlots = 1 << 15
)

// hash folds the product of the seeded halves of an input, as in wyhash by Wang Yi.
func hash(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^seeds[0], b^seeds[1])
	return hi ^ lo
}

// halves returns the two halves of an input as little-endian numbers.
func halves(in *prf.Input) (a, b uint64) {
	return binary.LittleEndian.Uint64(in[:]), binary.LittleEndian.Uint64(in[8:])
}

// find returns the unit of in. If there is none, it enters in as unit len(inputs) and returns that
// with ok false. last masks the significant bits of the second half. The caller has called grow.
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

// grow makes room for more units besides those of inputs.
func (x *index) grow(inputs []prf.Input, more int, last uint64) {
	need := 2 * (len(inputs) + more)
	if need <= smallSlots {
		need *= 2 // fewer collisions, and thus fewer mispredicted branches
	}
	if need <= len(x.slots) {
		return
	}
	size := max(minSlots, 1<<bits.Len(uint(need-1)))
	x.slots, x.shift = make([]uint32, size), uint(64-bits.TrailingZeros(uint(size)))
	x.fill(inputs, last)
}

// rebuild makes x the index of inputs. They are distinct and not more than before.
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

// reset empties an index of the given number of units. It drops a table that is much too large:
// clearing it would make every short text after one long text slow.
func (x *index) reset(units int) {
	if len(x.slots) > max(minSlots, 64*units) {
		x.slots = nil
	}
	clear(x.slots)
}
