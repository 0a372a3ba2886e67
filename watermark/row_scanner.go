package watermark

import (
	"math"
	"math/bits"
	"slices"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// A rowScanner takes from a row and its bias what a Sampler takes from the biased row, token for
// token. It neither writes nor copies the row. It reads the row once, for the maxima of blocks,
// and then looks only at blocks that can matter. The zero rowScanner is ready for use.
//
// A token can matter if its logit plus delta reaches a threshold that enough unbiased logits
// reach. The sum must be a float32 sum, as in the bias. Rounding is monotonic, so the biased
// logit of any other token is below the threshold. Subtracting delta from the threshold instead
// would round the other way and lose ties.
type rowScanner struct {
	maxima  []float32   // of the blocks of the row
	tops    []float32   // maxima of maxima
	groups  []float32   // working memory of a selection
	sums    []float32   // block sums, filled only when a method needs them
	list    []candidate // in order of ids
	ranked  []candidate // a copy of candidates that a selection reorders
	green   []uint64    // bitmap of the green list
	index   []uint32    // numbers of keystream blocks
	last    []uint32    // places of the first byte 255
	bytes   []byte      // first bytes of U
	weights []float64   // weights of exempt candidates
	blocks  [][kernel.BlockSize]byte

	scratch prf.Scratch // holds the context of the bias
}

// begin scans row and sets the lift of the bias t at the sampler's temperature. It returns the largest
// logit.
func (c *rowScanner) begin(row []float32, t *rowBias, p Sampler) (top float32) {
	top = c.scan(row)
	if t.exempt != nil {
		temperature := p.Temperature
		if p.isGreedy() {
			temperature = 0
		}
		t.lift = c.lift(row, t, top, temperature)
	}
	return top
}

// argmax returns the best token of row under the bias t, or -1 if none is above -Inf. begin has
// returned top.
func (c *rowScanner) argmax(row []float32, t *rowBias, top float32) Token {
	if top == negInf {
		return -1
	}
	return c.best(row, t, top).id
}

// survivors returns the candidates that p leaves of row under the bias t, with their weights, in
// order of ids. begin has returned top. p must not be greedy. The next call overwrites them.
func (c *rowScanner) survivors(row []float32, t *rowBias, p Sampler, top float32) []candidate {
	if top == negInf {
		return nil
	}
	var list []candidate
	limited := p.TopK > 0 && p.TopK < len(row)
	switch {
	case limited:
		list = c.topK(row, t, p.TopK)
	case c.bounded(top, p.Temperature):
		best := c.best(row, t, top).logit
		switch {
		case p.TopP > 0 && p.TopP < 1:
			if t.lift > 0 { // which bitmaps do not have
				break
			}
			if kept, ok := c.nucleus(row, t, p, best); ok {
				return keepMinP(kept, p.MinP)
			}
		case p.MinP > 0 && p.MinP <= 1:
			return keepMinP(c.above(row, t, p, best), p.MinP)
		}
		fallthrough
	default:
		list = c.collect(row, t.delta, negInf)
		c.colour(list, t, len(row))
	}
	total := softmax(list, p.Temperature)
	if p.TopP > 0 && p.TopP < 1 {
		list = keepTopP(list, float64(p.TopP)*total)
	}
	return keepMinP(list, p.MinP)
}

// topK returns the k best tokens of row under the bias t.
func (c *rowScanner) topK(row []float32, t *rowBias, k int) []candidate {
	least := c.kth(row, k)
	if t.table != nil && least > negInf {
		// The k-th largest of some biased logits is a better bound than the k-th largest
		// unbiased logit, and leaves fewer tokens whose colour matters.
		const share = 4
		list := c.collect(row, 0, least-t.delta/share)
		c.colour(list, t, len(row))
		least = max(least, c.kthOf(list, k))
	}
	list := c.collect(row, t.delta, least)
	c.colour(list, t, len(row))
	return c.bestOf(list, k)
}

// scan sets the maxima of the blocks of row, and returns the largest.
func (c *rowScanner) scan(row []float32) float32 {
	c.maxima = sized(c.maxima, (len(row)+kernel.ScanBlock-1)/kernel.ScanBlock)
	kernel.BlockMax(c.maxima, row)
	c.tops = kernel.GroupMax(sized(c.tops, len(c.maxima)/8+8), c.maxima)
	top := negInf
	for _, m := range c.tops {
		if m > top {
			top = m
		}
	}
	return top
}

// bounded reports whether the bounds, which use float32 arithmetic, hold for a row with this largest
// logit.
func (c *rowScanner) bounded(top, temperature float32) bool {
	const least, most = 1e-6, 1e6
	return top < math.MaxFloat32/2 && top > -math.MaxFloat32/2 && temperature > least && temperature < most
}

// best returns the best candidate of row under the bias t. top is the largest unbiased logit.
func (c *rowScanner) best(row []float32, t *rowBias, top float32) candidate {
	list := c.collect(row, t.delta, top)
	c.colour(list, t, len(row))
	best := list[0]
	for _, x := range list[1:] {
		if better(x, best) {
			best = x
		}
	}
	return best
}

// streamShare is the number of blocks of a whole keystream that take as long as a single block.
const streamShare = 4

// colour adds the bias t to candidates, which are in order of ids and come from a row of n tokens. It
// computes the keystream blocks that they need, or the whole keystream if that is cheaper.
func (c *rowScanner) colour(list []candidate, t *rowBias, n int) {
	if t.table == nil || len(list) == 0 {
		return
	}
	c.index = append(c.index[:0], t.table.BlockOf(uint32(list[0].id)))
	for i := range list {
		if j := t.table.BlockOf(uint32(list[i].id)); j != c.index[len(c.index)-1] {
			c.index = append(c.index, j)
		}
	}
	if size := t.table.StreamSize(n); len(c.index)*streamShare > size/kernel.BlockSize {
		stream := t.f.Stream(t.s, size)
		for i := range list {
			v := uint32(list[i].id)
			block := (*[kernel.BlockSize]byte)(stream[kernel.BlockSize*int(t.table.BlockOf(v)):])
			if t.exempt == nil || !t.exempt.has(list[i].id) {
				list[i].logit += t.bias(block, v)
			} else {
				list[i].logit += t.lift
			}
		}
		return
	}
	c.blocks = sized(c.blocks, len(c.index))
	t.f.Blocks(t.s, c.blocks, c.index)
	at := 0
	for i := range list {
		v := uint32(list[i].id)
		if t.table.BlockOf(v) != c.index[at] {
			at++
		}
		if t.exempt == nil || !t.exempt.has(list[i].id) {
			list[i].logit += t.bias(&c.blocks[at], v)
		} else {
			list[i].logit += t.lift
		}
	}
}

// collect returns the tokens above -Inf whose logit plus delta reaches floor, in order of ids, with
// the logits that they have in row.
func (c *rowScanner) collect(row []float32, delta, floor float32) []candidate {
	floor = max(floor, -math.MaxFloat32)
	list := c.list[:0]
	for m := 0; m < len(c.maxima); m += kernel.ScanBlock {
		blocks := kernel.AtLeast(c.maxima[m:min(m+kernel.ScanBlock, len(c.maxima))], delta, floor)
		for ; blocks != 0; blocks &= blocks - 1 {
			first := (m + bits.TrailingZeros64(blocks)) * kernel.ScanBlock
			block := row[first:min(first+kernel.ScanBlock, len(row))]
			for found := kernel.AtLeast(block, delta, floor); found != 0; found &= found - 1 {
				i := bits.TrailingZeros64(found)
				list = append(list, candidate{logit: block[i], id: Token(first + i)})
			}
		}
	}
	c.list = list
	return list
}

// kth returns the k-th largest logit of row, or -Inf if fewer than k are above that. k is from 1 to
// len(row)-1.
func (c *rowScanner) kth(row []float32, k int) float32 {
	const share = 2 // among this many times k maxima, the k-th is close to the k-th logit
	var least float32
	switch n := len(c.maxima); {
	case k <= len(c.tops)/share:
		c.groups = append(c.groups[:0], c.tops...)
		least = kthLargest(c.groups, k)
	case k <= n/share:
		c.groups = append(c.groups[:0], c.maxima...)
		least = kthLargest(c.groups, k)
	default:
		least = negInf
	}
	// At least k logits reach least.
	list := c.collect(row, 0, least)
	return c.kthOf(list, k)
}

// kthOf returns the k-th largest logit of list, or -Inf if list is shorter.
func (c *rowScanner) kthOf(list []candidate, k int) float32 {
	if len(list) < k {
		return negInf
	}
	c.groups = c.groups[:0]
	for _, x := range list {
		c.groups = append(c.groups, x.logit)
	}
	return kthLargest(c.groups, k)
}

// bestOf returns the k best candidates of list in order of ids, the order that list must have.
func (c *rowScanner) bestOf(list []candidate, k int) []candidate {
	if len(list) <= k {
		return list
	}
	least := c.kthOf(list, k)
	ties := k
	for _, x := range list {
		if x.logit > least {
			ties--
		}
	}
	kept := list[:0]
	for _, x := range list {
		if x.logit > least {
			kept = append(kept, x)
		} else if x.logit == least && ties > 0 {
			kept = append(kept, x)
			ties--
		}
	}
	return kept
}

// above returns, with their weights, the tokens that can be MinP times as probable as the best. best
// is the largest biased logit.
func (c *rowScanner) above(row []float32, t *rowBias, p Sampler, best float32) []candidate {
	// The margin covers rounding errors, here and in the exponential.
	depth := -math.Log(float64(p.MinP))*(1+1e-6) + 1e-6
	cut := float32(float64(best) - depth*float64(p.Temperature))
	list := c.collect(row, t.delta, math.Nextafter32(cut, negInf))
	c.colour(list, t, len(row))
	weigh(list, best, p.Temperature)
	return list
}

// keepMinP removes candidates that are less than share times as probable as the best, whose weight
// is 1.
func keepMinP(list []candidate, share float32) []candidate {
	if !(share > 0 && share <= 1) {
		return list
	}
	return slices.DeleteFunc(list, func(c candidate) bool { return c.weight < float64(share) })
}

// kthLargest returns the k-th largest entry of a, which must not contain NaN. k is from 1 to len(a).
// It reorders a.
func kthLargest(a []float32, k int) float32 {
	const few = 12
	lo, hi := 0, len(a)
	for rounds := 0; hi-lo > few; rounds++ {
		if rounds == maxRounds {
			slices.Sort(a[lo:hi])
			slices.Reverse(a[lo:hi])
			return a[k-1]
		}
		x, y, z := a[lo], a[lo+(hi-lo)/2], a[hi-1]
		pivot := max(min(x, y), min(max(x, y), z)) // the median
		i, j := lo, hi-1
		for i <= j {
			for a[i] > pivot {
				i++
			}
			for a[j] < pivot {
				j--
			}
			if i <= j {
				a[i], a[j] = a[j], a[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k-1 <= j:
			hi = j + 1
		case k-1 >= i:
			lo = i
		default:
			return pivot
		}
	}
	for i := lo + 1; i < hi; i++ {
		for j := i; j > lo && a[j] > a[j-1]; j-- {
			a[j], a[j-1] = a[j-1], a[j]
		}
	}
	return a[k-1]
}

// sized returns a slice of n entries that reuses the memory of s.
func sized[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
