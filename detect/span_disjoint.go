package detect

import (
	"cmp"
	"slices"
)

// rank is what decides between candidates [from, to) that overlap.
type rank struct {
	from, to int64
	adjusted float64 // log10 p
}

// compare puts the smallest p-value first, then the shortest, then the earliest.
func (a rank) compare(b rank) int {
	return cmp.Or(cmp.Compare(a.adjusted, b.adjusted), cmp.Compare(a.to-a.from, b.to-b.from), cmp.Compare(a.from, b.from))
}

func (a rank) before(b rank) bool { return a.compare(b) < 0 }

// disjoint keeps the best of candidates that overlap: the smallest p-value, then the
// shortest, then the earliest. It reorders found and returns what it keeps in order of
// place.
func disjoint[C interface{ rank() rank }](found []C) []C {
	slices.SortFunc(found, func(x, y C) int { return x.rank().compare(y.rank()) })
	var kept []C
	for _, c := range found {
		r := c.rank()
		// at is the first one kept that ends after c begins.
		at, _ := slices.BinarySearchFunc(kept, r.from+1, func(k C, end int64) int { return cmp.Compare(k.rank().to, end) })
		if at == len(kept) || r.to <= kept[at].rank().from {
			kept = slices.Insert(kept, at, c)
		}
	}
	return kept
}
