package tokenize_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// checkSpans: the ids are those of Append, and the spans cover the text. Where nothing changes a text, the
// bytes of a span are those of its token.
func checkSpans(tb testing.TB, e *tokenize.BPE, text string, exact bool) {
	ids, spans := e.AppendSpans([]int32{-1}, []tokenize.Span{{7, 7}}, []byte(text))
	require.Equal(tb, e.Append([]int32{-1}, []byte(text)), ids)
	require.Len(tb, spans, len(ids))
	require.Equal(tb, tokenize.Span{Start: 7, End: 7}, spans[0])
	end := 0
	for i, s := range spans[1:] {
		if exact {
			require.Equal(tb, end, s.Start, "%q, id %d", text, i)
			token, _ := e.Token(ids[i+1])
			require.Equal(tb, token, text[s.Start:s.End], "%q, id %d", text, i)
		} else {
			require.LessOrEqual(tb, s.Start, end, "%q, id %d", text, i)
			require.LessOrEqual(tb, s.Start, s.End, "%q, id %d", text, i)
			require.GreaterOrEqual(tb, s.End, end, "%q, id %d", text, i)
		}
		end = s.End
	}
	require.Equal(tb, len(text), end, "%q", text)
}

func TestSpans(t *testing.T) {
	for _, name := range tokenize.Names() {
		t.Run(name, func(t *testing.T) {
			e := get(t, name).(*tokenize.BPE)
			for _, c := range goldens(t).Cases {
				checkSpans(t, e, c.Text, true)
			}
			checkSpans(t, e, "\xff\xfe it's\xc5 \n \x80", true)
			checkSpans(t, e, strings.Repeat("a", 5000), true)
		})
	}
}

// TestSpansOfVocabularies is TestSpans for real vocabularies, of which some change texts.
func TestSpansOfVocabularies(t *testing.T) {
	for _, c := range []struct {
		name, file string
		exact      bool
	}{
		{"llama-3", "tokenizer.json", true},
		{"deepseek-v3", "tokenizer.json", true},
		{"qwen-3", "tokenizer.json", false},
		{"gemma-3", "tokenizer.json", false},
		{"mistral-v1", "tokenizer.model", false},
		{"mistral-tekken", "tekken.json", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := load(t, c.name, c.file)
			rng := rand.New(rand.NewPCG(1, 1))
			for _, k := range corpus(t, e) {
				for range 50 {
					checkSpans(t, e, k.text(rng), c.exact)
				}
			}
		})
	}
}

// TestSpansWhereTextChanges shows the exceptions.
func TestSpansWhereTextChanges(t *testing.T) {
	span := func(start, end int) tokenize.Span { return tokenize.Span{Start: start, End: end} }
	for _, c := range []struct {
		name, vocabulary, file, text string
		want                         []tokenize.Span
	}{
		{"NFC", "qwen-3", "tokenizer.json", "caf\u0065\u0301 a", []tokenize.Span{span(0, 2), span(2, 6), span(6, 8)}},
		{"an added token", "qwen-3", "tokenizer.json", "a<think>\u0065\u0301", []tokenize.Span{span(0, 1), span(1, 8), span(8, 11)}},
		{"a space before the text", "mistral-v1", "tokenizer.model", "a b", []tokenize.Span{span(0, 1), span(1, 3)}},
		{"a character of SentencePiece", "mistral-v1", "tokenizer.model", "a▁b", []tokenize.Span{span(0, 1), span(1, 5)}},
		{"bytes of a character", "mistral-v1", "tokenizer.model", "\U00013000", []tokenize.Span{span(0, 0), span(0, 1), span(1, 2), span(2, 3), span(3, 4)}},
		{"bytes without a token", "smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "a\xffb", []tokenize.Span{span(0, 1), span(2, 3)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, spans := load(t, c.vocabulary, c.file).AppendSpans(nil, nil, []byte(c.text))
			assert.Equal(t, c.want, spans)
		})
	}
}
