package tokenize

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// A vocabulary finds tokens by id, and ids by token. For the latter it has an open hash table that is at
// most half full.
type vocabulary struct {
	text    string     // all tokens, one after the other
	start   []uint32   // start of each token in text, then the end of text
	slots   []slot     // the table, whose length is a power of two
	longest int        // length of the longest token in bytes
	single  [256]int32 // the id of each byte, -1 if it has none
}

// A slot is a token in the table. A slot of size 0 is empty.
type slot struct {
	key  uint64 // see keyOf
	size int32  // length of the token in bytes
	id   int32
}

// newVocabulary returns a vocabulary. find does not find tokens without text and hidden ones.
func newVocabulary(tokens []string, hidden map[int32]bool) vocabulary {
	v := vocabulary{
		text:  strings.Join(tokens, ""),
		start: make([]uint32, 0, len(tokens)+1),
		slots: make([]slot, 2<<bits.Len(uint(len(tokens)))),
	}
	at := 0
	for id, token := range tokens {
		v.start = append(v.start, uint32(at))
		at += len(token)
		v.longest = max(v.longest, len(token))
		if token != "" && !hidden[int32(id)] {
			v.insert(slot{keyOf([]byte(token)), int32(len(token)), int32(id)})
		}
	}
	v.start = append(v.start, uint32(at))
	for b := range v.single {
		v.single[b] = v.find([]byte{byte(b)})
	}
	return v
}

func (v *vocabulary) insert(s slot) {
	i := s.home(v)
	for v.slots[i].size != 0 {
		i = (i + 1) & (len(v.slots) - 1)
	}
	v.slots[i] = s
}

// home returns the index at which the search for the slot starts.
func (s slot) home(v *vocabulary) int {
	return int(mix(s.key, uint64(s.size)) & uint64(len(v.slots)-1))
}

// token returns the bytes of an id. The id must be in the vocabulary.
func (v *vocabulary) token(id int32) string {
	return v.text[v.start[id]:v.start[id+1]]
}

// find returns the id of the token with the bytes of piece, or -1. piece is not empty.
func (v *vocabulary) find(piece []byte) int32 {
	if len(piece) > v.longest {
		return -1
	}
	want := slot{key: keyOf(piece), size: int32(len(piece))}
	for i := want.home(v); ; i = (i + 1) & (len(v.slots) - 1) {
		s := v.slots[i]
		if s.size == 0 {
			return -1
		}
		if s.key == want.key && s.size == want.size && (s.size <= 8 || v.token(s.id) == string(piece)) {
			return s.id
		}
	}
}

// keyOf returns the bytes of piece as a number if there are at most eight, so that most lookups end with
// the slot. Otherwise it returns a hash. The hash need not resist an adversary, because the author of
// a text does not choose the contents of the table.
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
