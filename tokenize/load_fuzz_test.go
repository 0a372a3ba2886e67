package tokenize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// specification returns the ids of a text by the definition: it scans all pairs again after each merge, with
// the merges of the file as they are.
func specification(s *source, text string) []int32 {
	byText := map[string]int32{}
	for id, token := range s.tokens {
		if token != "" && !s.hidden.has(int32(id)) {
			byText[token] = int32(id)
		}
	}
	type two struct{ left, right int32 }
	ranks := map[two]pair{}
	for _, p := range s.merges {
		if _, ok := ranks[two{p.left, p.right}]; !ok || s.lastRank {
			ranks[two{p.left, p.right}] = p
		}
	}
	rank := func(left, right int32) (int32, int32) {
		if s.ranked {
			if id, ok := byText[s.tokens[left]+s.tokens[right]]; ok {
				return id, id
			}
		} else if p, ok := ranks[two{left, right}]; ok {
			return p.rank, p.id
		}
		return noRank, -1
	}
	var ids []int32
	split := splitter{stages: s.stagesOf()}
	for i := 0; i < len(text); {
		end := split.next([]byte(text), i)
		piece := text[i:end]
		i = end
		if id, ok := byText[piece]; ok && s.whole {
			ids = append(ids, id)
			continue
		}
		var parts []int32
		symbol := func(r string) {
			if id, ok := byText[r]; ok {
				parts = append(parts, id)
				return
			}
			for _, b := range []byte(r) {
				switch {
				case s.bytes != nil:
					parts = append(parts, s.bytes[b])
				case s.lossy:
					parts = append(parts, -1) // nothing merges across it
				}
			}
		}
		if s.bytes != nil {
			for len(piece) > 0 {
				_, n := utf8.DecodeRuneInString(piece)
				symbol(piece[:n])
				piece = piece[n:]
			}
		} else {
			for _, b := range []byte(piece) {
				symbol(string([]byte{b}))
			}
		}
		for {
			at, least, union := -1, int32(noRank), int32(-1)
			for k := 0; k+1 < len(parts); k++ {
				if parts[k] < 0 || parts[k+1] < 0 {
					continue
				}
				if r, id := rank(parts[k], parts[k+1]); r < least {
					at, least, union = k, r, id
				}
			}
			if at < 0 {
				break
			}
			parts[at] = union
			parts = slices.Delete(parts, at+1, at+2)
		}
		for _, id := range parts {
			if id >= 0 {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// stagesOf returns the stages that cut a text into pieces.
func (s *source) stagesOf() []stage {
	var stages []stage
	for _, r := range s.rules {
		stages = append(stages, r.stage)
	}
	if len(stages) == 0 {
		stages = []stage{func(text []byte, _ int) int { return len(text) }}
	}
	return stages
}

// checkLoaded checks a tokenizer that a file gave: against the specification, and that it decodes.
func checkLoaded(t *testing.T, file []byte, o LoadOptions, text string) {
	e, err := readBytes(file, o)
	if err != nil {
		require.Nil(t, e)
		return
	}
	ids := e.Append(nil, []byte(text))
	require.Equal(t, len(ids), e.Count([]byte(text)))
	for _, id := range ids {
		_, ok := e.Token(id)
		require.True(t, ok, "id %d of %q", id, text)
	}
	back, err := e.Decode(nil, ids)
	require.NoError(t, err)
	if e.normal.none() && e.lacks == nil {
		require.Equal(t, text, string(back))
	}
	same, spans := e.AppendSpans(nil, nil, []byte(text))
	require.Equal(t, ids, same)
	require.Len(t, spans, len(ids))
	e.AppendSpecial(nil, []byte(text))

	s, err := sourceOf(file, o)
	require.NoError(t, err)
	if len(s.added) > 0 || len(text) > 200 {
		return
	}
	loadClasses()
	part := s.normal.apply([]byte(text), nil)
	require.Equal(t, specification(s, string(part)), ids, "%q", text)
}

// sourceOf returns what a file says, before build changes it.
func sourceOf(file []byte, o LoadOptions) (*source, error) {
	if strings.HasPrefix(string(file), "GGUF") {
		return parseGGUF(bytes.NewReader(file[4:]))
	}
	return parse(file, o)
}

const fuzzText = "hello hello, it's 12345 hellollhe \n \n é€ \xff▁he"

func FuzzLoadJSON(tf *testing.F) {
	f := mutate.New(tf)
	for _, t := range []tree{byteLevelTree(), fallbackTree()} {
		f.Add(text(f, t), fuzzText)
		delete(t, "added_tokens")
		f.Add(text(f, t), fuzzText)
	}
	f.Fuzz(func(t *testing.T, file []byte, in string) { checkLoaded(t, file, LoadOptions{}, in) })
}

func FuzzLoadTekken(tf *testing.F) {
	f := mutate.New(tf)
	f.Add(text(f, tekkenTree()), fuzzText)
	f.Fuzz(func(t *testing.T, file []byte, in string) { checkLoaded(t, file, LoadOptions{}, in) })
}

func FuzzLoadRanks(tf *testing.F) {
	f := mutate.New(tf)
	f.Add(ranksText(), fuzzText)
	f.Fuzz(func(t *testing.T, file []byte, in string) {
		checkLoaded(t, file, LoadOptions{Pattern: "cl100k_base"}, in)
	})
}

func FuzzLoadSentencePiece(tf *testing.F) {
	f := mutate.New(tf)
	f.Add(sentencePiece(smallPieces(), nil), fuzzText)
	f.Add(sentencePiece(smallPieces()[2:268], nil), fuzzText)
	f.Fuzz(func(t *testing.T, file []byte, in string) { checkLoaded(t, file, LoadOptions{}, in) })
}

func FuzzLoadGGUF(tf *testing.F) {
	f := mutate.New(tf)
	f.Add(ggufBytes().file(), fuzzText)
	f.Add(ggufPieces().file(), fuzzText)
	f.Fuzz(func(t *testing.T, file []byte, in string) { checkLoaded(t, file, LoadOptions{}, in) })
}

// TestLoadedIsTheSpecification: tokenizers with random merges give the ids of the definition.
func TestLoadedIsTheSpecification(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		tokens := []string{"a", "b", "c", "é"}
		seen := map[string]bool{}
		vocab, merges := tree{"<unk>": 0}, []any{}
		for b := range 256 {
			vocab[fmt.Sprintf("<0x%02X>", b)] = 1 + b
		}
		for i, token := range tokens {
			vocab[token] = 257 + i
		}
		for range 1 + rng.IntN(20) {
			left, right := tokens[rng.IntN(len(tokens))], tokens[rng.IntN(len(tokens))]
			if len(left+right) > 12 {
				continue
			}
			if _, ok := vocab[left+right]; !ok {
				vocab[left+right] = len(vocab)
				tokens = append(tokens, left+right)
			}
			if !seen[left+" "+right] || rng.IntN(4) == 0 {
				seen[left+" "+right] = true
				merges = append(merges, []any{left, right})
			}
		}
		rng.Shuffle(len(merges), func(i, j int) { merges[i], merges[j] = merges[j], merges[i] })
		f := fallbackTree()
		f["added_tokens"], f["normalizer"], f["decoder"] = nil, nil, tree{"type": "ByteFallback"}
		f["model"].(tree)["vocab"], f["model"].(tree)["merges"] = vocab, merges
		f["model"].(tree)["ignore_merges"] = rng.IntN(2) == 0
		file := text(t, f)
		_, err := readBytes(file, LoadOptions{})
		require.NoError(t, err)
		for range 20 {
			var in strings.Builder
			for range rng.IntN(40) {
				in.WriteString([]string{"a", "b", "c", "é", "a", "b", "z", "\xff"}[rng.IntN(8)])
			}
			checkLoaded(t, file, LoadOptions{}, in.String())
		}
	}
}
