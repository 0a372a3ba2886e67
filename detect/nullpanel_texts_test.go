package detect_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A nullText is a text that knows nothing of the keys it is tested with, and the
// profile of the mark it is tested for.
type nullText struct {
	name         string
	gamma        float64
	width, vocab int
	ids          []Token
	repeats      bool // enough to ruin a test that counts every position
}

// mark is the mark of the text's profile under a key.
func (x *nullText) mark(key watermark.Key, opts ...watermark.Option) *watermark.Mark {
	return mustMark(key, watermark.GreenList{Gamma: x.gamma, Delta: 2, Width: x.width}, x.vocab, opts...)
}

// cut is the text's first n tokens.
func (x *nullText) cut(n int) *nullText {
	c := *x
	c.ids = c.ids[:min(n, len(c.ids))]
	return &c
}

func mustMark(key watermark.Key, g watermark.GreenList, vocab int, opts ...watermark.Option) *watermark.Mark {
	m, err := watermark.New(key, g, vocab, opts...)
	if err != nil {
		panic(err)
	}
	return m
}

// nullRoot is where the panel's keys come from, so that its counts are fixed numbers.
func nullRoot(t testing.TB) watermark.Key {
	t.Helper()
	root, err := watermark.ParseKey("isotope-secret-key-1:" + fmt.Sprintf("%064x", 7))
	require.NoError(t, err)
	return root
}

// nullTextSize is how many tokens a text of the panel has at most.
const nullTextSize = 3000

// nullTexts returns the texts of the panel. A new one is one more row. Texts of a Go
// distribution that lacks the file are left out, with a line in the log.
func nullTexts(t testing.TB) []*nullText {
	t.Helper()
	tok, err := tokenize.Get("r50k_base")
	require.NoError(t, err)
	goroot, err := lm.FindGo(t.Context())
	if err != nil {
		t.Logf("without texts of the Go distribution: %v", err)
	}
	from := func(name string) string {
		b, err := os.ReadFile(filepath.Join(goroot, filepath.FromSlash(name)))
		if err != nil {
			t.Logf("left out: %v", err)
		}
		return string(b)
	}
	rng := rand.New(rand.NewPCG(101, 102))
	texts := []*nullText{
		{name: "prose, doc comments", gamma: 0.5, width: 2, ids: tok.Append(nil, []byte(comments(from("src/text/template/doc.go"))))},
		{name: "prose, test data", gamma: 0.25, width: 1, ids: tok.Append(nil, []byte(from("src/compress/testdata/gettysburg.txt")))},
		{name: "code", gamma: 0.25, width: 2, ids: tok.Append(nil, []byte(from("src/net/http/server.go")))},
		{name: "test data, digits", gamma: 0.5, width: 1, ids: tok.Append(nil, []byte(from("src/compress/testdata/e.txt")))},
		{name: "a licence", gamma: 0.0625, width: 1, ids: tok.Append(nil, []byte(from("LICENSE")))},
		{name: "boilerplate headers", gamma: 0.5, width: 2, repeats: true, ids: tok.Append(nil, []byte(headers(goroot)))},
		{name: "a numbered list", gamma: 0.5, width: 1, repeats: true, ids: tok.Append(nil, []byte(numberedList(rng)))},
		{name: "a table", gamma: 0.25, width: 1, repeats: true, ids: tok.Append(nil, []byte(table(rng)))},
		{name: "scripts, module test data", gamma: 0.5, width: 2, ids: tok.Append(nil, []byte(goldenScripts(t)))},
		{name: "scripts, generated", gamma: 0.80078125, width: 1, ids: tok.Append(nil, []byte(scripts(rng)))},
		{name: "a loop", gamma: 0.5, width: 3, repeats: true, ids: loop(randomText(rng, 60, vocab))},
		{name: "random tokens", gamma: 0.25, width: 2, ids: randomText(rng, nullTextSize, vocab)},
		{name: "marked under another key", gamma: 0.5, width: 1, ids: markedText(t, rng, otherMark(t), nullTextSize)},
	}
	kept := texts[:0]
	for _, x := range texts {
		x.vocab = tok.Vocab()
		if x.ids = x.ids[:min(len(x.ids), nullTextSize)]; len(x.ids) > 0 {
			kept = append(kept, x)
		}
	}
	require.GreaterOrEqual(t, len(kept), 7, "texts")
	return kept
}

// otherMark is the mark of "marked under another key". Its lists are those of any
// vocabulary.
func otherMark(t testing.TB) *watermark.Mark {
	return newMark(t, nullRoot(t).Derive("another"), 1)
}

// comments returns the package comment of a Go file.
func comments(src string) string {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return ""
	}
	return f.Doc.Text()
}

// headers is the beginnings of many files, which say the same.
func headers(goroot string) string {
	files, _ := filepath.Glob(filepath.Join(goroot, "src", "strings", "*.go"))
	var s strings.Builder
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			lines := bytes.SplitAfterN(b, []byte("\n"), 7)
			for _, line := range lines[:len(lines)-1] {
				s.Write(line)
			}
		}
	}
	return s.String()
}

func numberedList(rng *rand.Rand) string {
	things := strings.Fields("bread butter milk tea apples rice soap nails rope paper ink candles")
	var s strings.Builder
	for i := range 400 {
		fmt.Fprintf(&s, "%d. %s (%d pieces), to be paid on delivery\n", i+1, things[rng.IntN(len(things))], rng.IntN(12))
	}
	return s.String()
}

func table(rng *rand.Rand) string {
	var s strings.Builder
	for range 400 {
		fmt.Fprintf(&s, "| %d | %.1f | %s | %t |\n", rng.IntN(20), rng.Float64(), []string{"north", "south", "n/a"}[rng.IntN(3)], rng.IntN(2) == 0)
	}
	return s.String()
}

// goldenScripts is the tokenizer's test data in other scripts than Latin.
func goldenScripts(t testing.TB) string {
	f, err := os.Open(filepath.Join("..", "tokenize", "testdata", "golden.json.gz"))
	require.NoError(t, err)
	defer f.Close()
	r, err := gzip.NewReader(f)
	require.NoError(t, err)
	var golden struct {
		Cases []struct{ Name, Text string }
	}
	require.NoError(t, json.NewDecoder(r).Decode(&golden))
	var s strings.Builder
	for _, c := range golden.Cases {
		switch c.Name {
		case "arabic", "hebrew", "hindi", "thai", "chinese", "japanese", "korean", "russian", "ukrainian", "greek",
			"georgian and armenian", "tamil, bengali, burmese, khmer, tibetan", "ethiopic, cherokee, deseret":
			s.WriteString(c.Text)
		}
	}
	require.NotEmpty(t, s.String())
	return s.String()
}

// scripts is made-up words of several scripts, a few of which come often.
func scripts(rng *rand.Rand) string {
	var s strings.Builder
	for _, script := range [][2]rune{
		{'а', 'я'}, {'ا', 'ي'}, {'अ', 'ह'}, {'가', '힣'}, {'一', '龥'}, {'ก', 'ฮ'},
	} {
		words := make([]string, 40)
		for i := range words {
			for range 1 + rng.IntN(5) {
				words[i] += string(script[0] + rng.Int32N(script[1]-script[0]))
			}
		}
		for range 100 {
			s.WriteString(words[min(rng.IntN(40), rng.IntN(40))] + " ")
		}
	}
	return s.String()
}

func loop(part []Token) []Token {
	var text []Token
	for len(text) < nullTextSize {
		text = append(text, part...)
	}
	return text
}
