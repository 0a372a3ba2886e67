package tokset

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/prf"
)

// chunk is how many positions are packed at once.
const chunk = 512

// AddRun counts the positions of consecutive tokens of a text that have Width tokens of
// the run before them: what Add does for each of them. weights has one for each token, or
// is nil when all are 1. first, unless it is nil, is called for each position that begins a unit, in
// the order of the units; a sample has no such order.
func (s *Set) AddRun(tokens []int32, weights []uint8, first func(position int)) {
	if s.packed == nil {
		s.packed = make([]prf.Input, chunk)
	}
	for from := s.config.Width; from < len(tokens); from += chunk {
		packed := s.packed[:min(chunk, len(tokens)-from)]
		s.tags.Inputs(&s.scratch, packed, tokens, from)
		s.positions += int64(len(packed))
		if s.config.Rule == ByPair && s.config.Size == 0 && weights == nil && first == nil {
			s.enterPairs(packed, tokens, from)
			continue
		}
		s.enterChunk(packed, tokens, from, weights, first)
	}
}

// enterChunk enters positions from on.
func (s *Set) enterChunk(packed []prf.Input, tokens []int32, from int, weights []uint8, first func(int)) {
	if s.config.Size > 0 {
		s.ordered = slices.Grow(s.ordered[:0], chunk)[:len(packed)]
		s.tags.Encrypt(&s.scratch, s.ordered, packed)
	}
	u := unit{count: 1, text: s.now, weight: 1}
	for i := range packed {
		if s.limit != nil && before(s.limit, &s.ordered[i]) {
			continue
		}
		at := from + i
		if weights != nil {
			u.weight = weights[at]
		}
		if s.enter(&packed[i], tokens[at-s.config.Width:at], &u) && first != nil {
			first(at)
		}
	}
}

// enterPairs is enterChunk for the usual case: pairs of weight 1 that are all kept.
func (s *Set) enterPairs(packed []prf.Input, tokens []int32, from int) {
	n, width := len(packed), s.config.Width
	s.index.grow(s.inputs, n, 1<<64-1)
	// Room for all, so that the loop appends without looking.
	s.inputs, s.units = slices.Grow(s.inputs, n), slices.Grow(s.units, n)
	s.ids = slices.Grow(s.ids, n*width)
	for i := range packed {
		unit, ok := s.index.find(s.inputs, &packed[i], 1<<64-1)
		if ok {
			old := &s.units[unit]
			old.count++
			old.weight, old.text = max(old.weight, 1), s.now
			continue
		}
		s.inputs = append(s.inputs, packed[i])
		s.units = append(s.units, newUnit(s.now))
		s.ids = append(s.ids, tokens[from+i-width:from+i]...)
	}
}

// newUnit is a unit of one position of weight 1.
func newUnit(text uint64) unit { return unit{count: 1, text: text, weight: 1} }
