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
	plain := s.config.Rule == ByPair && s.config.Size == 0 && s.config.Width <= prf.MaxPacked && weights == nil && first == nil
	for from := s.config.Width; from < len(tokens); from += chunk {
		packed := s.packed[:min(chunk, len(tokens)-from)]
		s.tags.Inputs(&s.scratch, packed, tokens, from)
		s.positions += int64(len(packed))
		if plain {
			s.enterPairs(packed)
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
	u := unit{count: 1, weight: 1}
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

// enterPairs is enterChunk for the usual case: pairs of weight 1 that are all kept and
// that are their inputs.
func (s *Set) enterPairs(packed []prf.Input) {
	s.index.grow(s.inputs, len(packed), 1<<64-1)
	// Room for all of them, so that the loop need not look.
	held := len(s.inputs)
	inputs := slices.Grow(s.inputs, len(packed))[:held+len(packed)]
	units := slices.Grow(s.units, len(packed))[:held+len(packed)]
	slots, shift := s.index.slots, s.index.shift
	mask := uint64(len(slots) - 1)
	for i := range packed {
		in := &packed[i]
		a, b := halves(in)
		at := hash(a, b) >> shift
		// index.find, written out: a call would cost as much again.
		for {
			slot := &slots[at&mask]
			if *slot == 0 {
				inputs[held], units[held] = *in, unit{count: 1, weight: 1}
				held++
				*slot = uint32(held)
				break
			}
			if a0, b0 := halves(&inputs[*slot-1]); a0 == a && b0 == b {
				old := &units[*slot-1]
				old.count++
				old.weight = max(old.weight, 1)
				break
			}
			at++
		}
	}
	s.inputs, s.units = inputs[:held], units[:held]
}
