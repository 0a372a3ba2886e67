package testmark

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/isotope-wm/isotope/watermark"
)

// Uniform returns n token ids, each drawn uniformly from [0,ids). Few ids make a text that
// repeats its pairs and contexts.
func Uniform(rng *rand.Rand, n, ids int) []watermark.Token {
	text := make([]watermark.Token, n)
	for i := range text {
		text[i] = rng.Int32N(int32(ids))
	}
	return text
}

// Zipf returns n token ids from [0,ids), as frequent as words are: id v has a probability in
// proportion to (3+v)^-1.1.
func Zipf(rng *rand.Rand, n, ids int) []watermark.Token {
	zipf := rand.NewZipf(rng, 1.1, 3, uint64(ids-1))
	text := make([]watermark.Token, n)
	for i := range text {
		text[i] = watermark.Token(zipf.Uint64())
	}
	return text
}

// A Rows fills a row of logits for the next token. It overwrites the whole row.
type Rows func(rng *rand.Rand, row []float32)

// Flat makes all tokens equally likely. A mark then shows in few tokens.
func Flat(_ *rand.Rand, row []float32) { clear(row) }

// Coin makes two tokens equally likely and all others impossible. With probability
// 1/len(row) the two are the same token, which is then certain.
func Coin(rng *rand.Rand, row []float32) {
	none(row)
	row[rng.IntN(len(row))], row[rng.IntN(len(row))] = 0, 0
}

// Varied leaves 12 tokens possible, whose logits are normal. Their standard deviation is
// uniform in [0,4), so the entropy varies from row to row.
func Varied(rng *rand.Rand, row []float32) {
	none(row)
	sd := 4 * rng.Float64()
	for range 12 {
		row[rng.IntN(len(row))] = float32(sd * rng.NormFloat64())
	}
}

// Normal returns Rows whose logits are independent and normal, with mean 0 and standard
// deviation sd.
func Normal(sd float64) Rows {
	return func(rng *rand.Rand, row []float32) {
		for i := range row {
			row[i] = float32(sd * rng.NormFloat64())
		}
	}
}

// none makes every token impossible.
func none(row []float32) {
	for i := range row {
		row[i] = float32(math.Inf(-1))
	}
}

// Write samples n tokens at temperature 1, without truncation and after an empty prompt.
// The vocabulary is that of marks, or [Vocab] without marks: the text is then unmarked.
// Before each draw it calls rows, then takes one number from rng.
func Write(t testing.TB, rng *rand.Rand, n int, rows Rows, marks ...*watermark.Mark) []watermark.Token {
	t.Helper()
	s := Sequence(t, marks...)
	vocab := Vocab
	if len(marks) > 0 {
		vocab = marks[0].Vocab()
	}
	text, row := make([]watermark.Token, n), make([]float32, vocab)
	for i := range text {
		rows(rng, row)
		text[i] = s.Sample(row, watermark.Sampler{Temperature: 1}, rng.Float64())
		s.Accept(text[i])
	}
	return text
}

// Sentences returns paragraphs of one to three English sentences from a small grammar, with
// an empty line after each. A model that is trained on them has choice in every sentence.
// The words of more are further adjectives.
func Sentences(rng *rand.Rand, paragraphs int, more ...string) string {
	adjectives := append(adjectives[:len(adjectives):len(adjectives)], more...)
	pick := func(words []string) string { return words[rng.IntN(len(words))] }
	var b strings.Builder
	for range paragraphs {
		for range 1 + rng.IntN(3) {
			fmt.Fprintf(&b, "The %s %s %s the %s %s near the %s, and a %s %s %s. ",
				pick(adjectives), pick(nouns), pick(verbs), pick(adjectives), pick(nouns),
				pick(nouns), pick(adjectives), pick(nouns), pick(verbs))
		}
		b.WriteString("\n\n")
	}
	return b.String()
}

var (
	nouns = strings.Fields("river mountain library engine garden letter window harbor market teacher " +
		"painter captain village bridge forest kitchen lantern orchard station theatre")
	verbs = strings.Fields("watches follows remembers repairs describes visits crosses paints opens " +
		"answers measures forgets carries builds hears")
	adjectives = strings.Fields("old quiet bright narrow green distant careful heavy early gentle " +
		"broken famous hidden patient wooden")
)
