package tokset

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/internal/prf"
)

// An index finds units by their inputs. It uses open addressing with linear probing, and is at most
// half full, or a quarter while it is small, or five eighths while it is large. It compares whole
// inputs, so it is exact.
//
// A hash with new seeds in each process chooses the slots. Thus nobody can write a text whose pairs
// all meet in one slot. No result of a Set depends on the seeds.
type index struct {
	// list holds the slots: 1 + the unit, or 0 if empty. It has one part while the index is small, and
	// later a power of two of parts with partSlots slots each. So the index doubles part by part, and the
	// old index and the new one are never in memory together.
	list  [][]uint32
	shift uint // 64 - log2(number of slots)
}

// seeds are the seeds of hash.
var seeds = [2]uint64{rand.Uint64(), rand.Uint64()}

const (
	// minSlots is the size of the first table.
	minSlots = 1 << 8
	// smallSlots is the size of a table that fits the L2 cache of any processor.
	smallSlots = 1 << 15
	// partSlots is the size of a part of a large index. It has room for a page of units.
	partShift = pageShift + 1
	partSlots = 1 << partShift
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

// size returns the number of slots.
func (x *index) size() int {
	if len(x.list) == 0 {
		return 0
	}
	return len(x.list) * len(x.list[0])
}

// slot returns a slot by its number.
func (x *index) slot(at uint64) *uint32 {
	if len(x.list) == 1 {
		return &x.list[0][at]
	}
	return &x.list[at>>partShift][at&(partSlots-1)]
}

// find returns the unit of in, one of the first n of inputs. If there is none, it enters in as unit n
// and returns that with ok false. last masks the significant bits of the second half. The caller has
// called grow.
func (x *index) find(inputs *pages[prf.Input], n int, in *prf.Input, last uint64) (unit int, ok bool) {
	a, b := halves(in)
	b &= last
	mask := uint64(x.size() - 1)
	for at := hash(a, b) >> x.shift; ; at++ {
		slot := x.slot(at & mask)
		if *slot == 0 {
			*slot = uint32(n) + 1
			return n, false
		}
		if a0, b0 := halves(inputs.at(int(*slot - 1))); a0 == a && b0&last == b {
			return int(*slot - 1), true
		}
	}
}

// grow makes room for more units besides the first n of inputs.
func (x *index) grow(inputs *pages[prf.Input], n, more int, last uint64) {
	need := 2 * (n + more)
	if need <= smallSlots {
		need *= 2 // fewer collisions, and thus fewer mispredicted branches
	}
	if need > partSlots {
		need = (n + more + 4) / 5 * 8
	}
	if need <= x.size() {
		return
	}
	size := max(minSlots, 1<<bits.Len(uint(need-1)))
	if len(x.list) > 0 && x.size() >= partSlots {
		for x.size() < size {
			x.double(inputs, last)
		}
		return
	}
	x.list = x.list[:0]
	for range max(1, size>>partShift) {
		x.list = append(x.list, make([]uint32, min(size, partSlots)))
	}
	x.shift = uint(64 - bits.TrailingZeros(uint(size)))
	x.fill(inputs, n, last)
}

// double doubles the number of parts. A slot of the old index becomes two neighbours in the new one, so
// each old part fills two new ones and then serves as a new one itself.
func (x *index) double(inputs *pages[prf.Input], last uint64) {
	old := x.list
	x.list = make([][]uint32, 2*len(old))
	x.shift--
	mask := uint64(len(x.list)<<partShift - 1)
	var later []uint32 // what probed into a part that was not there yet
	enter := func(unit uint32) bool {
		a, b := halves(inputs.at(int(unit - 1)))
		for at := hash(a, b&last) >> x.shift; ; at++ {
			part := x.list[at&mask>>partShift]
			if part == nil {
				return false
			}
			if slot := &part[at&(partSlots-1)]; *slot == 0 {
				*slot = unit
				return true
			}
		}
	}
	var free []uint32
	part := func() []uint32 {
		p := free
		if free = nil; p == nil {
			p = make([]uint32, partSlots)
		}
		return p
	}
	for i, p := range old {
		x.list[2*i], x.list[2*i+1] = part(), part()
		for _, unit := range p {
			if unit != 0 && !enter(unit) {
				later = append(later, unit)
			}
		}
		clear(p)
		old[i], free = nil, p
	}
	for _, unit := range later {
		enter(unit)
	}
}

// rebuild makes x the index of the first n of inputs. They are distinct and not more than before.
func (x *index) rebuild(inputs *pages[prf.Input], n int, last uint64) {
	x.clear()
	x.fill(inputs, n, last)
}

// fill enters distinct inputs into an empty table.
func (x *index) fill(inputs *pages[prf.Input], n int, last uint64) {
	for i := range n {
		x.find(inputs, i, inputs.at(i), last)
	}
}

func (x *index) clear() {
	for _, part := range x.list {
		clear(part)
	}
}

// reset empties an index of the given number of units. It drops a table that is much too large:
// clearing it would make every short text after one long text slow.
func (x *index) reset(units int) {
	if x.size() > max(minSlots, 64*units) {
		x.list = nil
	}
	x.clear()
}
