package tokset

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/prf"
)

// settle cuts a sample to its size. Between cuts the sample may grow to twice the size, so that each
// unit costs O(log size) for any text.
//
// Limits only fall. So a unit that is kept in the end was below the limit from its first position
// on, and its count is exact, in one set and after any merge.
func (s *Set) settle() {
	size := s.config.Size
	if size == 0 || len(s.units) <= size {
		return
	}
	order := make([]int, len(s.units))
	for i := range order {
		order[i] = i
	}
	tags := s.allTags()
	slices.SortFunc(order, func(a, b int) int {
		if before(&tags[a], &tags[b]) {
			return -1
		}
		return 1 // tags are distinct
	})
	inputs := make([]prf.Input, 0, 2*size)
	units := make([]unit, 0, 2*size)
	var ids []int32
	for _, i := range order[:size] {
		inputs = append(inputs, s.inputs[i])
		units = append(units, s.units[i])
		if s.config.Width > prf.MaxPacked {
			ids = s.AppendContext(ids, i)
		}
	}
	s.inputs, s.units, s.ids = inputs, units, ids
	s.index.rebuild(s.inputs, s.keyBits())
	s.setLimit()
}

// setLimit sets the limit of a full sample to its largest tag.
func (s *Set) setLimit() {
	tags := s.allTags()
	limit := tags[0]
	for i := range tags {
		if before(&limit, &tags[i]) {
			limit = tags[i]
		}
	}
	s.limit = &limit
}
