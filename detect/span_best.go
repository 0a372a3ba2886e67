package detect

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A scaleQueue yields the intervals of one length, from the largest sum on, which has the smallest
// p-value. It computes the tail of the head alone. So a scan computes a few tails for each length,
// however many intervals are significant.
type scaleQueue struct {
	q       *sequence
	length  int
	tests   int64            // number of tests that an interval of this length is adjusted for
	options int64            // tests of Options
	level   float64          // log10 of the largest adjusted p-value that is found
	items   []queuedInterval // a heap
	head    *interval        // nil when nothing is left
	best    float64          // smallest p-value of an interval, adjusted for the others; 0 without intervals
}

// A queuedInterval is an interval of the queue's length, with its sum.
type queuedInterval struct {
	from int
	sum  int64
}

func (s *scaleQueue) Len() int      { return len(s.items) }
func (s *scaleQueue) Swap(i, j int) { s.items[i], s.items[j] = s.items[j], s.items[i] }
func (s *scaleQueue) Push(any)      {}

// Less puts the larger sum first, and of equal sums the earlier one.
func (s *scaleQueue) Less(i, j int) bool {
	a, b := s.items[i], s.items[j]
	return a.sum > b.sum || a.sum == b.sum && a.from < b.from
}

func (s *scaleQueue) Pop() any {
	s.items = s.items[:len(s.items)-1]
	return nil
}

// newScaleQueue returns the queue of one length, with its head. lengths is the number of lengths of
// the grid.
func (q *sequence) newScaleQueue(s scale, lengths int, o Options, level float64) *scaleQueue {
	queue := &scaleQueue{
		q: q, length: s.length, tests: int64(lengths) * int64(s.intervals), options: o.Tests, level: level,
		items: make([]queuedInterval, s.intervals),
	}
	for i := range queue.items {
		from := s.start(i, q.Len())
		queue.items[i] = queuedInterval{from, q.Sum(from, from+s.length)}
	}
	heap.Init(queue)
	queue.advance(nil)
	return queue
}

// advance sets the head to the best interval that does not overlap any interval of kept.
func (s *scaleQueue) advance(kept []interval) {
	first := s.head == nil
	for len(s.items) > 0 {
		next := s.items[0]
		if _, clear := place(kept, next.from, next.from+s.length); !clear {
			heap.Pop(s)
			continue
		}
		p := s.q.Law.Survival(&null.Units{1: int64(s.length)}, null.SumOf(next.sum))
		corrected := tail.Bonferroni(p, s.tests)
		if first {
			s.best = corrected
		}
		if adjusted := tail.Bonferroni(corrected, s.options); adjusted <= s.level {
			s.head = &interval{next.from, next.from + s.length, p, adjusted}
			return
		}
		break // the others do not have a larger sum
	}
	s.items, s.head = nil, nil
}

// place returns the index at which [from, to) belongs among disjoint intervals in order. clear is
// false if it overlaps one of them.
func place(kept []interval, from, to int) (at int, clear bool) {
	// at is the first interval that ends after [from, to) begins.
	at, _ = slices.BinarySearchFunc(kept, from+1, func(k interval, end int) int { return cmp.Compare(k.to, end) })
	return at, at == len(kept) || to <= kept[at].from
}

// bestDisjoint keeps, again and again, the significant interval that has the smallest p-value of
// those that do not overlap one that it kept.
func bestDisjoint(queues []*scaleQueue) []interval {
	var kept []interval
	for {
		var best *interval
		for _, s := range queues {
			if s.head != nil && (best == nil || s.head.Rank().Before(best.Rank())) {
				best = s.head
			}
		}
		if best == nil {
			return kept
		}
		at, _ := place(kept, best.from, best.to)
		chosen := *best
		kept = slices.Insert(kept, at, chosen)
		for _, s := range queues {
			if s.head != nil && s.head.from < chosen.to && chosen.from < s.head.to {
				s.advance(kept)
			}
		}
	}
}
