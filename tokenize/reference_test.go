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
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// cacheOf returns the directory into which testdata/fetch.py fetches.
func cacheOf() (string, error) {
	if dir := os.Getenv("ISOTOPE_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "isotope"), err
}

func cacheDir(tb testing.TB) string {
	dir, err := cacheOf()
	require.NoError(tb, err)
	return dir
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
	if *compareHash != "" {
		return nil
	}
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
	compareHash = flag.String("compare.hashes", "", "compare the hashes in the table `file`, without the programs")
	compareTo   = flag.String("compare.table", "", "write the results to this `file`")
)

// TestReferences compares the ids of real vocabularies with those of the programs that they are made for.
// go test ./tokenize -run TestReferences -timeout 9h -compare.ids 20000000 compares 20 million for each.
func TestReferences(t *testing.T) {
	if testing.Short() {
		t.Skip("compares for half a minute")
	}
	var table strings.Builder
	fmt.Fprintln(&table, "vocabulary\tfile\tprogram\tkind of text\ttexts\tbytes\tids\tdiffering texts\tSHA-256 of the ids")
	for _, f := range families {
		if !strings.Contains(f.name+"/"+f.file, *compareOnly) {
			continue
		}
		t.Run(f.name+"/"+f.file, func(t *testing.T) {
			path := vocabulary(t, f.name, f.file)
			e := load(t, f.name, f.file)
			ref := newReference(t, append([]string{f.reference[0], path}, f.reference[1:]...)...)
			compare(t, e, ref, &table, f.name+"\t"+f.file+"\t"+f.reference[0], *compareIDs, false)
			if f.special {
				ref := newReference(t, "hf-special", path)
				compare(t, e, ref, &table, f.name+"\t"+f.file+"\thf-special", *compareIDs/10, true)
			}
			if *compareTo != "" {
				require.NoError(t, os.WriteFile(*compareTo, []byte(table.String()), 0o666))
			}
		})
	}
	t.Log("\n" + table.String())
}

func compare(t *testing.T, e *tokenize.BPE, ref *reference, table io.Writer, label string, total int, special bool) {
	hashes, err := os.ReadFile(*compareHash)
	require.True(t, err == nil || *compareHash == "", err)
	kinds := corpus(t, e)
	old := strings.HasSuffix(label, "llama.cpp") // its classes are older than Unicode 16
	for _, k := range kinds {
		texts, bytes, ids, differ := 0, 0, 0, 0
		rng := rand.New(rand.NewPCG(1, 2))
		sum := sha256.New()
		for ids < total/len(kinds) {
			batch := make([]string, 64)
			for i := range batch {
				batch[i] = k.text(rng)
				if old {
					batch[i] = strings.Map(func(r rune) rune {
						if unicode.Is(since16, r) {
							return -1
						}
						return r
					}, batch[i])
				}
			}
			wants := make([][]int32, len(batch))
			if ref != nil {
				wants = ref.ids(t, batch)
			}
			for i, want := range wants {
				text := batch[i]
				var got []int32
				if special {
					got = e.AppendSpecial(nil, []byte(text))
				} else {
					got = e.Append(nil, []byte(text))
				}
				if ref == nil {
					want = got // only the hash tells
				}
				require.NoError(t, binary.Write(sum, binary.LittleEndian, got))
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
		if hash := fmt.Sprintf("%x", sum.Sum(nil)[:16]); ref == nil {
			assert.Contains(t, string(hashes), fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t0\t%s\n", label, k.name, texts, bytes, ids, hash))
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%x\n", label, k.name, texts, bytes, ids, differ, sum.Sum(nil)[:16])
		assert.Zero(t, differ, k.name)
	}
}

// A kind makes texts.
type kind struct {
	name string
	text func(*rand.Rand) string
}

// corpus returns the kinds of text of a comparison: real text, the texts of the goldens in 30 scripts, and
// generated ones. Each kind draws from its source at random, with a fixed seed.
func corpus(t *testing.T, e *tokenize.BPE) []kind {
	s := loadSources(t)
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
		{"prose", cut(s.prose)},
		{"code", cut(s.code)},
		{"names in many languages", cut(s.names)},
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
		{"random bytes", func(rng *rand.Rand) string { // what is not UTF-8 is U+FFFD, because most programs take no other text
			b := make([]byte, 1+rng.IntN(300))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			return strings.ToValidUTF8(string(b), "\ufffd")
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

// sources are real texts that a machine with Go and the fetched programs has.
type sources struct {
	prose []string // books and comments
	code  []string // in Go, C, assembly and Python
	names []string // of countries and languages, in many languages
}

var readSources = sync.OnceValues(func() (s sources, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return s, err
	}
	top := filepath.Join(strings.TrimSpace(string(root)), "src")
	each := func(top string, most int, ext []string, f func(string)) error {
		size := 0
		return filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !slices.Contains(ext, filepath.Ext(path)) || size > most {
				return err
			}
			b, err := os.ReadFile(path)
			size += len(b)
			f(string(b))
			return err
		})
	}
	comments := func(text string) {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if line, ok := strings.CutPrefix(strings.TrimLeft(line, "\t"), "// "); ok {
				b.WriteString(line)
			}
		}
		if b.Len() > 1000 {
			s.prose = append(s.prose, b.String())
		}
	}
	if err = each(top, 60<<20, []string{".go"}, comments); err != nil {
		return s, err
	}
	if err = each(filepath.Join(top, "compress"), 4<<20, []string{".txt"}, func(text string) { s.prose = append(s.prose, text) }); err != nil {
		return s, err
	}
	code := func(text string) { s.code = append(s.code, text) }
	if err = each(top, 20<<20, []string{".go", ".s", ".c"}, code); err != nil {
		return s, err
	}
	cache, err := cacheOf()
	if err != nil {
		return s, err
	}
	python := filepath.Join(cache, "references", "lib")
	if _, err := os.Stat(python); err != nil {
		return s, nil // the caller has said that it is missing
	}
	if err = each(python, 20<<20, []string{".py"}, code); err != nil {
		return s, err
	}
	err = each(python, 40<<20, []string{".mo"}, func(catalogue string) {
		for _, name := range strings.Split(catalogue, "\x00") {
			if len(name) > 1 && utf8.ValidString(name) {
				s.names = append(s.names, name)
			}
		}
	})
	for i := range len(s.names) / 40 { // texts of 40 names
		s.names[i] = strings.Join(s.names[40*i:40*(i+1)], ", ")
	}
	s.names = s.names[:len(s.names)/40]
	return s, err
})

// loadSources returns the sources. It reads them once.
func loadSources(tb testing.TB) sources {
	s, err := readSources()
	require.NoError(tb, err)
	require.NotEmpty(tb, s.prose)
	require.NotEmpty(tb, s.code)
	if len(s.names) == 0 {
		missing(tb, "the package pycountry of the reference programs")
	}
	return s
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

var compareEvery = flag.Bool("compare.every", false, "compare each character, for about ten minutes")

// since16 holds the characters that are letters, marks, numbers, punctuation or symbols since Unicode 16. The
// classes of llama.cpp are older.
var since16 = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x897, 0x897, 1}, {0x1b4e, 0x1b4f, 1}, {0x1b7f, 0x1b7f, 1}, {0x1c89, 0x1c8a, 1}, {0x2427, 0x2429, 1},
		{0x2ffc, 0x2fff, 1}, {0x31e4, 0x31e5, 1}, {0x31ef, 0x31ef, 1}, {0xa7cb, 0xa7cd, 1}, {0xa7da, 0xa7dc, 1},
	},
	R32: []unicode.Range32{
		{0x105c0, 0x105f3, 1}, {0x10d40, 0x10d65, 1}, {0x10d69, 0x10d85, 1}, {0x10d8e, 0x10d8f, 1}, {0x10ec2, 0x10ec4, 1},
		{0x10efc, 0x10efc, 1}, {0x11380, 0x11389, 1}, {0x1138b, 0x1138b, 1}, {0x1138e, 0x1138e, 1}, {0x11390, 0x113b5, 1},
		{0x113b7, 0x113c0, 1}, {0x113c2, 0x113c2, 1}, {0x113c5, 0x113c5, 1}, {0x113c7, 0x113ca, 1}, {0x113cc, 0x113d5, 1},
		{0x113d7, 0x113d8, 1}, {0x113e1, 0x113e2, 1}, {0x116d0, 0x116e3, 1}, {0x11bc0, 0x11be1, 1}, {0x11bf0, 0x11bf9, 1},
		{0x11f5a, 0x11f5a, 1}, {0x13460, 0x143fa, 1}, {0x16100, 0x16139, 1}, {0x16d40, 0x16d79, 1}, {0x18cff, 0x18cff, 1},
		{0x1cc00, 0x1ccf9, 1}, {0x1cd00, 0x1ceb3, 1}, {0x1e5d0, 0x1e5fa, 1}, {0x1e5ff, 0x1e5ff, 1}, {0x1f8b2, 0x1f8bb, 1},
		{0x1f8c0, 0x1f8c1, 1}, {0x1fa89, 0x1fa89, 1}, {0x1fa8f, 0x1fa8f, 1}, {0x1fabe, 0x1fabe, 1}, {0x1fac6, 0x1fac6, 1},
		{0x1fadc, 0x1fadc, 1}, {0x1fadf, 0x1fadf, 1}, {0x1fae9, 0x1fae9, 1}, {0x1fbcb, 0x1fbef, 1}, {0x2ebf0, 0x2ee5d, 1},
	},
}

// TestEveryCharacter compares each character of Unicode next to a word, an apostrophe, a digit, a symbol and
// blanks. It says for how many characters a program gives other ids.
func TestEveryCharacter(t *testing.T) {
	if !*compareEvery {
		t.Skip("takes minutes; -compare.every runs it")
	}
	for _, f := range families {
		if !strings.Contains(f.name+"/"+f.file, *compareOnly) {
			continue
		}
		t.Run(f.name+"/"+f.file, func(t *testing.T) {
			path := vocabulary(t, f.name, f.file)
			e := load(t, f.name, f.file)
			ref := newReference(t, append([]string{f.reference[0], path}, f.reference[1:]...)...)
			around := func(c string) string { return "a" + c + "'s " + c + c + "1" + c + "\n" + c + " ," + c + "B" }
			var differ []rune
			var group []rune
			compare := func(last bool) {
				if len(group) < 64 && !last {
					return
				}
				texts := []string{""}
				for _, r := range group {
					texts[0] += around(string(r)) + "\n"
					texts = append(texts, around(string(r)))
				}
				same := func(text string, ids []int32) bool { return slices.Equal(ids, e.Append(nil, []byte(text))) }
				if !same(texts[0], ref.ids(t, texts[:1])[0]) {
					for i, ids := range ref.ids(t, texts[1:]) {
						if !same(texts[1+i], ids) {
							differ = append(differ, group[i])
						}
					}
				}
				group = group[:0]
			}
			for r := range rune(unicode.MaxRune + 1) {
				if r < 0xd800 || r > 0xdfff {
					group = append(group, r)
				}
				compare(r == unicode.MaxRune)
			}
			var other []rune
			for _, r := range differ {
				if f.reference[0] != "llama.cpp" || !unicode.Is(since16, r) {
					other = append(other, r)
				}
			}
			t.Logf("%d characters differ, %d of them not because they are new in Unicode 16: %U", len(differ), len(other), other[:min(len(other), 20)])
			assert.Empty(t, other)
		})
	}
}
