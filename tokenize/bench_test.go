package tokenize_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tiktoken-go/tokenizer"
)

// benchText returns about 100 KB of prose and code: the first goldens many times, with their vowels
// changed in 25 ways. It repeats more than most texts, which helps the caches. Expect a lower ratio on
// other texts.
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

// BenchmarkAppend reports the time of tiktoken-go's Encode over that of Append, for the same text in
// turns in the same process (median of the turns). The ids of Encode are not always right.
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

// BenchmarkAppendHostile tokenizes texts that are one piece.
func BenchmarkAppendHostile(b *testing.B) {
	tok := get(b, "o200k_base")
	for _, c := range []struct{ name, text string }{
		{"a", strings.Repeat("a", 100_000)},
		{"blank_lines", strings.Repeat("\n ", 50_000)},
		{"spaces", strings.Repeat(" ", 100_000)},
	} {
		b.Run("text="+c.name, func(b *testing.B) {
			in := []byte(c.text)
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
