package tokenize

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// A dictionary finds names by id, and ids by name. For the latter it has an open hash table.
type dictionary struct {
	text    string   // all names, one after the other
	start   []uint32 // start of each name in text, then the end of text
	slots   []slot   // the table
	longest int      // length of the longest name in bytes
	twins   [2]int32 // two ids with the same bytes, both 0 if there are none
	probes  int      // slots that were read to fill the table
	read    uint32   // keeps the reads of fill
}

// A term is what a look-up compares.
type term struct {
	key  uint64 // see keyOf
	size uint32 // length in bytes, at most largest
}

// A slot is a name in the table, and its id. It is as small as it can be: the look-ups of a text wait for
// memory, and the less there is, the more of it lies in a cache. A slot whose info is 0 is empty.
type slot struct {
	low, high uint32 // the key
	info      uint32 // the id, and below it the size
}

const (
	sizeBits = 10
	largest  = 1<<sizeBits - 1
)

func slotOf(t term, id int32) slot {
	return slot{uint32(t.key), uint32(t.key >> 32), uint32(id)<<sizeBits | t.size}
}

func (s slot) term() term { return term{uint64(s.low) | uint64(s.high)<<32, s.info & largest} }
func (s slot) id() int32  { return int32(s.info >> sizeBits) }

// termOf returns the term of the bytes of piece.
func termOf(piece []byte) term { return term{keyOf(piece), uint32(min(len(piece), largest))} }

// maxProbes is how many slots a name may cost on average. A table that is half full takes two. Only a file
// that was made to be slow takes more.
const maxProbes = 16

var errSlow = fmt.Errorf("%w: the file was made so that looking up its tokens takes very long", ErrFormat)

// newDictionary returns a dictionary of names. find does not find those without text and hidden ones. Of
// two names with the same bytes it finds the first.
func newDictionary(names []string, hidden idSet) (dictionary, error) {
	bytes := 0
	for _, name := range names {
		bytes += len(name)
	}
	var text strings.Builder
	text.Grow(bytes)
	start := make([]uint32, 0, len(names)+1)
	for _, name := range names {
		start = append(start, uint32(text.Len()))
		text.WriteString(name)
	}
	return newDictionaryOf(text.String(), append(start, uint32(text.Len())), hidden)
}

// newDictionaryOf returns a dictionary of names that stand one after the other in a text. start has where
// each begins, then the end.
func newDictionaryOf(text string, start []uint32, hidden idSet) (dictionary, error) {
	d := dictionary{text: text, start: start}
	found := 0
	for id := range d.size() {
		size := int(start[id+1] - start[id])
		d.longest = max(d.longest, size)
		if size > 0 && !hidden.has(int32(id)) {
			found++
		}
	}
	d.slots = make([]slot, tableSize(found))
	return d, d.fill([]byte(text), hidden)
}

// tableSize returns the length of a table for a number of names. It is 60 % full.
func tableSize(names int) int { return names + names*2/3 + 2 }

// size returns the number of ids.
func (d *dictionary) size() int { return len(d.start) - 1 }

// names returns the names in the order of ids.
func (d *dictionary) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for id := range d.size() {
			if !yield(d.token(int32(id))) {
				return
			}
		}
	}
}

// fill enters the names into the table. It first finds where a few names begin their search and reads those
// slots, so that the processor waits for memory once for all of them.
func (d *dictionary) fill(text []byte, hidden idSet) error {
	const few = 64
	var (
		slots [few]slot
		homes [few]int
		names = d.size()
	)
	for first := 0; first < names; first += few {
		n, read := 0, uint32(0)
		for id := first; id < min(first+few, names); id++ {
			name := text[d.start[id]:d.start[id+1]]
			if len(name) > 0 && !hidden.has(int32(id)) {
				want := termOf(name)
				slots[n], homes[n] = slotOf(want, int32(id)), home(want.hash(), len(d.slots))
				n++
			}
		}
		for k := range n {
			read |= d.slots[homes[k]].info
		}
		d.read = read
		for k := range n {
			d.insert(slots[k], homes[k])
		}
		if d.probes > maxProbes*(names+64) {
			return errSlow
		}
	}
	return nil
}

// insert enters a name whose search begins at i.
func (d *dictionary) insert(s slot, i int) {
	for d.slots[i].info != 0 {
		d.probes++
		have := d.slots[i]
		if have.term() == s.term() && (s.term().size <= 8 || d.token(have.id()) == d.token(s.id())) {
			d.twins = [2]int32{have.id(), s.id()}
		}
		if i++; i == len(d.slots) {
			i = 0
		}
	}
	d.slots[i] = s
}

// token returns the bytes of an id. The id must be in the dictionary.
func (d *dictionary) token(id int32) string {
	return d.text[d.start[id]:d.start[id+1]]
}

// find returns the id of the name with the bytes of piece, or -1. piece is not empty.
func (d *dictionary) find(piece []byte) int32 {
	if len(piece) > d.longest {
		return -1
	}
	want := termOf(piece)
	return d.search(want, home(want.hash(), len(d.slots)), piece)
}

// after returns id or the next id if its name is piece, or -1. Without hidden names it agrees with find, and
// its memory is near that of the last call.
func (d *dictionary) after(id int32, piece []byte) int32 {
	for i := max(id, 0); i <= id+1 && int(i) < len(d.start)-1; i++ {
		if d.token(i) == string(piece) {
			return i
		}
	}
	return -1
}

// search looks for a term from a slot on.
func (d *dictionary) search(want term, i int, piece []byte) int32 {
	for {
		s := d.slots[i]
		if s.info == 0 {
			return -1
		}
		if s.term() == want && (want.size <= 8 || d.token(s.id()) == string(piece)) {
			return s.id()
		}
		if i++; i == len(d.slots) {
			i = 0
		}
	}
}

// A vocabulary is a dictionary of tokens.
type vocabulary struct {
	dictionary
	single [256]int32 // the id of each byte, -1 if it has none
	double []int32    // at 256*a+b the id of the bytes a and b, noRank if they are no token

	// filter has two bits set in one word for each token. It fits a cache better than the table, and most pairs
	// of tokens are no token.
	filter []uint64
}

// newVocabulary returns a vocabulary. find does not find tokens without text and hidden ones.
func newVocabulary(tokens []string, hidden idSet) (vocabulary, error) {
	d, err := newDictionary(tokens, hidden)
	if err != nil {
		return vocabulary{dictionary: d}, err
	}
	return vocabularyOf(d), nil
}

// vocabularyOf returns the vocabulary of a dictionary.
func vocabularyOf(d dictionary) vocabulary {
	v := vocabulary{dictionary: d}
	for b := range v.single {
		v.single[b] = v.find([]byte{byte(b)})
	}
	v.filter = make([]uint64, 1<<bits.Len(uint(len(v.slots)/16)))
	v.double = make([]int32, 1<<16)
	for i := range v.double {
		v.double[i] = noRank
	}
	for _, s := range v.slots {
		if s.info == 0 {
			continue
		}
		t := s.term()
		word, bits := v.filterOf(t.hash())
		*word |= bits
		if t.size == 2 {
			v.double[t.key&0xff<<8|t.key>>8] = s.id()
		}
	}
	return v
}

// hash returns a hash of a term.
func (t term) hash() uint64 { return mix(t.key, uint64(t.size)) }

// home returns the index in a table at which the search for a name with a hash starts. It depends on the
// upper bits of the hash.
func home(hash uint64, slots int) int {
	hi, _ := bits.Mul64(hash, uint64(slots))
	return int(hi)
}

// filterOf returns the word of the filter for a hash and the bits that are set in it. They depend on the lower
// bits of the hash.
func (v *vocabulary) filterOf(hash uint64) (word *uint64, bits uint64) {
	return &v.filter[hash>>12&uint64(len(v.filter)-1)], 1<<(hash&63) | 1<<(hash>>6&63)
}

// rank returns the id of the token with the bytes of piece, or noRank. piece is the union of two tokens, of
// which most are no token.
func (v *vocabulary) rank(piece []byte) int32 {
	if len(piece) > v.longest {
		return noRank
	}
	want := termOf(piece)
	h := want.hash()
	if word, bits := v.filterOf(h); *word&bits != bits {
		return noRank
	}
	if id := v.search(want, home(h, len(v.slots)), piece); id >= 0 {
		return id
	}
	return noRank
}

// keyOf returns the bytes of piece as a number if there are at most eight, so that most lookups end with
// the slot. Otherwise it returns a hash. The hash need not resist an adversary. The author of a text does
// not choose the contents of the table, and maxProbes limits the author of a file.
func keyOf(piece []byte) uint64 {
	n := len(piece)
	if n > 8 {
		key := binary.LittleEndian.Uint64(piece[n-8:])
		for ; len(piece) > 8; piece = piece[8:] {
			key = mix(key^binary.LittleEndian.Uint64(piece), uint64(n))
		}
		return key
	}
	if cap(piece) >= 8 { // read beyond the piece, and clear those bytes
		return binary.LittleEndian.Uint64(piece[:8]) & (1<<(8*n) - 1)
	}
	var key uint64
	for i, b := range piece {
		key |= uint64(b) << (8 * i)
	}
	return key
}

// mix returns the folded product of a and b. A constant makes b odd and large.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b<<1^0xd6e8feb86659fd93)
	return hi ^ lo
}

// An idSet is a set of ids, one bit for each. The zero value is empty.
type idSet []uint64

func (s idSet) has(id int32) bool {
	i := int(id) >> 6
	return i < len(s) && s[i]>>(id&63)&1 != 0
}

func (s *idSet) add(id int32) {
	i := int(id) >> 6
	if i >= len(*s) {
		*s = append(*s, make([]uint64, i+1-len(*s))...)
	}
	(*s)[i] |= 1 << (id & 63)
}

func (s idSet) empty() bool {
	for _, word := range s {
		if word != 0 {
			return false
		}
	}
	return true
}
