// Package tokset keeps the units of a test: the distinct (context, token) pairs of the added texts.
// It counts and weighs each unit, and keeps the contexts that must not count. Its contents depend
// on the texts alone, and not on their order.
package tokset

import (
	"encoding/binary"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A Rule defines what one unit is.
type Rule uint8

const (
	// ByPair keeps each distinct (context, token) pair.
	ByPair Rule = iota
	// ByContext keeps one pair for each distinct context. Of the pairs that came first in
	// their text, it keeps the one with the smallest dedup tag. For a single text that is the
	// first occurrence. For several texts it does not depend on their order.
	ByContext
)

// A Config holds the parameters of a Set.
type Config struct {
	Width int // ids in a context
	Rule  Rule

	// Size bounds the number of units, 0 keeps all. The Set keeps the units with the smallest
	// tags under RunKey: a sample that does not depend on order or shards. It needs ByPair.
	Size   int
	RunKey [16]byte
}

// A tag is the block of a unit's pair in docs/spec.md, under the public constant or under a run key.
// It orders units. AES is a bijection, so two pairs have the same tag only if their 128-bit inputs
// are equal. Thus inputs tell units apart, and tags are computed only where their order matters.
type tag = prf.Input

// less is the order of dedup tags: the order of their bytes.
func less(a, b *tag) bool {
	a0, b0 := binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(b[:])
	if a0 != b0 {
		return a0 < b0
	}
	return binary.BigEndian.Uint64(a[8:]) < binary.BigEndian.Uint64(b[8:])
}

// before is the order of a sample: it compares bytes 0 to 7, then 8 to 15, as little-endian numbers.
func before(a, b *tag) bool {
	a0, b0 := binary.LittleEndian.Uint64(a[:]), binary.LittleEndian.Uint64(b[:])
	if a0 != b0 {
		return a0 < b0
	}
	return binary.LittleEndian.Uint64(a[8:]) < binary.LittleEndian.Uint64(b[8:])
}

// A Set is a set of units. One goroutine at a time may use it. Call [New] for one.
type Set struct {
	config    Config
	tags      *prf.Function
	scratch   prf.Scratch
	index     index
	inputs    []prf.Input // inputs[i] is the input of the pair of unit i
	units     []unit
	texts     []uint64 // for ByContext: the last text in which each unit occurred
	ids       []int32  // the contexts of units, Width ids each, if inputs do not hold them
	positions int64    // added positions, also those whose units the sample dropped
	limit     *tag     // the largest tag in a full sample
	now       uint64   // number of the current text
	excluded  map[prf.Nonce]struct{}
	packed    []prf.Input // a chunk of positions
	ordered   []tag       // the tags of packed, in a sample
}

// A unit holds the count and the weight of a pair. Set.inputs holds the pair.
type unit struct {
	count  int64 // positions, at least 1
	weight uint8
}

// New returns an empty set. It panics if c samples contexts, or if no scorer has its width.
func New(c Config) *Set {
	key := prf.Public
	if c.Size > 0 {
		if c.Rule != ByPair {
			panic("tokset: Size needs rule ByPair")
		}
		key = func(width int) (*prf.Function, error) { return prf.Tags(c.RunKey, width) }
	}
	tags, err := key(c.Width)
	if err != nil {
		panic("tokset: " + err.Error()) // no scorer has this width
	}
	s := &Set{config: c, tags: tags}
	s.Reset()
	return s
}

// Reset empties the set. It keeps most of the memory for the next texts.
func (s *Set) Reset() {
	s.index.reset(len(s.inputs))
	if s.excluded == nil || len(s.excluded) > 0 {
		s.excluded = make(map[prf.Nonce]struct{})
	}
	s.inputs, s.units, s.texts, s.ids = s.inputs[:0], s.units[:0], s.texts[:0], s.ids[:0]
	s.limit, s.positions, s.now = nil, 0, 0
}

// Clone returns an independent copy.
func (s *Set) Clone() *Set {
	c := New(s.config)
	c.Merge(s)
	return c
}

// BeginText starts a new text.
func (s *Set) BeginText() { s.now++ }

// Add counts one position. context holds exactly Width ids, the newest last. A unit that occurs
// with several weights keeps the largest.
func (s *Set) Add(context []int32, token int32, weight uint8) {
	s.positions++
	s.addPair(context, token, unit{weight: weight, count: 1})
}

// addPair adds a pair with its count and weight.
func (s *Set) addPair(context []int32, token int32, u unit) {
	var in prf.Input
	s.tags.Input(&s.scratch, &in, context, token)
	s.add(&in, context, &u)
}

// add adds an input with its count and weight, unless a full sample has no place for it.
func (s *Set) add(in *prf.Input, context []int32, u *unit) {
	if s.limit != nil {
		if t := s.tagOf(in); before(s.limit, &t) {
			return
		}
	}
	s.enter(in, context, u)
}

// enter is add without the check of the limit.
func (s *Set) enter(in *prf.Input, context []int32, u *unit) (isNew bool) {
	s.index.grow(s.inputs, 1, s.keyBits())
	i, ok := s.index.find(s.inputs, in, s.keyBits())
	if !ok {
		s.inputs = append(s.inputs, *in)
		s.units = append(s.units, *u)
		if s.config.Rule == ByContext {
			s.texts = append(s.texts, s.now)
		}
		if s.config.Width > prf.MaxPacked {
			s.ids = append(s.ids, context...)
		}
		if s.config.Size > 0 && len(s.units) >= 2*s.config.Size {
			s.settle()
		}
		return true
	}
	old := &s.units[i]
	old.count += u.count
	if s.config.Rule == ByPair {
		old.weight = max(old.weight, u.weight)
		return false
	}
	if s.texts[i] != s.now {
		switch {
		case s.inputs[i] == *in:
			old.weight = max(old.weight, u.weight)
		case s.isBefore(in, &s.inputs[i]):
			s.inputs[i], old.weight = *in, u.weight
		}
	}
	s.texts[i] = s.now
	return false
}

// keyBits masks the bits of the second half of an input that tell units apart: all of them, or
// those of the context.
func (s *Set) keyBits() uint64 {
	if s.config.Rule == ByContext {
		return 1<<32 - 1
	}
	return 1<<64 - 1
}

// tagOf returns the tag of an input.
func (s *Set) tagOf(in *prf.Input) tag {
	t := [1]tag{*in}
	s.tags.Encrypt(&s.scratch, t[:], t[:])
	return t[0]
}

// isBefore reports whether the dedup tag of a is smaller than that of b.
func (s *Set) isBefore(a, b *prf.Input) bool {
	t := [2]tag{*a, *b}
	s.tags.Encrypt(&s.scratch, t[:], t[:])
	return less(&t[0], &t[1])
}

// allTags returns the tags of all units.
func (s *Set) allTags() []tag {
	tags := make([]tag, len(s.inputs))
	s.tags.Encrypt(&s.scratch, tags, s.inputs)
	return tags
}

// Exclude takes the units of a context out of the test, before or after they are added. They still
// count towards the size of a sample.
func (s *Set) Exclude(context []int32) {
	s.tags.SetContext(&s.scratch, context)
	s.excluded[s.scratch.Nonce()] = struct{}{}
}

// Merge adds the contents of other. It panics if the configs differ.
func (s *Set) Merge(other *Set) {
	if s.config != other.config {
		panic("tokset: merge of sets with different configs")
	}
	other.settle()
	// Each unit counts as a text of its own, so that a pair that came first in its text there
	// does so here.
	var ids []int32
	for i, u := range other.units {
		s.now++
		in := other.inputs[i]
		ids = other.AppendContext(ids[:0], i)
		s.add(&in, ids, &u)
	}
	s.positions += other.positions
	for nonce := range other.excluded {
		s.excluded[nonce] = struct{}{}
	}
}

// Len returns the number of units, including excluded ones.
func (s *Set) Len() int {
	s.settle()
	return len(s.units)
}

// Positions returns the number of added positions.
func (s *Set) Positions() int64 { return s.positions }

// A Unit is one unit as a test sees it.
type Unit struct {
	Token    int32
	Weight   uint8
	Count    int64 // positions with this unit, at least 1
	Excluded bool
}

// Unit returns unit i, in [0, Len).
func (s *Set) Unit(i int) Unit {
	u := &s.units[i]
	out := Unit{Token: token(&s.inputs[i]), Weight: u.weight, Count: u.count}
	if len(s.excluded) > 0 {
		_, out.Excluded = s.excluded[prf.Nonce(s.inputs[i][:])]
	}
	return out
}

// Count returns the number of positions with unit i, in [0, Len).
func (s *Set) Count(i int) int64 { return s.units[i].count }

// AppendContext appends to dst the Width ids of the context of unit i, in [0, Len).
func (s *Set) AppendContext(dst []int32, i int) []int32 {
	k := s.config.Width
	if k > prf.MaxPacked {
		return append(dst, s.ids[i*k:(i+1)*k]...)
	}
	for j := prf.MaxPacked - k; j < prf.MaxPacked; j++ {
		slot := s.inputs[i][3*j:]
		dst = append(dst, int32(slot[0])|int32(slot[1])<<8|int32(slot[2])<<16)
	}
	return dst
}

// Excludes reports whether any context is excluded.
func (s *Set) Excludes() bool { return len(s.excluded) > 0 }

// Inputs returns the inputs of units [from, to). The caller must not change them. For widths up to
// prf.MaxPacked they are the pairs.
func (s *Set) Inputs(from, to int) []prf.Input { return s.inputs[from:to] }

// token returns the token of an input.
func token(in *prf.Input) int32 { return int32(binary.BigEndian.Uint32(in[len(prf.Nonce{}):])) }
