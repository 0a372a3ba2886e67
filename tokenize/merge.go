package tokenize

import (
	"math"
	"math/bits"
)

// A merger holds the memory of one call of Append for pieces that are not tokens.
type merger struct {
	parts  []part
	heap   []uint64
	unions []int32 // see mergePairsHeap
	last   pair    // the last that mergePairsHeap merged
	scan   struct {
		ids  [scanLimit + 1]int32  // of the part at each place
		keys [scanLimit + 1]uint32 // of that part and the next
	}
	limit int32 // if not 0, mergeScan and mergeHeap only merge to ids below it
	work  int   // number of steps, for the tests of its growth
}

// scanLimit is the largest length in bytes for which a scan of all pairs before each merge is cheaper
// than a heap of pairs.
const scanLimit = 63

// noRank is the rank of a pair that is not a token.
const noRank = math.MaxInt32

// window is how many bytes of a piece mergeLong merges at a time. They fit a cache, and are many compared
// with the tokens that are merged again.
const window = 1024

// merge appends the ids of piece, which is not empty.
func (m *merger) merge(dst []int32, v *vocabulary, piece []byte) []int32 {
	if len(piece) <= scanLimit {
		return m.mergeScan(dst, v, piece)
	}
	return m.mergeLong(dst, v, piece, window)
}

// mergeLong merges as if it took all of piece at once, but needs memory for a window of the given size
// only.
//
// Call a row of tokens right if its bytes merge to it. A row is right if each two neighbours are
// right. Proof: suppose that the bytes of the row merge to something else, and take the first merge
// across a boundary between two tokens. Until then no merge has crossed the ends of the two, so the
// bytes of the two alone reach this merge as well. Then the two are not right.
//
// So mergeLong merges a window together with the last few tokens before it, and with more of them
// until the one new boundary is right. The vocabulary bounds the number of these tokens, and the text
// does not: a merge only changes the pairs next to it.
func (m *merger) mergeLong(dst []int32, v *vocabulary, piece []byte, size int) []int32 {
	first, done := len(dst), 0 // dst[first:] are the ids of piece[:done]
	for done < len(piece) {
		keep, from := len(dst), done
		done = min(done+size, len(piece))
		for redo := 2; ; redo *= 2 {
			for range min(redo, keep-first) {
				keep--
				from -= len(v.token(dst[keep]))
			}
			all := m.mergeHeap(dst, v, piece[from:done])
			if keep == first || m.apart(v, all[keep-1], all[len(dst)], piece, from) {
				dst = append(all[:keep], all[len(dst):]...)
				break
			}
		}
	}
	return dst
}

// apart reports whether the bytes of left and right, which meet at piece[at], merge to left and right.
func (m *merger) apart(v *vocabulary, left, right int32, piece []byte, at int) bool {
	var array [8]int32
	ids := m.mergeHeap(array[:0], v, piece[at-len(v.token(left)):at+len(v.token(right))])
	return len(ids) == 2 && ids[0] == left
}

// rank returns the id of piece[i:end] as one token, or noRank.
func (m *merger) rank(v *vocabulary, piece []byte, i, end int32) int32 {
	m.work++
	return v.rank(piece[i:end])
}

// rankBelow is rank with the limit.
func (m *merger) rankBelow(v *vocabulary, piece []byte, i, end int32) int32 {
	if id := m.rank(v, piece, i, end); m.limit == 0 || id < m.limit {
		return id
	}
	return noRank
}

// mergeAlone merges a piece at once, whatever its length.
func (m *merger) mergeAlone(dst []int32, v *vocabulary, piece []byte) []int32 {
	if len(piece) <= scanLimit {
		return m.mergeScan(dst, v, piece)
	}
	return m.mergeHeap(dst, v, piece)
}

// mergeScan merges a piece of at most scanLimit bytes. Its time is quadratic in the length.
func (m *merger) mergeScan(dst []int32, v *vocabulary, piece []byte) []int32 {
	n := len(piece)
	if n == 1 {
		return append(dst, v.single[piece[0]])
	}
	limit := uint32(noKey)
	if m.limit != 0 {
		limit = uint32(m.limit) << placeBits
	}
	ids, keys := &m.scan.ids, &m.scan.keys
	ids[0] = v.single[piece[0]]
	for i := range n - 1 {
		ids[i+1] = v.single[piece[i+1]]
		keys[i] = keyOfPair(v.double[int(piece[i])<<8|int(piece[i+1])], i)
	}
	blocks := (n + 6) / 8 // of the n-1 pairs
	for i := n - 1; i < 8*blocks; i++ {
		keys[i] = noKey
	}
	alive := uint64(1)<<n<<1 - 1 // the starts of the parts, and the end of the piece
	work := n
	for {
		// The least rank, and of equal ones the first: the lower bits are the place.
		least := uint32(noKey)
		for k := range blocks {
			b := (*[8]uint32)(keys[8*k:])
			least = min(least, min(min(b[0], b[1]), min(b[2], b[3])), min(min(b[4], b[5]), min(b[6], b[7])))
		}
		work += 8 * blocks
		if least >= limit {
			break
		}
		i := int(least & (1<<placeBits - 1))
		after := alive & (^uint64(1) << i)
		keys[bits.TrailingZeros64(after)&63] = noKey
		alive &^= after & -after
		ids[i] = int32(least >> placeBits)
		after &= after - 1
		end := bits.TrailingZeros64(after) // of the merged part
		keys[i] = noKey
		if after &= after - 1; after != 0 {
			keys[i] = keyOfPair(v.rank(piece[i:bits.TrailingZeros64(after)]), i)
			work++
		}
		if before := alive & (1<<i - 1); before != 0 {
			i = bits.Len64(before) - 1
			keys[i] = keyOfPair(v.rank(piece[i:end]), i)
			work++
		}
	}
	m.work += work
	for alive &^= 1 << n; alive != 0; alive &= alive - 1 {
		dst = append(dst, ids[bits.TrailingZeros64(alive)&63])
	}
	return dst
}

// A key of mergeScan is the rank of a pair and, in the lower bits, its place. noKey is that of a pair that is
// not a token.
const (
	placeBits = 6
	noKey     = (maxID + 1) << placeBits
)

func keyOfPair(rank int32, place int) uint32 {
	return min(noKey, uint32(rank)<<placeBits) | uint32(place)
}

// A part is a token during a merge. Its index is its start in the piece.
type part struct {
	prev, next int32 // starts of the neighbours, -1 before the first
	id         int32
	rank       int32 // of the pair with the next part, noRank also if this part is gone
}

// mergeHeap merges a piece with a heap of pairs, ordered by rank and place. It drops a pair from the
// top of the heap if its rank has changed. A place never has the same rank again, because its pairs
// only grow.
func (m *merger) mergeHeap(dst []int32, v *vocabulary, piece []byte) []int32 {
	n := int32(len(piece))
	if cap(m.parts) < len(piece) {
		m.parts = make([]part, len(piece))
	}
	parts := m.parts[:n]
	m.heap = m.heap[:0]
	for i := range n {
		parts[i] = part{i - 1, i + 1, v.single[piece[i]], noRank}
		if i+2 <= n {
			m.push(parts, i, m.rankBelow(v, piece, i, i+2))
		}
	}
	for len(m.heap) > 0 {
		rank, i := m.pop()
		p := &parts[i]
		if p.rank != rank {
			continue
		}
		gone := &parts[p.next]
		gone.rank = noRank
		p.id = rank
		p.next = gone.next
		p.rank = noRank
		if p.next < n {
			parts[p.next].prev = i
			m.push(parts, i, m.rankBelow(v, piece, i, parts[p.next].next))
		}
		if p.prev >= 0 {
			m.push(parts, p.prev, m.rankBelow(v, piece, p.prev, p.next))
		}
	}
	for i := int32(0); i < n; i = parts[i].next {
		dst = append(dst, parts[i].id)
	}
	return dst
}

// push sets the rank of the pair at i, and enters the pair unless it is not a token.
func (m *merger) push(parts []part, i, rank int32) {
	parts[i].rank = rank
	if rank != noRank {
		m.heap = append(m.heap, uint64(rank)<<32|uint64(i))
		m.up(len(m.heap) - 1)
	}
}
