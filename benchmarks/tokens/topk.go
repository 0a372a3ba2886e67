package main

import (
	"math"
	"sync"
)

// A cut is a model that can write its k most likely tokens only: what an engine with top-k
// sampling has. A row then costs as much as k exponentials, whatever the vocabulary.
type cut struct {
	model
	k    int
	heap sync.Pool // of *[]float32
}

func newCut(m model, k int) *cut {
	return &cut{model: m, k: k, heap: sync.Pool{New: func() any { h := make([]float32, 0, k); return &h }}}
}

func (c *cut) Logits(dst []float32, context []int32) {
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
		if x < h[0] { // what ties with the last one stays
			dst[i] = float32(math.Inf(-1))
		}
	}
}
