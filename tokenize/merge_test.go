package tokenize

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// long asks for inputs of 16 MiB, which take minutes.
var long = flag.Bool("long", false, "test inputs of 16 MiB instead of 1 MiB")

// checkWork: four times the text must not take many more than four times the steps. A step is a lookup, a
// scanned part, or a level of the heap.
func checkWork(t *testing.T, e *BPE, most int) {
	size := 1 << 20
	if *long {
		size = 16 << 20
	}
	r := rand.New(rand.NewPCG(3, 4))
	letters, bytes := make([]byte, size), make([]byte, size)
	for i := range letters {
		letters[i] = byte('a' + r.IntN(26))
		bytes[i] = byte(r.Uint32())
	}
	for _, c := range []struct{ name, unit string }{
		{"a", "a"},
		{"blank lines", "\n "},
		{"spaces", " "},
		{"random letters", string(letters)},
		{"random bytes", string(bytes)},
		{"invalid bytes", "\xff\xfe"},
		{"digits", "7"},
		{"symbols", "=-"},
		{"one character", "漢"},
		{"scripts in turn", "aд漢ก🦉अ"},
		{"words of scripts in turn", "word слово 漢字 คำ "},
		{"marks", "\u0301"},
		{"letters with marks", "a\u0301\u0327\u0334"},
		{"the space of SentencePiece", "▁"},
		{"starts of an added token", "<|im_"},
		{"added tokens", "<think>"},
		{"pieces just below the limit", string(letters[:scanLimit-1]) + " "},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Repeat(c.unit, size/len(c.unit))
			small, large := merger{}, merger{}
			e.append(nil, []byte(text[:len(text)/4]), false, &small)
			ids := e.append(nil, []byte(text), false, &large)
			assert.LessOrEqual(t, large.work, 5*small.work+1000)
			assert.Less(t, large.work, most*size)
			back, err := e.Decode(nil, ids)
			require.NoError(t, err)
			if e.normal.none() && e.lacks == nil {
				assert.True(t, string(back) == text, "the decoded text, which is too long to print")
			}
			t.Logf("%.1f steps per byte, then %.1f", float64(small.work)/float64(size/4), float64(large.work)/float64(size))
		})
	}
}

func TestWorkGrowsWithText(t *testing.T) { checkWork(t, getBPE(t, "o200k_base"), 200) }

// TestWorkOfVocabularies is TestWorkGrowsWithText for tokenizers that change texts, cut them in several stages
// or merge pairs with ranks of their own.
func TestWorkOfVocabularies(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, name := range []string{"qwen-3/tokenizer.json", "deepseek-v3/tokenizer.json", "gemma-3/tokenizer.json", "mistral-v1/tokenizer.model", "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"} {
		t.Run(name, func(t *testing.T) {
			dir := os.Getenv("ISOTOPE_CACHE")
			if dir == "" {
				cache, err := os.UserCacheDir()
				require.NoError(t, err)
				dir = filepath.Join(cache, "isotope")
			}
			e, err := Load(filepath.Join(dir, "vocabularies", name))
			if errors.Is(err, os.ErrNotExist) && os.Getenv("ISOTOPE_REQUIRE_TOOLS") == "" {
				t.Skip("SKIPPED: nothing was tested; run python3 tokenize/testdata/fetch.py")
			}
			require.NoError(t, err)
			checkWork(t, e, 400)
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

	holes, err := newDictionary(make([]string, 300), nil)
	require.NoError(t, err)
	_, err = newBPE(&s, holes)
	assert.EqualError(t, err, "tokenize: none: the vocabulary lacks the byte 0x00")
}

// TestRepeatedPieces: a piece has the same ids wherever it stands, and Count counts them.
func TestRepeatedPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const alphabet = "abcdexyzqQ!=\x00\xff\xe9"
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			e := getBPE(t, name)
			repeats := 0
			for range 50 {
				var words []string // some share a key, for they differ in zeros at the end
				for range 1 + r.IntN(100) {
					word := make([]byte, 2+r.IntN(14))
					for i := range word {
						word[i] = alphabet[r.IntN(len(alphabet))]
					}
					words = append(words, string(word), "!="+strings.Repeat("\x00", r.IntN(5)))
				}
				var text []byte
				for range 400 {
					text = append(append(text, words[r.IntN(len(words))]...), " \n"[r.IntN(2)])
				}
				seen := map[string]bool{}
				want := []int32{-1}
				var m merger
				e.eachPiece(text, func(piece []byte) {
					if e.vocab.find(piece) < 0 && seen[string(piece)] {
						repeats++
					}
					seen[string(piece)] = true
					want = e.appendPiece(want, piece, &m)
				})
				require.Equal(t, want, e.Append([]int32{-1}, text), "%q", text)
				require.Equal(t, len(want)-1, e.Count(text), "%q", text)
			}
			assert.Greater(t, repeats, 5000)
		})
	}
}
