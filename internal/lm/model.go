package lm

import "fmt"

// MaxOrder is the longest n-gram a model can have.
const MaxOrder = 8

// A Model gives the probability of every token after a context. It is immutable and
// safe for concurrent use. Models come from [Train] and [Load].
type Model struct {
	order  int
	vocab  int
	tokens int64 // trained on
	digest string

	// The n-grams are a trie in which a path reads forward: the children of the
	// node of (a, b) are the tokens seen after "a b". Children lie side by side,
	// sorted by id, so a context is found by one binary search a token.
	//
	// Everything a step needs is a logarithm computed beforehand, in the back-off
	// form of an interpolated model: ln p(w|h) = lp(hw) where hw was seen, and
	// bo(h) + ln p(w|h') where it was not, with bo = ln g. The two forms are equal,
	// because lp already contains the lower orders' share.
	base   []float32 // ln p(w) for each id, -Inf where it is not usable
	levels []level   // levels[n-1] holds the n-grams

	breaks    []int32  // ids after which a text starts anew, ascending
	breakBits []uint64 // the same as a bitmap
}

// A level holds the n-grams of one length, in lexicographic order. The first level
// is dense: its index is the id itself, and one more, vocab, is the begin mark.
type level struct {
	ids []int32   // last token; nil at the first level
	lp  []float32 // ln p(last token | those before); nil at the first level, see base
	// Absent at the last level, which has no children:
	bo    []float32 // ln of the weight left to the shorter context
	first []uint32  // children are [first[i], first[i+1]) of the next level
}

// Order is the length of the longest n-gram: a context of Order()-1 tokens counts.
func (m *Model) Order() int { return m.order }

// Vocab is the number of ids, and the length of a row of logits.
func (m *Model) Vocab() int { return m.vocab }

// Tokens is the number of tokens the model was trained on.
func (m *Model) Tokens() int64 { return m.tokens }

// Digest names the model: "sha256:" and the hash of its encoding.
func (m *Model) Digest() string { return m.digest }

// String describes the model in one line.
func (m *Model) String() string {
	n := 0
	for _, l := range m.levels {
		n += len(l.ids)
	}
	return fmt.Sprintf("%d-gram model of %d ids, %d tokens, %d n-grams", m.order, m.vocab, m.tokens, n)
}

func (m *Model) isBreak(id int32) bool {
	return m.breakBits[uint32(id)/64]>>(uint32(id)%64)&1 != 0
}

func (m *Model) setBreaks(ids []int32) {
	m.breaks = ids
	m.breakBits = make([]uint64, (m.vocab+63)/64)
	for _, id := range ids {
		m.breakBits[id/64] |= 1 << (id % 64)
	}
}
