package tokenize

import (
	"math/bits"
	"unicode/utf8"
)

// A pairTable holds the pairs of tokens that merge, in an open hash table that is at most half full.
type pairTable struct {
	slots  []pair
	count  int
	probes int // slots that were read to fill the table
}

// A pair is two tokens that merge. A pair whose id is -1 is an empty slot.
type pair struct {
	left, right int32
	rank, id    int32
}

func newPairTable(most int) *pairTable {
	t := &pairTable{slots: make([]pair, 2<<bits.Len(uint(most)))}
	for i := range t.slots {
		t.slots[i].id = -1
	}
	return t
}

func (t *pairTable) home(left, right int32) int {
	return int(mix(uint64(uint32(left))<<32|uint64(uint32(right)), 8) & uint64(len(t.slots)-1))
}

// add enters a pair, and reports whether it is new. The first rank of a pair stays, or the last one.
func (t *pairTable) add(p pair, last bool) bool {
	i := t.home(p.left, p.right)
	for t.slots[i].id >= 0 {
		t.probes++
		if t.slots[i].left == p.left && t.slots[i].right == p.right {
			if last {
				t.slots[i] = p
			}
			return false
		}
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = p
	t.count++
	return true
}

// find returns the rank and the union of a pair, or noRank.
func (t *pairTable) find(left, right int32) (rank, id int32) {
	for i := t.home(left, right); ; i = (i + 1) & (len(t.slots) - 1) {
		p := &t.slots[i]
		if p.id < 0 {
			return noRank, -1
		}
		if p.left == left && p.right == right {
			return p.rank, p.id
		}
	}
}

// mergePairs appends the ids of a piece for a vocabulary whose pairs have ranks of their own.
func (m *merger) mergePairs(dst []int32, e *BPE, piece []byte) []int32 {
	if len(piece) <= window {
		return m.mergePairsHeap(dst, e, piece)
	}
	return m.mergePairsLong(dst, e, piece, window)
}

// mergePairsLong is mergeLong for pairs. A window ends at a character.
func (m *merger) mergePairsLong(dst []int32, e *BPE, piece []byte, size int) []int32 {
	first, done := len(dst), 0 // dst[first:] are the ids of piece[:done]
	for done < len(piece) {
		keep, from := len(dst), done
		done = min(done+size, len(piece))
		for back := 0; back < utf8.UTFMax && done < len(piece) && !utf8.RuneStart(piece[done]); back++ {
			done--
		}
		for redo := 2; ; redo *= 2 {
			for range min(redo, keep-first) {
				keep--
				from -= len(e.vocab.token(dst[keep]))
			}
			all := m.mergePairsHeap(dst, e, piece[from:done])
			if keep == first || m.apartPairs(e, all[keep-1], all[len(dst)], piece, from) {
				dst = append(all[:keep], all[len(dst):]...)
				break
			}
		}
	}
	return dst
}

func (m *merger) apartPairs(e *BPE, left, right int32, piece []byte, at int) bool {
	var array [8]int32
	ids := m.mergePairsHeap(array[:0], e, piece[at-len(e.vocab.token(left)):at+len(e.vocab.token(right))])
	return len(ids) == 2 && ids[0] == left
}

// mergePairsHeap merges a piece with a heap of pairs, as mergeHeap does. A place never has the same rank
// again, because its pairs only grow.
func (m *merger) mergePairsHeap(dst []int32, e *BPE, piece []byte) []int32 {
	t := e.pairs
	start := len(dst)
	dst = e.appendSymbols(dst, piece)
	n := int32(len(dst) - start)
	if cap(m.parts) < int(n) {
		m.parts = make([]part, max(n, 64))
	}
	parts := m.parts[:n]
	if cap(m.unions) < int(n) {
		m.unions = make([]int32, max(n, 64))
	}
	unions := m.unions[:n] // unions[i] is the id of the pair at i
	m.heap = m.heap[:0]
	for i := range n {
		parts[i] = part{i - 1, i + 1, dst[start+int(i)], noRank}
		if i+1 < n {
			m.work++
			rank, id := t.find(dst[start+int(i)], dst[start+int(i)+1])
			unions[i] = id
			m.push(parts, i, rank)
		}
	}
	dst = dst[:start]
	for len(m.heap) > 0 {
		rank, i := m.pop()
		p := &parts[i]
		if p.rank != rank {
			continue
		}
		gone := &parts[p.next]
		m.last = pair{p.id, gone.id, rank, unions[i]}
		gone.rank = noRank
		p.id = unions[i]
		p.next = gone.next
		p.rank = noRank
		if p.next < n {
			parts[p.next].prev = i
			m.work++
			next, id := t.find(p.id, parts[p.next].id)
			unions[i] = id
			m.push(parts, i, next)
		}
		if p.prev >= 0 {
			m.work++
			before, id := t.find(parts[p.prev].id, p.id)
			unions[p.prev] = id
			m.push(parts, p.prev, before)
		}
	}
	for i := int32(0); i < n; i = parts[i].next {
		dst = append(dst, parts[i].id)
	}
	return dst
}

// appendSymbols appends the ids that a piece consists of before any merge: its bytes in a byte-level
// vocabulary, or else its characters. A character without a token becomes its bytes, and so does a byte
// that is not UTF-8.
func (e *BPE) appendSymbols(dst []int32, piece []byte) []int32 {
	if e.bytes == nil {
		for _, b := range piece {
			dst = append(dst, e.vocab.single[b])
		}
		return dst
	}
	for i := 0; i < len(piece); {
		if b := piece[i]; b < utf8.RuneSelf {
			if id := e.vocab.single[b]; id >= 0 {
				dst = append(dst, id)
			} else {
				dst = append(dst, e.bytes[b])
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(piece[i:])
		if r != utf8.RuneError || n > 1 {
			if id := e.vocab.find(piece[i : i+n]); id >= 0 {
				dst = append(dst, id)
				i += n
				continue
			}
		}
		for range n {
			dst = append(dst, e.bytes[piece[i]])
			i++
		}
	}
	return dst
}

// A junction is the last byte of one token and the first byte of the next. junctions holds those at which
// a pair of the vocabulary merges. A text can be cut at any other place without a change of its ids.
type junctions [256][4]uint64

func (j *junctions) add(left, right byte)      { j[left][right>>6] |= 1 << (right & 63) }
func (j *junctions) has(left, right byte) bool { return j[left][right>>6]>>(right&63)&1 != 0 }

// cut is a stage: it ends a piece where nothing merges across.
func (j *junctions) cut(text []byte, i int) int {
	for i++; i < len(text); i++ {
		if utf8.RuneStart(text[i]) && !j.has(text[i-1], text[i]) {
			break
		}
	}
	return i
}
