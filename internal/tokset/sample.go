package tokset

import "slices"

// settle cuts a sample to its size. Between cuts it may grow to twice that, so that
// each unit costs O(log size) whatever the text.
//
// A unit that is kept in the end was below the limit from its first position on,
// since limits only fall; so its count is exact, in one set and after any merge.
func (s *Set) settle() {
	size := s.config.Size
	if size == 0 || len(s.units) <= size {
		return
	}
	order := make([]int, len(s.units))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if before(&s.units[a].tag, &s.units[b].tag) {
			return -1
		}
		return 1 // tags are distinct
	})
	units := make([]unit, 0, 2*size)
	ids := make([]int32, 0, 2*size*s.config.Width)
	clear(s.index)
	for _, i := range order[:size] {
		s.index[s.units[i].tag] = int32(len(units))
		units = append(units, s.units[i])
		ids = append(ids, s.context(i)...)
	}
	s.units, s.ids = units, ids
	s.setLimit()
}

// setLimit makes the largest tag of a full sample its limit.
func (s *Set) setLimit() {
	limit := s.units[0].tag
	for i := range s.units {
		if before(&limit, &s.units[i].tag) {
			limit = s.units[i].tag
		}
	}
	s.limit = &limit
}
