package student

import (
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// A pairList is a list of pairs with contexts of one width, at four bytes an id. It grows in pages and
// never moves.
type pairList struct {
	width int // ids in a context
	n     int
	pages [][]detect.Token // pagePairs pairs each: the context, then the token
}

// pagePairs is the number of pairs of a page. It is a multiple of evidence.Batch.
const pagePairs = 1 << 13

// add appends a pair. All pairs of a list have contexts of one width.
func (l *pairList) add(p detect.Pair) {
	if l.n == 0 {
		l.width = len(p.Context)
	}
	if l.n%pagePairs == 0 {
		l.pages = append(l.pages, nil)
	}
	page := &l.pages[len(l.pages)-1]
	switch {
	case cap(*page) > len(*page):
	case l.n >= pagePairs:
		*page = make([]detect.Token, 0, pagePairs*(l.width+1))
	default: // the first page grows, since most lists are short
		*page = slices.Grow(*page, max(64, l.n)*(l.width+1))
	}
	*page = append(append(*page, p.Context...), p.Token)
	l.n++
}

// len returns the number of pairs.
func (l *pairList) len() int { return l.n }

// at returns pair i. Its context must not be changed.
func (l *pairList) at(i int) detect.Pair {
	from, size := i%pagePairs*(l.width+1), l.width+1
	ids := l.pages[i/pagePairs][from : from+size : from+size]
	return detect.Pair{Context: ids[:l.width:l.width], Token: ids[l.width]}
}

// appendTo appends the pairs [from, to).
func (l *pairList) appendTo(dst []detect.Pair, from, to int) []detect.Pair {
	for i := from; i < to; i++ {
		dst = append(dst, l.at(i))
	}
	return dst
}

// keep replaces pair to by pair from, to is at most from.
func (l *pairList) keep(to, from int) {
	p := l.at(from)
	size := l.width + 1
	at := l.pages[to/pagePairs][to%pagePairs*size:]
	copy(at, p.Context)
	at[l.width] = p.Token
}

// cut drops all but the first n pairs.
func (l *pairList) cut(n int) {
	l.n = n
	keep := (n + pagePairs - 1) / pagePairs
	clear(l.pages[keep:])
	if l.pages = l.pages[:keep]; keep > 0 {
		l.pages[keep-1] = l.pages[keep-1][:(n-(keep-1)*pagePairs)*(l.width+1)]
	}
}

// A contextIndex finds the pairs with a context. It takes six to eight bytes a pair.
type contextIndex struct {
	list  *pairList
	seed  maphash.Seed
	shift uint
	ends  []int32 // the pairs of bucket b are order[ends[b-1]:ends[b]]
	order []int32 // pairs by bucket, and ascending within it
}

// index returns the contextIndex of a list.
func (l *pairList) index() *contextIndex {
	buckets := 1 << bits.Len(uint(l.n/2))
	x := &contextIndex{
		list: l, seed: maphash.MakeSeed(), shift: uint(64 - bits.TrailingZeros(uint(buckets))),
		ends: make([]int32, buckets+1), order: make([]int32, l.n),
	}
	// Count the pairs of each bucket, add the counts up, and fill the buckets from their beginnings.
	var key []byte
	for i := range l.n {
		x.ends[x.bucket(&key, l.at(i).Context)+1]++
	}
	for b := range buckets {
		x.ends[b+1] += x.ends[b]
	}
	for i := range l.n {
		next := &x.ends[x.bucket(&key, l.at(i).Context)]
		x.order[*next] = int32(i)
		*next++
	}
	return x
}

// bucket returns the bucket of a context. It uses key as scratch.
func (x *contextIndex) bucket(key *[]byte, context []detect.Token) int {
	*key = evidence.Pack((*key)[:0], context...)
	return int(maphash.Bytes(x.seed, *key) >> x.shift)
}

// first returns the number of the first pair with a context. ok is false if there is none.
func (x *contextIndex) first(key *[]byte, context []detect.Token) (i int32, ok bool) {
	for _, i := range x.inBucket(key, context) {
		if slices.Equal(x.list.at(int(i)).Context, context) {
			return i, true
		}
	}
	return 0, false
}

// inBucket returns the pairs in the bucket of a context.
func (x *contextIndex) inBucket(key *[]byte, context []detect.Token) []int32 {
	b := x.bucket(key, context)
	from := int32(0)
	if b > 0 {
		from = x.ends[b-1]
	}
	return x.order[from:x.ends[b]]
}

// appendPairs appends the numbers of the pairs with a context, ascending.
func (x *contextIndex) appendPairs(dst []int32, key *[]byte, context []detect.Token) []int32 {
	for _, i := range x.inBucket(key, context) {
		if slices.Equal(x.list.at(int(i)).Context, context) {
			dst = append(dst, i)
		}
	}
	return dst
}
