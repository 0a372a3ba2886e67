package watermark

import (
	"encoding/binary"
	"hash/maphash"
)

// contexts records which contexts of one width occurred along a list of tokens. For each it keeps the
// first position. It is an open table of positions, so a copy is a copy of its memory. It is exact:
// hashes only say where to look.
//
// Positions must be added in ascending order, and removed in descending order. Then the slot of the
// last position can simply be emptied, because no other search passes through it.
type contexts struct {
	width int
	slots []int32 // 1 + a position, or 0; the length is a power of two
	used  int
}

// contextSeed differs between processes, so that nobody can choose tokens that collide.
var contextSeed = maphash.MakeSeed()

// minSlots is the smallest length of a table.
const minSlots = 64

// A contextKey is a context in the form that a record compares. An id outside [0,MaxVocab) counts as
// absent, and so does one before the start of the text.
type contextKey struct {
	ids  [MaxWidth]int32 // the first width are used, the newest first
	hash uint64
}

// set makes k the context of width tokens that ends before position at.
func (k *contextKey) set(width int, tokens []Token, at int) {
	var text [4 * MaxWidth]byte
	for i := range width {
		k.ids[i] = contextID(tokens, at-1-i)
		binary.LittleEndian.PutUint32(text[4*i:], uint32(k.ids[i]))
	}
	k.hash = maphash.Bytes(contextSeed, text[:4*width])
}

// contextID returns a token as contexts compare it: an id outside [0,MaxVocab) becomes MaxVocab.
func contextID(tokens []Token, at int) int32 {
	if at < 0 {
		return MaxVocab
	}
	return int32(min(uint32(tokens[at]), MaxVocab)) // a negative id becomes a large one
}

// isAt reports whether k is the context before position at.
func (k *contextKey) isAt(width int, tokens []Token, at int) bool {
	for i := range width {
		if k.ids[i] != contextID(tokens, at-1-i) {
			return false
		}
	}
	return true
}

// slot returns the index of the slot that holds context k, or of the empty slot where it belongs.
func (c *contexts) slot(k *contextKey, tokens []Token) int {
	mask := len(c.slots) - 1
	at := int(k.hash) & mask
	for c.slots[at] != 0 && !k.isAt(c.width, tokens, int(c.slots[at]-1)) {
		at = (at + 1) & mask
	}
	return at
}

// first returns the first position whose context is k, or -1.
func (c *contexts) first(k *contextKey, tokens []Token) int {
	if c.used == 0 {
		return -1
	}
	return int(c.slots[c.slot(k, tokens)]) - 1
}

// add records the context before position at.
func (c *contexts) add(tokens []Token, at int) {
	if 2*c.used >= len(c.slots) {
		c.grow(tokens)
	}
	var k contextKey
	k.set(c.width, tokens, at)
	if s := &c.slots[c.slot(&k, tokens)]; *s == 0 {
		*s = int32(at + 1)
		c.used++
	}
}

// grow doubles the table.
func (c *contexts) grow(tokens []Token) {
	old := c.slots
	c.slots, c.used = make([]int32, max(2*len(old), minSlots)), 0
	// In order of positions, as removing needs it.
	last := int32(0)
	for _, p := range old {
		last = max(last, p)
	}
	present := make([]uint64, last/64+1)
	for _, p := range old {
		if p > 0 {
			present[p/64] |= 1 << (p % 64)
		}
	}
	for p := int32(1); p <= last; p++ {
		if present[p/64]>>(p%64)&1 == 1 {
			var k contextKey
			k.set(c.width, tokens, int(p-1))
			c.slots[c.slot(&k, tokens)] = p
			c.used++
		}
	}
}

// remove undoes add of position at, which must be the last one that was added.
func (c *contexts) remove(tokens []Token, at int) {
	var k contextKey
	k.set(c.width, tokens, at)
	if s := &c.slots[c.slot(&k, tokens)]; *s == int32(at+1) {
		*s = 0
		c.used--
	}
}

// reset removes everything, and keeps the memory.
func (c *contexts) reset() {
	if c.used > 0 {
		clear(c.slots)
		c.used = 0
	}
}

// fill makes c the record of all positions of tokens.
func (c *contexts) fill(tokens []Token) {
	n := minSlots
	for n < 2*len(tokens) {
		n *= 2
	}
	c.slots, c.used = sized(c.slots, n), 0
	clear(c.slots)
	for at := range tokens {
		c.add(tokens, at)
	}
}

// copyFrom makes c a copy of other, and reuses the memory of c.
func (c *contexts) copyFrom(other *contexts) {
	c.width, c.used = other.width, other.used
	c.slots = append(c.slots[:0], other.slots...)
}
