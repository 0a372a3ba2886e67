package interop

import (
	"math/bits"
	"sync"
)

// The CPU generator of torch is the Mersenne Twister (Matsumoto and Nishimura 1998, MT19937). It
// keeps the low 32 bits of a seed. Checked against torch 2.15.0; see testdata/torch.json.

const (
	mtSize = 624
	mtMid  = 397
)

// A mersenne draws 32-bit numbers in blocks of mtSize.
type mersenne struct {
	state [mtSize]uint32
	block [mtSize]uint32 // tempered
	next  int
}

func (m *mersenne) seed(seed uint32) {
	s := &m.state
	s[0] = seed
	for i := uint32(1); i < mtSize; i++ {
		seed = 1812433253*(seed^seed>>30) + i
		s[i] = seed
	}
	m.next = mtSize
}

// twist is one step of the recurrence.
func twist(upper, lower, far uint32) uint32 {
	y := upper&0x80000000 | lower&0x7fffffff
	return far ^ y>>1 ^ -(y&1)&0x9908b0df
}

func (m *mersenne) fill() {
	s := &m.state
	for i := range mtSize - mtMid {
		s[i] = twist(s[i], s[i+1], s[i+mtMid])
	}
	for i := mtSize - mtMid; i < mtSize-1; i++ {
		s[i] = twist(s[i], s[i+1], s[i+mtMid-mtSize])
	}
	s[mtSize-1] = twist(s[mtSize-1], s[0], s[mtMid-1])
	for i, y := range s {
		y ^= y >> 11
		y ^= y << 7 & 0x9d2c5680
		y ^= y << 15 & 0xefc60000
		m.block[i] = y ^ y>>18
	}
	m.next = 0
}

func (m *mersenne) uint32() uint32 {
	if m.next == mtSize {
		m.fill()
	}
	y := m.block[m.next]
	m.next++
	return y
}

// mersennes holds generators for reuse: each has 5 kB.
var mersennes = sync.Pool{New: func() any { return new(mersenne) }}

// torchUniform24 returns the 24 bits of element at of torch.rand(n) in float32: the element is
// these bits times 2^-24.
func torchUniform24(seed uint32, at int) uint32 {
	m := mersennes.Get().(*mersenne)
	defer mersennes.Put(m)
	m.seed(seed)
	for ; at >= mtSize; at -= mtSize {
		m.fill()
	}
	m.fill()
	return m.block[at] & 0xffffff
}

// torchBits returns torch.randint(0, 2, (n,)).
func torchBits(seed uint32, n int) []uint8 {
	var m mersenne
	m.seed(seed)
	table := make([]uint8, n)
	for i := range table {
		table[i] = uint8(m.uint32() & 1)
	}
	return table
}

// torchPermutation returns torch.randperm(n). For n up to some 2^27 torch swaps each element with
// a later one, chosen by one 32-bit number modulo their count (Fisher and Yates).
func torchPermutation(seed uint32, n int) []int32 {
	var m mersenne
	m.seed(seed)
	p := make([]int32, n)
	for i := range p {
		p[i] = int32(i)
	}
	for i := range n - 1 {
		j := i + int(m.uint32()%uint32(n-i))
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// A permutation is one of torch.
type permutation struct{ ids []int32 }

// A permutationCache keeps the permutations of a few seeds. It forgets everything when it is full.
type permutationCache struct {
	size, limit int
	mu          sync.Mutex
	of          map[uint32]*permutation
}

func (c *permutationCache) get(seed uint32) *permutation {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.of[seed]
	if !ok {
		if c.of == nil || len(c.of) >= c.limit {
			c.of = make(map[uint32]*permutation)
		}
		p = &permutation{torchPermutation(seed, c.size)}
		c.of[seed] = p
	}
	return p
}

// A list is a part of a torch permutation: which ids are among its first size elements, or, if
// last is set, among its last.
type list struct {
	vocab, size int
	last        bool
	cache       *listCache
}

// newList returns a list. A seed gives one list whatever the key, so all lists of one shape share a
// cache. The caches hold at most some 128 MiB together.
func newList(vocab, size int, last bool) *list {
	return &list{vocab: vocab, size: size, last: last, cache: listCaches.get(listShape{vocab, size, last})}
}

// A listShape is what a list depends on besides its seed.
type listShape struct {
	vocab, size int
	last        bool
}

// A cacheSet keeps the caches of a few shapes.
type cacheSet struct {
	mu sync.Mutex
	of map[listShape]*listCache
}

var listCaches cacheSet

// maxShapes is the number of shapes with a cache.
const maxShapes = 4

func (c *cacheSet) get(at listShape) *listCache {
	c.mu.Lock()
	defer c.mu.Unlock()
	cache, ok := c.of[at]
	if !ok {
		if c.of == nil || len(c.of) >= maxShapes {
			c.of = make(map[listShape]*listCache)
		}
		words := (at.vocab + 63) / 64
		cache = &listCache{words: words, limit: max(8, (32<<20)/(8*words))}
		c.of[at] = cache
	}
	return cache
}

// head returns the count of leading elements that decide: the list itself, or all before it.
func (l *list) head() int {
	if l.last {
		return l.vocab - l.size
	}
	return l.size
}

// has reports whether the list of a seed contains id. It is safe for concurrent use.
//
// The first time a seed occurs, has follows the id alone through the swaps, which needs no array.
// When a seed comes back, has computes the whole list and keeps it.
func (l *list) has(seed uint32, id int32) bool {
	mask, again := l.cache.get(seed)
	switch {
	case mask != nil:
	case !again:
		return l.among(seed, id) != l.last
	default:
		mask = l.mask(seed)
		l.cache.put(seed, mask)
	}
	return mask[id>>6]>>(id&63)&1 == 1
}

// among reports whether id is among the first head elements.
func (l *list) among(seed uint32, id int32) bool {
	m := mersennes.Get().(*mersenne)
	defer mersennes.Put(m)
	m.seed(seed)
	// pos is where id stands. Step i moves element i+z to place i.
	pos, n := uint32(id), uint32(l.vocab)
	for i, head := uint32(0), uint32(min(l.head(), l.vocab-1)); i < head; i++ {
		if m.next == mtSize {
			m.fill()
		}
		z := i + m.block[m.next]%(n-i)
		m.next++
		switch pos {
		case z:
			return true
		case i:
			pos = z
		}
	}
	return int(pos) < l.head() // the last element has nothing left to swap with
}

// mask returns the whole list as a bitmap.
func (l *list) mask(seed uint32) []uint64 {
	m := mersennes.Get().(*mersenne)
	defer mersennes.Put(m)
	m.seed(seed)
	p := make([]int32, l.vocab)
	for i := range p {
		p[i] = int32(i)
	}
	mask := make([]uint64, l.cache.words)
	if l.last {
		for i := range mask {
			mask[i] = ^uint64(0)
		}
	}
	n := uint32(l.vocab)
	for i := range uint32(l.head()) {
		j := i
		if i < n-1 {
			j += m.uint32() % (n - i)
		}
		p[i], p[j] = p[j], p[i]
		mask[p[i]>>6] ^= 1 << (p[i] & 63)
	}
	return mask
}

// A listCache keeps the lists of seeds that occurred twice. It forgets everything when it is
// full. It only changes how long a test takes.
type listCache struct {
	words int
	limit int // count of lists
	mu    sync.Mutex
	seen  map[uint32]struct{}
	lists map[uint32][]uint64
}

// maxSeen bounds the count of seeds that a cache remembers without their lists.
const maxSeen = 1 << 18

func (c *listCache) get(seed uint32) (mask []uint64, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mask, ok := c.lists[seed]; ok {
		return mask, true
	}
	if _, again = c.seen[seed]; !again {
		if c.seen == nil || len(c.seen) >= maxSeen {
			c.seen = make(map[uint32]struct{})
		}
		c.seen[seed] = struct{}{}
	}
	return nil, again
}

func (c *listCache) put(seed uint32, mask []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lists == nil || len(c.lists) >= c.limit {
		c.lists = make(map[uint32][]uint64)
	}
	c.lists[seed] = mask
}

// seedModulus is 2^64-1, the modulus of several engines for seeds. It is not prime.
const seedModulus = 1<<64 - 1

// mulSeed returns a*b mod 2^64-1.
func mulSeed(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	sum, carry := bits.Add64(hi, lo, 0) // 2^64 is 1
	return wholeSeed(sum, carry)
}

func wholeSeed(sum, carry uint64) uint64 {
	sum += carry // no second carry: sum was at most 2^64-2 if there was one
	if sum == seedModulus {
		return 0
	}
	return sum
}

// signedSeed returns v mod 2^64-1 as Python has it: never negative.
func signedSeed(v int64) uint64 {
	if v < 0 {
		return uint64(v) - 1 // v + 2^64-1
	}
	return uint64(v)
}

// addSeed returns a+b mod 2^64-1.
func addSeed(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	return wholeSeed(sum, carry)
}
