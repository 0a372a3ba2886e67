package tokset

import (
	"math/bits"

	"github.com/isotope-wm/isotope/internal/prf"
)

// Loose pairs are packed, and not yet compared with each other. The first texts of a set have them. Most sets hold
// one text, and most of its pairs stand in it once. So the pairs are compared when all of them are there, and
// without an index. A table of bits tells which have a hash that no other has: these stand once. The others
// are compared, and what stood before is taken out.

const (
	// maxLoose bounds the number of loose pairs. The table of more would not fit the caches.
	maxLoose = 1 << 15
	// looseBits is how many bits the table has for a pair, at least. With half as many, more pairs share one.
	looseBits = 64
)

// loose is the memory of distinct, for the next texts.
type loose struct {
	table   []uint64 // a bit for each hash
	hashes  []uint32 // of each pair
	shared  []uint32 // the pairs whose hash one before them has
	repeats index    // of the pairs that share a hash
}

// room returns the place for n more loose pairs in a plain set, and counts their positions. It returns nil if
// there are units already, or too many pairs.
func (s *Set) room(n int) []prf.Input {
	if n <= 0 || s.n > 0 || n > maxLoose-s.loose {
		return nil
	}
	from := s.loose
	s.loose += n
	s.positions += int64(n)
	s.inputs.grow(s.loose)
	return s.inputs.list[0][from:s.loose]
}

// distinct makes units of the loose pairs, as enterPairs would.
func (s *Set) distinct() {
	n := s.loose
	s.loose = 0
	s.counts.low.grow(n)
	inputs, counts := s.inputs.list[0][:n], s.counts.low.list[0][:n]
	m := &s.memory
	if len(m.hashes) < n {
		size := 1 << bits.Len(uint(n-1))
		m.table, m.hashes, m.shared = make([]uint64, size*looseBits/64), make([]uint32, size), make([]uint32, size)
	}
	size := bits.Len(uint(n-1)) + bits.TrailingZeros(looseBits)
	table := m.table[:1<<size/64]
	clear(table)
	hashes, shared, last := m.hashes[:n], m.shared[:n], uint(len(table)-1)
	found := 0
	for i := range inputs {
		a, b := halves(&inputs[i])
		h := hash(a, b) >> (64 - size)
		hashes[i] = uint32(h)
		word := &table[uint(h/64)&last]
		shared[found] = uint32(i)
		found += int(*word >> (h % 64) & 1) // a branch takes longer
		*word |= 1 << (h % 64)
	}
	if found > n/8 { // the texts repeat themselves
		s.enterPairs(inputs)
		return
	}
	for i := range counts {
		counts[i] = 1
	}
	s.n, s.unindexed = n, true
	if found > 0 {
		s.compare(table, hashes, shared[:found])
	}
}

// compare takes pairs out of the units that stood before. hashes has the hash of each pair, and shared the
// pairs whose hash one before them has. It overwrites table and shared.
func (s *Set) compare(table []uint64, hashes, shared []uint32) {
	clear(table)
	for _, i := range shared {
		h := hashes[i]
		table[h/64] |= 1 << (h % 64)
	}
	x := &s.memory.repeats
	x.grow(&s.inputs, 0, 2*len(shared), 1<<64-1) // each hash is also that of one pair that is not in shared
	gone, last := shared[:0], uint32(len(table)-1)
	for i, h := range hashes {
		if table[h/64&last]>>(h%64)&1 == 0 {
			continue
		}
		if at, ok := x.find(&s.inputs, i, s.inputs.at(i), 1<<64-1); ok {
			*s.counts.low.at(at)++
			gone = append(gone, uint32(i))
		}
	}
	x.reset(2 * len(shared))
	if len(gone) == 0 {
		return
	}
	inputs, counts := s.inputs.list[0], s.counts.low.list[0]
	to := int(gone[0])
	for k, g := range gone {
		from, next := int(g)+1, s.n
		if k+1 < len(gone) {
			next = int(gone[k+1])
		}
		copy(inputs[to:], inputs[from:next])
		copy(counts[to:], counts[from:next])
		to += next - from
	}
	s.n = to
}
