package evidence

import (
	"cmp"
	"slices"
)

// A Rank decides between candidates [From, To) that overlap.
type Rank struct {
	From, To int64
	Adjusted float64 // adjusted p-value, as log10 p
}

// compare orders by p-value, then by length, then by place. The smallest comes first.
func (a Rank) compare(b Rank) int {
	return cmp.Or(
		cmp.Compare(a.Adjusted, b.Adjusted), cmp.Compare(a.To-a.From, b.To-b.From), cmp.Compare(a.From, b.From),
	)
}

// Before reports whether a wins against b.
func (a Rank) Before(b Rank) bool { return a.compare(b) < 0 }

// Disjoint keeps the best of the candidates that overlap. It reorders found, and returns the
// kept candidates in order of place.
func Disjoint[C interface{ Rank() Rank }](found []C) []C {
	slices.SortFunc(found, func(x, y C) int { return x.Rank().compare(y.Rank()) })
	var kept []C
	for _, c := range found {
		r := c.Rank()
		// at is the first kept candidate that ends after c begins.
		at, _ := slices.BinarySearchFunc(kept, r.From+1, func(k C, end int64) int {
			return cmp.Compare(k.Rank().To, end)
		})
		if at == len(kept) || r.To <= kept[at].Rank().From {
			kept = slices.Insert(kept, at, c)
		}
	}
	return kept
}
