package eval

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"golang.org/x/net/html"
	"golang.org/x/text/unicode/norm"

	"github.com/isotope-wm/isotope/tokenize"
)

// Means are what some attacks need besides the text. Each may be missing.
type Means struct {
	Second     tokenize.Tokenizer  // of another model, for "retokenize"
	Synonyms   map[string][]string // lower-case word to lower-case words
	Paraphrase map[string]string   // text to its paraphrase
}

// edit returns an attack on the characters of a text.
func edit(name, unit string, rates []float64, f func(e *Env, text string, rate float64, rng *rand.Rand) (string, error)) Attack {
	return Attack{Name: name, Unit: unit, Rates: rates, Apply: func(e *Env, t Text, rate float64, rng *rand.Rand) (Text, error) {
		tok := e.Source.Tokenizer()
		if tok == nil {
			return Text{}, fmt.Errorf("the source has no tokenizer: %w", ErrNotHere)
		}
		var text []byte
		for i := range t.IDs {
			// An id without text, such as the end of a turn, is not in what people read.
			if more, err := tok.Decode(text, t.IDs[i:i+1]); err == nil {
				text = more
			}
		}
		out, err := f(e, string(text), rate, rng)
		if err != nil {
			return Text{}, err
		}
		return foreign(tok.Append(nil, []byte(out))), nil
	}}
}

// TextAttacks returns the edits of characters. The text is decoded, edited, and read again by the
// tokenizer of the source.
func TextAttacks() []Attack {
	one := []float64{1}
	return []Attack{
		edit("read again", "the text is decoded and read again", one,
			func(_ *Env, text string, _ float64, _ *rand.Rand) (string, error) { return text, nil }),
		edit("retokenize", "the text goes through the tokenizer of another model", one,
			func(e *Env, text string, _ float64, _ *rand.Rand) (string, error) {
				if e.Second == nil {
					return "", fmt.Errorf("there is no second tokenizer: %w", ErrNotHere)
				}
				out, err := e.Second.Decode(nil, e.Second.Append(nil, []byte(text)))
				return string(out), err
			}),
		edit("case", "share of words whose first letter changes case", []float64{0.1, 0.3, 1}, flipCase),
		edit("lower", "share of words in lower case", one, words(func(_ *Env, w string, _ *rand.Rand) (string, bool) { return strings.ToLower(w), true })),
		edit("normalize", "NFKC, plain quotes and single blanks", one,
			func(_ *Env, text string, _ float64, _ *rand.Rand) (string, error) { return normalize(text), nil }),
		edit("markdown", "the text is rendered as Markdown and copied from the page", one,
			func(_ *Env, text string, _ float64, _ *rand.Rand) (string, error) { return throughMarkdown(text) }),
		edit("synonyms", "share of words of the list that are replaced", []float64{0.5, 1}, words(synonym)),
		edit("paraphrase", "the text is replaced by its paraphrase in a file", one,
			func(e *Env, text string, _ float64, _ *rand.Rand) (string, error) {
				if p, ok := e.Paraphrase[readable(text)]; ok {
					return p, nil
				}
				return "", fmt.Errorf("the file has no paraphrase of the text: %w", ErrNotHere)
			}),
	}
}

// readable returns a text as JSON holds it: each byte that is not UTF-8 becomes U+FFFD.
func readable(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteRune(r)
	}
	return b.String()
}

// words returns an edit that changes words with a probability.
func words(change func(e *Env, word string, rng *rand.Rand) (string, bool)) func(*Env, string, float64, *rand.Rand) (string, error) {
	return func(e *Env, text string, rate float64, rng *rand.Rand) (string, error) {
		if e.Synonyms == nil {
			e.Synonyms = Synonyms()
		}
		var out strings.Builder
		for len(text) > 0 {
			n := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
			if n < 0 {
				n = len(text)
			}
			if n == 0 {
				_, size := utf8.DecodeRuneInString(text)
				out.WriteString(text[:size])
				text = text[size:]
				continue
			}
			word := text[:n]
			if rng.Float64() < rate {
				if w, ok := change(e, word, rng); ok {
					word = w
				}
			}
			out.WriteString(word)
			text = text[n:]
		}
		return out.String(), nil
	}
}

func flipCase(e *Env, text string, rate float64, rng *rand.Rand) (string, error) {
	return words(func(_ *Env, w string, _ *rand.Rand) (string, bool) {
		r, size := utf8.DecodeRuneInString(w)
		if unicode.IsUpper(r) {
			return string(unicode.ToLower(r)) + w[size:], true
		}
		return string(unicode.ToUpper(r)) + w[size:], true
	})(e, text, rate, rng)
}

func synonym(e *Env, word string, rng *rand.Rand) (string, bool) {
	others := e.Synonyms[strings.ToLower(word)]
	if len(others) == 0 {
		return "", false
	}
	other := others[rng.IntN(len(others))]
	if r, _ := utf8.DecodeRuneInString(word); unicode.IsUpper(r) {
		first, size := utf8.DecodeRuneInString(other)
		other = string(unicode.ToUpper(first)) + other[size:]
	}
	return other, true
}

var plainQuotes = strings.NewReplacer("“", `"`, "”", `"`, "‘", "'", "’", "'", "–", "-", "—", "-", "…", "...")

// normalize does what forms on the web do to a text.
func normalize(text string) string {
	return strings.Join(strings.Fields(plainQuotes.Replace(norm.NFKC.String(text))), " ")
}

// throughMarkdown renders a text as Markdown, and returns the text of the page.
func throughMarkdown(text string) (string, error) {
	var page bytes.Buffer
	if err := goldmark.Convert([]byte(text), &page); err != nil {
		return "", err
	}
	var out strings.Builder
	for z := html.NewTokenizer(&page); ; {
		switch z.Next() {
		case html.ErrorToken:
			if errors.Is(z.Err(), io.EOF) {
				return strings.TrimSpace(out.String()), nil
			}
			return "", z.Err()
		case html.TextToken:
			out.Write(z.Text())
		}
	}
}

//go:embed synonyms.txt
var synonymList string

// Synonyms returns the list of this project. It is small, and made for this purpose: words of
// technical English that can often stand for each other.
func Synonyms() map[string][]string {
	list, _ := ReadSynonyms(strings.NewReader(synonymList)) // a test reads it
	return list
}

// maxSynonyms bounds a list of synonyms, in lines.
const maxSynonyms = 1 << 20

// ReadSynonyms reads a list: each line has words that can stand for each other, separated by blanks.
func ReadSynonyms(r io.Reader) (map[string][]string, error) {
	list := map[string][]string{}
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		if n++; n > maxSynonyms {
			return nil, fmt.Errorf("more than %d lines; shorten the list", maxSynonyms)
		}
		set := strings.Fields(strings.ToLower(lines.Text()))
		if len(set) == 1 {
			return nil, fmt.Errorf("line %d has one word; write words that can stand for each other", n)
		}
		for i, w := range set {
			for j, o := range set {
				if i != j {
					list[w] = append(list[w], o)
				}
			}
		}
	}
	return list, lines.Err()
}

// maxPairs bounds a list of paraphrases, in lines.
const maxPairs = 1 << 20

// ReadParaphrases reads JSON lines of {"text": ..., "paraphrase": ...}.
func ReadParaphrases(r io.Reader) (map[string]string, error) {
	pairs := map[string]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		if n > maxPairs {
			return nil, fmt.Errorf("more than %d lines; shorten the list", maxPairs)
		}
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var p struct{ Text, Paraphrase *string }
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if p.Text == nil || p.Paraphrase == nil {
			return nil, fmt.Errorf(`line %d has no "text" or no "paraphrase"; write both`, n)
		}
		pairs[*p.Text] = *p.Paraphrase
	}
	return pairs, lines.Err()
}
