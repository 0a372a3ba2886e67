package nulltext

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

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// packageComment returns the package comment of a Go file, or "" if it does not parse.
func packageComment(src string) string {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return ""
	}
	return f.Doc.Text()
}

// headers returns the first six lines of many Go files, which are nearly equal.
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
		fmt.Fprintf(&s, "%d. %s (%d pieces), to be paid on delivery\n",
			i+1, things[rng.IntN(len(things))], rng.IntN(12))
	}
	return s.String()
}

func table(rng *rand.Rand) string {
	var s strings.Builder
	for range 400 {
		fmt.Fprintf(&s, "| %d | %.1f | %s | %t |\n",
			rng.IntN(20), rng.Float64(), []string{"north", "south", "n/a"}[rng.IntN(3)], rng.IntN(2) == 0)
	}
	return s.String()
}

// goldenScripts returns the texts in other scripts than Latin of the tokenizers' test data.
func goldenScripts(t testing.TB) string {
	f, err := os.Open(testmark.Path(t, "tokenize/testdata/golden.json.gz"))
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
		case "arabic", "hebrew", "hindi", "thai", "chinese", "japanese", "korean",
			"russian", "ukrainian", "greek", "georgian and armenian",
			"tamil, bengali, burmese, khmer, tibetan", "ethiopic, cherokee, deseret":
			s.WriteString(c.Text)
		}
	}
	require.NotEmpty(t, s.String())
	return s.String()
}

// scripts returns invented words of several scripts, some of them frequent.
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

// loop repeats part until it has at least MaxTokens tokens.
func loop(part []watermark.Token) []watermark.Token {
	var text []watermark.Token
	for len(text) < MaxTokens {
		text = append(text, part...)
	}
	return text
}
