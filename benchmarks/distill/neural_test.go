package main

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// testExamples returns n random examples.
func testExamples(vocab, n int, rng *rand.Rand) []example {
	examples := make([]example, n)
	for i := range examples {
		for j := range examples[i].context {
			examples[i].context[j] = int32(rng.IntN(vocab + 1)) // vocab stands for positions before the text
		}
		examples[i].next = int32(rng.IntN(vocab))
	}
	return examples
}

// TestGradient compares the gradient with central differences, for some parameters of every layer.
func TestGradient(t *testing.T) {
	const vocab, batch = 20, 7 // 4 does not divide 7
	rng := rand.New(rand.NewPCG(1, 2))
	n := newNet[float64](vocab, rng)
	tr := newTrainer(n, batch)
	examples := testExamples(vocab, batch, rng)
	loss := func() float64 { return newTrainer(n, batch).gradient(examples) }
	tr.gradient(examples)
	offset := 0
	for _, part := range []struct {
		name string
		size int
	}{
		{"embed", len(n.embed)}, {"w1", len(n.w1)}, {"b1", len(n.b1)}, {"w2", len(n.w2)}, {"b2", len(n.b2)},
	} {
		t.Run(part.name, func(t *testing.T) {
			nonzero := 0
			for range 60 {
				i := offset + rng.IntN(part.size)
				const h = 1e-5
				was := n.params[i]
				n.params[i] = was + h
				up := loss()
				n.params[i] = was - h
				down := loss()
				n.params[i] = was
				assert.InDelta(t, (up-down)/(2*h), tr.grad[i], 1e-8, "parameter %d", i-offset)
				if tr.grad[i] != 0 {
					nonzero++
				}
			}
			assert.Greater(t, nonzero, 15)
		})
		offset += part.size
	}
	assert.Equal(t, len(n.params), offset)
}

// TestNetLearns trains on a rule that a net of this shape can represent: the next token equals the
// second-last one.
func TestNetLearns(t *testing.T) {
	const vocab, batch = 16, 32
	rng := rand.New(rand.NewPCG(3, 4))
	n := newNet[float32](vocab, rng)
	tr := newTrainer(n, batch)
	var first, last float64
	for i := range 600 {
		examples := testExamples(vocab, batch, rng)
		for j := range examples {
			examples[j].context[2] %= vocab
			examples[j].next = examples[j].context[2]
		}
		last = tr.gradient(examples)
		if i == 0 {
			first = last
		}
		tr.step(0.01)
	}
	assert.InDelta(t, 2.77, first, 0.4, "ln 16")
	assert.Less(t, last, 0.1)
}

func BenchmarkTrain(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := newNet[float32](1024, rng)
	tr := newTrainer(n, 128)
	examples := testExamples(1024, 128, rng)
	for b.Loop() {
		tr.gradient(examples)
		tr.step(1e-3)
	}
	b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkNetLogits(b *testing.B) {
	n := newNet[float32](1024, rand.New(rand.NewPCG(1, 2)))
	row := make([]float32, 1024)
	for b.Loop() {
		n.logits(row, [4]int32{1, 2, 3, 4})
	}
}
