package tokenize

import "math"

// A merger holds the memory of one call of Append, for pieces that need it.
type merger struct {
	parts []part
	heap  []uint64
	work  int // steps taken, for the tests of its growth
}

// scanLimit is the length in bytes up to which looking at every pair before each
// merge is cheaper than to keep the pairs in order.
const scanLimit = 96

// noRank is the rank of a pair that is no token.
const noRank = math.MaxInt32

// window is how many bytes of a piece mergeLong takes at a time: few enough for a
// cache, and many against the redone tokens.
const window = 1024

// merge appends the ids of piece, which is not empty.
func (m *merger) merge(dst []int32, v *vocabulary, piece []byte) []int32 {
	if len(piece) <= scanLimit {
		return m.mergeScan(dst, v, piece)
	}
	return m.mergeLong(dst, v, piece, window)
}

// mergeLong takes memory for a window of the given size only, and yet merges as if
// all of piece at once.
//
// A row of tokens is what its bytes merge to if this holds for each two neighbours.
// For take the first merge across a boundary between two of them. Until then no
// merge has crossed the ends of the two, so merging just their bytes comes to it too,
// and does not give the two. So a window is merged along with the last few tokens
// before it, more if need be, until the one new boundary holds. How many may be
// needed is a matter of the vocabulary and not of the text, for a merge changes
// only what the next rank sees beside it.
func (m *merger) mergeLong(dst []int32, v *vocabulary, piece []byte, size int) []int32 {
	first, done := len(dst), 0 // from first on are the ids of so many bytes
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

// apart reports whether left and right, which meet at piece[at], are what their
// bytes merge to.
func (m *merger) apart(v *vocabulary, left, right int32, piece []byte, at int) bool {
	var array [8]int32
	ids := m.mergeHeap(array[:0], v, piece[at-len(v.token(left)):at+len(v.token(right))])
	return len(ids) == 2 && ids[0] == left
}

// rank returns the id of the bytes from i to end as one token, or noRank.
func (m *merger) rank(v *vocabulary, piece []byte, i, end int32) int32 {
	m.work++
	if id := v.find(piece[i:end]); id >= 0 {
		return id
	}
	return noRank
}

// mergeScan takes time quadratic in the length of piece, at most scanLimit.
func (m *merger) mergeScan(dst []int32, v *vocabulary, piece []byte) []int32 {
	type part struct{ start, id, rank int32 } // rank is of the pair with the next part
	var array [scanLimit + 1]part
	n := len(piece)
	parts := array[:n+1]
	for i, b := range piece {
		parts[i] = part{int32(i), v.single[b], noRank}
		if i+2 <= n {
			parts[i].rank = m.rank(v, piece, int32(i), int32(i+2))
		}
	}
	parts[n] = part{int32(n), -1, noRank} // only an end
	for {
		least := 0
		for i := range parts {
			if parts[i].rank < parts[least].rank {
				least = i
			}
		}
		m.work += len(parts)
		p := &parts[least]
		if p.rank == noRank {
			break
		}
		p.id = p.rank
		copy(parts[least+1:], parts[least+2:])
		parts = parts[:len(parts)-1]
		p.rank = noRank
		if least+2 < len(parts) {
			p.rank = m.rank(v, piece, p.start, parts[least+2].start)
		}
		if least > 0 {
			parts[least-1].rank = m.rank(v, piece, parts[least-1].start, parts[least+1].start)
		}
	}
	for _, p := range parts[:len(parts)-1] {
		dst = append(dst, p.id)
	}
	return dst
}

// A part is a token so far, in a list of those at their starts in a piece.
type part struct {
	prev, next int32 // starts of the neighbours; -1 before the first
	id         int32
	rank       int32 // of the pair with the next part; noRank also if merged away
}

// mergeHeap keeps the pairs in a heap by rank and place. One whose rank has
// changed since is dropped when it comes up; a place never sees a rank again, as
// its pairs only grow.
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
			m.push(parts, i, m.rank(v, piece, i, i+2))
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
			m.push(parts, i, m.rank(v, piece, i, parts[p.next].next))
		}
		if p.prev >= 0 {
			m.push(parts, p.prev, m.rank(v, piece, p.prev, p.next))
		}
	}
	for i := int32(0); i < n; i = parts[i].next {
		dst = append(dst, parts[i].id)
	}
	return dst
}

// push notes the rank of the pair at i.
func (m *merger) push(parts []part, i, rank int32) {
	parts[i].rank = rank
	if rank != noRank {
		m.heap = append(m.heap, uint64(rank)<<32|uint64(i))
		m.up(len(m.heap) - 1)
	}
}
