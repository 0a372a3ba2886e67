package scan

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/isotope-wm/isotope/internal/prf"
	"github.com/isotope-wm/isotope/watermark"
)

// A token is a vocabulary index.
type token = watermark.Token

// noLimit is the limit of a sample that holds every context. No context has this tag.
const noLimit = math.MaxUint64

// A sample is the distinct pairs of all texts, as far as their contexts are among those with the
// smallest tags under the run key, and the excluded ones of these contexts.
//
// Order the contexts by their tags. A pair weighs 1, and so does an excluded context. The sample has
// the longest prefix of the contexts that weighs at most size. So it is a function of the set of
// pairs and excluded contexts. Pieces of it, merged in any order, give the same: whatever lies below
// the limit of each piece is complete, and limits only fall.
type sample struct {
	tags   *prf.Function
	width  int
	size   int
	limit  uint64 // contexts with tags below it are held
	inputs []prf.Input
	tag    []uint64 // of the context of each input
	ids    []int32  // of contexts, width ids each, if inputs do not hold them
	slots  []uint64 // upper half of the hash of a pair, and 1 + the number of its input; or 0. See grow
	out    map[prf.Nonce]uint64
}

func newSample(width, size int, runKey [16]byte) *sample {
	tags, err := prf.Tags(runKey, width)
	if err != nil {
		panic("scan: " + err.Error()) // no scorer has this width
	}
	return &sample{tags: tags, width: width, size: size, limit: noLimit, out: map[prf.Nonce]uint64{}}
}

// empty returns a sample without pairs and with the limit of s.
func (s *sample) empty() *sample {
	return &sample{tags: s.tags, width: s.width, size: s.size, limit: s.limit, out: map[prf.Nonce]uint64{}}
}

// weight is what counts towards the size.
func (s *sample) weight() int { return len(s.inputs) + len(s.out) }

// find returns the slot of a pair: its own, or an empty one.
func (s *sample) find(in *prf.Input, hash uint64) (slot *uint64, ok bool) {
	mask := uint64(len(s.slots) - 1)
	for at := hash; ; at++ {
		slot = &s.slots[at&mask]
		if *slot == 0 {
			return slot, false
		}
		if (*slot^hash)>>32 == 0 && s.inputs[uint32(*slot)-1] == *in {
			return slot, true
		}
	}
}

// hashOf mixes a pair whose context has a tag.
func hashOf(in *prf.Input, tag uint64) uint64 {
	return (tag ^ uint64(binary.BigEndian.Uint32(in[12:]))*0x9e3779b97f4a7c15) * 0xd1b54a32d192ed03
}

// drop sets the tags of pairs that the sample holds to noLimit. It may be called concurrently. scratch
// has room for a number for each pair. Its loops do not depend on what they load, so that the
// processor loads for many pairs at once.
func (s *sample) drop(packed []prf.Input, tags, scratch []uint64) {
	if len(s.inputs) == 0 {
		return
	}
	slots, mask := s.slots, uint64(len(s.slots)-1)
	scratch = scratch[:len(packed)]
	tags = tags[:len(packed)]
	for i := range packed {
		scratch[i] = slots[hashOf(&packed[i], tags[i])&mask]
	}
	walk := 0
	for i, slot := range scratch {
		if slot == 0 || tags[i] >= s.limit {
			continue
		}
		if s.inputs[uint32(slot)-1] == packed[i] {
			tags[i] = noLimit
			continue
		}
		scratch[walk] = uint64(i) // of a slot that was looked at
		walk++
	}
	for _, i := range scratch[:walk] {
		if _, ok := s.find(&packed[i], hashOf(&packed[i], tags[i])); ok {
			tags[i] = noLimit
		}
	}
}

// grow makes room for n pairs in all. A sample that was decoded has no slots until then.
func (s *sample) grow(n int) {
	if 2*n > len(s.slots) {
		s.slots = make([]uint64, max(1<<8, 1<<bits.Len(uint(2*n-1))))
		s.fill()
	}
}

// add adds a pair whose tag is below the limit.
func (s *sample) add(in *prf.Input, tag uint64, context []int32) {
	s.grow(len(s.inputs) + 1)
	hash := hashOf(in, tag)
	slot, ok := s.find(in, hash)
	if ok {
		return
	}
	s.inputs, s.tag = append(s.inputs, *in), append(s.tag, tag)
	if s.width > prf.MaxPacked {
		s.ids = append(s.ids, context...)
	}
	*slot = hash>>32<<32 | uint64(len(s.inputs))
}

// fill enters all pairs, which are distinct, into empty slots.
func (s *sample) fill() {
	mask := uint64(len(s.slots) - 1)
	for i := range s.inputs {
		hash := hashOf(&s.inputs[i], s.tag[i])
		at := hash
		for s.slots[at&mask] != 0 {
			at++
		}
		s.slots[at&mask] = hash>>32<<32 | uint64(i+1)
	}
}

// exclude takes a context out whose tag is below the limit.
func (s *sample) exclude(n prf.Nonce, tag uint64) { s.out[n] = tag }

// settle cuts the sample to its size.
func (s *sample) settle() {
	if s.weight() <= s.size {
		return
	}
	tags := make([]uint64, 0, s.weight())
	tags = append(tags, s.tag...)
	for _, t := range s.out {
		tags = append(tags, t)
	}
	s.cut(nth(tags, s.size))
}

// nth returns the number that has n smaller or equal ones before it, once the list is sorted. It changes
// the list. Numbers that are spread evenly, as tags are, take one pass over the list.
func nth(list []uint64, n int) uint64 {
	shift := max(bits.Len64(slices.Max(list))-12, 0)
	var counts [1 << 12]int
	for _, x := range list {
		counts[x>>shift]++
	}
	bucket := 0
	for ; n >= counts[bucket]; bucket++ {
		n -= counts[bucket]
	}
	list = slices.DeleteFunc(list, func(x uint64) bool { return x>>shift != uint64(bucket) })
	slices.Sort(list)
	return list[n]
}

// cut lowers the limit.
func (s *sample) cut(limit uint64) {
	if limit >= s.limit {
		return
	}
	s.limit = limit
	n := 0
	for i, t := range s.tag {
		if t >= limit {
			continue
		}
		s.inputs[n], s.tag[n] = s.inputs[i], t
		if s.width > prf.MaxPacked {
			copy(s.ids[n*s.width:(n+1)*s.width], s.ids[i*s.width:(i+1)*s.width])
		}
		n++
	}
	s.inputs, s.tag = s.inputs[:n], s.tag[:n]
	if s.width > prf.MaxPacked {
		s.ids = s.ids[:n*s.width]
	}
	if clear(s.slots); len(s.slots) > 0 {
		s.fill()
	}
	maps.DeleteFunc(s.out, func(_ prf.Nonce, t uint64) bool { return t >= limit })
}

// merge adds what o holds. Nobody may use o afterwards.
func (s *sample) merge(o *sample) {
	s.cut(o.limit)
	if len(s.inputs) == 0 && s.limit == o.limit {
		// One after the other would take ten times as long.
		s.inputs, s.tag, s.ids, s.slots = o.inputs, o.tag, o.ids, o.slots
		o = &sample{out: o.out}
	}
	for i := range o.inputs {
		if o.tag[i] < s.limit {
			s.add(&o.inputs[i], o.tag[i], o.context(i))
		}
	}
	for n, t := range o.out {
		if t < s.limit {
			s.exclude(n, t)
		}
	}
	s.settle()
}

// context returns the ids of the context of pair i, if inputs do not hold them.
func (s *sample) context(i int) []int32 {
	if s.width <= prf.MaxPacked {
		return nil
	}
	return s.ids[i*s.width : (i+1)*s.width]
}

// pair returns pair i with its context.
func (s *sample) pair(dst []int32, i int) (context []int32, next token) {
	in := &s.inputs[i]
	next = token(binary.BigEndian.Uint32(in[12:]))
	if s.width > prf.MaxPacked {
		return append(dst[:0], s.context(i)...), next
	}
	return appendContext(dst[:0], in[:], s.width), next
}

// appendContext appends the ids of a packed context.
func appendContext(dst []int32, packed []byte, width int) []int32 {
	for j := prf.MaxPacked - width; j < prf.MaxPacked; j++ {
		dst = append(dst, int32(packed[3*j])|int32(packed[3*j+1])<<8|int32(packed[3*j+2])<<16)
	}
	return dst
}

// excluded reports whether the context of pair i occurs in a prompt.
func (s *sample) excluded(i int) bool {
	_, ok := s.out[prf.Nonce(s.inputs[i][:])]
	return ok
}

// A gatherer adds texts to a sample of its own, for one goroutine. What the shared sample holds
// already is left out.
type gatherer struct {
	shared  *sample // nobody changes it meanwhile
	own     *sample
	vocab   int
	exempt  []token // sorted
	scratch prf.Scratch
	packed  []prf.Input
	blocks  []prf.Input
	tags    []uint64
	slots   []uint64
	places  []int
}

// chunk is the number of positions that are packed at once.
const chunk = 512

func newGatherer(shared *sample, vocab int, exempt []token) *gatherer {
	shared.grow(len(shared.inputs)) // drop looks at its slots
	return &gatherer{
		shared: shared, own: shared.empty(), vocab: vocab, exempt: exempt,
		packed: make([]prf.Input, chunk), blocks: make([]prf.Input, chunk), tags: make([]uint64, chunk), slots: make([]uint64, chunk), places: make([]int, chunk),
	}
}

func (g *gatherer) inVocab(t token) bool { return t >= 0 && int(t) < g.vocab }

// add adds the pairs of a text whose ids are in the vocabulary.
func (g *gatherer) add(text []token) {
	for from := 0; from < len(text); {
		if !g.inVocab(text[from]) {
			from++
			continue
		}
		to := from + 1
		for to < len(text) && g.inVocab(text[to]) {
			to++
		}
		g.run(text[from:to])
		from = to
	}
}

func (g *gatherer) run(ids []token) {
	w := g.own.width
	for from := w; from < len(ids); from += chunk {
		packed := g.packed[:min(chunk, len(ids)-from)]
		g.own.tags.Inputs(&g.scratch, packed, ids, from)
		// Of a large corpus few contexts are below the limit, so the rest works on those alone.
		n := 0
		for i, tag := range g.tagsOf(packed) {
			if t := binary.LittleEndian.Uint64(tag[:]); t < g.own.limit {
				packed[n], g.tags[n], g.places[n] = packed[i], t, from+i
				n++
			}
		}
		packed, tags := packed[:n], g.tags[:n]
		g.shared.drop(packed, tags, g.slots)
		g.own.drop(packed, tags, g.slots)
		for i, t := range tags {
			if t >= g.own.limit {
				continue
			}
			at := g.places[i]
			if _, ok := slices.BinarySearch(g.exempt, ids[at]); ok {
				continue
			}
			g.own.add(&packed[i], t, ids[at-w:at])
		}
	}
}

// exclude takes every context of a text out. That after its last token is one of them.
func (g *gatherer) exclude(text []token) {
	w := g.own.width
	if len(text) == 0 {
		return
	}
	// The context before a token that follows the text is that after its last token.
	ids := append(slices.Clone(text), 0)
	for from := w; from < len(ids); from += chunk {
		packed := g.packed[:min(chunk, len(ids)-from)]
		g.own.tags.Inputs(&g.scratch, packed, ids, from)
		for i, tag := range g.tagsOf(packed) {
			t := binary.LittleEndian.Uint64(tag[:])
			if t >= g.own.limit {
				continue
			}
			n := prf.Nonce(packed[i][:])
			if _, ok := g.shared.out[n]; !ok {
				g.own.exclude(n, t)
			}
		}
	}
}

// tagsOf returns the tags of the contexts of pairs. The next call overwrites them.
func (g *gatherer) tagsOf(packed []prf.Input) []prf.Input {
	blocks := g.blocks[:len(packed)]
	copy(blocks, packed)
	for i := range blocks {
		clear(blocks[i][len(prf.Nonce{}):])
	}
	g.own.tags.Encrypt(&g.scratch, blocks, blocks)
	return blocks
}

// next begins anew on another shared sample.
func (g *gatherer) next(shared *sample) {
	shared.grow(len(shared.inputs))
	g.shared, g.own = shared, shared.empty()
}

// appendBinary appends the sample. Equal samples have equal bytes.
//
//	width u8, limit u64le, pairs u64le, excluded u64le
//	pairs by tag and bytes: 16 bytes, and if width > 4 the ids of the context in 3 bytes each
//	excluded contexts by their bytes: 12 bytes
func (s *sample) appendBinary(dst []byte) []byte {
	dst = append(dst, byte(s.width))
	for _, n := range []uint64{s.limit, uint64(len(s.inputs)), uint64(len(s.out))} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	order := s.order()
	dst = slices.Grow(dst, len(s.inputs)*(len(prf.Input{})+3*s.width)+len(s.out)*len(prf.Nonce{}))
	for _, x := range order {
		i := x.i
		dst = append(dst, s.inputs[i][:]...)
		for _, id := range s.context(int(i)) {
			dst = append(dst, byte(id), byte(id>>8), byte(id>>16))
		}
	}
	nonces := make([]prf.Nonce, 0, len(s.out))
	for n := range s.out {
		nonces = append(nonces, n)
	}
	slices.SortFunc(nonces, func(a, b prf.Nonce) int { return bytes.Compare(a[:], b[:]) })
	for _, n := range nonces {
		dst = append(dst, n[:]...)
	}
	return dst
}

// A tagged is the number of a pair, and its tag.
type tagged struct {
	tag uint64
	i   uint32
}

// compareInputs is bytes.Compare of inputs. Equal tags mostly are those of one context, whose pairs
// differ in their second half.
func compareInputs(a, b *prf.Input) int {
	be := binary.BigEndian
	return cmp.Or(cmp.Compare(be.Uint64(a[:]), be.Uint64(b[:])), cmp.Compare(be.Uint64(a[8:]), be.Uint64(b[8:])))
}

func (s *sample) compare(a, b tagged) int {
	if a.tag != b.tag {
		return cmp.Compare(a.tag, b.tag)
	}
	return compareInputs(&s.inputs[a.i], &s.inputs[b.i])
}

// sort sorts a bucket. Insertion is faster for most of them, since nearly all comparisons see the tags.
func (s *sample) sort(list []tagged) {
	if len(list) > 32 {
		slices.SortFunc(list, s.compare)
		return
	}
	for i := 1; i < len(list); i++ {
		x, at := list[i], i
		for ; at > 0 && (x.tag < list[at-1].tag || x.tag == list[at-1].tag && s.compare(x, list[at-1]) < 0); at-- {
			list[at] = list[at-1]
		}
		list[at] = x
	}
}

// order returns the pairs by their tags and bytes.
func (s *sample) order() []tagged {
	order := make([]tagged, len(s.tag))
	if len(order) == 0 {
		return order
	}
	// Tags are spread evenly, so that a bucket has few of them and is sorted in the cache.
	width := max(bits.Len(uint(len(s.tag)))-3, 0)
	shift := max(bits.Len64(slices.Max(s.tag))-width, 0)
	ends := make([]uint32, 1<<width)
	for _, t := range s.tag {
		ends[t>>shift]++
	}
	sum := uint32(0)
	for b, n := range ends {
		ends[b] = sum // now the beginning
		sum += n
	}
	for i, t := range s.tag {
		at := &ends[t>>shift]
		order[*at] = tagged{t, uint32(i)}
		*at++
	}
	begin := uint32(0)
	for _, end := range ends {
		s.sort(order[begin:end])
		begin = end
	}
	return order
}

var errState = errors.New("the state of the scan is damaged")

// decodeSample reads a sample of a width, size and run key, and returns the rest of data. The length
// of data bounds the memory.
func decodeSample(data []byte, width, size, vocab int, runKey [16]byte) (*sample, []byte, error) {
	const header = 1 + 3*8
	if len(data) < header || int(data[0]) != width {
		return nil, nil, errState
	}
	s := newSample(width, size, runKey)
	s.limit = binary.LittleEndian.Uint64(data[1:])
	units, out := binary.LittleEndian.Uint64(data[9:]), binary.LittleEndian.Uint64(data[17:])
	data = data[header:]
	unit := uint64(len(prf.Input{}))
	if width > prf.MaxPacked {
		unit += uint64(3 * width)
	}
	if units > uint64(len(data))/unit || out > (uint64(len(data))-units*unit)/uint64(len(prf.Nonce{})) {
		return nil, nil, errState
	}
	g := gatherer{own: s, blocks: make([]prf.Input, chunk)}
	s.inputs, s.tag = make([]prf.Input, 0, units), make([]uint64, 0, units)
	if width > prf.MaxPacked {
		s.ids = make([]int32, 0, int(units)*width)
	}
	scratch := make([]int32, 0, max(width, prf.MaxPacked))
	outside := func(id int32) bool { return id < 0 || int(id) >= vocab }
	for len(s.inputs) < int(units) {
		from := len(s.inputs)
		for range min(chunk, int(units)-from) {
			s.inputs = append(s.inputs, prf.Input(data))
			data = data[len(prf.Input{}):]
			if width > prf.MaxPacked {
				for range width {
					s.ids = append(s.ids, int32(data[0])|int32(data[1])<<8|int32(data[2])<<16)
					data = data[3:]
				}
			}
		}
		tags := g.tagsOf(s.inputs[from:])
		for k := range tags {
			i, t := from+k, binary.LittleEndian.Uint64(tags[k][:])
			// The pairs have the order of appendBinary, so that no two are equal.
			if t >= s.limit || i > 0 && (t < s.tag[i-1] || t == s.tag[i-1] && compareInputs(&s.inputs[i-1], &s.inputs[i]) >= 0) {
				return nil, nil, errState
			}
			s.tag = append(s.tag, t)
			if context, next := s.pair(scratch[:0], i); outside(next) || slices.ContainsFunc(context, outside) {
				return nil, nil, errState
			}
		}
	}
	for range out {
		n := prf.Nonce(data)
		data = data[len(n):]
		var in prf.Input
		copy(in[:], n[:])
		t := binary.LittleEndian.Uint64(g.tagsOf([]prf.Input{in})[0][:])
		if _, ok := s.out[n]; ok || t >= s.limit {
			return nil, nil, errState
		}
		s.exclude(n, t)
	}
	if s.weight() > s.size {
		return nil, nil, errState
	}
	return s, data, nil
}
