package watermark

import (
	"math"
	"sync"
)

// maskBuffers holds bitmaps for GreenMass.
var maskBuffers = sync.Pool{New: func() any { return new([]uint64) }}

// GreenMass returns the probability, in [0,1], that an unmarked draw at this temperature is green:
// the green share of softmax(logits/temperature). Collect it for each step in a
// [GreenMassHistogram], which is all that planning needs and which reveals nothing about the text.
// logits are raw, before Process and before truncation. GreenMass ignores entries past the
// vocabulary. NaN and -Inf have no mass, and several +Inf share it all.
//
// ok is false for a step that a histogram must not contain. That is the case for a keyed draw,
// for a context or a row that the mark leaves alone, for a temperature that is not a positive number, and if
// no token has mass.
//
// GreenMass computes an exponential for each token. It does not allocate once its buffers have
// grown, and it is safe for concurrent use.
func (m *Mark) GreenMass(logits []float32, context []Token, temperature float32) (mass float64, ok bool) {
	if m.bias == nil || !(temperature > 0) || math.IsInf(float64(temperature), 0) || !m.marks(logits, context) {
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
		case x == top: // +Inf, too, whose difference would be NaN
			w = 1
		case x > negInf:
			w = math.Exp((float64(x) - float64(top)) / float64(temperature))
		}
		all += w
		green += w * float64(mask[i>>6]>>(i&63)&1)
	}
	return min(green/all, 1), true
}

// marks reports whether the mark marks the position that follows context, with this row.
func (m *Mark) marks(logits []float32, context []Token) bool {
	if m.in == nil && !m.scored && m.gate == 0 {
		return true
	}
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	return m.covers(&s.Scratch, context) && !m.isGated(s, logits)
}
