package detect

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// scaleQueue gives the intervals of one length, the largest sum first, which is the smallest
// p-value first. Tails are computed for what comes to the head alone: a few for each
// length, however many intervals are significant.
type scaleQueue struct {
	q       *sequence
	length  int
	tests   int64   // that an interval of this length counts
	options int64   // tests of Options
	level   float64 // log10 of the largest adjusted p-value that is found
	items   []queued
	head    *interval // nil when nothing is left
	best    float64   // the smallest p-value of an interval, other intervals counted; 0 for none
}

// queued is an interval of a known sum.
type queued struct {
	from int
	sum  int64
}

func (s *scaleQueue) Len() int      { return len(s.items) }
func (s *scaleQueue) Swap(i, j int) { s.items[i], s.items[j] = s.items[j], s.items[i] }
func (s *scaleQueue) Push(any)      {}

// Less puts the larger sum first, ties to the earlier.
func (s *scaleQueue) Less(i, j int) bool {
	a, b := s.items[i], s.items[j]
	return a.sum > b.sum || a.sum == b.sum && a.from < b.from
}

func (s *scaleQueue) Pop() any {
	s.items = s.items[:len(s.items)-1]
	return nil
}

// newScaleQueue sets the head. The grid has so many lengths.
func (q *sequence) newScaleQueue(s scale, lengths int, o Options, level float64) *scaleQueue {
	queue := &scaleQueue{
		q: q, length: s.length, tests: int64(lengths) * int64(s.intervals), options: o.Tests, level: level,
		items: make([]queued, s.intervals),
	}
	for i := range queue.items {
		from := s.start(i, q.Len())
		queue.items[i] = queued{from, q.Sum(from, from+s.length)}
	}
	heap.Init(queue)
	queue.advance(nil)
	return queue
}

// advance sets the head to the best interval that overlaps none of kept.
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
		break // the others have no larger sum
	}
	s.items, s.head = nil, nil
}

// place returns where [from, to) belongs among intervals in order that do not overlap, and
// whether it overlaps none of them.
func place(kept []interval, from, to int) (at int, clear bool) {
	// at is the first one that ends after [from, to) begins.
	at, _ = slices.BinarySearchFunc(kept, from+1, func(k interval, end int) int { return cmp.Compare(k.to, end) })
	return at, at == len(kept) || to <= kept[at].from
}

// bestDisjoint is [disjoint] of all intervals that are significant: again and again the one
// with the smallest p-value of those that overlap none before.
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
