// Package tokset keeps the units of a test: the distinct (context, token) pairs of
// everything that was added, how often each occurred, what it weighs, and the contexts
// that must not count. Whatever it holds is a function of the text alone, independent
// of the order in which the text came.
package tokset

import (
	"encoding/binary"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A Rule says what is one unit.
type Rule uint8

const (
	// ByPair keeps each distinct (context, token) pair.
	ByPair Rule = iota
	// ByContext keeps one pair for each distinct context: of the pairs that came
	// first in their text, the one with the smallest dedup tag. For a single text
	// that is the first occurrence; over several it does not depend on their order.
	ByContext
)

// A Config is what a Set is made for.
type Config struct {
	Width int // ids in a context
	Rule  Rule

	// Size bounds the number of units: those with the smallest tags under RunKey are
	// kept, a sample that does not depend on order or shards. 0 keeps all. It is for
	// ByPair only.
	Size   int
	RunKey [16]byte
}

// A tag identifies a unit: the block of docs/spec.md, under the public constant or
// under a run key. Equality is of all its bits.
type tag [16]byte

// less is the order of dedup tags, that of their bytes.
func less(a, b *tag) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// before is the order of a sample: bytes 0 to 7, then 8 to 15, as little-endian
// numbers.
func before(a, b *tag) bool {
	a0, b0 := binary.LittleEndian.Uint64(a[:]), binary.LittleEndian.Uint64(b[:])
	if a0 != b0 {
		return a0 < b0
	}
	return binary.LittleEndian.Uint64(a[8:]) < binary.LittleEndian.Uint64(b[8:])
}

// A Set is the set of units. One goroutine at a time.
type Set struct {
	config    Config
	tags      *prf.Function
	scratch   prf.Scratch
	index     map[tag]int32 // unit to place in units
	units     []unit
	ids       []int32 // the contexts of units, Width ids each
	positions int64   // added, whether their units are kept or not
	limit     *tag    // of a full sample: the largest tag that is kept
	now       uint64  // the text being added
	excluded  map[prf.Nonce]struct{}
}

// A unit is a pair and what is known about it. Its context lies beside it in ids.
type unit struct {
	tag    tag // of the pair
	token  int32
	weight uint8
	count  int64  // positions
	text   uint64 // the last text it occurred in
}

// New returns an empty set.
func New(c Config) *Set {
	key := prf.Public
	if c.Size > 0 {
		if c.Rule != ByPair {
			panic("tokset: only pairs are sampled")
		}
		key = func(width int) (*prf.Function, error) { return prf.Tags(c.RunKey, width) }
	}
	tags, err := key(c.Width)
	if err != nil {
		panic("tokset: " + err.Error()) // a width that no scorer has
	}
	s := &Set{config: c, tags: tags}
	s.Reset()
	return s
}

// Reset empties the set.
func (s *Set) Reset() {
	s.index = make(map[tag]int32)
	s.excluded = make(map[prf.Nonce]struct{})
	s.units, s.ids, s.limit, s.positions, s.now = nil, nil, nil, 0, 0
}

// Clone returns an independent copy.
func (s *Set) Clone() *Set {
	c := New(s.config)
	c.Merge(s)
	return c
}

// BeginText marks the border between two texts.
func (s *Set) BeginText() { s.now++ }

// Add counts one position: context is exactly Width ids, the newest last. A unit that
// occurs with several weights has the largest.
func (s *Set) Add(context []int32, token int32, weight uint8) {
	s.positions++
	s.add(context, unit{token: token, weight: weight, count: 1, text: s.now})
}

// add adds a unit with its count; the tag is computed here.
func (s *Set) add(context []int32, u unit) {
	s.tags.SetContext(&s.scratch, context)
	id := s.unitOfContext()
	u.tag = tag(*s.tags.Block(&s.scratch, uint32(u.token)))
	if s.config.Rule == ByPair {
		id = u.tag
	}
	if s.limit != nil && before(s.limit, &u.tag) {
		return
	}
	i, ok := s.index[id]
	if !ok {
		s.index[id] = int32(len(s.units))
		s.units = append(s.units, u)
		s.ids = append(s.ids, context...)
		if s.config.Size > 0 && len(s.units) >= 2*s.config.Size {
			s.settle()
		}
		return
	}
	old := &s.units[i]
	old.count += u.count
	switch {
	case old.tag == u.tag && (s.config.Rule == ByPair || old.text != u.text):
		old.weight = max(old.weight, u.weight)
	case old.text != u.text && less(&u.tag, &old.tag): // by context
		old.tag, old.token, old.weight = u.tag, u.token, u.weight
	}
	old.text = u.text
}

// unitOfContext is the current context as a unit.
func (s *Set) unitOfContext() tag {
	var u tag
	nonce := s.scratch.Nonce()
	copy(u[:], nonce[:])
	return u
}

// Exclude takes a context out of the test, whether it was added before or comes
// later. Its units still count towards the size of a sample.
func (s *Set) Exclude(context []int32) {
	s.tags.SetContext(&s.scratch, context)
	s.excluded[s.scratch.Nonce()] = struct{}{}
}

// Merge adds what other holds. Both have one Config.
func (s *Set) Merge(other *Set) {
	if s.config != other.config {
		panic("tokset: merge of sets that differ in what they are for")
	}
	other.settle()
	// What was first in its text there stays so here: it counts as a text of its own.
	for i, u := range other.units {
		s.now++
		u.text = s.now
		s.add(other.context(i), u)
	}
	s.positions += other.positions
	for nonce := range other.excluded {
		s.excluded[nonce] = struct{}{}
	}
}

// Len returns the number of units, excluded ones among them.
func (s *Set) Len() int {
	s.settle()
	return len(s.units)
}

// Positions returns the number of positions added.
func (s *Set) Positions() int64 { return s.positions }

// A Unit is one unit as the test sees it.
type Unit struct {
	Context  []int32 // must not be changed
	Token    int32
	Weight   uint8
	Count    int64 // positions it stands for
	Excluded bool
}

// Unit returns unit i of Len.
func (s *Set) Unit(i int) Unit {
	u := &s.units[i]
	out := Unit{Context: s.context(i), Token: u.token, Weight: u.weight, Count: u.count}
	if len(s.excluded) > 0 {
		s.tags.SetContext(&s.scratch, out.Context)
		_, out.Excluded = s.excluded[s.scratch.Nonce()]
	}
	return out
}

func (s *Set) context(i int) []int32 {
	k := s.config.Width
	return s.ids[i*k : (i+1)*k : (i+1)*k]
}
