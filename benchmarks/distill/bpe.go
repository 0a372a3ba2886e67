package main

import (
	"maps"
	"slices"
	"strings"
)

// paragraphEnd is the id of a blank line. Ids below it are bytes, those above are merges.
const paragraphEnd = 256

// A vocabulary is a byte pair encoding (Sennrich, Haddow and Birch 2016). It is learned from the corpus,
// so that a vocabulary of a thousand ids fits the text.
type vocabulary struct {
	size  int
	rank  map[[2]int32]int32 // from a pair of ids to the id of their union
	cache map[string][]int32
}

// learnVocabulary returns a vocabulary of size ids. It repeatedly merges the most frequent pair of
// neighbours within a piece. Among equals it takes the pair with the lowest ids.
func learnVocabulary(docs []string, size int) *vocabulary {
	counts := make(map[string]int)
	for _, doc := range docs {
		for piece := range pieces(doc) {
			counts[piece]++
		}
	}
	type word struct {
		ids   []int32
		count int
	}
	words := make([]word, 0, len(counts))
	for _, piece := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, word{bytesOf(piece), counts[piece]})
	}
	v := &vocabulary{size: size, rank: make(map[[2]int32]int32), cache: make(map[string][]int32)}
	pairs := make([]int, size*size)
	for next := int32(paragraphEnd + 1); int(next) < size; next++ {
		clear(pairs)
		best := -1
		for _, w := range words {
			for i := 1; i < len(w.ids); i++ {
				pairs[int(w.ids[i-1])*size+int(w.ids[i])] += w.count
			}
		}
		for a := range int(next) {
			for b, c := range pairs[a*size:][:next] {
				if c > 0 && (best < 0 || c > pairs[best]) {
					best = a*size + b
				}
			}
		}
		if best < 0 {
			break // every piece is one id
		}
		pair := [2]int32{int32(best / size), int32(best % size)}
		v.rank[pair] = next
		for i := range words {
			words[i].ids = merge(words[i].ids, pair, next)
		}
	}
	return v
}

// encode returns the ids of a document. It is not safe for concurrent use.
func (v *vocabulary) encode(doc string) []int32 {
	var ids []int32
	for i, paragraph := range strings.Split(strings.TrimSuffix(doc, "\n\n"), "\n\n") {
		if i > 0 {
			ids = append(ids, paragraphEnd)
		}
		for piece := range pieces(paragraph) {
			known, ok := v.cache[piece]
			if !ok {
				known = v.encodePiece(piece)
				v.cache[piece] = known
			}
			ids = append(ids, known...)
		}
	}
	return append(ids, paragraphEnd)
}

// encodePiece returns the ids of a piece.
func (v *vocabulary) encodePiece(piece string) []int32 {
	ids := bytesOf(piece)
	for {
		first := int32(v.size)
		var pair [2]int32
		for i := 1; i < len(ids); i++ {
			p := [2]int32{ids[i-1], ids[i]}
			if r, ok := v.rank[p]; ok && r < first {
				first, pair = r, p
			}
		}
		if int(first) == v.size {
			return ids
		}
		ids = merge(ids, pair, first)
	}
}

// merge replaces a pair of ids by their union, in place.
func merge(ids []int32, pair [2]int32, union int32) []int32 {
	out := ids[:0]
	for i := 0; i < len(ids); i++ {
		if i+1 < len(ids) && ids[i] == pair[0] && ids[i+1] == pair[1] {
			out = append(out, union)
			i++
		} else {
			out = append(out, ids[i])
		}
	}
	return out
}

// bytesOf returns one id per byte.
func bytesOf(piece string) []int32 {
	ids := make([]int32, len(piece))
	for i := range ids {
		ids[i] = int32(piece[i])
	}
	return ids
}

// pieces splits text into runs of letters, of digits and of other characters, each with the space
// before it. Other white space is a piece of its own. Merges stay within a piece.
func pieces(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for from := 0; from < len(text); {
			to := from
			if text[to] == ' ' && to+1 < len(text) && classOf(text[to+1]) != space {
				to++
			}
			class := classOf(text[to])
			for to++; to < len(text) && class != space && classOf(text[to]) == class; {
				to++
			}
			if !yield(text[from:to]) {
				return
			}
			from = to
		}
	}
}

const (
	other = iota
	letter
	digit
	space
)

func classOf(c byte) int {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80:
		return letter
	case c >= '0' && c <= '9':
		return digit
	case c == ' ', c == '\n', c == '\t':
		return space
	}
	return other
}
