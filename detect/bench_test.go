package detect_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// BenchmarkAccumulator tests documents of 4096 tokens that all differ: adding a text,
// deduplicating its pairs and scoring them, as a corpus scan does. A benchmark that
// repeats one document would teach the branch predictor its duplicates.
func BenchmarkAccumulator(b *testing.B) {
	const n, documents, words = 4096, 64, 100277
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.1, 3, words-1)
	texts := make([][]watermark.Token, documents)
	for i := range texts {
		texts[i] = make([]watermark.Token, n)
		for j := range texts[i] {
			texts[i][j] = watermark.Token(zipf.Uint64())
		}
	}
	m := mustMark(watermark.NewKey(), watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, words)
	a := detect.New(m, nil)
	b.ReportAllocs()
	var add, test time.Duration
	var scored, tokens int64
	for i := 0; b.Loop(); i++ {
		a.Reset()
		start := time.Now()
		a.Add(texts[i%documents])
		middle := time.Now()
		r := a.Result()
		add += middle.Sub(start)
		test += time.Since(middle)
		scored += r.Scored
		tokens += n
	}
	b.ReportMetric(float64(scored)/float64(tokens), "scored/token")
	b.ReportMetric(float64(add)/float64(tokens), "ns/token-add")
	b.ReportMetric(float64(test)/float64(tokens), "ns/token-result")
}
