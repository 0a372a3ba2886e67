package watermark

import (
	"math"
	"sync"
)

// masks holds bitmaps for GreenMass.
var maskBuffers = sync.Pool{New: func() any { return new([]uint64) }}

// GreenMass returns the probability that a draw at this temperature would be green if
// the mark were not there: the green share of softmax(logits/temperature), in [0,1].
// That one number a step, in a [GreenMassHistogram], is all that planning needs; it
// says nothing of the text. logits are raw, before Process and before truncation;
// entries past the vocabulary are ignored. NaN and -Inf have no mass, and several
// +Inf share it all.
//
// ok is false, and the step is not one to log, when the mark is a keyed draw, the context
// is outside the mark's band, the temperature is not a positive number, or no token has any
// mass. Like Process, GreenMass does not allocate once its buffers have grown, and is safe
// for concurrent use; it takes an exponential for each token.
func (m *Mark) GreenMass(logits []float32, context []Token, temperature float32) (mass float64, ok bool) {
	if m.bias == nil || !(temperature > 0) || math.IsInf(float64(temperature), 0) || !m.marks(context) {
		return 0, false
	}
	logits = logits[:min(len(logits), m.vocab)]
	top := negInf
	for _, x := range logits {
		if x > top { // false for NaN
			top = x
		}
	}
	if top == negInf {
		return 0, false
	}
	buf := maskBuffers.Get().(*[]uint64)
	defer maskBuffers.Put(buf)
	words := (len(logits) + 63) / 64
	if cap(*buf) < words {
		*buf = make([]uint64, words)
	}
	mask := (*buf)[:words]
	m.Mask(mask, context)

	var green, all float64
	for i, x := range logits {
		var w float64
		switch {
		case x == top: // also where +Inf meets +Inf
			w = 1
		case x > negInf:
			w = math.Exp((float64(x) - float64(top)) / float64(temperature))
		}
		all += w
		green += w * float64(mask[i>>6]>>(i&63)&1)
	}
	return min(green/all, 1), true
}

// marks reports whether the mark's band has the context.
func (m *Mark) marks(context []Token) bool {
	if m.in == nil {
		return true
	}
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	return m.in.has(&s.Scratch, context)
}
