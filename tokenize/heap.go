package tokenize

// The heap of a merger is a binary heap with its least element first. The upper half of an element is
// a rank and the lower half a place. So elements are ordered by rank, then from the left.

// pop removes and returns the least element.
func (m *merger) pop() (rank, i int32) {
	h := m.heap
	least := h[0]
	h[0] = h[len(h)-1]
	m.heap = h[:len(h)-1]
	m.down(0)
	return int32(least >> 32), int32(uint32(least))
}

// up moves the element at i towards the root, to its place.
func (m *merger) up(i int) {
	h := m.heap
	for i > 0 {
		m.work++
		parent := (i - 1) / 2
		if h[parent] <= h[i] {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

// down moves the element at i away from the root, to its place.
func (m *merger) down(i int) {
	h := m.heap
	for {
		m.work++
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
