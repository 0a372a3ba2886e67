package speed

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
)

// A scored is a token with its logit, for samplers that copy the row into a slice of structs.
type scored struct {
	id    int32
	value float32
}

type scoredHeap []scored

func (h scoredHeap) Len() int           { return len(h) }
func (h scoredHeap) Less(i, j int) bool { return h[i].value < h[j].value }
func (h scoredHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *scoredHeap) Push(x any)        { *h = append(*h, x.(scored)) }
func (h *scoredHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// A heapSampler is the sampler of common inference servers. It copies the row into a slice of structs. A
// heap keeps the k best, or a sort orders all if k is 0. Temperature, softmax, top-p and a draw follow.
// It keeps its slices between steps.
type heapSampler struct {
	tokens []scored
	kept   scoredHeap
	probs  []float64
}

func (s *heapSampler) sample(row []float32, temperature float64, k int, topP, u float64) int32 {
	s.tokens = s.tokens[:0]
	for i, x := range row {
		s.tokens = append(s.tokens, scored{int32(i), x})
	}
	list := s.tokens
	if k > 0 {
		s.kept = append(s.kept[:0], s.tokens[:k]...)
		heap.Init(&s.kept)
		for _, t := range s.tokens[k:] {
			if t.value > s.kept[0].value {
				s.kept[0] = t
				heap.Fix(&s.kept, 0)
			}
		}
		list = s.kept
	}
	slices.SortFunc(list, func(a, b scored) int {
		switch {
		case a.value > b.value:
			return -1
		case a.value < b.value:
			return 1
		}
		return 0
	})
	s.probs = s.probs[:0]
	total := 0.0
	for _, t := range list {
		w := math.Exp(float64(t.value-list[0].value) / temperature)
		s.probs = append(s.probs, w)
		total += w
	}
	mass, n := 0.0, 0
	for mass < topP*total && n < len(list) {
		mass += s.probs[n]
		n++
	}
	sum := 0.0
	for i, w := range s.probs[:n] {
		if sum += w; sum > u*mass {
			return list[i].id
		}
	}
	return list[n-1].id
}

// gumbelByLogs is the exact Gumbel-max draw by its formula: the logarithm of a logarithm of a uniform
// number for each token.
func gumbelByLogs(row []float32, temperature float64, rng *rand.Rand) int32 {
	best, at := math.Inf(-1), 0
	for i, x := range row {
		u := rng.Float64()
		for u == 0 {
			u = rng.Float64()
		}
		if g := float64(x)/temperature - math.Log(-math.Log(u)); g > best {
			best, at = g, i
		}
	}
	return int32(at)
}
