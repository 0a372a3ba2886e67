package watermark

import "slices"

// ScoredOnly makes a mark leave alone what no test can score. A keyed draw or a bias there costs text
// and gives no evidence. It is the option behind [MarkedScored].
//
// Two kinds of positions stay unmarked. One is a position with fewer than Width tokens of its own text
// before it. A test of the published text does not know its context. Requests that end alike, as chat
// templates do, would also begin their answers alike there. The text of a [Sequence] begins after the
// prompt, or where [Sequence.BeginText] says. The other kind is a position whose context has an id
// outside the vocabulary.
//
// Exempt are ids that the mark neither favours nor disfavours: those that end a turn, call a tool, or
// separate thinking from an answer. They are drawn with the probability that they have without the
// mark. A bias and a keyed draw are among the other tokens. A [Bias] of the caller only leaves their
// logits alone.
//
// An engine that adds a [Sequence.Mask] to its logits adds [Mark.ExemptShift] to those of exempt ids,
// where the delta of the Mask is not 0.
type ScoredOnly struct {
	Exempt []Token // ids below the vocabulary size, each once
}

func (o ScoredOnly) apply(to *options) error {
	to.scored = true
	to.exempt = slices.Clone(o.Exempt)
	slices.Sort(to.exempt)
	return nil
}

// exemptIDs is a set of ids. A nil set is empty.
type exemptIDs struct {
	ids  []Token  // in ascending order
	bits []uint64 // of each id up to the largest
}

// newExempt returns the set of ids, which are in ascending order and below vocab, or an error.
func newExempt(ids []Token, vocab int) (*exemptIDs, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	for i, id := range ids {
		if id < 0 || int(id) >= vocab || i > 0 && ids[i-1] >= id {
			return nil, exemptError(id, i, vocab)
		}
	}
	e := &exemptIDs{ids: ids, bits: make([]uint64, ids[len(ids)-1]/64+1)}
	for _, id := range ids {
		e.bits[id/64] |= 1 << (id % 64)
	}
	return e, nil
}

// exemptError is about the id at index i of Exempt.
func exemptError(id Token, i, vocab int) error {
	if int(id) >= vocab {
		return paramError("exempt", "holds id %d at index %d, which is not below the vocabulary size %d; marked text never has such an id, so no turn could end with one; set vocab to the number of logits in a row", id, i, vocab)
	}
	return paramError("exempt", "holds id %d at index %d, where ascending ids are needed, none below 0", id, i)
}

// has reports whether an id is in the set.
func (e *exemptIDs) has(id Token) bool {
	if e == nil {
		return false
	}
	word := uint32(id) / 64 // a negative id becomes a large one
	return int(word) < len(e.bits) && e.bits[word]>>(uint32(id)%64)&1 == 1
}

// within returns the ids below n.
func (e *exemptIDs) within(n int) []Token {
	if e == nil {
		return nil
	}
	i, _ := slices.BinarySearch(e.ids, Token(min(n, MaxVocab)))
	return e.ids[:i]
}

// unmask clears the bits of the set in a bitmap of the first n ids.
func (e *exemptIDs) unmask(bitmap []uint64, n int) {
	for _, id := range e.within(n) {
		bitmap[id/64] &^= 1 << (id % 64)
	}
}

// save appends the entries of the set in a row to dst.
func (e *exemptIDs) save(dst, row []float32) []float32 {
	for _, id := range e.within(len(row)) {
		dst = append(dst, row[id])
	}
	return dst
}

// restore writes back what save returned.
func (e *exemptIDs) restore(row, saved []float32) {
	for i, x := range saved {
		row[e.ids[i]] = x
	}
}

// split decides between the exempt candidates and the others, for a draw with the random number u.
// If it falls to an exempt one, it returns that one's index, or else -1. The exempt candidates then
// have weight 0, and rest in [0,1) is a random number for a draw among the others.
//
// Let W be the sum of all weights, and E that of the exempt ones. The draw is exempt if u W < E. So each
// token keeps its probability.
func (e *exemptIDs) split(list []candidate, u float64) (chosen int, rest float64) {
	if e == nil {
		return -1, u
	}
	var all, exempt float64
	for _, c := range list {
		all += c.weight
		if e.has(c.id) {
			exempt += c.weight
		}
	}
	if exempt == 0 {
		return -1, u
	}
	if u*all < exempt || exempt >= all {
		sum := 0.0
		last := -1
		for i, c := range list {
			if c.weight == 0 || !e.has(c.id) {
				continue
			}
			last = i
			if sum += c.weight; sum > u*all {
				break
			}
		}
		return last, u
	}
	for i := range list {
		if e.has(list[i].id) {
			list[i].weight = 0
		}
	}
	return -1, min((u*all-exempt)/(all-exempt), 1-0x1p-53)
}
