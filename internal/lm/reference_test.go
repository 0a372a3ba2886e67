package lm

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A reference evaluates the formulas of the package comment directly on the text. It uses maps and
// recursion, and is slow.
type reference struct {
	order, vocab int
	usable       []bool
	breaks       map[int32]bool
	raw          map[string]int            // n-gram -> occurrences
	left         map[string]map[int32]bool // n-gram -> tokens seen before it
	next         map[string]map[int32]bool // n-gram -> tokens seen after it
	d            []discount                // index: length
}

func key(ids []int32) string { return fmt.Sprint(ids) }

func newReference(docs [][]int32, vocab int, o Options) *reference {
	r := &reference{
		order: o.Order, vocab: vocab, breaks: map[int32]bool{},
		raw: map[string]int{}, left: map[string]map[int32]bool{}, next: map[string]map[int32]bool{},
	}
	for id := range int32(vocab) {
		r.usable = append(r.usable, o.Usable == nil || o.Usable(id))
		r.breaks[id] = o.Break != nil && o.Break(id)
	}
	lengths := map[string]int{}
	for _, doc := range docs {
		for i, w := range doc {
			h := r.history(doc[:i], i+1) // the whole history
			for n := 1; n <= min(o.Order, len(h)+1); n++ {
				u := append(append([]int32{}, h[len(h)-n+1:]...), w)
				r.raw[key(u)]++
				lengths[key(u)] = n
				put(r.next, key(u[:n-1]), w)
				if n <= len(h) {
					put(r.left, key(u), h[len(h)-n])
				}
			}
		}
	}
	r.d = make([]discount, o.Order+1)
	for n := 1; n <= o.Order; n++ {
		var counts [4]int64
		for u, l := range lengths {
			if c := r.count(u, n); l == n && c <= 4 {
				counts[c-1]++
			}
		}
		r.d[n] = estimate(counts)
	}
	return r
}

func put(m map[string]map[int32]bool, k string, v int32) {
	if m[k] == nil {
		m[k] = map[int32]bool{}
	}
	m[k][v] = true
}

// history returns the last n tokens of a text, from the begin mark on.
func (r *reference) history(text []int32, n int) []int32 {
	h := []int32{int32(r.vocab)}
	for _, id := range text {
		if h = append(h, id); r.breaks[id] {
			h = []int32{int32(r.vocab)}
		}
	}
	return h[max(0, len(h)-n):]
}

func (r *reference) count(u string, n int) int {
	if n == r.order || len(r.left[u]) == 0 { // an n-gram without left starts with the begin mark
		return r.raw[u]
	}
	return len(r.left[u])
}

func (r *reference) prob(h []int32, w int32) float64 {
	n := len(h) + 1
	total, left := 0.0, 0.0
	for v := range r.next[key(h)] {
		c := r.count(key(append(append([]int32{}, h...), v)), n)
		total += float64(c)
		left += r.d[n].of(uint32(c))
	}
	below := 0.0
	if n > 1 {
		below = r.prob(h[1:], w)
	} else if r.usable[w] {
		for _, ok := range r.usable {
			if ok {
				below++
			}
		}
		below = 1 / below
	}
	if total == 0 {
		return below
	}
	p := left / total * below
	if r.next[key(h)][w] {
		c := r.count(key(append(append([]int32{}, h...), w)), n)
		p += (float64(c) - r.d[n].of(uint32(c))) / total
	}
	return p
}

// row returns the row that Logits must give for a text.
func (r *reference) row(text []int32) []float64 {
	h := r.history(text, r.order-1)
	row := make([]float64, r.vocab)
	for w := range row {
		row[w] = math.Log(r.prob(h, int32(w)))
	}
	return row
}

// randomDocs returns documents in which each token depends on the one before, so that n-grams of all
// lengths repeat.
func randomDocs(r *rand.Rand, vocab, docs, length int) [][]int32 {
	out := make([][]int32, docs)
	for d := range out {
		at := r.IntN(vocab)
		for range r.IntN(length + 1) {
			out[d] = append(out[d], int32(at))
			at = (at*3 + int(r.ExpFloat64()*1.5)) % vocab
		}
	}
	return out
}
