package tokenize_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tiktoken-go/tokenizer"
)

// benchText is prose and code of about 100 KB: the first goldens again and again,
// with their vowels changed in 25 ways. It is kinder to caches than a text in which
// little repeats, so expect a lower ratio there.
func benchText(b *testing.B) string {
	var text strings.Builder
	vowels := []string{"a", "e", "i", "o", "u"}
	for round := 0; text.Len() < 100_000; round++ {
		swap := strings.NewReplacer("a", vowels[round%5], "e", vowels[round/5%5])
		for _, c := range goldens(b).Cases[:12] {
			text.WriteString(swap.Replace(c.Text))
		}
	}
	return text.String()
}

// BenchmarkAppend reports how many times tiktoken-go's own Encode of the same
// text, in turns in the same process, takes as long (median of the turns). The
// ids of that are not always right, so it is a floor and not an equal.
func BenchmarkAppend(b *testing.B) {
	text := benchText(b)
	in := []byte(text)
	for _, name := range []string{"cl100k_base", "o200k_base", "r50k_base"} {
		b.Run("encoding="+name, func(b *testing.B) {
			tok := get(b, name)
			base, err := tokenizer.Get(tokenizer.Encoding(name))
			require.NoError(b, err)
			ids := tok.Append(nil, in)

			var ratios []float64
			for range 7 {
				start := time.Now()
				ids = tok.Append(ids[:0], in)
				ours := time.Since(start)
				start = time.Now()
				_, _, err := base.Encode(text)
				ratios = append(ratios, float64(time.Since(start))/float64(ours))
				require.NoError(b, err)
			}
			slices.Sort(ratios)

			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				ids = tok.Append(ids[:0], in)
			}
			b.ReportMetric(ratios[len(ratios)/2], "x_tiktoken_go")
		})
	}
}

// BenchmarkAppendHostile has texts that are one piece.
func BenchmarkAppendHostile(b *testing.B) {
	tok := get(b, "o200k_base")
	for name, text := range map[string]string{
		"a":           strings.Repeat("a", 100_000),
		"blank_lines": strings.Repeat("\n ", 50_000),
		"spaces":      strings.Repeat(" ", 100_000),
	} {
		b.Run("text="+name, func(b *testing.B) {
			in := []byte(text)
			var ids []int32
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				ids = tok.Append(ids[:0], in)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	tok := get(b, "o200k_base")
	in := []byte(benchText(b))
	ids := tok.Append(nil, in)
	var text []byte
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		text, _ = tok.Decode(text[:0], ids)
	}
}
