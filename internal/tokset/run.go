package tokset

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/prf"
)

// chunk is the number of positions that are packed at once.
const chunk = 512

// AddRun calls Add for each token of a run that has Width tokens of the run before it. weights holds
// one weight per token, or is nil if all are 1. AddRun calls first, unless it is nil, for each
// position that begins a unit. The calls have the order of the units, except in a sample.
func (s *Set) AddRun(tokens []int32, weights []uint8, first func(position int)) {
	width, plain := s.config.Width, weights == nil && first == nil && s.isPlain()
	if plain {
		if room := s.room(len(tokens) - width); room != nil {
			for from := 0; from < len(room); from += chunk {
				s.tags.Inputs(&s.scratch, room[from:min(from+chunk, len(room))], tokens, width+from)
			}
			return
		}
		s.settle()
	}
	if s.packed == nil {
		s.packed = make([]prf.Input, chunk)
	}
	for from := width; from < len(tokens); from += chunk {
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

// isPlain reports whether the set keeps all pairs, all have weight 1, and they equal their inputs.
func (s *Set) isPlain() bool {
	return s.config.Rule == ByPair && s.config.Size == 0 && s.config.Width <= prf.MaxPacked && !s.weighs
}

// AddInputs calls Add for each pair, as texts of their own, with weight 1. The pairs are inputs of a
// width up to prf.MaxPacked.
func (s *Set) AddInputs(inputs []prf.Input) {
	if s.isPlain() {
		if room := s.room(len(inputs)); room != nil {
			copy(room, inputs)
			return
		}
		s.settle()
		s.positions += int64(len(inputs))
		s.grow(len(inputs))
		for len(inputs) > 0 {
			n := min(chunk, len(inputs))
			s.enterPairs(inputs[:n])
			inputs = inputs[n:]
		}
		return
	}
	s.positions += int64(len(inputs))
	for i := range inputs {
		s.BeginText()
		s.add(&inputs[i], nil, &unit{count: 1, weight: 1})
	}
}

// enterChunk enters the positions of packed, the first of which is from.
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

// enterPairs is enterChunk for the usual case, a plain set. packed may be the room for its pairs.
func (s *Set) enterPairs(packed []prf.Input) {
	s.grow(len(packed))
	if s.n+len(packed) > pageSize || len(s.index.list) > 1 {
		// This loop does not depend on what it loads, so that the processor loads many slots at once.
		// The next one then finds them in the cache.
		for i := range packed {
			a, b := halves(&packed[i])
			s.loaded ^= *s.index.slot(hash(a, b) >> s.index.shift)
		}
		for i := range packed {
			at, ok := s.index.find(&s.inputs, s.n, &packed[i], 1<<64-1)
			low := s.counts.low.at(at)
			if ok {
				if *low++; *low == 0 {
					s.counts.carry(at)
				}
				continue
			}
			*s.inputs.at(at), *low = packed[i], 1
			s.n++
		}
		return
	}
	// There is room for all of them in one page, so that the loop need not check.
	held := s.n
	inputs, counts := s.inputs.list[0], s.counts.low.list[0]
	slots, shift := s.index.list[0], s.index.shift
	mask := uint64(len(slots) - 1)
	for i := range packed {
		in := &packed[i]
		a, b := halves(in)
		at := hash(a, b) >> shift
		// This is index.find. A call would double the time.
		for {
			slot := &slots[at&mask]
			if *slot == 0 {
				inputs[held], counts[held] = *in, 1
				held++
				*slot = uint32(held)
				break
			}
			if a0, b0 := halves(&inputs[*slot-1]); a0 == a && b0 == b {
				old := &counts[*slot-1]
				if *old++; *old == 0 {
					s.counts.carry(int(*slot - 1))
				}
				break
			}
			at++
		}
	}
	s.n = held
}
