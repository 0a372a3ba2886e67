package tokenize

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tree is a JSON object.
type tree = map[string]any

// byteName returns the character that stands for a byte in a byte-level vocabulary.
func byteName(b byte) string {
	for r, of := range byteOf {
		if of == int16(b) {
			return string(rune(r))
		}
	}
	panic("every byte has a character")
}

// smallTokens lists the tokens of the small files: the bytes, and those that make up " hello".
func smallTokens() []string {
	var tokens []string
	for b := range 256 {
		tokens = append(tokens, string([]byte{byte(b)}))
	}
	return append(tokens, "he", "ll", "hell", "hello", " hello")
}

var smallMerges = [][2]string{{"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"}, {" ", "hello"}}

func chars(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteString(byteName(c))
	}
	return b.String()
}

// byteLevelTree is a small tokenizer.json like that of Llama 3.
func byteLevelTree() tree {
	vocab, merges := tree{}, []any{}
	for id, token := range smallTokens() {
		vocab[chars(token)] = id
	}
	for _, m := range smallMerges {
		merges = append(merges, chars(m[0])+" "+chars(m[1]))
	}
	return tree{
		"version":    "1.0",
		"truncation": nil, "padding": nil, "normalizer": nil, "post_processor": tree{"type": "ByteLevel"},
		"added_tokens": []any{
			tree{"id": 261, "content": "<end>", "special": true, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false},
			tree{"id": 262, "content": "<think>", "special": false, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false},
		},
		"pre_tokenizer": tree{"type": "Sequence", "pretokenizers": []any{
			tree{"type": "Split", "pattern": tree{"Regex": patternCL100K}, "behavior": "Isolated", "invert": false},
			tree{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
		}},
		"decoder": tree{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model":   tree{"type": "BPE", "vocab": vocab, "merges": merges, "ignore_merges": false, "unk_token": nil},
	}
}

// fallbackTree is a small tokenizer.json like that of Llama 2.
func fallbackTree() tree {
	vocab := tree{"<unk>": 0}
	for b := range 256 {
		vocab[fmt.Sprintf("<0x%02X>", b)] = 1 + b
	}
	for i, token := range []string{"▁", "h", "e", "l", "o", "é", "he", "ll", "hell", "hello", "▁hello"} {
		vocab[token] = 257 + i
	}
	return tree{
		"added_tokens": []any{tree{"id": 0, "content": "<unk>", "special": true, "normalized": false}},
		"normalizer": tree{"type": "Sequence", "normalizers": []any{
			tree{"type": "Prepend", "prepend": "▁"},
			tree{"type": "Replace", "pattern": tree{"String": " "}, "content": "▁"},
		}},
		"pre_tokenizer": nil,
		"decoder": tree{"type": "Sequence", "decoders": []any{
			tree{"type": "Replace", "pattern": tree{"String": "▁"}, "content": " "},
			tree{"type": "ByteFallback"}, tree{"type": "Fuse"},
			tree{"type": "Strip", "content": " ", "start": 1, "stop": 0},
		}},
		"model": tree{
			"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": vocab,
			"merges": []any{[]any{"h", "e"}, []any{"l", "l"}, []any{"he", "ll"}, []any{"hell", "o"}, []any{"▁", "hello"}},
		},
	}
}

func tekkenTree() tree {
	var vocab []any
	for rank, token := range smallTokens() {
		vocab = append(vocab, tree{"rank": rank, "token_bytes": base64.StdEncoding.EncodeToString([]byte(token)), "token_str": nil})
	}
	return tree{
		"config": tree{"pattern": patternTekken, "num_vocab_tokens": len(vocab), "default_vocab_size": len(vocab) + 20, "default_num_special_tokens": 20, "version": "v3"},
		"vocab":  vocab,
	}
}

func ranksText() []byte {
	var b []byte
	for rank, token := range smallTokens() {
		b = fmt.Appendf(b, "%s %d\n", base64.StdEncoding.EncodeToString([]byte(token)), rank)
	}
	return b
}

// A proto writes messages of protocol buffers.
type proto []byte

func (p proto) number(field int, n uint64) proto {
	return binary.AppendUvarint(binary.AppendUvarint(p, uint64(field)<<3), n)
}

func (p proto) bytes(field int, b []byte) proto {
	return append(binary.AppendUvarint(binary.AppendUvarint(p, uint64(field)<<3|2), uint64(len(b))), b...)
}

func (p proto) float(field int, f float32) proto {
	return binary.LittleEndian.AppendUint32(binary.AppendUvarint(p, uint64(field)<<3|5), math.Float32bits(f))
}

// smallPieces are the pieces of a SentencePiece model like that of Llama 2.
func smallPieces() []piece {
	pieces := []piece{{"<unk>", 0, pieceUnknown}, {"<s>", 0, pieceControl}}
	for b := range 256 {
		pieces = append(pieces, piece{fmt.Sprintf("<0x%02X>", b), 0, pieceByte})
	}
	for i, text := range []string{"he", "ll", "hell", "hello", "▁hello", "▁", "h", "e", "l", "o", "é"} {
		pieces = append(pieces, piece{text, float32(-i), pieceNormal})
	}
	return append(pieces, piece{"<think>", 0, pieceUser})
}

// sentencePiece returns a model. edit changes the trainer's and the normalizer's part.
func sentencePiece(pieces []piece, edit func(trainer, normalizer proto) (proto, proto)) []byte {
	var model proto
	for _, p := range pieces {
		sub := proto{}.bytes(1, []byte(p.text)).float(2, p.score)
		if p.kind != pieceNormal {
			sub = sub.number(3, p.kind)
		}
		model = model.bytes(1, sub)
	}
	trainer := proto{}.number(3, 2).number(35, 1)
	normalizer := proto{}.bytes(1, []byte("identity")).number(3, 1).number(4, 0).number(5, 1)
	if edit != nil {
		trainer, normalizer = edit(trainer, normalizer)
	}
	return model.bytes(2, trainer).bytes(3, normalizer)
}

// A gguf is the metadata of a GGUF file.
type gguf []struct {
	key   string
	value any
}

func (g gguf) with(key string, value any) gguf {
	var out gguf
	for _, e := range g {
		if e.key != key {
			out = append(out, e)
		}
	}
	if value == nil {
		return out
	}
	return append(out, struct {
		key   string
		value any
	}{key, value})
}

func (g gguf) file() []byte {
	b := []byte("GGUF\x03\x00\x00\x00")
	order := binary.LittleEndian
	text := func(s string) { b = append(order.AppendUint64(b, uint64(len(s))), s...) }
	b = order.AppendUint64(b, 0)
	b = order.AppendUint64(b, uint64(len(g)))
	for _, e := range g {
		text(e.key)
		switch v := e.value.(type) {
		case string:
			b = order.AppendUint32(b, ggufString)
			text(v)
		case bool:
			b = append(order.AppendUint32(b, ggufBool), 0)
			if v {
				b[len(b)-1] = 1
			}
		case uint32:
			b = order.AppendUint32(order.AppendUint32(b, 4), v)
		case []string:
			b = order.AppendUint64(order.AppendUint32(order.AppendUint32(b, ggufArray), ggufString), uint64(len(v)))
			for _, s := range v {
				text(s)
			}
		case []int32:
			b = order.AppendUint64(order.AppendUint32(order.AppendUint32(b, ggufArray), ggufInt32), uint64(len(v)))
			for _, n := range v {
				b = order.AppendUint32(b, uint32(n))
			}
		case []float32:
			b = order.AppendUint64(order.AppendUint32(order.AppendUint32(b, ggufArray), ggufFloat32), uint64(len(v)))
			for _, f := range v {
				b = order.AppendUint32(b, math.Float32bits(f))
			}
		default:
			panic("a type that the tests do not write")
		}
	}
	return b
}

func (g gguf) add(key string, value any) gguf { return g.with(key, value) }

// ggufBytes is a GGUF file with a byte-level vocabulary.
func ggufBytes() gguf {
	var tokens, merges []string
	var types []int32
	for _, token := range smallTokens() {
		tokens = append(tokens, chars(token))
		types = append(types, pieceNormal)
	}
	tokens, types = append(tokens, "<end>", "<think>"), append(types, pieceControl, pieceUser)
	for _, m := range smallMerges {
		merges = append(merges, chars(m[0])+" "+chars(m[1]))
	}
	return gguf{}.add("general.architecture", "llama").add("general.tags", []string{"a", "b"}).
		add("tokenizer.ggml.model", "gpt2").add("tokenizer.ggml.pre", "llama-bpe").
		add("tokenizer.ggml.tokens", tokens).add("tokenizer.ggml.token_type", types).
		add("tokenizer.ggml.merges", merges).add("tokenizer.ggml.eos_token_id", uint32(261))
}

// ggufPieces is a GGUF file with a vocabulary of SentencePiece.
func ggufPieces() gguf {
	var tokens []string
	var types []int32
	var scores []float32
	for _, p := range smallPieces() {
		tokens, types, scores = append(tokens, p.text), append(types, int32(p.kind)), append(scores, p.score)
	}
	return gguf{}.add("tokenizer.ggml.model", "llama").add("tokenizer.ggml.tokens", tokens).
		add("tokenizer.ggml.token_type", types).add("tokenizer.ggml.scores", scores)
}

func text(tb testing.TB, v any) []byte {
	b, err := json.Marshal(v)
	require.NoError(tb, err)
	return b
}

func readBytes(b []byte, o LoadOptions) (*BPE, error) {
	return read(bytes.NewReader(b), int64(len(b)), o)
}

// TestLoadFormats: a small tokenizer of each format gives the ids that its rules say.
func TestLoadFormats(t *testing.T) {
	for _, c := range []struct {
		name    string
		file    []byte
		options LoadOptions
		text    string
		want    []int32
		special []int32
	}{
		{"tokenizer.json, byte-level", text(t, byteLevelTree()), LoadOptions{}, "hello hello<think><end>", []int32{259, 260, 262, '<', 'e', 'n', 'd', '>'}, []int32{259, 260, 262, 261}},
		{"tokenizer.json, byte fallback", text(t, fallbackTree()), LoadOptions{}, "hello é€", []int32{267, 257, 262, 1 + 0xe2, 1 + 0x82, 1 + 0xac}, nil},
		{"tekken.json", text(t, tekkenTree()), LoadOptions{}, "hello hello12", []int32{20 + 259, 20 + 260, 20 + '1', 20 + '2'}, nil},
		{".tiktoken", ranksText(), LoadOptions{Pattern: "o200k_base"}, "hello hello", []int32{259, 260}, nil},
		{".tiktoken, pattern", ranksText(), LoadOptions{Pattern: patternQwen2}, "hello\xffhello", []int32{259, 0xff, 259}, nil},
		{"SentencePiece", sentencePiece(smallPieces(), nil), LoadOptions{}, "hello é€<think>", []int32{262, 263, 268, 2 + 0xe2, 2 + 0x82, 2 + 0xac, 269}, nil},
		{"GGUF, byte-level", ggufBytes().file(), LoadOptions{}, "hello hello<think><end>", []int32{259, 260, 262, '<', 'e', 'n', 'd', '>'}, []int32{259, 260, 262, 261}},
		{"GGUF, SentencePiece", ggufPieces().file(), LoadOptions{}, "hello é€", []int32{262, 263, 268, 2 + 0xe2, 2 + 0x82, 2 + 0xac}, nil},
		{"GGUF, SentencePiece without a space first", ggufPieces().with("tokenizer.ggml.add_space_prefix", false).file(), LoadOptions{}, "hello hello", []int32{261, 262}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := readBytes(c.file, c.options)
			require.NoError(t, err)
			ids := e.Append(nil, []byte(c.text))
			assert.Equal(t, c.want, ids)
			assert.Equal(t, len(ids), e.Count([]byte(c.text)))
			back, err := e.Decode(nil, ids)
			require.NoError(t, err)
			assert.Equal(t, c.text, string(back))
			if c.special != nil {
				assert.Equal(t, c.special, e.AppendSpecial(nil, []byte(c.text)))
			}
			path := filepath.Join(t.TempDir(), "file")
			require.NoError(t, os.WriteFile(path, c.file, 0o666))
			same, err := LoadWith(path, c.options)
			require.NoError(t, err)
			assert.Equal(t, e.Digest(), same.Digest())
			assert.Regexp(t, "^bpe-[0-9a-f]{12}$", same.Name())
		})
	}
}

// TestDigestOfFormats: the digest is the same where two formats mean the same, and it covers every rule.
func TestDigestOfFormats(t *testing.T) {
	load := func(b []byte) string {
		e, err := readBytes(b, LoadOptions{})
		require.NoError(t, err)
		return e.Digest()
	}
	assert.Equal(t, load(text(t, byteLevelTree())), load(ggufBytes().file()), "tokenizer.json and GGUF")
	assert.NotEqual(t, load(sentencePiece(smallPieces(), nil)), load(ggufPieces().file()),
		"llama.cpp looks for <think> before it puts the space, and SentencePiece after it")
	without := smallPieces()[:len(smallPieces())-1]
	plain := ggufPieces()
	for i := range plain {
		switch v := plain[i].value.(type) {
		case []string:
			plain[i].value = v[:len(without)]
		case []int32:
			plain[i].value = v[:len(without)]
		case []float32:
			plain[i].value = v[:len(without)]
		}
	}
	assert.Equal(t, load(sentencePiece(without, nil)), load(plain.file()), "SentencePiece and GGUF")

	seen := map[string]string{load(text(t, byteLevelTree())): "as it is"}
	for _, c := range []struct {
		name string
		edit func(tree)
	}{
		{"pattern", func(f tree) { element(f, "pre_tokenizer", "pretokenizers", 0)["pattern"] = tree{"Regex": patternQwen2} }},
		{"normalizer", func(f tree) { f["normalizer"] = tree{"type": "NFC"} }},
		{"another normalizer", func(f tree) { f["normalizer"] = tree{"type": "NFKC"} }},
		{"merges", func(f tree) { f["model"].(tree)["merges"] = []any{"h e", "l l", "he ll", "hell o"} }},
		{"a token", func(f tree) {
			f["model"].(tree)["vocab"].(tree)["xy"] = 261
			for i := range 2 {
				f["added_tokens"].([]any)[i].(tree)["id"] = 262 + i
			}
			f["model"].(tree)["merges"] = append(f["model"].(tree)["merges"].([]any), "x y")
		}},
		{"name of a control token", func(f tree) { f["added_tokens"].([]any)[0].(tree)["content"] = "<stop>" }},
		{"a control token that is text", func(f tree) { f["added_tokens"].([]any)[0].(tree)["special"] = false }},
		{"white space of an added token", func(f tree) { f["added_tokens"].([]any)[1].(tree)["lstrip"] = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := byteLevelTree()
			c.edit(f)
			d := load(text(t, f))
			assert.Empty(t, seen[d], "another tokenizer with the same digest")
			seen[d] = c.name
		})
	}
	f := byteLevelTree()
	f["post_processor"] = nil
	assert.Equal(t, "as it is", seen[load(text(t, f))], "a post-processor changes no ids")
	f["model"].(tree)["ignore_merges"] = true
	assert.Equal(t, "as it is", seen[load(text(t, f))], "each token is what its bytes merge to, so this changes no ids")
}

// element returns an element of a list in a tree.
func element(f tree, key, list string, i int) tree { return f[key].(tree)[list].([]any)[i].(tree) }

// TestLoadErrors: a rule that this package does not know is an error that names it, and so is a damaged file.
func TestLoadErrors(t *testing.T) {
	edited := func(f tree, edit func(tree)) []byte {
		edit(f)
		return text(t, f)
	}
	model := func(key string, value any) []byte {
		return edited(byteLevelTree(), func(f tree) { f["model"].(tree)[key] = value })
	}
	top := func(key string, value any) []byte { return edited(byteLevelTree(), func(f tree) { f[key] = value }) }
	pre := func(value any) []byte { return top("pre_tokenizer", value) }
	added := func(key string, value any) []byte {
		return edited(byteLevelTree(), func(f tree) { f["added_tokens"].([]any)[1].(tree)[key] = value })
	}
	fallback := func(key string, value any) []byte {
		return edited(fallbackTree(), func(f tree) { f[key] = value })
	}
	proto1 := func(edit func(trainer, normalizer proto) (proto, proto)) []byte {
		return sentencePiece(smallPieces(), edit)
	}
	pieces := func(edit func([]piece) []piece) []byte { return sentencePiece(edit(smallPieces()), nil) }
	for _, c := range []struct {
		name string
		file []byte
		kind error
		want string
	}{
		{"empty", nil, ErrFormat, "the file is empty"},
		{"text", []byte("hello, world\n"), ErrFormat, "neither JSON nor GGUF nor a .tiktoken file nor a SentencePiece model"},
		{"other JSON", []byte(`{"a":1}`), ErrFormat, `no "model"`},
		{"cut JSON", text(t, byteLevelTree())[:3000], ErrFormat, "no end of a string"},
		{"brackets that do not match", bytes.Replace(text(t, byteLevelTree()), []byte(`"vocab":{`), []byte(`"vocab":[`), 1), ErrFormat, "vocab: the file is not JSON: no object"},
		{"two values", append(text(t, byteLevelTree()), "{}"...), ErrFormat, "more after its end"},
		{"a key twice", []byte(`{"model":{},"model":{}}`), ErrFormat, `a second "model"`},

		{"version", top("version", "2.0"), ErrRule, `version "2.0"`},
		{"unknown key", top("magic", 1), ErrRule, `"magic"`},
		{"normalizer", top("normalizer", tree{"type": "BertNormalizer", "lowercase": true}), ErrRule, "normalizer BertNormalizer"},
		{"two normalizers", top("normalizer", tree{"type": "Sequence", "normalizers": []any{tree{"type": "NFC"}, tree{"type": "NFKC"}}}), ErrRule, "normalizer NFKC after another"},
		{"option of a normalizer", top("normalizer", tree{"type": "NFC", "fast": true}), ErrRule, "fast"},
		{"replacement", fallback("normalizer", tree{"type": "Replace", "pattern": tree{"String": "a"}, "content": "b"}), ErrRule, `Replace of {"String":"a"} by "b"`},
		{"only a prefix", fallback("normalizer", tree{"type": "Prepend", "prepend": "▁"}), ErrRule, "Prepend of ▁ without Replace"},
		{"pre-tokenizer", pre(tree{"type": "Metaspace", "replacement": "_"}), ErrRule, "pre-tokenizer Metaspace"},
		{"split by whitespace", pre(tree{"type": "WhitespaceSplit"}), ErrRule, "pre-tokenizer WhitespaceSplit"},
		{"after ByteLevel", pre(tree{"type": "Sequence", "pretokenizers": []any{tree{"type": "ByteLevel", "add_prefix_space": false}, tree{"type": "Digits", "individual_digits": true}}}), ErrRule, "pre-tokenizer Digits after ByteLevel"},
		{"prefix of ByteLevel", pre(tree{"type": "ByteLevel", "add_prefix_space": true}), ErrRule, "add_prefix_space: true"},
		{"groups of digits", pre(tree{"type": "Digits", "individual_digits": false}), ErrRule, "individual_digits: false"},
		{"pattern", edited(byteLevelTree(), func(f tree) {
			element(f, "pre_tokenizer", "pretokenizers", 0)["pattern"] = tree{"Regex": `\w+|\s`}
		}), ErrRule, `the pattern \w+|\s`},
		{"pattern of a string", edited(byteLevelTree(), func(f tree) {
			element(f, "pre_tokenizer", "pretokenizers", 0)["pattern"] = tree{"String": "x"}
		}), ErrRule, `Split at {"String":"x"}`},
		{"behavior", edited(byteLevelTree(), func(f tree) {
			element(f, "pre_tokenizer", "pretokenizers", 0)["behavior"] = "MergedWithNext"
		}), ErrRule, `behavior "MergedWithNext"`},
		{"inverted", edited(byteLevelTree(), func(f tree) {
			element(f, "pre_tokenizer", "pretokenizers", 0)["invert"] = true
		}), ErrRule, "invert: true"},
		{"decoder", top("decoder", tree{"type": "WordPiece"}), ErrRule, "decoder WordPiece"},
		{"no decoder", top("decoder", nil), ErrRule, "only one is ByteLevel"},
		{"decoder of ▁", fallback("decoder", nil), ErrRule, "only one replaces ▁"},
		{"deep sequences", pre(nested(maxDepth + 2)), ErrFormat, "levels"},

		{"Unigram", model("type", "Unigram"), ErrRule, "model of type Unigram"},
		{"WordPiece", model("type", "WordPiece"), ErrRule, "model of type WordPiece"},
		{"dropout", model("dropout", 0.1), ErrRule, "dropout: 0.1"},
		{"subword prefix", model("continuing_subword_prefix", "##"), ErrRule, `continuing_subword_prefix: "##"`},
		{"word suffix", model("end_of_word_suffix", "</w>"), ErrRule, `end_of_word_suffix: "</w>"`},
		{"byte fallback", model("byte_fallback", true), ErrRule, "byte_fallback: true after ByteLevel"},
		{"option of the model", model("speed", 9), ErrRule, "model with speed: 9"},
		{"no vocab", model("vocab", nil), ErrFormat, "vocab"},
		{"wrong vocab", model("vocab", []any{1}), ErrFormat, "no object"},
		{"two tokens with one id", edited(byteLevelTree(), func(f tree) { f["model"].(tree)["vocab"].(tree)["qq"] = 5 }), ErrFormat, "a second token with id 5"},
		{"an id that is too large", edited(byteLevelTree(), func(f tree) { f["model"].(tree)["vocab"].(tree)["qq"] = maxID + 1 }), ErrFormat, "no id from 0"},
		{"a byte without a token", edited(byteLevelTree(), func(f tree) {
			v := f["model"].(tree)["vocab"].(tree)
			v["xy"] = v["A"]
			delete(v, "A")
		}), ErrRule, "lacks the byte 0x41"},
		{"no merges", model("merges", nil), ErrFormat, "merges"},
		{"a merge of one", model("merges", []any{"he"}), ErrFormat, "a merge without two tokens"},
		{"a merge of three", model("merges", []any{[]any{"h", "e", "l"}}), ErrFormat, "a merge without two tokens"},
		{"a merge of unknown tokens", model("merges", []any{"h q"}), ErrFormat, `a merge of "h" and "q"`},

		{"an id that is not the next", added("id", 300), ErrRule, `"<think>" with id 300, to which Hugging Face's tokenizers give 262`},
		{"an id that is not that of the vocabulary", added("content", "he"), ErrRule, `"he" with id 262, to which Hugging Face's tokenizers give 256`},
		{"an id of another token", edited(byteLevelTree(), func(f tree) {
			f["model"].(tree)["vocab"].(tree)[chars(" hello")] = 262
		}), ErrRule, `give the id 262 of another token`},
		{"single word", added("single_word", true), ErrRule, "single_word: true"},
		{"option of a token", added("color", "red"), ErrRule, "color"},
		{"no content", added("content", ""), ErrFormat, "an added token with id 262"},
		{"negative id", added("id", -1), ErrFormat, "an added token with id -1"},
		{"the same token twice", added("content", "<end>"), ErrFormat, `a second added token "<end>"`},
		{"a normalized token", edited(fallbackTree(), func(f tree) {
			f["added_tokens"] = append(f["added_tokens"].([]any), tree{"id": 268, "content": "x", "normalized": true})
		}), ErrRule, "normalized: true after a normalizer"},

		{"tekken: pattern", edited(tekkenTree(), func(f tree) { f["config"].(tree)["pattern"] = "x+" }), ErrRule, "pattern x+"},
		{"tekken: sizes", edited(tekkenTree(), func(f tree) { f["config"].(tree)["default_num_special_tokens"] = 1000 }), ErrFormat, "1000 are control tokens"},
		{"tekken: rank", edited(tekkenTree(), func(f tree) { f["vocab"].([]any)[3].(tree)["rank"] = 4 }), ErrFormat, "a second token with rank 4"},
		{"tekken: base64", edited(tekkenTree(), func(f tree) { f["vocab"].([]any)[3].(tree)["token_bytes"] = "*" }), ErrFormat, "not base64"},
		{"tekken: same bytes", edited(tekkenTree(), func(f tree) { f["vocab"].([]any)[3].(tree)["token_bytes"] = "QQ==" }), ErrFormat, "the same bytes"},

		{".tiktoken: unknown", ranksText(), ErrRule, "LoadOptions.Pattern"},
		{".tiktoken: line", append(ranksText(), "x\n"...), ErrFormat, "line 262"},
		{".tiktoken: rank twice", append(ranksText(), "YWJj 4\n"...), ErrFormat, "rank 4 of another line"},
		{".tiktoken: bytes twice", append(ranksText(), "QQ== 300\n"...), ErrFormat, "the same bytes"},
		{".tiktoken: rank", append(ranksText(), "YWJj 999999999\n"...), ErrFormat, "line 262"},

		{"SentencePiece: unigram", proto1(func(tr, n proto) (proto, proto) { return tr.number(3, 1), n }), ErrRule, "model_type UNIGRAM"},
		{"SentencePiece: no byte fallback", proto1(func(tr, n proto) (proto, proto) { return tr.number(35, 0), n }), ErrRule, "byte_fallback: false"},
		{"SentencePiece: suffix", proto1(func(tr, n proto) (proto, proto) { return tr.number(24, 1), n }), ErrRule, "treat_whitespace_as_suffix"},
		{"SentencePiece: characters", proto1(func(tr, n proto) (proto, proto) { return tr, n.bytes(2, []byte("map")) }), ErrRule, "normalization of characters"},
		{"SentencePiece: white space", proto1(func(tr, n proto) (proto, proto) { return tr, n.number(4, 1) }), ErrRule, "remove_extra_whitespaces"},
		{"SentencePiece: escape", proto1(func(tr, n proto) (proto, proto) { return tr, n.number(5, 0) }), ErrRule, "escape_whitespaces"},
		{"SentencePiece: damaged", sentencePiece(smallPieces(), nil)[:500], ErrFormat, "SentencePiece"},
		{"SentencePiece: unused", pieces(func(p []piece) []piece { return append(p, piece{"q", 0, pieceUnused}) }), ErrRule, "the unused piece"},
		{"SentencePiece: type", pieces(func(p []piece) []piece { return append(p, piece{"q", 0, 9}) }), ErrRule, "of type 9"},
		{"SentencePiece: twice", pieces(func(p []piece) []piece { return append(p, piece{"he", 0, pieceNormal}) }), ErrFormat, "the same text"},
		{"SentencePiece: character", pieces(func(p []piece) []piece { return append(p, piece{"hq", 0, pieceNormal}) }), ErrRule, "without a piece of its own"},
		{"SentencePiece: byte", pieces(func(p []piece) []piece { p[2].text = "<0x0>"; return p }), ErrRule, "there is no <0x00>"},

		{"GGUF: version", append([]byte("GGUF\x09\x00\x00\x00"), make([]byte, 16)...), ErrFormat, "version 9"},
		{"GGUF: cut", ggufBytes().file()[:400], ErrFormat, "the file ends within its metadata"},
		{"GGUF: no tokenizer", gguf{}.add("general.name", "x").file(), ErrFormat, "no tokenizer.ggml.tokens"},
		{"GGUF: model", ggufBytes().with("tokenizer.ggml.model", "t5").file(), ErrRule, `tokenizer.ggml.model "t5"`},
		{"GGUF: rules", ggufBytes().with("tokenizer.ggml.pre", "mystery").file(), ErrRule, `tokenizer.ggml.pre "mystery"`},
		{"GGUF: no rules", ggufBytes().with("tokenizer.ggml.pre", nil).file(), ErrRule, `tokenizer.ggml.pre ""`},
		{"GGUF: types", ggufBytes().with("tokenizer.ggml.token_type", []int32{1}).file(), ErrFormat, "263 tokens and 1 types"},
		{"GGUF: merge", ggufBytes().with("tokenizer.ggml.merges", []string{"h q"}).file(), ErrFormat, `merge 0, "h q"`},
		{"GGUF: scores", ggufPieces().with("tokenizer.ggml.scores", nil).file(), ErrFormat, "0 scores"},
		{"GGUF: charsmap", ggufPieces().with("tokenizer.ggml.precompiled_charsmap", "x").file(), ErrRule, "precompiled_charsmap"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := readBytes(c.file, LoadOptions{})
			require.Nil(t, e)
			require.ErrorIs(t, err, c.kind)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// nested returns a Sequence in a Sequence, so many times.
func nested(depth int) tree {
	if depth == 0 {
		return tree{"type": "ByteLevel", "add_prefix_space": false}
	}
	return tree{"type": "Sequence", "pretokenizers": []any{nested(depth - 1)}}
}

// TestLoadPath: errors name the path, and a directory is searched.
func TestLoadPath(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	require.ErrorIs(t, err, ErrFormat)
	assert.ErrorContains(t, err, "(in "+dir+")")
	_, err = Load(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tekken.json"), text(t, tekkenTree()), 0o666))
	tekken, err := Load(dir)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), text(t, byteLevelTree()), 0o666))
	first, err := Load(dir)
	require.NoError(t, err)
	assert.NotEqual(t, tekken.Digest(), first.Digest(), "tokenizer.json comes first")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte("{"), 0o666))
	_, err = Load(dir)
	assert.ErrorContains(t, err, "(in "+filepath.Join(dir, "tokenizer.json")+")")

	large := filepath.Join(dir, "large")
	require.NoError(t, os.WriteFile(large, []byte("{"), 0o666))
	require.NoError(t, os.Truncate(large, maxFile+1)) // a hole, which takes no space
	_, err = Load(large)
	require.ErrorIs(t, err, ErrFormat)
	assert.ErrorContains(t, err, fmt.Sprint(maxFile))
}

// TestMergeTwice: a pair that tokenizer.json lists twice has the last rank, and in a GGUF file the first, as
// the programs of these files have it.
func TestMergeTwice(t *testing.T) {
	f := byteLevelTree()
	f["added_tokens"] = nil
	f["model"].(tree)["vocab"].(tree)["el"] = 261
	f["model"].(tree)["merges"] = []any{"h e", "e l", "h e"}
	e, err := readBytes(text(t, f), LoadOptions{})
	require.NoError(t, err)
	assert.Equal(t, []int32{'h', 261}, e.Append(nil, []byte("hel")))

	tokens := make([]string, 0, 262)
	for _, token := range append(smallTokens(), "el") {
		tokens = append(tokens, chars(token))
	}
	types := slices.Repeat([]int32{1}, len(tokens))
	e, err = readBytes(gguf{}.add("tokenizer.ggml.model", "gpt2").add("tokenizer.ggml.pre", "llama-bpe").
		add("tokenizer.ggml.tokens", tokens).add("tokenizer.ggml.token_type", types).
		add("tokenizer.ggml.merges", []string{"h e", "e l", "h e"}).file(), LoadOptions{})
	require.NoError(t, err)
	assert.Equal(t, []int32{256, 'l'}, e.Append(nil, []byte("hel")))
}

// TestWholeTokensOfGGUF: under the names of llama.cpp that ask for it, a piece that is a token gets its id
// although its bytes merge to others, as in the tokenizer.json of the same model.
func TestWholeTokensOfGGUF(t *testing.T) {
	f := byteLevelTree()
	f["added_tokens"] = nil
	f["model"].(tree)["vocab"].(tree)["xyz"] = 261
	f["model"].(tree)["ignore_merges"] = true
	like, err := readBytes(text(t, f), LoadOptions{})
	require.NoError(t, err)
	var tokens, merges []string
	for _, token := range append(smallTokens(), "xyz") {
		tokens = append(tokens, chars(token))
	}
	for _, m := range smallMerges {
		merges = append(merges, chars(m[0])+" "+chars(m[1]))
	}
	for pre, want := range map[string][]int32{
		"llama-bpe": {261}, "llama3": {261}, "llama-v3": {261}, "tekken": {261}, "qwen2": {'x', 'y', 'z'}, "gpt-4o": {'x', 'y', 'z'},
	} {
		e, err := readBytes(gguf{}.add("tokenizer.ggml.model", "gpt2").add("tokenizer.ggml.pre", pre).
			add("tokenizer.ggml.tokens", tokens).add("tokenizer.ggml.token_type", slices.Repeat([]int32{pieceNormal}, len(tokens))).
			add("tokenizer.ggml.merges", merges).file(), LoadOptions{})
		require.NoError(t, err)
		assert.Equal(t, want, e.Append(nil, []byte("xyz")), pre)
		if pre == "llama-bpe" {
			assert.Equal(t, like.Digest(), e.Digest())
		}
	}
}
