// Package tokset keeps the units of a test: the distinct (context, token) pairs of
// everything that was added, how often each occurred, and the contexts that must not
// count. Whatever it holds is a function of the text alone, independent of the order
// in which the text came.
package tokset

import (
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

// A tag identifies a unit: the dedup tag of wire format isotope/1. Equality is of all
// its bits.
type tag [16]byte

// A Set is the set of units. One goroutine at a time.
type Set struct {
	width    int
	rule     Rule
	tags     *prf.Function
	scratch  prf.Scratch
	index    map[tag]int32 // unit to place in the slices below
	context  []int32       // width ids a unit
	token    []int32
	tag      []tag   // of the pair
	count    []int64 // positions
	text     []uint64
	now      uint64 // the text being added
	excluded map[prf.Nonce]struct{}
}

// New returns an empty set for contexts of width tokens.
func New(width int, rule Rule) *Set {
	tags, err := prf.Public(width)
	if err != nil {
		panic("tokset: " + err.Error()) // a width that no scorer has
	}
	s := &Set{width: width, rule: rule, tags: tags}
	s.Reset()
	return s
}

// Reset empties the set.
func (s *Set) Reset() {
	s.index = make(map[tag]int32)
	s.context, s.token, s.tag, s.count, s.text = nil, nil, nil, nil, nil
	s.excluded = make(map[prf.Nonce]struct{})
	s.now = 0
}

// Clone returns an independent copy.
func (s *Set) Clone() *Set {
	c := New(s.width, s.rule)
	c.Merge(s)
	return c
}

// BeginText marks the border between two texts.
func (s *Set) BeginText() { s.now++ }

// Add counts one position: context is exactly width ids, the newest last.
func (s *Set) Add(context []int32, token int32) {
	s.add(context, token, 1, s.now)
}

// add counts n positions whose first is in a text.
func (s *Set) add(context []int32, token int32, n int64, text uint64) {
	s.tags.SetContext(&s.scratch, context)
	unit := s.unitOfContext()
	pair := tag(*s.tags.Block(&s.scratch, uint32(token)))
	if s.rule == ByPair {
		unit = pair
	}
	i, ok := s.index[unit]
	if !ok {
		s.index[unit] = int32(len(s.token))
		s.context = append(s.context, context...)
		s.token = append(s.token, token)
		s.tag = append(s.tag, pair)
		s.count = append(s.count, n)
		s.text = append(s.text, text)
		return
	}
	s.count[i] += n
	if s.rule == ByContext && s.text[i] != text && less(&pair, &s.tag[i]) {
		s.token[i], s.tag[i] = token, pair
	}
	s.text[i] = text
}

// unitOfContext is the current context as a unit.
func (s *Set) unitOfContext() tag {
	var u tag
	nonce := s.scratch.Nonce()
	copy(u[:], nonce[:])
	return u
}

func less(a, b *tag) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// Exclude takes a context out of the test, whether it was added before or comes
// later.
func (s *Set) Exclude(context []int32) {
	s.tags.SetContext(&s.scratch, context)
	s.excluded[s.scratch.Nonce()] = struct{}{}
}

// Merge adds what other holds. Both have one width and one rule.
func (s *Set) Merge(other *Set) {
	if s.width != other.width || s.rule != other.rule {
		panic("tokset: merge of sets that differ in width or rule")
	}
	// What was first in its text there stays so here: it counts as a text of its own.
	for i, token := range other.token {
		s.now++
		s.add(other.contextAt(i), token, other.count[i], s.now)
	}
	for nonce := range other.excluded {
		s.excluded[nonce] = struct{}{}
	}
}

// Len returns the number of units, excluded ones among them.
func (s *Set) Len() int { return len(s.token) }

// Unit returns unit i: its context, which must not be changed, its token, how many
// positions it stands for, and whether its context is excluded.
func (s *Set) Unit(i int) (context []int32, token int32, count int64, excluded bool) {
	context = s.contextAt(i)
	if len(s.excluded) > 0 {
		s.tags.SetContext(&s.scratch, context)
		_, excluded = s.excluded[s.scratch.Nonce()]
	}
	return context, s.token[i], s.count[i], excluded
}

func (s *Set) contextAt(i int) []int32 {
	return s.context[i*s.width : (i+1)*s.width : (i+1)*s.width]
}

// Positions returns the number of positions added.
func (s *Set) Positions() int64 {
	var n int64
	for _, c := range s.count {
		n += c
	}
	return n
}
