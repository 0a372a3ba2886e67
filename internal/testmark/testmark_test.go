package testmark_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		key  watermark.Key
		leaf string
	}{
		{"number", testmark.Key(0x0102), strings.Repeat("0", 60) + "0102"},
		{"largest number", testmark.Key(math.MaxUint64), strings.Repeat("0", 48) + strings.Repeat("f", 16)},
		{"repeated byte", testmark.RepeatKey(0x0b), strings.Repeat("0b", 32)},
		{"digits", testmark.HexKey(strings.Repeat("c4", 32)), strings.Repeat("c4", 32)},
		{"secret", testmark.SecretKey(), strings.TrimPrefix(testmark.Secret, testmark.SecretPrefix)},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, testmark.SecretPrefix+c.leaf, c.key.Secret(secretaccess.Allow())) })
	}
	assert.Panics(t, func() { testmark.HexKey("0b") })
}

func TestTextsDependOnTheSeedAlone(t *testing.T) {
	mark := testmark.Green(t, testmark.Key(1), 1)
	for _, c := range []struct {
		name string
		text func(rng *rand.Rand) []watermark.Token
	}{
		{"uniform", func(rng *rand.Rand) []watermark.Token { return testmark.Uniform(rng, 200, 50) }},
		{"Zipf", func(rng *rand.Rand) []watermark.Token { return testmark.Zipf(rng, 200, 50) }},
		{"marked", func(rng *rand.Rand) []watermark.Token {
			return testmark.Write(t, rng, 200, testmark.Varied, mark)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := newRand()
			first := c.text(rng)
			require.Len(t, first, 200)
			assert.Equal(t, first, c.text(newRand()))
			assert.NotEqual(t, first, c.text(rng), "the same text twice from one rng")
		})
	}
	text := testmark.Sentences(newRand(), 20, "café")
	assert.Equal(t, text, testmark.Sentences(newRand(), 20, "café"))
	assert.Equal(t, 20, strings.Count(text, "\n\n"))
	assert.Contains(t, text, "café")
	assert.NotContains(t, testmark.Sentences(newRand(), 20), "café")
}

// TestZipfIsAsFrequentAsWords compares counts with the law of the doc comment.
func TestZipfIsAsFrequentAsWords(t *testing.T) {
	const n, ids = 100_000, 20
	counts, total := make([]float64, ids), 0.0
	for _, v := range testmark.Zipf(newRand(), n, ids) {
		counts[v]++
	}
	for v := range ids {
		total += math.Pow(float64(3+v), -1.1)
	}
	for v, count := range counts {
		want := n * math.Pow(float64(3+v), -1.1) / total
		assert.InDelta(t, want, count, 5*math.Sqrt(want), "id %d", v)
	}
}

func TestRowsOverwriteTheRow(t *testing.T) {
	for _, c := range []struct {
		name     string
		rows     testmark.Rows
		possible int // at most
		equal    bool
	}{
		{"flat", testmark.Flat, 500, true},
		{"coin", testmark.Coin, 2, true},
		{"varied", testmark.Varied, 12, false},
		{"normal", testmark.Normal(2), 500, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := slices.Repeat([]float32{77}, 500)
			c.rows(newRand(), row)
			require.NotContains(t, row, float32(77))
			row = slices.DeleteFunc(row, func(x float32) bool { return math.IsInf(float64(x), -1) })
			assert.NotEmpty(t, row)
			assert.LessOrEqual(t, len(row), c.possible)
			assert.GreaterOrEqual(t, len(row), c.possible/2)
			assert.Equal(t, c.equal, slices.Min(row) == slices.Max(row), "equal logits")
		})
	}
}

// TestWriteMarks counts green pairs of a marked and of an unmarked text.
func TestWriteMarks(t *testing.T) {
	const n, width = 2000, 2
	mark := testmark.Green(t, testmark.Key(1), width)
	green := func(text []watermark.Token) (sum int) {
		for i := width; i < n; i++ {
			if testmark.IsGreen(mark, text[i-width:i], text[i]) {
				sum++
			}
		}
		return sum
	}
	marked := green(testmark.Write(t, newRand(), n, testmark.Flat, mark))
	plain := green(testmark.Write(t, newRand(), n, testmark.Flat))
	share := math.Exp(2) / (math.Exp(2) + 1) // of green tokens, when all are equally likely
	assert.InDelta(t, n*share, marked, 5*math.Sqrt(n*share*(1-share)))
	assert.InDelta(t, n/2, plain, 5*math.Sqrt(n/4))
	large := testmark.Mark(t, testmark.Key(1), watermark.GumbelMax{Width: 1}, 5000)
	text := testmark.Write(t, newRand(), 100, testmark.Flat, large)
	assert.Greater(t, slices.Max(text), watermark.Token(testmark.Vocab), "the vocabulary of the mark")
}

func TestVectors(t *testing.T) {
	var file struct {
		Generations []struct{ Name, Leaf, Selector, Profile string }
	}
	testmark.ReadVectors(t, "generate.json", &file)
	require.NotEmpty(t, file.Generations)
	selectors := 0
	for _, v := range file.Generations {
		t.Run(v.Name, func(t *testing.T) {
			m, p := testmark.VectorMark(t, v.Profile, v.Leaf, v.Selector)
			assert.Equal(t, p.Vocab, m.Vocab())
			if v.Selector != "" {
				selectors++
				assert.Equal(t, testmark.HexKey(v.Selector).ID(), p.Selector)
			}
		})
	}
	assert.Positive(t, selectors)
}

func TestEachBackend(t *testing.T) {
	before := kernel.Active()
	var ran []kernel.Backend
	testmark.EachBackend(t, func(t *testing.T, b kernel.Backend) {
		assert.Equal(t, b, kernel.Active())
		assert.Equal(t, "TestEachBackend/impl="+b.String(), t.Name())
		ran = append(ran, b)
	})
	assert.Equal(t, kernel.Available(), ran)
	assert.Equal(t, before, kernel.Active())
}
