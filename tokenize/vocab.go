package tokenize

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// A dictionary finds names by id, and ids by name. For the latter it has an open hash table that is at most
// half full.
type dictionary struct {
	text    string   // all names, one after the other
	start   []uint32 // start of each name in text, then the end of text
	slots   []slot   // the table, whose length is a power of two
	longest int      // length of the longest name in bytes
	twins   [2]int32 // two ids with the same bytes, both 0 if there are none
	probes  int      // slots that were read to fill the table
	read    int32    // keeps the reads of fill
}

// A slot is a name in the table. A slot of size 0 is empty.
type slot struct {
	key  uint64 // see keyOf
	size int32  // length of the name in bytes
	id   int32
}

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
	d.slots = make([]slot, 2<<bits.Len(uint(found)))
	return d, d.fill([]byte(text), hidden)
}

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
		n, read := 0, int32(0)
		for id := first; id < min(first+few, names); id++ {
			name := text[d.start[id]:d.start[id+1]]
			if len(name) > 0 && !hidden.has(int32(id)) {
				s := slot{keyOf(name), int32(len(name)), int32(id)}
				slots[n], homes[n] = s, s.home(d.slots)
				n++
			}
		}
		for k := range n {
			read |= d.slots[homes[k]].size
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
	for ; d.slots[i].size != 0; i = (i + 1) & (len(d.slots) - 1) {
		d.probes++
		if have := &d.slots[i]; have.key == s.key && have.size == s.size && (s.size <= 8 || d.token(have.id) == d.token(s.id)) {
			d.twins = [2]int32{have.id, s.id}
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
	want := slot{key: keyOf(piece), size: int32(len(piece))}
	return d.search(want, want.home(d.slots), piece)
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

// search looks for a slot from home on.
func (d *dictionary) search(want slot, home int, piece []byte) int32 {
	for i := home; ; i = (i + 1) & (len(d.slots) - 1) {
		s := &d.slots[i]
		if s.size == 0 {
			return -1
		}
		if s.key == want.key && s.size == want.size && (s.size <= 8 || d.token(s.id) == string(piece)) {
			return s.id
		}
	}
}

// A vocabulary is a dictionary of tokens.
type vocabulary struct {
	dictionary
	single [256]int32 // the id of each byte, -1 if it has none
	double []int32    // at 256*a+b the id of the bytes a and b, noRank if they are no token

	// filter has a bit set for each token, eight bits a token. It fits a cache better than the table, and
	// most pairs of tokens are no token.
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
	v.filter = make([]uint64, max(1, len(v.slots)/16))
	v.double = make([]int32, 1<<16)
	for i := range v.double {
		v.double[i] = noRank
	}
	for _, s := range v.slots {
		if s.size > 0 {
			h := s.hash()
			v.filter[h>>32&uint64(len(v.filter)-1)] |= 1 << (h >> 58)
		}
		if s.size == 2 {
			v.double[s.key&0xff<<8|s.key>>8] = s.id
		}
	}
	return v
}

// hash returns a hash of a token. Its lower half says where the search for the slot starts, and its upper
// half which bit of the filter is set.
func (s slot) hash() uint64 { return mix(s.key, uint64(s.size)) }

// home returns the index in a table at which the search for the slot starts.
func (s slot) home(slots []slot) int { return int(s.hash() & uint64(len(slots)-1)) }

// rank returns the id of the token with the bytes of piece, or noRank. piece is the union of two tokens, of
// which most are no token.
func (v *vocabulary) rank(piece []byte) int32 {
	if len(piece) > v.longest {
		return noRank
	}
	want := slot{key: keyOf(piece), size: int32(len(piece))}
	h := want.hash()
	if v.filter[h>>32&uint64(len(v.filter)-1)]>>(h>>58)&1 == 0 {
		return noRank
	}
	if id := v.search(want, int(h&uint64(len(v.slots)-1)), piece); id >= 0 {
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
