package main

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A weighted is a linear statistic: a set of distinct pairs with integer weights of any sign. The weights
// do not depend on a key. Given them, the law of the statistic is known exactly (docs/statistics.md,
// section 4.1).
type weighted struct {
	// sum computes the mask of each context with many pairs. It scores the other pairs one by one.
	contexts [][]int32
	entries  [][]entry // of contexts
	pairs    []watermark.Pair
	weights  []int64 // of pairs

	groups  []tail.Bernoulli  // the law
	squares float64           // sum of squared weights
	total   int64             // sum of weights
	scored  int64             // number of pairs
	tails   map[int64]float64 // log10 p by sum
}

// An entry is a token after a context, and the weight of the pair.
type entry struct{ id, weight int32 }

// many is the number of pairs of a context from which on a mask is cheaper.
const many = 12

// add adds the pairs of one context. No weight is 0.
func (s *weighted) add(context []int32, entries []entry) {
	context = slices.Clone(context)
	if len(entries) >= many {
		s.contexts = append(s.contexts, context)
		s.entries = append(s.entries, slices.Clone(entries))
		return
	}
	for _, e := range entries {
		s.pairs = append(s.pairs, watermark.Pair{Context: context, Token: e.id})
		s.weights = append(s.weights, int64(e.weight))
	}
}

// finish computes the law, after all calls of add.
func (s *weighted) finish() *weighted {
	counts := make(map[int64]int64)
	for _, entries := range s.entries {
		for _, e := range entries {
			counts[int64(e.weight)]++
		}
	}
	for _, w := range s.weights {
		counts[w]++
	}
	for weight, count := range counts {
		s.groups = append(s.groups, tail.Bernoulli{Weight: weight, Count: count, P: gamma})
		s.squares += float64(weight) * float64(weight) * float64(count)
		s.total += weight * count
		s.scored += count
	}
	slices.SortFunc(s.groups, func(a, b tail.Bernoulli) int { return int(a.Weight - b.Weight) })
	s.tails = make(map[int64]float64)
	return s
}

// sum returns the statistic under a key, and the number of green pairs.
func (s *weighted) sum(mark *watermark.Mark) (sum, green int64) {
	mask := make([]uint64, (mark.Vocab()+63)/64)
	for i, context := range s.contexts {
		mark.Mask(mask, context)
		for _, e := range s.entries[i] {
			bit := int64(mask[e.id>>6] >> (e.id & 63) & 1)
			sum += bit * int64(e.weight)
			green += bit
		}
	}
	const chunk = 512
	scores := make([]int64, 0, chunk)
	for from := 0; from < len(s.pairs); from += chunk {
		to := min(from+chunk, len(s.pairs))
		scores = mark.Score(scores[:0], s.pairs[from:to])
		for i, bit := range scores {
			sum += bit * s.weights[from+i]
			green += bit
		}
	}
	return sum, green
}

// z returns the z-score of a sum.
func (s *weighted) z(sum int64) float64 { return zOf(float64(sum)-gamma*float64(s.total), s.squares) }

// log10P returns log10 of the exact upper tail.
func (s *weighted) log10P(sum int64) float64 {
	p, ok := s.tails[sum]
	if !ok {
		p = tail.WeightedBernoulli(s.groups, sum)
		s.tails[sum] = p
	}
	return p
}

// test tests the set under a key.
func (s *weighted) test(mark *watermark.Mark) test {
	if s.scored == 0 {
		return test{}
	}
	sum, green := s.sum(mark)
	return test{s.scored, green, s.z(sum), s.log10P(sum)}
}

// attainable returns the probability under the null of a p-value of at most 10^limit. The law is
// discrete, so the probability may be smaller than 10^limit.
func (s *weighted) attainable(limit float64) float64 {
	lo, hi := int64(0), int64(0) // the smallest and the largest sum
	for _, g := range s.groups {
		lo += min(g.Weight, 0) * g.Count
		hi += max(g.Weight, 0) * g.Count
	}
	hi++ // its p-value is 0
	for lo++; lo < hi; {
		if mid := lo + (hi-lo)/2; s.log10P(mid) <= limit {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return pow10(s.log10P(hi))
}

// distinct returns the declared statistic as a weighted set: every distinct pair of the texts, with its
// weight or 1. Package detect scores the same pairs.
func distinct(texts [][]int32, width int, weights [][]uint8) *weighted {
	s := new(weighted)
	var entries []entry
	byContext(texts, width, func(context []int32, places []place) {
		entries = entries[:0]
		for _, p := range places {
			weight := int32(1)
			if weights != nil {
				weight = int32(weights[p.text][p.at])
			}
			if weight > 0 {
				entries = append(entries, entry{texts[p.text][p.at], weight})
			}
		}
		// A pair has the same weight at every occurrence.
		slices.SortFunc(entries, func(a, b entry) int { return int(a.id - b.id) })
		entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.id == b.id })
		s.add(context, entries)
	})
	return s.finish()
}
