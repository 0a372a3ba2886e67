package tokenize

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// getBPE returns the encoding of a name.
func getBPE(tb testing.TB, name string) *BPE {
	tok, err := Get(name)
	require.NoError(tb, err)
	return tok.(*BPE)
}

// mergeNaive is the definition of byte pair encoding. It scans all pairs again after each merge.
func mergeNaive(v *vocabulary, piece []byte) []int32 {
	var parts [][]byte
	for i := range piece {
		parts = append(parts, piece[i:i+1])
	}
	for {
		at, least := -1, int32(noRank)
		for i := 0; i+1 < len(parts); i++ {
			pair := string(parts[i]) + string(parts[i+1])
			if id := v.find([]byte(pair)); id >= 0 && id < least {
				at, least = i, id
			}
		}
		if at < 0 {
			break
		}
		parts[at] = []byte(string(parts[at]) + string(parts[at+1]))
		parts = append(parts[:at+1], parts[at+2:]...)
	}
	var ids []int32
	for _, p := range parts {
		ids = append(ids, v.find(p))
	}
	return ids
}

func TestMergeIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	alphabets := []string{
		"a", "ab", "abcdefghijklmnopqrstuvwxyz", " \n\t", "=-", "eEsStTnN", "\u00e9\u6f22\u3082",
		"\x00\xff\x80\xc3",
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			v := &getBPE(t, name).vocab
			var m merger // all pieces share it, so that its state after a piece matters
			for range 150 {
				alphabet := alphabets[r.IntN(len(alphabets))]
				n := 1 + r.IntN(40)
				if r.IntN(3) == 0 {
					n = 1 + r.IntN(2*scanLimit)
				}
				piece := make([]byte, n)
				for i := range piece {
					piece[i] = alphabet[r.IntN(len(alphabet))]
				}
				want := mergeNaive(v, piece)
				require.Equal(t, want, m.mergeHeap(nil, v, piece), "%q", piece)
				require.Equal(t, want, m.merge(nil, v, piece), "%q", piece)
				for _, window := range []int{1, 2, 5, 32} {
					require.Equal(t, want, m.mergeLong(nil, v, piece, window), "%q by %d", piece, window)
				}
				if n <= scanLimit {
					require.Equal(t, want, m.mergeScan(nil, v, piece), "%q", piece)
				}
			}
		})
	}
}

// TestLongPiece: windows do not change the ids, and bound the memory.
func TestLongPiece(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	alphabets := []string{"a", " ", "=", "-", "0", "ab", " \n", "etaoin", "\u00e9\u6f22\u3082", "\xff\x80"}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			v := &getBPE(t, name).vocab
			var windows, whole merger
			for _, alphabet := range alphabets {
				for range 4 {
					period := make([]byte, 1+r.IntN(3*window))
					for i := range period {
						period[i] = alphabet[r.IntN(len(alphabet))]
					}
					piece := bytes.Repeat(period, 1+(2+r.IntN(4))*window/len(period))
					prefix := []int32{-1}
					want, got := whole.mergeHeap(prefix, v, piece), windows.merge(prefix, v, piece)
					require.True(t, slices.Equal(want, got), "%.99q, %d bytes", piece, len(piece))
				}
			}
			assert.Less(t, cap(windows.parts), 4*window)
			assert.Less(t, cap(windows.heap), 8*window)
		})
	}
}

// TestWorkGrowsWithText: four times the text must not take many more than four times the steps. A step is
// a lookup, a scanned part, or a level of the heap.
func TestWorkGrowsWithText(t *testing.T) {
	const size = 1 << 20
	e := getBPE(t, "o200k_base")
	r := rand.New(rand.NewPCG(3, 4))
	letters := make([]byte, size)
	for i := range letters {
		letters[i] = byte('a' + r.IntN(26))
	}
	for _, c := range []struct{ name, text string }{
		{"a", strings.Repeat("a", size)},
		{"blank lines", strings.Repeat("\n ", size/2)},
		{"spaces", strings.Repeat(" ", size)},
		{"random letters", string(letters)},
		{"invalid bytes", strings.Repeat("\xff\xfe", size/2)},
		{"pieces just below the limit", strings.Repeat(string(letters[:scanLimit-1])+" ", size/scanLimit)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var small, large merger
			e.append(nil, []byte(c.text[:size/4]), false, &small)
			ids := e.append(nil, []byte(c.text), false, &large)
			assert.LessOrEqual(t, large.work, 5*small.work)
			assert.Less(t, large.work, 200*size)
			text, err := e.Decode(nil, ids)
			require.NoError(t, err)
			assert.True(t, string(text) == c.text, "the decoded text, which is too long to print")
			t.Logf("%.1f steps per byte, then %.1f", float64(small.work)/(size/4), float64(large.work)/size)
		})
	}
}

func TestLoadRefusesOtherVocabulary(t *testing.T) {
	s := encodings[0]
	s.digest = "sha256:0"
	_, err := s.load()
	assert.ErrorContains(t, err, "tokenize: cl100k_base: the vocabulary has digest sha256:28ab")

	s.name = "none"
	_, err = s.load()
	assert.ErrorContains(t, err, "tokenize: none: ")

	_, err = newBPE(&s, make([]string, 300))
	assert.EqualError(t, err, "tokenize: none: the vocabulary lacks the byte 0x00")
}
