// Package nulltext holds texts that know nothing of the keys of a null panel: prose, code,
// tables, lists, other scripts, loops and random tokens. Tests run their statistics on them
// under many keys, and count how often a p-value is small.
//
// Part of the texts are files of the Go distribution that runs the tests, so they differ
// between Go versions. The null law holds for every text.
package nulltext

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// MaxTokens is the largest number of tokens of a text.
const MaxTokens = 3000

// A Text is a text, and the profile of the mark that it is tested for.
type Text struct {
	Name    string
	Gamma   float64 // of the green list
	Width   int     // context width
	Vocab   int     // vocabulary size
	IDs     []watermark.Token
	Repeats bool // repeats so much that a test of every position would be wrong
}

// Mark returns the mark of the text's profile under key. It panics on an error, so that
// goroutines of a test can call it.
func (x *Text) Mark(key watermark.Key, opts ...watermark.Option) *watermark.Mark {
	green := watermark.GreenList{Gamma: x.Gamma, Delta: 2, Width: x.Width}
	m, err := watermark.New(key, green, x.Vocab, opts...)
	if err != nil {
		panic(err)
	}
	return m
}

// Cut returns the text with at most its first n tokens.
func (x *Text) Cut(n int) *Text {
	c := *x
	c.IDs = c.IDs[:min(n, len(c.IDs))]
	return &c
}

// Root returns the key that panels derive theirs from. It is fixed, so that what a panel
// counts is one fixed number.
func Root() watermark.Key { return testmark.Key(7) }

// Other returns the mark of the text "marked under another key".
func Other(t testing.TB) *watermark.Mark { return testmark.Green(t, Root().Derive("another"), 1) }

// Texts returns the texts, each with at most [MaxTokens] tokens. It leaves out the texts
// whose files this Go distribution lacks, and logs which. It fails t if fewer than 7 remain.
func Texts(t testing.TB) []*Text {
	t.Helper()
	tok, err := tokenize.Get("r50k_base")
	require.NoError(t, err)
	goroot, err := lm.FindGo(t.Context())
	if err != nil {
		t.Logf("no texts of the Go distribution: %v", err)
	}
	ids := func(text string) []watermark.Token { return tok.Append(nil, []byte(text)) }
	from := func(name string) string {
		b, err := os.ReadFile(filepath.Join(goroot, filepath.FromSlash(name)))
		if err != nil {
			t.Logf("left out: %v", err)
		}
		return string(b)
	}
	rng := rand.New(rand.NewPCG(101, 102))
	texts := []*Text{
		{
			Name: "prose, doc comments", Gamma: 0.5, Width: 2,
			IDs: ids(packageComment(from("src/text/template/doc.go"))),
		},
		{
			Name: "prose, test data", Gamma: 0.25, Width: 1,
			IDs: ids(from("src/compress/testdata/gettysburg.txt")),
		},
		{Name: "code", Gamma: 0.25, Width: 2, IDs: ids(from("src/net/http/server.go"))},
		{Name: "test data, digits", Gamma: 0.5, Width: 1, IDs: ids(from("src/compress/testdata/e.txt"))},
		{Name: "a licence", Gamma: 0.0625, Width: 1, IDs: ids(from("LICENSE"))},
		{Name: "boilerplate headers", Gamma: 0.5, Width: 2, Repeats: true, IDs: ids(headers(goroot))},
		{Name: "a numbered list", Gamma: 0.5, Width: 1, Repeats: true, IDs: ids(numberedList(rng))},
		{Name: "a table", Gamma: 0.25, Width: 1, Repeats: true, IDs: ids(table(rng))},
		{Name: "scripts, module test data", Gamma: 0.5, Width: 2, IDs: ids(goldenScripts(t))},
		{Name: "scripts, generated", Gamma: 0.80078125, Width: 1, IDs: ids(scripts(rng))},
		{
			Name: "a loop", Gamma: 0.5, Width: 3, Repeats: true,
			IDs: loop(testmark.Uniform(rng, 60, testmark.Vocab)),
		},
		{Name: "random tokens", Gamma: 0.25, Width: 2, IDs: testmark.Uniform(rng, MaxTokens, testmark.Vocab)},
		{
			Name: "marked under another key", Gamma: 0.5, Width: 1,
			IDs: testmark.Write(t, rng, MaxTokens, testmark.Flat, Other(t)),
		},
	}
	kept := texts[:0]
	for _, x := range texts {
		x.Vocab = tok.Vocab()
		if x.IDs = x.IDs[:min(len(x.IDs), MaxTokens)]; len(x.IDs) > 0 {
			kept = append(kept, x)
		}
	}
	require.GreaterOrEqual(t, len(kept), 7, "texts")
	return kept
}
