package tokset

const (
	pageShift = 16
	// pageSize is the number of elements of a whole page.
	pageSize = 1 << pageShift
)

// A pages is an array that grows without moving: by one page at a time. So its memory is never more
// than its elements need and one page, and nothing is copied. The first page alone grows like a slice,
// because most texts are short.
type pages[T any] struct{ list [][]T }

// at returns element i, for which grow has made room.
func (p *pages[T]) at(i int) *T { return &p.list[i>>pageShift][i&(pageSize-1)] }

// grow makes room for n elements.
func (p *pages[T]) grow(n int) {
	if n <= len(p.list)<<pageShift && len(p.list) > 1 {
		return
	}
	if len(p.list) == 0 {
		p.list = append(p.list, nil)
	}
	if first := p.list[0]; len(first) < min(n, pageSize) {
		p.list[0] = make([]T, min(max(n, 2*len(first)), pageSize))
		copy(p.list[0], first)
	}
	for len(p.list)<<pageShift < n {
		p.list = append(p.list, make([]T, pageSize))
	}
}

// shrink drops the pages that n elements do not need.
func (p *pages[T]) shrink(n int) {
	keep := (n + pageSize - 1) >> pageShift
	if keep < len(p.list) {
		clear(p.list[keep:])
		p.list = p.list[:keep]
	}
}

// run returns the elements from from to the end of their page, at most to to.
func (p *pages[T]) run(from, to int) []T {
	at := from & (pageSize - 1)
	return p.list[from>>pageShift][at:min(at+to-from, pageSize)]
}
