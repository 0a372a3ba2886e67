package detect_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
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
	m := testmark.Must(watermark.New(watermark.NewKey(), watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, words))
	a := detect.NewAccumulator(m, nil)
	b.ReportAllocs()
	var scored, tokens int64
	adds, scores, tests := make([]float64, 0, 1<<16), make([]float64, 0, 1<<16), make([]float64, 0, 1<<16)
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		a.Reset()
		a.Add(texts[i%documents])
		middle := time.Now()
		a.Sums()
		end := time.Now()
		r := a.Result()
		adds = append(adds, float64(middle.Sub(start))/n)
		scores = append(scores, float64(end.Sub(middle))/n)
		tests = append(tests, float64(time.Since(end))/n)
		scored += r.Scored
		tokens += n
	}
	// On a shared machine the fastest tenth says most about the code.
	slices.Sort(adds)
	slices.Sort(scores)
	slices.Sort(tests)
	b.ReportMetric(float64(scored)/float64(tokens), "scored/token")
	b.ReportMetric(adds[len(adds)/10], "ns/token-add")
	b.ReportMetric(scores[len(scores)/10], "ns/token-score")
	b.ReportMetric(tests[len(tests)/10], "ns/token-result")
}
