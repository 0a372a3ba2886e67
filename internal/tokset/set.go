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
	unindexed bool // the index is empty, though there are units
	loose     int  // number of pairs in inputs before there are units, see distinct
	memory    loose
	n         int              // number of units
	inputs    pages[prf.Input] // the input of the pair of each unit
	counts    counts
	weighs    bool          // some weight is not 1
	weights   pages[uint8]  // of each unit; empty if weighs is false
	texts     pages[uint64] // for ByContext: the last text in which each unit occurred
	ids       pages[int32]  // the contexts of units, Width ids each, if inputs do not hold them
	positions int64         // added positions, also those whose units the sample dropped
	limit     *tag          // the largest tag in a full sample
	now       uint64        // number of the current text
	excluded  map[prf.Nonce]struct{}
	packed    []prf.Input // a chunk of positions
	ordered   []tag       // the tags of packed, in a sample
	loaded    uint32      // from slots, for no other purpose than to have them in the cache
}

// A unit is the count and the weight of a pair.
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
	s.index.reset(s.n)
	if s.excluded == nil || len(s.excluded) > 0 {
		s.excluded = make(map[prf.Nonce]struct{})
	}
	s.inputs.shrink(max(s.n, s.loose))
	s.counts.reset(s.n)
	s.weights, s.weighs = pages[uint8]{}, false
	s.texts.shrink(s.n)
	s.ids.shrink(s.n * s.config.Width)
	s.n, s.limit, s.positions, s.now = 0, nil, 0, 0
	s.unindexed, s.loose = false, 0
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

// grow makes room for more units.
func (s *Set) grow(more int) {
	if s.unindexed {
		s.index.grow(&s.inputs, 0, s.n+more, s.keyBits())
		s.index.fill(&s.inputs, s.n, s.keyBits())
		s.unindexed = false
	} else {
		s.index.grow(&s.inputs, s.n, more, s.keyBits())
	}
	s.inputs.grow(s.n + more)
	s.counts.low.grow(s.n + more)
	if s.weighs {
		s.weights.grow(s.n + more)
	}
	if s.config.Rule == ByContext {
		s.texts.grow(s.n + more)
	}
	if s.config.Width > prf.MaxPacked {
		s.ids.grow((s.n + more) * s.config.Width)
	}
}

// weight returns the weight of a unit.
func (s *Set) weight(i int) uint8 {
	if !s.weighs {
		return 1
	}
	return *s.weights.at(i)
}

// setWeight sets the weight of a unit. Weights take memory once one of them is not 1.
func (s *Set) setWeight(i int, weight uint8) {
	if !s.weighs {
		if weight == 1 {
			return
		}
		s.weighs = true
		s.weights.grow(s.n + 1)
		for j := range s.n {
			*s.weights.at(j) = 1
		}
	}
	*s.weights.at(i) = weight
}

// put writes unit i: its input, context, count and weight.
func (s *Set) put(i int, in *prf.Input, context []int32, u unit) {
	*s.inputs.at(i) = *in
	s.counts.set(i, u.count)
	s.setWeight(i, u.weight)
	if s.config.Width > prf.MaxPacked {
		for j, id := range context {
			*s.ids.at(i*s.config.Width + j) = id
		}
	}
}

// enter is add without the check of the limit.
func (s *Set) enter(in *prf.Input, context []int32, u *unit) (isNew bool) {
	if s.loose > 0 {
		s.distinct()
	}
	s.grow(1)
	i, ok := s.index.find(&s.inputs, s.n, in, s.keyBits())
	if !ok {
		s.put(i, in, context, *u)
		if s.config.Rule == ByContext {
			*s.texts.at(i) = s.now
		}
		s.n++
		if s.config.Size > 0 && s.n >= 2*s.config.Size {
			s.settle()
		}
		return true
	}
	s.counts.add(i, u.count)
	if s.config.Rule == ByPair {
		s.setWeight(i, max(s.weight(i), u.weight))
		return false
	}
	if text, old := s.texts.at(i), s.inputs.at(i); *text != s.now {
		switch {
		case *old == *in:
			s.setWeight(i, max(s.weight(i), u.weight))
		case s.isBefore(in, old):
			*old = *in
			s.setWeight(i, u.weight)
		}
		*text = s.now
	}
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
	tags := make([]tag, s.n)
	for from := 0; from < s.n; {
		run := s.inputs.run(from, s.n)
		s.tags.Encrypt(&s.scratch, tags[from:from+len(run)], run)
		from += len(run)
	}
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
	for i := range other.n {
		s.now++
		in, u := *other.inputs.at(i), unit{other.counts.of(i), other.weight(i)}
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
	return s.n
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

// Unit returns unit i, in [0, Len). Call Len before, after the last text.
func (s *Set) Unit(i int) Unit {
	in := s.inputs.at(i)
	out := Unit{Token: token(in), Weight: s.weight(i), Count: s.counts.of(i)}
	if len(s.excluded) > 0 {
		_, out.Excluded = s.excluded[prf.Nonce(in[:])]
	}
	return out
}

// AppendCounts appends the numbers of positions with each of the units [from, to).
func (s *Set) AppendCounts(dst []int64, from, to int) []int64 {
	return s.counts.appendTo(dst, from, to)
}

// Held returns the number of positions of all units. A sample has fewer than Positions.
func (s *Set) Held() (held int64) {
	if s.settle(); s.limit == nil {
		return s.positions
	}
	for i := range s.n {
		held += s.counts.of(i)
	}
	return held
}

// AppendContext appends to dst the Width ids of the context of unit i, in [0, Len).
func (s *Set) AppendContext(dst []int32, i int) []int32 {
	k := s.config.Width
	if k > prf.MaxPacked {
		for j := range k {
			dst = append(dst, *s.ids.at(i*k + j))
		}
		return dst
	}
	in := s.inputs.at(i)
	for j := prf.MaxPacked - k; j < prf.MaxPacked; j++ {
		slot := in[3*j:]
		dst = append(dst, int32(slot[0])|int32(slot[1])<<8|int32(slot[2])<<16)
	}
	return dst
}

// Excludes reports whether any context is excluded.
func (s *Set) Excludes() bool { return len(s.excluded) > 0 }

// Batch divides the number of units that lie together in memory.
const Batch = 512

// Inputs returns the inputs of units [from, to), or the first of them: as many as lie together in
// memory. They are all if the units are within one Batch. The caller must not change them. For widths
// up to prf.MaxPacked they are the pairs.
func (s *Set) Inputs(from, to int) []prf.Input {
	if from >= to {
		return nil
	}
	return s.inputs.run(from, to)
}

// Pack drops the index of a large set, which only more texts need. It takes a fifth to a third of the
// memory. The next text makes it again.
func (s *Set) Pack() {
	if s.settle(); s.n > pageSize {
		s.index = index{}
	}
}

// token returns the token of an input.
func token(in *prf.Input) int32 { return int32(binary.BigEndian.Uint32(in[len(prf.Nonce{}):])) }
