package lm

import (
	"math/rand/v2"
	"testing"
)

// zipf returns a text with the vocabulary of a real tokenizer and words about as frequent as in English.
// Each word prefers a few successors. The text has more distinct n-grams than prose of the same
// length, so it is the harder case.
func zipf(tokens int) [][]int32 {
	const vocab = 100277
	r := rand.New(rand.NewPCG(1, 1))
	z := rand.NewZipf(r, 1.1, 8, vocab-1)
	docs := make([][]int32, 0, tokens/40)
	for n := 0; n < tokens; n += 40 {
		doc := make([]int32, 40)
		for i := range doc {
			doc[i] = int32(z.Uint64())
			if i > 0 && r.IntN(2) == 0 {
				doc[i] = int32((uint64(doc[i-1])*0x9E3779B1 + z.Uint64()%4) % vocab)
			}
		}
		docs = append(docs, doc)
	}
	return docs
}

// BenchmarkLogits reports the time of a row as a multiple of copying one, in the same process.
func BenchmarkLogits(b *testing.B) {
	docs := zipf(1_000_000)
	m := mustTrain(b, docs, 100277, Options{})
	row, base := make([]float32, m.Vocab()), make([]float32, m.Vocab())
	var floor float64
	b.Run("op=copy", func(b *testing.B) {
		b.SetBytes(int64(4 * len(row)))
		for b.Loop() {
			copy(row, base)
		}
		floor = float64(b.Elapsed()) / float64(b.N)
	})
	b.Run("op=logits", func(b *testing.B) {
		b.SetBytes(int64(4 * len(row)))
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			doc := docs[i%len(docs)]
			m.Logits(row, doc[:i%(len(doc)+1)])
			i += 7919
		}
		if floor > 0 {
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/floor, "x-copy")
		}
	})
}

func BenchmarkTrain(b *testing.B) {
	for _, c := range []struct {
		name   string
		tokens int
	}{{"tokens=20k", 20_000}, {"tokens=1M", 1_000_000}} {
		docs := zipf(c.tokens)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				mustTrain(b, docs, 100277, Options{})
			}
			b.ReportMetric(float64(b.N)*float64(c.tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
