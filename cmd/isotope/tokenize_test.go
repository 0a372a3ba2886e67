package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// byteTokenizer returns a tokenizer.json of 256 bytes and a few merges, in the alphabet of GPT-2.
func byteTokenizer(t *testing.T) string {
	t.Helper()
	letter := func(b int) string { // printable bytes are themselves, and the others follow from U+0100 on
		n := 0
		for x := range 256 {
			printable := x >= '!' && x <= '~' || x >= 0xa1 && x <= 0xac || x >= 0xae
			switch {
			case x == b && printable:
				return string(rune(x))
			case x == b:
				return string(rune(0x100 + n))
			case !printable:
				n++
			}
		}
		return ""
	}
	vocab := map[string]int{}
	for b := range 256 {
		vocab[letter(b)] = b
	}
	require.Len(t, vocab, 256)
	var merges []string
	for _, m := range [][2]string{{"t", "h"}, {"th", "e"}, {letter(' '), "the"}, {"a", "n"}, {"i", "n"}, {"e", "r"}} {
		require.True(t, utf8.ValidString(m[0]))
		merges = append(merges, m[0]+" "+m[1])
		vocab[m[0]+m[1]] = len(vocab)
	}
	text, err := json.Marshal(map[string]any{
		"version": "1.0", "added_tokens": []any{}, "normalizer": nil,
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"decoder":       map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": false,
			"byte_fallback": false, "vocab": vocab, "merges": merges,
		},
	})
	require.NoError(t, err)
	return string(text)
}

// TestDecodedTextIsExact: a program that reads the text gets its bytes.
func TestDecodedTextIsExact(t *testing.T) {
	tok, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	const text = "e\u0301 \u202e\u200d\ufeff \x1b[31m \x00\x07\xff\xfe\u0085 end"
	list, err := json.Marshal(tok.Append(nil, []byte(text)))
	require.NoError(t, err)
	var out, errs strings.Builder
	status := run(context.Background(), []string{"tokenize", "--decode"}, strings.NewReader(string(list)), &out, &errs)
	require.Zero(t, status, errs.String())
	assert.Equal(t, text, out.String())
}

// TestTokenizersFromFiles: a profile for a tokenizer of a file marks and tests with this file, and
// says so without it.
func TestTokenizersFromFiles(t *testing.T) {
	dir := newDir(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	file := dir.file("tokenizer.json", byteTokenizer(t))
	key := dir.file("key", secretOf("5a")+"\n")
	text := mustRun(t, "profile", "new", "-q", "--delta", "8", "--tokenizer", file)
	profile := dir.file("profile.json", text)
	var p struct {
		Vocab           int
		Tokenizer       string
		TokenizerDigest string `json:"tokenizer_digest"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	assert.Equal(t, 262, p.Vocab)
	assert.Contains(t, mustRun(t, "tokenize", "--tokenizer", file, "--info"), p.TokenizerDigest)
	assert.Equal(t, text, mustRun(t, "profile", "new", "-q", "--delta", "8", "--tokenizer", dir.path), "a directory with the file")

	marked := mustRun(t, "generate", "-q", "--key", key, "--profile", profile, "--tokenizer", file, "--length", "1500", "--temperature", "3", "--top-k", "12", "--min-p", "0", "--seed", "1", "--corpus", writeCorpus(t))
	page := dir.file("marked.txt", marked)
	out := mustRun(t, "detect", "--key", key, "--profile", profile, "--tokenizer", file, page)
	assert.Contains(t, out, "detected: this text depends on the key")
	out = mustRun(t, "audit", "--key", key, "--profile", profile, "--tokenizer", file, "--reference", "none", "--decoys", "100", page)
	assert.Contains(t, out, "responses 1: 1 tested")
	for _, verb := range [][]string{{"detect"}, {"audit", "--reference", "none"}} {
		status, out, errs := isotope(append(verb, "--key", key, "--profile", profile, page)...)
		assert.Equal(t, exitError, status)
		assert.Empty(t, out)
		assert.Contains(t, errs, "is not built in; give its file with --tokenizer FILE")
	}
	status, _, errs := isotope("detect", "--key", key, "--profile", profile, "--tokenizer", key, page)
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "--tokenizer: ")
	assert.NotContains(t, errs, "5a5a5a")
}
