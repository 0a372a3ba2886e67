package speed

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/watermark"
)

// samplers lists the samplers of the benchmarks.
var samplers = []struct {
	name string
	s    watermark.Sampler
}{
	{"topk40-topp0.9", watermark.Sampler{Temperature: 0.8, TopK: 40, TopP: 0.9}},
	{"topp0.9", watermark.Sampler{Temperature: 0.8, TopP: 0.9}},
	{"minp0.05", watermark.Sampler{Temperature: 0.8, MinP: 0.05}},
	{"temperature", watermark.Sampler{Temperature: 0.8}},
	{"greedy", watermark.Sampler{}},
}

// BenchmarkSample draws a token from raw logits: a green list with delta 2, then the sampler. The floor
// is a pass that writes the whole row, which a draw need not do.
func BenchmarkSample(b *testing.B) {
	for _, v := range vocabs {
		for _, way := range samplers {
			for _, shape := range []string{"flat", "peaked"} {
				if v != vocab && (way.name != samplers[0].name || shape != "flat") {
					continue
				}
				for _, scheme := range []string{"none", "greenlist"} {
					name := fmt.Sprintf("scheme=%s/sampler=%s/rows=%s/vocab=%d", scheme, way.name, shape, v)
					backends(b, name, func(b *testing.B) {
						var marks []*watermark.Mark
						if scheme == "greenlist" {
							green := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
							marks = append(marks, newMark(b, green, v))
						}
						sample(b, v, shape, way.s, marks...)
					})
				}
			}
		}
	}
}

// BenchmarkGumbelMax draws by a GumbelMax, among all tokens and among those that a sampler keeps.
func BenchmarkGumbelMax(b *testing.B) {
	for _, v := range vocabs {
		for _, shape := range []string{"flat", "peaked"} {
			for _, way := range []struct {
				name string
				s    watermark.Sampler
			}{{"temperature", watermark.Sampler{Temperature: 1}}, samplers[0]} {
				if v != vocab && way.s.TopK > 0 {
					continue
				}
				name := fmt.Sprintf("scheme=gumbelmax/sampler=%s/rows=%s/vocab=%d", way.name, shape, v)
				backends(b, name, func(b *testing.B) {
					sample(b, v, shape, way.s, newMark(b, watermark.GumbelMax{Width: 4}, v))
				})
			}
		}
	}
}

// sample times Sequence.Sample.
func sample(b *testing.B, vocab int, shape string, s watermark.Sampler, marks ...*watermark.Mark) {
	cold := manyRows(vocab, shape)
	inTurns(b, 1, func() { kernel.Floor(cold.next(), tiny) }, step(b, vocab, shape, s, marks...))
}

// step returns a call of Sequence.Sample on one row after the other, each in its own context.
func step(b *testing.B, vocab int, shape string, s watermark.Sampler, marks ...*watermark.Mark) func() {
	seq, err := watermark.NewSequence(marks...)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	r := manyRows(vocab, shape)
	return func() {
		seq.Reset(nil) // else the text and its record of contexts would grow
		seq.Accept(rng.Int32N(int32(vocab)))
		seq.Accept(rng.Int32N(int32(vocab)))
		seq.Sample(r.next(), s, rng.Float64())
	}
}

// BenchmarkSampleBy draws without a mark in the ways of samplers.go, in turns with marked draws of this
// library.
func BenchmarkSampleBy(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	var heap heapSampler
	for _, v := range vocabs {
		green := newMark(b, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, v)
		gumbel := newMark(b, watermark.GumbelMax{Width: 4}, v)
		for _, shape := range []string{"flat", "peaked"} {
			for _, way := range []struct {
				name string
				draw func(row []float32)
				s    watermark.Sampler
				mark *watermark.Mark
			}{
				{
					"heap/sampler=topk40-topp0.9",
					func(row []float32) { heap.sample(row, 0.8, 40, 0.9, rng.Float64()) },
					samplers[0].s, green,
				},
				{
					"sort/sampler=topp0.9",
					func(row []float32) { heap.sample(row, 0.8, 0, 0.9, rng.Float64()) },
					samplers[1].s, green,
				},
				{
					"loglog/sampler=temperature",
					func(row []float32) { gumbelByLogs(row, 1, rng) },
					watermark.Sampler{Temperature: 1}, gumbel,
				},
			} {
				if v != vocab && (shape != "flat" || way.name[:4] == "sort") {
					continue
				}
				b.Run(fmt.Sprintf("method=%s/rows=%s/vocab=%d", way.name, shape, v), func(b *testing.B) {
					r, cold := manyRows(v, shape), manyRows(v, shape)
					floor := func() { kernel.Floor(cold.next(), tiny) }
					ours := step(b, v, shape, way.s, way.mark)
					inTurns(b, 1, floor, func() { way.draw(r.next()) }, ours)
				})
			}
		}
	}
}
