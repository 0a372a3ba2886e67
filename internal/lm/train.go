package lm

import (
	"errors"
	"fmt"
	"math"
)

// DefaultOrder is the order if Options.Order is 0.
const DefaultOrder = 5

// Options holds parameters of [Train]. The zero value is sound.
type Options struct {
	Order int // 1 to MaxOrder, or 0 for DefaultOrder

	// Usable reports whether the model may generate an id. Nil means all ids. The ids of the
	// training text must be usable.
	Usable func(id int32) bool

	// Break reports whether a new text starts after an id, such as one that ends a
	// paragraph. Nil means after no id.
	Break func(id int32) bool
}

// maxTokens keeps positions and ranks, including begin marks, within 31 bits.
const maxTokens = 1 << 30

// ErrEmpty is the error of a corpus without text.
var ErrEmpty = errors.New("no text to train on")

// Train returns a model of documents. Each document is a sequence of ids below vocab. The same
// documents in the same order give the same model on every machine. The model does not keep docs.
//
// It returns an error if the order or vocab is outside its range, if an id is outside the vocabulary
// or not usable, or if there are too many tokens. Without tokens the error wraps [ErrEmpty].
func Train(docs [][]int32, vocab int, o Options) (*Model, error) {
	if o.Order == 0 {
		o.Order = DefaultOrder
	}
	if o.Order < 1 || o.Order > MaxOrder {
		return nil, fmt.Errorf("lm: order %d is not between 1 and %d", o.Order, MaxOrder)
	}
	if vocab < 1 || vocab >= math.MaxInt32-1 {
		return nil, fmt.Errorf("lm: vocabulary size %d is not between 1 and %d", vocab, math.MaxInt32-2)
	}
	usable := make([]bool, vocab)
	numUsable := 0
	m := &Model{order: o.Order, vocab: vocab}
	var breaks []int32
	for i := range usable {
		id := int32(i)
		if usable[i] = o.Usable == nil || o.Usable(id); usable[i] {
			numUsable++
		}
		if o.Break != nil && o.Break(id) {
			breaks = append(breaks, id)
		}
	}
	m.setBreaks(breaks)

	s, err := m.layOut(docs, usable)
	if err != nil {
		return nil, err
	}
	all := countAll(s, vocab, o.Order)
	adjust(s, all)
	m.weigh(all, usable, numUsable)
	m.digest = digestOf(m)
	return m, nil
}

// layOut returns the stream of the documents.
func (m *Model) layOut(docs [][]int32, usable []bool) (*stream, error) {
	var size int64
	for d, doc := range docs {
		m.tokens += int64(len(doc))
		size += int64(len(doc)) + 1
		for i, id := range doc {
			if uint32(id) >= uint32(m.vocab) {
				return nil, fmt.Errorf("lm: document %d, token %d: id %d is outside the vocabulary of %d ids",
					d, i, id, m.vocab)
			}
			if !usable[id] {
				return nil, fmt.Errorf("lm: document %d, token %d: id %d is not usable", d, i, id)
			}
			if m.isBreak(id) {
				size++
			}
		}
	}
	if m.tokens == 0 {
		return nil, fmt.Errorf("lm: %w", ErrEmpty)
	}
	if size > maxTokens {
		return nil, fmt.Errorf("lm: too many tokens: %d (maximum %d with begin marks)", m.tokens, maxTokens)
	}
	s := &stream{ids: make([]int32, 0, size), depth: make([]uint8, 0, size)}
	for _, doc := range docs {
		begin := true
		for _, id := range doc {
			if begin {
				s.mark(m.vocab)
			}
			s.add(id)
			begin = m.isBreak(id)
		}
	}
	return s, nil
}

// weigh turns adjusted counts into probabilities. It starts with the shortest n-grams, because each
// length uses the one before. Conversions to float64 around products forbid fused arithmetic, so the
// result is the same on every machine.
func (m *Model) weigh(all []ngrams, usable []bool, numUsable int) {
	m.levels = make([]level, len(all))

	// Single tokens use the uniform distribution.
	one := &all[0]
	d := discountsOf(one.count)
	total, left := weights(one.count, &d)
	floor := left / float64(numUsable)
	p := make([]float64, m.vocab)
	m.base = make([]float32, m.vocab)
	for id := range p {
		if c := one.count[id]; c > 0 {
			p[id] = (float64(c)-d.of(c))/total + floor
		} else {
			p[id] = floor
		}
		m.base[id] = float32(negInf)
		if usable[id] {
			m.base[id] = float32(ln(p[id]))
		}
	}

	for n := 2; n <= len(all); n++ {
		g, shorter := &all[n-1], &all[n-2]
		parents := len(shorter.count)
		d := discountsOf(g.count)
		l := &m.levels[n-1]
		l.ids, l.lp = g.ids, make([]float32, len(g.ids))
		up := &m.levels[n-2]
		up.first, up.bo = g.first, make([]float32, parents)
		q := make([]float64, len(g.ids))
		for parent := range parents {
			lo, hi := g.first[parent], g.first[parent+1]
			if lo == hi {
				continue // no token was seen after it, so the shorter context has all the weight
			}
			total, left := weights(g.count[lo:hi], &d)
			up.bo[parent] = float32(ln(left))
			for c := lo; c < hi; c++ {
				below := p[shorter.rank[g.rep[c]]] // the same n-gram without its oldest token
				q[c] = (float64(g.count[c])-d.of(g.count[c]))/total + float64(left*below)
				l.lp[c] = float32(ln(q[c]))
			}
		}
		p = q
	}
}

// discountsOf estimates the discounts of one length from its counts.
func discountsOf(counts []uint32) discount {
	var n [4]int64
	for _, c := range counts {
		if c >= 1 && c <= 4 {
			n[c-1]++
		}
	}
	return estimate(n)
}

// weights returns c(h), the sum of the counts after one context, and g(h), the share of c(h) that the
// discounts take off.
func weights(counts []uint32, d *discount) (total, left float64) {
	var t int64
	var n [3]int64
	for _, c := range counts {
		t += int64(c)
		if c > 0 {
			n[min(c, 3)-1]++
		}
	}
	total = float64(t)
	left = float64(d[0]*float64(n[0])) + float64(d[1]*float64(n[1])) + float64(d[2]*float64(n[2]))
	return total, left / total
}
