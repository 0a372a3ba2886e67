package lm

import (
	"fmt"
	"sort"
)

// Logits sets dst[id] to the natural logarithm of the probability of id after context. The
// exponentials sum to 1, and an id that is not usable has -Inf. Logits panics unless dst has length
// Vocab().
//
// The context is the text so far, including the prompt, with the newest token last. The caller may
// pass all of it, or at least its last Order()-1 tokens. A shorter context is the beginning of a
// text. Tokens before an id outside the vocabulary do not count.
//
// Logits copies one row, and corrects the entries of tokens seen after the context and its shorter
// suffixes. It does not allocate.
func (m *Model) Logits(dst []float32, context []int32) {
	if len(dst) != m.vocab {
		panic(fmt.Sprintf("lm: row of %d logits, want %d", len(dst), m.vocab))
	}
	p := m.find(context)
	addTo(dst, m.base, p.weight[0])
	// A longer suffix overwrites the entries of a shorter one.
	for n := 1; n <= p.depth; n++ {
		parent, l := &m.levels[n-1], &m.levels[n]
		lo, hi := parent.first[p.node[n]], parent.first[p.node[n]+1]
		ids, lp := l.ids[lo:hi], l.lp[lo:hi]
		w := p.weight[n]
		for i, id := range ids {
			dst[id] = lp[i] + w
		}
	}
}

// LogProb returns the entry of next in the row of Logits, without computing the row. An id outside the
// vocabulary has -Inf.
func (m *Model) LogProb(context []int32, next int32) float64 {
	if uint32(next) >= uint32(m.vocab) {
		return negInf
	}
	p := m.find(context)
	return m.logProb(&p, next)
}

// logProb is LogProb after the context of a path.
func (m *Model) logProb(p *path, next int32) float64 {
	if uint32(next) >= uint32(m.vocab) {
		return negInf
	}
	for n := p.depth; n >= 1; n-- {
		if c, ok := m.child(n, p.node[n], next); ok {
			return float64(m.levels[n].lp[c] + p.weight[n])
		}
	}
	return float64(m.base[next] + p.weight[0])
}

// State names the law after a context: contexts of one state have one row of Logits. It is the place of
// the longest suffix that was seen in training.
func (m *Model) State(context []int32) uint64 {
	p := m.find(context)
	return uint64(p.depth)<<32 | uint64(p.node[p.depth])
}

// StateLogProbs appends LogProb of each id after the contexts of a state to dst. It panics if State did
// not return the state.
func (m *Model) StateLogProbs(dst []float64, state uint64, ids []int32) []float64 {
	p := m.path(m.ngram(int(state>>32), uint32(state)))
	for _, id := range ids {
		dst = append(dst, m.logProb(&p, id))
	}
	return dst
}

// ngram returns the tokens of a node at a level.
func (m *Model) ngram(length int, node uint32) []int32 {
	h := make([]int32, length)
	for n := length - 1; n >= 1; n-- {
		h[n] = m.levels[n].ids[node]
		// The parent is the last node whose children do not begin after this one.
		first := m.levels[n-1].first
		node = uint32(sort.Search(len(first), func(i int) bool { return first[i] > node })) - 1
	}
	if length > 0 {
		h[0] = int32(node)
	}
	return h
}

// A path is the place of a context in the trie.
type path struct {
	depth int // length of the longest suffix that was seen in training
	// node[n] is the node of the suffix of n tokens. weight[n] is the logarithm of the
	// weight that longer suffixes leave to it.
	node   [MaxOrder]uint32
	weight [MaxOrder]float32
}

// find returns the path of a context.
func (m *Model) find(context []int32) path {
	var buf [MaxOrder]int32
	return m.path(m.history(&buf, context))
}

// path returns the path of the tokens that count. It stops at the first unseen suffix, because all
// longer ones are unseen, too.
func (m *Model) path(h []int32) (p path) {
	var bo [MaxOrder]float32
	for n := 1; n <= len(h); n++ {
		node, ok := m.node(h[len(h)-n:])
		if !ok {
			break
		}
		p.depth, p.node[n], bo[n] = n, node, m.levels[n-1].bo[node]
	}
	for n := p.depth; n >= 1; n-- {
		p.weight[n-1] = p.weight[n] + bo[n]
	}
	return p
}

// history writes the tokens that count to the end of buf and returns them. They are at most order-1
// tokens, back to the begin mark before the text or after a break.
func (m *Model) history(buf *[MaxOrder]int32, context []int32) []int32 {
	n := 0 // tokens kept
	for n < m.order-1 {
		begin := n == len(context)
		if !begin {
			id := context[len(context)-1-n]
			if uint32(id) >= uint32(m.vocab) {
				break
			}
			if begin = m.isBreak(id); !begin {
				n++
				buf[MaxOrder-n] = id
			}
		}
		if begin {
			n++
			buf[MaxOrder-n] = int32(m.vocab)
			break
		}
	}
	return buf[MaxOrder-n:]
}

// node returns the node of an n-gram.
func (m *Model) node(h []int32) (uint32, bool) {
	at, ok := uint32(h[0]), true
	for n := 1; n < len(h); n++ {
		if at, ok = m.child(n, at, h[n]); !ok {
			return 0, false
		}
	}
	return at, true
}

// child returns the child of a node of length n by its token.
func (m *Model) child(n int, node uint32, id int32) (uint32, bool) {
	first, ids := m.levels[n-1].first, m.levels[n].ids
	lo, hi := first[node], first[node+1]
	end := hi
	for lo < hi {
		mid := lo + (hi-lo)/2
		if ids[mid] < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < end && ids[lo] == id
}

// addTo sets dst[i] = src[i] + c. It takes most of the time of Logits. It is unrolled, so that the
// compiler drops the bounds checks.
func addTo(dst, src []float32, c float32) {
	dst = dst[:len(src)]
	for len(src) >= 8 {
		s, d := (*[8]float32)(src), (*[8]float32)(dst)
		d[0] = s[0] + c
		d[1] = s[1] + c
		d[2] = s[2] + c
		d[3] = s[3] + c
		d[4] = s[4] + c
		d[5] = s[5] + c
		d[6] = s[6] + c
		d[7] = s[7] + c
		src, dst = src[8:], dst[8:]
	}
	for i, x := range src {
		dst[i] = x + c
	}
}
