package detect

// The grid of intervals. Another grid is another test with other p-values.
const (
	minSpan    = 32   // shortest length, in scored positions
	spanGrowth = 1.25 // factor from one length to the next
	spanStarts = 4    // starts in a length: they are a quarter of it apart, rounded down
)

// A scale is the intervals of one length.
type scale struct {
	length, step, intervals int
}

// scales returns the grid for n scored positions. The lengths are floor(32 * 1.25^j), with products
// rounded as IEEE doubles. Up to a length of four thousand these are exact. Above it they are equal
// on every machine.
func scales(n int) []scale {
	var grid []scale
	for x := float64(minSpan); int(x) <= n; x *= spanGrowth {
		s := scale{length: int(x), step: int(x) / spanStarts}
		s.intervals = (n-s.length+s.step-1)/s.step + 1
		grid = append(grid, s)
	}
	return grid
}

// start returns where interval i begins. The last one ends at n.
func (s scale) start(i, n int) int { return min(i*s.step, n-s.length) }
