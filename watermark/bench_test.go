package watermark_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/isotope-wm/isotope/watermark"
)

// benchVocab is the vocabulary of a current open model.
const benchVocab = 128256

// nsPer returns the time of f in nanoseconds, the best of several rounds.
func nsPer(f func()) float64 {
	best := math.Inf(1)
	for range 7 {
		const calls = 20
		begin := time.Now()
		for range calls {
			f()
		}
		best = min(best, float64(time.Since(begin).Nanoseconds())/calls)
	}
	return best
}

// pass is a loop that no Go code which marks a row can beat.
func pass(row []float32) {
	for i := range row {
		row[i] += 0.5
	}
}

// BenchmarkProcess reports a marked row as a multiple of a plain Go pass over it, timed
// in the same process.
func BenchmarkProcess(b *testing.B) {
	row := make([]float32, benchVocab)
	context := []watermark.Token{1, 2, 3, 4}
	for _, gamma := range []float64{0.5, 0.25, 0.375, 0.3984375} {
		m := newMark(b, testKey(b), watermark.GreenList{Gamma: gamma, Delta: 2, Width: 2}, benchVocab)
		b.Run(fmt.Sprintf("scheme=greenlist/vocab=%d/gamma=%v/impl=generic", benchVocab, gamma), func(b *testing.B) {
			floor := nsPer(func() { pass(row) })
			b.ReportAllocs()
			for b.Loop() {
				m.Process(row, context)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/floor, "x_go_floor")
		})
	}
}

// BenchmarkSample reports a marked draw as a multiple of the same draw without a mark.
func BenchmarkSample(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	logits := make([]float32, benchVocab)
	for i := range logits {
		logits[i] = float32(rng.NormFloat64() * 3)
	}
	for _, c := range []struct {
		name    string
		sampler watermark.Sampler
	}{
		{"top-k", watermark.Sampler{Temperature: 0.8, TopK: 40, TopP: 0.9}},
		{"top-p", watermark.Sampler{Temperature: 0.8, TopP: 0.9}},
		{"greedy", watermark.Sampler{}},
	} {
		plain := newSequence(b)
		marked := newSequence(b, newMark(b, testKey(b), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, benchVocab))
		b.Run("c.sampler="+c.name, func(b *testing.B) {
			unmarked := nsPer(func() { plain.Sample(logits, c.sampler, 0.3) })
			b.ReportAllocs()
			for b.Loop() {
				marked.Sample(logits, c.sampler, 0.3)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/unmarked, "x_unmarked")
		})
	}
}

// BenchmarkDraws reports keyed draws as a multiple of a plain Go pass over a row of the
// vocabulary.
func BenchmarkDraws(b *testing.B) {
	rng := rand.New(rand.NewPCG(2, 2))
	logits, row := make([]float32, benchVocab), make([]float32, benchVocab)
	for i := range logits {
		logits[i] = float32(rng.NormFloat64() * 3)
	}
	ids, probs := make([]watermark.Token, 50), make([]float32, 50)
	for i := range ids {
		ids[i], probs[i] = watermark.Token(rng.IntN(benchVocab)), rng.Float32()
	}
	context := []watermark.Token{1, 2, 3, 4}
	pairs := make([]watermark.Pair, 100)
	for i := range pairs {
		pairs[i] = watermark.Pair{Context: []watermark.Token{1, 2, 3, watermark.Token(i)}, Token: watermark.Token(i * 7)}
	}
	scores := make([]int64, 0, len(pairs))
	for _, c := range []namedScheme{
		{"gumbelmax", watermark.GumbelMax{Width: 4}},
		{"tournament", watermark.Tournament{Depth: 30, Width: 4}},
	} {
		m := newMark(b, testKey(b), c.scheme, benchVocab)
		for _, what := range []struct {
			name string
			f    func()
		}{
			{"pick-50", func() { m.Pick(ids, probs, context, 0.5) }},
			{"row", func() { copy(row, logits); m.Process(row, context) }},
			{"score-100", func() { scores = m.Score(scores[:0], pairs) }},
		} {
			b.Run(fmt.Sprintf("scheme=%s/what=%s/impl=generic", c.name, what.name), func(b *testing.B) {
				floor := nsPer(func() { pass(row) })
				b.ReportAllocs()
				for b.Loop() {
					what.f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/floor, "x_go_floor")
			})
		}
	}
}

// BenchmarkUntruncated reports a keyed draw over a whole vocabulary as a multiple of the same draw
// without a mark.
func BenchmarkUntruncated(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 3))
	logits := make([]float32, benchVocab)
	for i := range logits {
		logits[i] = float32(rng.NormFloat64() * 3)
	}
	sampler := watermark.Sampler{Temperature: 1}
	plain := newSequence(b)
	for _, c := range []namedScheme{
		{"gumbelmax", watermark.GumbelMax{Width: 4}},
		{"tournament", watermark.Tournament{Depth: 30, Width: 4}},
	} {
		marked := newSequence(b, newMark(b, testKey(b), c.scheme, benchVocab))
		b.Run("scheme="+c.name, func(b *testing.B) {
			unmarked := nsPer(func() { plain.Sample(logits, sampler, 0.3) })
			b.ReportAllocs()
			for b.Loop() {
				marked.Sample(logits, sampler, 0.3)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/unmarked, "x_unmarked")
		})
	}
}
