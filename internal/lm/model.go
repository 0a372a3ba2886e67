package lm

import "fmt"

// MaxOrder is the largest length of an n-gram.
const MaxOrder = 8

// A Model gives the probability of every token after a context. It is immutable and safe for
// concurrent use. [Train] and [Load] return models.
type Model struct {
	order  int
	vocab  int
	tokens int64 // of the training text
	digest string

	// The n-grams form a trie whose paths read forward: the children of the node of
	// (a, b) are the tokens seen after "a b". Children are adjacent and sorted by id, so
	// finding a context takes one binary search per token.
	//
	// The trie holds logarithms, in the back-off form of an interpolated model:
	// ln p(w|h) is lp(hw) if hw was seen, or else bo(h) + ln p(w|h') with bo = ln g. The
	// two forms are equal, because lp includes the share of the lower orders.
	base   []float32 // ln p(w) for each id, -Inf if it is not usable
	levels []level   // levels[n-1] holds the n-grams

	breaks    []int32  // ids after which a new text starts, ascending
	breakBits []uint64 // the same as a bitmap
}

// A level holds the n-grams of one length, in lexicographic order. The index of the first level is the
// id itself, and vocab for the begin mark.
type level struct {
	ids []int32   // last token, nil at the first level
	lp  []float32 // ln p(last token | tokens before), nil at the first level, see base
	// The last level has no children, and neither bo nor first.
	bo    []float32 // ln of the weight of the shorter context
	first []uint32  // children are [first[i], first[i+1]) of the next level
}

// Order returns the length of the longest n-gram. The last Order()-1 tokens of a context count.
func (m *Model) Order() int { return m.order }

// Vocab returns the number of ids, which is the length of a row of logits.
func (m *Model) Vocab() int { return m.vocab }

// Tokens returns the number of tokens of the training text.
func (m *Model) Tokens() int64 { return m.tokens }

// Digest returns "sha256:" and the hash of the encoding of the model.
func (m *Model) Digest() string { return m.digest }

// String returns a line that describes the model.
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
