package tokenize_test

import (
	"bytes"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// pinned holds the promise of each name. It never changes.
var pinned = []struct {
	name    string
	vocab   int
	decodes int // ids with text
	digest  string
}{
	{"cl100k_base", 100277, 100256, "sha256:28abd3473eb0292b917054957353684b1da7884f6cd2ba3840f522aa7e521906"},
	{"o200k_base", 200019, 199998, "sha256:46f54a4e73d449c5bfd2f21a724d685c874df19a5bb5032296372ca312aa5bd4"},
	{"o200k_harmony", 201088, 199998, "sha256:1cfea4b6f928db6abf41710e6a945d79798429dee11cf195f434547699c3f816"},
	{"p50k_base", 50281, 50280, "sha256:ca07334f8c8cb86a411a86bbe4a0a7ad721d2e14eb7441aa19c245dc168c16d7"},
	{"p50k_edit", 50284, 50280, "sha256:ff9b22eab3266ecb03861711c82dc8a5e70dedcc42a7d16e98d5bc242cc3dd70"},
	{"r50k_base", 50257, 50256, "sha256:2bb16f340a0d764fab82e4caabb67698e4cabe410e313c8e0b1bb79cc129b092"},
}

func TestPinned(t *testing.T) {
	require.Len(t, tokenize.Names(), len(pinned))
	for _, p := range pinned {
		t.Run(p.name, func(t *testing.T) {
			tok := get(t, p.name)
			assert.Equal(t, p.name, tok.Name())
			assert.Equal(t, p.vocab, tok.Vocab())
			assert.Equal(t, p.digest, tok.Digest())
			decodes := 0
			for id := range int32(tok.Vocab()) {
				if _, ok := tok.(*tokenize.BPE).Token(id); ok {
					decodes++
				}
			}
			assert.Equal(t, p.decodes, decodes)
		})
	}
}

func TestNames(t *testing.T) {
	names := tokenize.Names()
	assert.True(t, slices.IsSorted(names))
	names[0] = "changed"
	assert.NotEqual(t, names, tokenize.Names())
}

func TestGet(t *testing.T) {
	for _, name := range tokenize.Names() {
		assert.Same(t, get(t, name), get(t, name))
	}
	for model, encoding := range map[string]string{
		"gpt2": "r50k_base", "gpt-4": "cl100k_base", "gpt-4-32k": "cl100k_base", "gpt-3.5-turbo": "cl100k_base",
		"gpt-4o": "o200k_base", "gpt-4o-mini-2024-07-18": "o200k_base", "gpt-4.1": "o200k_base", "gpt-5-nano": "o200k_base",
		"o1": "o200k_base", "gpt-oss": "o200k_harmony", "gpt-oss-120b": "o200k_harmony",
	} {
		t.Run(model, func(t *testing.T) { assert.Same(t, get(t, encoding), get(t, model)) })
	}
}

func TestGetUnknown(t *testing.T) {
	for _, name := range []string{"", "gpt-40", "gpt-4o_2", "o200k", "CL100K_BASE"} {
		tok, err := tokenize.Get(name)
		assert.Nil(t, tok)
		require.ErrorIs(t, err, tokenize.ErrName)
		assert.ErrorContains(t, err, `"`+name+`"`)
		for _, known := range tokenize.Names() {
			assert.ErrorContains(t, err, known)
		}
	}
}

// TestGetModel: for a model whose tokenizer is in a file the error says which.
func TestGetModel(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"llama-3", "give the file tokenizer.json or tokenizer.model"},
		{"meta-llama/Llama-3.1-8B-Instruct", "give the file tokenizer.json or tokenizer.model"},
		{"Qwen/Qwen3-8B", "give the file tokenizer.json"},
		{"deepseek-ai/DeepSeek-V3", "give the file tokenizer.json"},
		{"gemma-3-27b-it", "give the file tokenizer.json or tokenizer.model"},
		{"mistral-small", "give the file tekken.json"},
		{"mixtral-8x7b", "tokenizer.model.v3"},
		{"SmolLM2-135M", "give the file tokenizer.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tokenize.Get(c.name)
			require.ErrorIs(t, err, tokenize.ErrName)
			assert.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, `"`+c.name+`"`)
		})
	}
}

// TestHarmony: the ids of texts are those of o200k_base, and the control tokens have names.
func TestHarmony(t *testing.T) {
	e, base := get(t, "o200k_harmony").(*tokenize.BPE), get(t, "o200k_base").(*tokenize.BPE)
	for _, c := range goldens(t).Cases {
		require.Equal(t, base.Append(nil, []byte(c.Text)), e.Append(nil, []byte(c.Text)), "%q", c.Text)
	}
	for _, c := range []struct {
		id   int32
		name string
	}{
		{199998, "<|startoftext|>"}, {200000, "<|reserved_200000|>"}, {200002, "<|return|>"}, {200005, "<|channel|>"},
		{200012, "<|call|>"}, {200018, "<|endofprompt|>"}, {201087, "<|reserved_201087|>"},
	} {
		name, ok := e.SpecialName(c.id)
		assert.True(t, ok)
		assert.Equal(t, c.name, name)
		assert.Equal(t, []int32{c.id}, e.AppendSpecial(nil, []byte(c.name)))
	}
	assert.Len(t, e.Special(), 201088-199998)
}

func TestEmpty(t *testing.T) {
	for _, name := range tokenize.Names() {
		tok := get(t, name)
		assert.Empty(t, tok.Append(nil, nil))
		assert.Equal(t, []int32{7}, tok.Append([]int32{7}, []byte{}))
		text, err := tok.Decode(nil, nil)
		assert.NoError(t, err)
		assert.Empty(t, text)
	}
}

func TestAppendKeepsPrefix(t *testing.T) {
	for _, name := range tokenize.Names() {
		tok := get(t, name)
		ids := tok.Append(nil, []byte("one two"))
		both := tok.Append(slices.Clone(ids), []byte(" three"))
		assert.Equal(t, ids, both[:len(ids)])
		assert.Equal(t, tok.Append(nil, []byte(" three")), both[len(ids):])

		text, err := tok.Decode([]byte("zero "), ids)
		require.NoError(t, err)
		assert.Equal(t, "zero one two", string(text))
	}
}

// TestToken: every id with text decodes to it. Append gives the id for that text, unless the rules split
// it.
func TestToken(t *testing.T) {
	for _, name := range tokenize.Names() {
		t.Run(name, func(t *testing.T) {
			tok := get(t, name).(*tokenize.BPE)
			kept := 0
			for id := range int32(tok.Vocab()) {
				want, ok := tok.Token(id)
				text, err := tok.Decode(nil, []int32{id})
				require.Equal(t, ok, err == nil, "id %d", id)
				require.Equal(t, want, string(text))
				require.Equal(t, ok, want != "")
				if ids := tok.Append(nil, text); len(ids) == 1 {
					require.Equal(t, id, ids[0], "%q", text)
					kept++
				}
			}
			assert.Greater(t, kept, tok.Vocab()*95/100)
			for _, id := range []int32{-1, math.MinInt32, int32(tok.Vocab()), math.MaxInt32} {
				text, ok := tok.Token(id)
				assert.False(t, ok)
				assert.Empty(t, text)
			}
		})
	}
}

func TestDecodeError(t *testing.T) {
	for _, c := range []struct {
		name, encoding string
		ids            []int32
		want           string
	}{
		{
			"special", "cl100k_base", []int32{1, 2, 100257},
			"id 100257 at position 2 is the special token <|endoftext|>",
		},
		{"hole", "cl100k_base", []int32{100256}, "id 100256 at position 0 is not assigned"},
		{"too large", "cl100k_base", []int32{1, 100277}, "id 100277 at position 1 is outside 0 to 100276"},
		{"negative", "o200k_base", []int32{-1}, "id -1 at position 0 is outside 0 to 200018"},
		{
			"smallest", "o200k_base", []int32{math.MinInt32},
			"id -2147483648 at position 0 is outside 0 to 200018",
		},
		{"p50k_base", "p50k_base", []int32{50281}, "id 50281 at position 0 is outside 0 to 50280"},
		{
			"p50k_edit", "p50k_edit", []int32{50281},
			"id 50281 at position 0 is the special token <|fim_prefix|>",
		},
		{
			"the first error", "r50k_base", []int32{0, 50256, -1},
			"id 50256 at position 1 is the special token <|endoftext|>",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := get(t, c.encoding).Decode([]byte("kept"), c.ids)
			assert.ErrorIs(t, err, tokenize.ErrID)
			assert.EqualError(t, err, "tokenize: id does not decode: "+c.encoding+": "+c.want)
			assert.Equal(t, "kept", string(text))
		})
	}
}

func TestInvalidUTF8(t *testing.T) {
	for _, text := range []string{
		"\xff", "\x80\x80\x80", "a\xffb", " \xff ", "\xc3", "\xe4\xb8", "\xf0\x9f\x98", "x\xf0\x9f\x98 y",
		"\xed\xa0\x80", "\xc0\xaf", "\xf8\x88\x80\x80\x80", "\n\xff\n", "it\xff's", "'\xc5", "'\xc5s",
		"12\xff3",
	} {
		for _, name := range tokenize.Names() {
			tok := get(t, name)
			back, err := tok.Decode(nil, tok.Append(nil, []byte(text)))
			require.NoError(t, err)
			assert.Equal(t, text, string(back), name)
		}
	}
}

func TestConcurrent(t *testing.T) {
	text := []byte(goldens(t).Cases[0].Text)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, name := range tokenize.Names() {
				tok, err := tokenize.Get(name)
				if !assert.NoError(t, err) {
					return
				}
				var ids []int32
				var back []byte
				for range 20 {
					ids = tok.Append(ids[:0], text)
					back, err = tok.Decode(back[:0], ids)
					assert.NoError(t, err)
					assert.Equal(t, text, back)
				}
			}
		})
	}
	group.Wait()
}

// TestAppendReadsTextOnly is for the race detector. A text may end inside a buffer, and another goroutine
// may write to the rest of that buffer.
func TestAppendReadsTextOnly(t *testing.T) {
	buf := bytes.Repeat([]byte("xq "), 100)
	for _, name := range tokenize.Names() {
		tok := get(t, name)
		var group sync.WaitGroup
		group.Go(func() {
			for n := range 20 {
				tok.Append(nil, buf[:100+n])
			}
		})
		group.Go(func() { buf[120]++ })
		group.Wait()
	}
}

func TestAllocations(t *testing.T) {
	g := goldens(t)
	for _, name := range tokenize.Names() {
		tok := get(t, name)
		ids := make([]int32, 0, 1<<12)
		text := make([]byte, 0, 1<<12)
		for _, c := range g.Cases[:12] { // prose and code
			in := []byte(c.Text)
			assert.Zero(t, testing.AllocsPerRun(3, func() {
				ids = tok.Append(ids[:0], in)
				text, _ = tok.Decode(text[:0], ids)
			}), "%s: %s", name, c.Name)
		}
	}
}
