package lm

// A stream is the sequence of all training tokens, with a begin mark before each document and after
// each break.
type stream struct {
	ids []int32 // the begin mark is vocab
	// depth[i] is the number of tokens before i back to the begin mark, which counts as
	// one. It is at most MaxOrder. An n-gram ends at i if depth[i] >= n-1. It starts with
	// the begin mark if the two are equal. The mark itself has depth 0 and is only context.
	depth []uint8
}

func (s *stream) mark(vocab int) {
	s.ids, s.depth = append(s.ids, int32(vocab)), append(s.depth, 0)
}

func (s *stream) add(id int32) {
	d := s.depth[len(s.depth)-1]
	s.ids, s.depth = append(s.ids, id), append(s.depth, min(d+1, MaxOrder))
}

// endsAt reports whether the n tokens up to position i are an n-gram.
func (s *stream) endsAt(i int32, n int) bool {
	d := int(s.depth[i])
	return d > 0 && d >= n-1
}

// ngrams holds the distinct n-grams of one length, in lexicographic order.
type ngrams struct {
	ids   []int32  // last token
	rep   []int32  // the first position where the n-gram ends
	count []uint32 // occurrences, replaced by adjust
	rank  []int32  // for a position: the n-gram that ends there
	first []uint32 // for a parent, an n-gram one shorter: its first child. Then the number of n-grams.
}

// countAll returns the n-grams of each length up to order. The index of length 1 is the id, or vocab
// for the begin mark.
//
// It sorts with one stable counting sort per length. First it sorts the positions by their token.
// Then, in that order, it distributes them over the rank of the n-gram that ends one position
// earlier. This sorts them by the whole n-gram, because ranks are lexicographic. It needs no hash
// and no packed key.
func countAll(s *stream, vocab, order int) []ngrams {
	byToken := make([]int32, 0, len(s.ids))
	start := make([]uint32, vocab+2)
	one := ngrams{
		count: make([]uint32, vocab+1),
		rep:   make([]int32, vocab+1),
		rank:  s.ids,
	}
	for _, id := range s.ids {
		one.count[id]++
	}
	sum(start[1:], one.count)
	byToken = byToken[:len(s.ids)]
	for i, id := range s.ids {
		byToken[start[id]] = int32(i)
		start[id]++
	}
	for i := len(s.ids) - 1; i >= 0; i-- {
		one.rep[s.ids[i]] = int32(i)
	}
	byToken = byToken[:len(byToken)-int(one.count[vocab])] // the begin marks sort last
	one.count[vocab] = 0                                   // no context predicts a begin mark

	all := make([]ngrams, 1, order)
	all[0] = one
	for n := 2; n <= order; n++ {
		prev := &all[n-2]
		all = append(all, countOne(s, byToken, prev.rank, len(prev.count), n))
	}
	return all
}

// countOne returns the n-grams of length n. prev holds the rank of the n-gram one shorter at each
// position, and parents is the number of those n-grams.
func countOne(s *stream, byToken, prev []int32, parents, n int) ngrams {
	size := make([]uint32, parents)
	total := 0
	for _, i := range byToken {
		if s.endsAt(i, n) {
			size[prev[i-1]]++
			total++
		}
	}
	next := make([]uint32, parents+1)
	sum(next[1:], size)
	sorted := make([]int32, total)
	for _, i := range byToken {
		if s.endsAt(i, n) {
			p := prev[i-1]
			sorted[next[p]] = i
			next[p]++
		}
	}

	g := ngrams{rank: make([]int32, len(s.ids)), first: make([]uint32, parents+1)}
	distinct := 0
	for k, i := range sorted {
		if k == 0 || s.ids[i] != s.ids[sorted[k-1]] || prev[i-1] != prev[sorted[k-1]-1] {
			distinct++
		}
	}
	g.ids, g.rep = make([]int32, 0, distinct), make([]int32, 0, distinct)
	g.count = make([]uint32, 0, distinct)
	k := 0
	for p, c := range size {
		g.first[p] = uint32(len(g.ids))
		for end := k + int(c); k < end; k++ {
			i := sorted[k]
			if last := len(g.ids); last == int(g.first[p]) || g.ids[last-1] != s.ids[i] {
				g.ids, g.rep, g.count = append(g.ids, s.ids[i]), append(g.rep, i), append(g.count, 0)
			}
			g.count[len(g.count)-1]++
			g.rank[i] = int32(len(g.ids) - 1)
		}
	}
	g.first[parents] = uint32(len(g.ids))
	return g
}

// adjust replaces the counts below the highest order by the number of distinct tokens before the
// n-gram. An n-gram that starts with the begin mark has no token before it and keeps its count.
func adjust(s *stream, all []ngrams) {
	for n := 1; n < len(all); n++ {
		g, longer := &all[n-1], &all[n]
		for r, i := range g.rep {
			if int(s.depth[i]) != n-1 {
				g.count[r] = 0
			}
		}
		for _, i := range longer.rep {
			g.count[g.rank[i]]++
		}
	}
}

// sum sets dst[i] to the sum of size[0] to size[i]. dst is as long as size, or shorter.
func sum(dst, size []uint32) {
	var t uint32
	for i := range dst {
		t += size[i]
		dst[i] = t
	}
}
