package tokset

import "slices"

// settle makes units of loose pairs, and cuts a sample to its size. Between cuts the sample may grow to twice the size, so that each
// unit costs O(log size) for any text.
//
// Limits only fall. So a unit that is kept in the end was below the limit from its first position
// on, and its count is exact, in one set and after any merge.
func (s *Set) settle() {
	if s.loose > 0 {
		s.distinct()
	}
	size := s.config.Size
	if size == 0 || s.n <= size {
		return
	}
	order := make([]int, s.n)
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
	kept := order[:size]
	slices.Sort(kept) // no unit moves up, so none is overwritten before it moved
	var ids []int32
	for to, from := range kept {
		in, u := *s.inputs.at(from), unit{s.counts.of(from), s.weight(from)}
		ids = s.AppendContext(ids[:0], from)
		s.put(to, &in, ids, u)
	}
	for i := size; i < s.n; i++ {
		s.counts.set(i, 0)
	}
	s.n = size
	s.index.rebuild(&s.inputs, s.n, s.keyBits())
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
