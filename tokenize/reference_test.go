package tokenize_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// cacheDir returns the directory into which testdata/fetch.py fetches.
func cacheDir(tb testing.TB) string {
	if dir := os.Getenv("ISOTOPE_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	require.NoError(tb, err)
	return filepath.Join(dir, "isotope")
}

// missing skips a test for want of something that testdata/fetch.py fetches, or fails it if
// ISOTOPE_REQUIRE_TOOLS is set.
func missing(tb testing.TB, what string) {
	tb.Helper()
	message := what + " is missing; run python3 tokenize/testdata/fetch.py"
	if os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "" {
		tb.Fatal(message)
	}
	tb.Skip("SKIPPED: nothing was compared, for " + message)
}

// vocabulary returns the path of a vocabulary of testdata/vocabularies.json.
func vocabulary(tb testing.TB, name, file string) string {
	path := filepath.Join(cacheDir(tb), "vocabularies", name, file)
	if _, err := os.Stat(path); err != nil {
		missing(tb, path)
	}
	return path
}

// load returns the tokenizer of a vocabulary.
func load(tb testing.TB, name, file string) *tokenize.BPE {
	e, err := tokenize.Load(vocabulary(tb, name, file))
	require.NoError(tb, err)
	return e
}

// A reference is a running testdata/reference.py.
type reference struct {
	in  *bufio.Writer
	out *bufio.Reader
}

func newReference(tb testing.TB, args ...string) *reference {
	python := filepath.Join(cacheDir(tb), "references", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		missing(tb, python)
	}
	cmd := exec.Command(python, append([]string{"testdata/reference.py"}, args...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(tb, err)
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		assert.NoError(tb, in.Close())
		assert.NoError(tb, cmd.Wait())
	})
	return &reference{bufio.NewWriterSize(in, 1<<20), bufio.NewReaderSize(out, 1<<20)}
}

// ids returns the ids of texts.
func (r *reference) ids(tb testing.TB, texts []string) [][]int32 {
	number := func(n int) {
		require.NoError(tb, binary.Write(r.in, binary.LittleEndian, uint32(n)))
	}
	number(len(texts))
	for _, text := range texts {
		number(len(text))
		_, err := r.in.WriteString(text)
		require.NoError(tb, err)
	}
	require.NoError(tb, r.in.Flush())
	all := make([][]int32, len(texts))
	for i := range all {
		var head [4]byte
		_, err := io.ReadFull(r.out, head[:])
		require.NoError(tb, err)
		b := make([]byte, 4*int(binary.LittleEndian.Uint32(head[:])))
		_, err = io.ReadFull(r.out, b)
		require.NoError(tb, err)
		all[i] = make([]int32, len(b)/4)
		for j := range all[i] {
			all[i][j] = int32(binary.LittleEndian.Uint32(b[4*j:]))
		}
	}
	return all
}

// families lists the vocabularies and the program that each is compared with.
var families = []struct {
	name, file string
	reference  []string // program, and pattern for tiktoken
	special    bool     // compare AppendSpecial as well
}{
	{name: "llama-3", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "qwen-3", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "gpt-oss", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "gpt-4o", file: "tokenizer.json", reference: []string{"hf"}},
	{name: "cl100k", file: "tokenizer.json", reference: []string{"hf"}},
	{name: "deepseek-v3", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "deepseek-v4", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "gemma-2", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "gemma-3", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "mistral-v1", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "claude-2", file: "tokenizer.json", reference: []string{"hf"}, special: true},
	{name: "mistral-v1", file: "tokenizer.model", reference: []string{"sentencepiece"}},
	{name: "mistral-v3", file: "tokenizer.model", reference: []string{"sentencepiece"}},
	{name: "mistral-tekken", file: "tekken.json", reference: []string{"tekken"}},
	{name: "cl100k", file: "cl100k_base.tiktoken", reference: []string{"tiktoken", tokenize.PatternCL100K}},
	{name: "qwen-2", file: "qwen.tiktoken", reference: []string{"tiktoken", "NFC " + tokenize.PatternQwen2}},
	{name: "qwen-3.5", file: "qwen3_6.tiktoken", reference: []string{"tiktoken", "NFC " + tokenize.PatternQwen35}},
	{name: "smollm2", file: "SmolLM2-135M-Instruct.Q4_1.gguf", reference: []string{"llama.cpp"}},
}

var (
	compareIDs  = flag.Int("compare.ids", 40_000, "how many `ids` of each family to compare with its reference program")
	compareOnly = flag.String("compare.only", "", "compare the families whose name contains this `text` only")
	compareTo   = flag.String("compare.table", "", "write the results to this `file`")
)

// TestReferences compares the ids of real vocabularies with those of the programs that they are made for.
// go test ./tokenize -run TestReferences -timeout 9h -compare.ids 20000000 compares 20 million for each.
func TestReferences(t *testing.T) {
	if testing.Short() {
		t.Skip("compares for half a minute")
	}
	var table strings.Builder
	fmt.Fprintln(&table, "vocabulary\tfile\tprogram\tkind of text\ttexts\tbytes\tids\tdiffering texts")
	for _, f := range families {
		if !strings.Contains(f.name+"/"+f.file, *compareOnly) {
			continue
		}
		t.Run(f.name+"/"+f.file, func(t *testing.T) {
			path := vocabulary(t, f.name, f.file)
			e := load(t, f.name, f.file)
			ref := newReference(t, append([]string{f.reference[0], path}, f.reference[1:]...)...)
			compare(t, e, ref, &table, f.name+"\t"+f.file+"\t"+f.reference[0], false)
			if f.special {
				ref := newReference(t, "hf-special", path)
				compare(t, e, ref, &table, f.name+"\t"+f.file+"\thf-special", true)
			}
		})
	}
	if *compareTo != "" {
		require.NoError(t, os.WriteFile(*compareTo, []byte(table.String()), 0o666))
	}
	t.Log("\n" + table.String())
}

func compare(t *testing.T, e *tokenize.BPE, ref *reference, table io.Writer, label string, special bool) {
	kinds := corpus(t, e)
	for _, k := range kinds {
		texts, bytes, ids, differ := 0, 0, 0, 0
		rng := rand.New(rand.NewPCG(1, uint64(len(label))))
		for ids < *compareIDs/len(kinds) {
			batch := make([]string, 64)
			for i := range batch {
				batch[i] = k.text(rng)
			}
			for i, want := range ref.ids(t, batch) {
				text := batch[i]
				var got []int32
				if special {
					got = e.AppendSpecial(nil, []byte(text))
				} else {
					got = e.Append(nil, []byte(text))
				}
				texts++
				bytes += len(text)
				ids += len(want)
				if !slices.Equal(want, got) {
					if differ++; differ <= 3 {
						at := 0
						for at < len(want) && at < len(got) && want[at] == got[at] {
							at++
						}
						before, _ := e.Decode(nil, got[max(0, at-2):at])
						rest, _ := e.Decode(nil, got[at:min(len(got), at+8)])
						t.Errorf("%s of %d bytes: at id %d of %d and %d, %v and not %v: %q after %q", k.name, len(text), at,
							len(want), len(got), want[at:min(len(want), at+8)], got[at:min(len(got), at+8)], rest, before)
					}
				}
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\n", label, k.name, texts, bytes, ids, differ)
		assert.Zero(t, differ, k.name)
	}
}

// A kind makes texts.
type kind struct {
	name string
	text func(*rand.Rand) string
}

// corpus returns the kinds of text of a comparison: files of this machine's Go, the texts of the goldens in
// 30 scripts, and generated ones.
func corpus(t *testing.T, e *tokenize.BPE) []kind {
	prose := files(t, "doc", ".md", ".txt", ".html")
	code := files(t, "src", ".go", ".s", ".c")
	var scripts []string
	for _, c := range goldens(t).Cases {
		if strings.IndexFunc(c.Text, func(r rune) bool { return r >= 0x80 }) >= 0 && utf8.ValidString(c.Text) {
			scripts = append(scripts, c.Text)
		}
	}
	cut := func(texts []string) func(*rand.Rand) string {
		return func(rng *rand.Rand) string {
			text := texts[rng.IntN(len(texts))]
			size := 200 + rng.IntN(4000)
			if len(text) > size {
				i := rng.IntN(len(text) - size)
				text = text[i : i+size]
			}
			return strings.ToValidUTF8(text, "")
		}
	}
	return []kind{
		{"prose", cut(prose)},
		{"code", cut(code)},
		{"scripts", func(rng *rand.Rand) string {
			var b strings.Builder
			for range 1 + rng.IntN(8) {
				words := strings.SplitAfter(scripts[rng.IntN(len(scripts))], " ")
				i := rng.IntN(len(words))
				b.WriteString(strings.Join(words[i:min(len(words), i+1+rng.IntN(30))], ""))
			}
			return b.String()
		}},
		{"letters of 28 scripts", func(rng *rand.Rand) string {
			var b strings.Builder
			for range 1 + rng.IntN(60) {
				s := scriptRanges[rng.IntN(len(scriptRanges))]
				for range 1 + rng.IntN(9) {
					b.WriteRune(s[0] + rng.Int32N(s[1]-s[0]+1))
				}
				b.WriteString([]string{" ", " ", "", "\n", ". ", "'s "}[rng.IntN(6)])
			}
			return b.String()
		}},
		{"adversarial", func(rng *rand.Rand) string {
			var b strings.Builder
			for range 1 + rng.IntN(200) {
				b.WriteString(adversarial[rng.IntN(len(adversarial))])
			}
			return b.String()
		}},
		{"all characters", func(rng *rand.Rand) string {
			var b strings.Builder
			for range 1 + rng.IntN(100) {
				r := rng.Int32N(0x110000)
				if rng.IntN(2) == 0 {
					r = rng.Int32N(0x3000)
				}
				if r < 0xd800 || r > 0xdfff {
					b.WriteRune(r)
				}
			}
			return b.String()
		}},
		{"own tokens", func(rng *rand.Rand) string {
			var b strings.Builder
			for range 1 + rng.IntN(60) {
				id := rng.Int32N(int32(e.Vocab()))
				text, ok := e.Token(id)
				if name, special := e.SpecialName(id); special {
					text, ok = name, rng.IntN(4) == 0
				}
				if ok && utf8.ValidString(text) {
					b.WriteString(text)
				}
			}
			return b.String()
		}},
	}
}

// files returns the files below a directory of Go with given endings.
func files(t *testing.T, dir string, ext ...string) []string {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	var texts []string
	size := 0
	top := filepath.Join(strings.TrimSpace(string(root)), dir)
	require.NoError(t, filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains(ext, filepath.Ext(path)) || size > 40<<20 {
			return err
		}
		b, err := os.ReadFile(path)
		size += len(b)
		texts = append(texts, string(b))
		return err
	}))
	require.NotEmpty(t, texts, top)
	return texts
}

var scriptRanges = [][2]rune{
	{'a', 'z'}, {'A', 'Z'}, {0xc0, 0x24f}, {0x370, 0x3ff}, {0x400, 0x4ff}, {0x531, 0x587}, {0x5d0, 0x5ea}, {0x620, 0x64a},
	{0x710, 0x74a}, {0x901, 0x97f}, {0x985, 0x9e3}, {0xa05, 0xa74}, {0xa85, 0xaef}, {0xb05, 0xb70}, {0xb83, 0xbd7},
	{0xc05, 0xc63}, {0xc85, 0xce3}, {0xd05, 0xd63}, {0xd85, 0xdf3}, {0xe01, 0xe5b}, {0xe81, 0xedf}, {0xf40, 0xfbc},
	{0x1000, 0x109f}, {0x10a0, 0x10ff}, {0x1200, 0x137c}, {0x1780, 0x17f9}, {0x3041, 0x30ff}, {0x4e00, 0x9fff},
	{0xac00, 0xd7a3}, {0x1f300, 0x1f6ff},
}

var adversarial = []string{
	"a", "b", "A", "B", "ab", "Ab", "the", " the", "The", "I", "ſ", "K", "ß", "ǅ", "ʰ", "ª", "é", "e\u0301", "A\u0301",
	"\u0301", "\u0345", "\u0334", "\u0903", "\u20dd", "\u094d", "あ", "ア", "漢", "々", "〆", "가", "ᄀ", "ᅡ", "ᆨ", "'s", "'S", "'ſ", "'t", "'re",
	"'RE", "'ve", "'m", "'ll", "'LL", "'d", "'", "’s", "\"", "1", "12", "123", "1234", "٣", "Ⅷ", "½", "²", "𝟘",
	" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u2028", "\u3000", "\u180e", "\u200b",
	"\u200d", "\ufeff", "\x00", "\x01", "\x1c", "\x7f", "/", "//", "!", "!!", "?", ".", ",", ";", "-", "--", "_", "(", ")", "{", "}",
	"▁", "▁▁", "Ġ", "Ċ", "##", "<", ">", "</s>", "<s>", "<unk>", "<0x0A>", "<|endoftext|>", "<|im_end|>", "<think>", "</think>",
	"<|eot_id|>", "<bos>", "[INST]", "<｜end▁of▁sentence｜>", "\U0001f469\u200d\U0001f4bb", "\U0001f1e9\U0001f1ea", "❤\ufe0f", "\U0010ffff", "\ufffd", "㋿", "\u0ce3",
	"ﬁ", "Å", "Å", "ﷺ", "𝒜", "ｱ", "한", "\u1100\u1161\u11a8", "𑤸",
}

// TestVocabularies checks the list of the vocabularies against their files.
func TestVocabularies(t *testing.T) {
	text, err := os.ReadFile("testdata/vocabularies.json")
	require.NoError(t, err)
	var list []struct{ Name, File, SHA256 string }
	require.NoError(t, json.Unmarshal(text, &list))
	for _, v := range list {
		t.Run(v.Name+"/"+v.File, func(t *testing.T) {
			f, err := os.Open(vocabulary(t, v.Name, v.File))
			require.NoError(t, err)
			defer f.Close()
			h := sha256.New()
			_, err = io.Copy(h, f)
			require.NoError(t, err)
			assert.Equal(t, v.SHA256, hex.EncodeToString(h.Sum(nil)))
			assert.True(t, slices.ContainsFunc(families, func(f struct {
				name, file string
				reference  []string
				special    bool
			}) bool {
				return f.name == v.Name && f.file == v.File
			}) || v.Name == "llama-3.1", "nothing is compared")
		})
	}
}
