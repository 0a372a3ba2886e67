package main

import (
	"math"
	"sync"
)

// A topK is a model that can only write its k most likely tokens, as with top-k sampling. A row then
// costs as much as k exponentials for any vocabulary.
type topK struct {
	model
	k    int
	heap sync.Pool // of *[]float32
}

// newTopK returns a topK of m.
func newTopK(m model, k int) *topK {
	return &topK{model: m, k: k, heap: sync.Pool{New: func() any {
		h := make([]float32, 0, k)
		return &h
	}}}
}

// Logits writes the row of the model, with -Inf for all but its k largest logits.
func (c *topK) Logits(dst []float32, context []int32) {
	c.model.Logits(dst, context)
	p := c.heap.Get().(*[]float32)
	defer c.heap.Put(p)
	h := (*p)[:0]
	for _, x := range dst {
		switch {
		case len(h) < c.k:
			h = append(h, x)
			for i := len(h) - 1; i > 0 && h[(i-1)/2] > h[i]; i = (i - 1) / 2 {
				h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
			}
		case x > h[0]:
			h[0] = x
			for i := 0; ; {
				least := i
				for _, child := range [2]int{2*i + 1, 2*i + 2} {
					if child < len(h) && h[child] < h[least] {
						least = child
					}
				}
				if least == i {
					break
				}
				h[i], h[least] = h[least], h[i]
				i = least
			}
		}
	}
	for i, x := range dst {
		if x < h[0] { // ties with the smallest of the k stay
			dst[i] = float32(math.Inf(-1))
		}
	}
}
