package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var someText = []string{
	"The cat sat on the mat. The cat, the 12 cats.\n\nA second paragraph about the cat.\n\n",
	"That cat is the best cat of the cats, isn't it?\n\n",
}

func TestVocabularyRoundTrip(t *testing.T) {
	v := learnVocabulary(someText, 290)
	union := make(map[int32][2]int32)
	for pair, id := range v.rank {
		union[id] = pair
	}
	var decode func(id int32) string
	decode = func(id int32) string {
		switch pair, ok := union[id]; {
		case ok:
			return decode(pair[0]) + decode(pair[1])
		case id == paragraphEnd:
			return "\n\n"
		default:
			return string([]byte{byte(id)})
		}
	}
	for _, text := range append(someText, "Unseen ümlauts\x00 99%!\n\n") {
		var b strings.Builder
		ids := v.encode(text)
		for _, id := range ids {
			assert.Less(t, id, int32(v.size))
			b.WriteString(decode(id))
		}
		assert.Equal(t, text, b.String())
		assert.Less(t, len(ids), len(text))
	}
}

// TestVocabularyMergesTheMostFrequent compares the first merges with merges computed by hand. "at" is the
// most frequent pair, then "cat", then "cat" with its space.
func TestVocabularyMergesTheMostFrequent(t *testing.T) {
	v := learnVocabulary([]string{"cat cat cat bat"}, paragraphEnd+4)
	assert.Equal(t, map[[2]int32]int32{{'a', 't'}: 257, {'c', 257}: 258, {' ', 258}: 259}, v.rank)
	assert.Equal(t, []int32{258, 259, ' ', 'b', 257, paragraphEnd}, v.encode("cat cat bat\n\n"))
}

func TestPieces(t *testing.T) {
	var got []string
	for p := range pieces("The  cat, 12x\nfoo ") {
		got = append(got, p)
	}
	assert.Equal(t, []string{"The", " ", " cat", ",", " 12", "x", "\n", "foo", " "}, got)
}
