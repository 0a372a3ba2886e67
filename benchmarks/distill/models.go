package main

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/watermark"
)

// A model writes the logits of the next token after a text.
type model interface {
	logits(row []float32, text []int32)
}

// ngram is an n-gram model.
type ngram struct{ *lm.Model }

func (m ngram) logits(row []float32, text []int32) { m.Logits(row, text) }

// neural is a model with a net.
type neural struct{ *net[float32] }

func (m neural) logits(row []float32, text []int32) {
	m.net.logits(row, contextOf(text, m.vocab))
}

// learnNgram trains an n-gram student. It starts from nothing.
func (w *world) learnNgram(docs [][]int32) (ngram, error) {
	m, err := lm.Train(docs, w.Vocab, lm.Options{Order: w.StudentOrder})
	return ngram{m}, err
}

// fineTune trains the base further and returns it as a neural student.
func (w *world) fineTune(docs [][]int32, label string) neural {
	n := w.base()
	train(n, docs, w.Epochs, 1e-3, random("fine-tune", label))
	return neural{n}
}

// batch is the number of examples per step of training.
const batch = 128

// train trains on the documents for the given number of epochs, in random order of positions. The
// learning rate falls linearly to a tenth.
func train(n *net[float32], docs [][]int32, epochs int, rate float64, rng *rand.Rand) {
	type place struct{ doc, at int32 }
	places := make([]place, 0, length(docs))
	for d, doc := range docs {
		for at := range doc {
			places = append(places, place{int32(d), int32(at)})
		}
	}
	t := newTrainer(n, batch)
	examples := make([]example, batch)
	steps := epochs * (len(places) / batch)
	for step := 0; step < steps; {
		rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
		for from := 0; from+batch <= len(places); from += batch {
			for i, p := range places[from : from+batch] {
				doc := docs[p.doc]
				examples[i] = example{contextOf(doc[:p.at], n.vocab), doc[p.at]}
			}
			t.gradient(examples)
			t.step(rate * (1 - 0.9*float64(step)/float64(steps)))
			step++
		}
	}
}

// nats returns the mean of -ln p of a model over held-out text, per token.
func (w *world) nats(m model) float64 {
	row := make([]float32, w.Vocab)
	sum, count := 0.0, 0
	for _, doc := range take(w.heldOut, 20_000) {
		for at, next := range doc {
			m.logits(row, doc[:at])
			softmax(row)
			sum -= math.Log(float64(row[next]))
			count++
		}
	}
	return sum / float64(count)
}

// generate returns outputs of a student without a prompt.
func (w *world) generate(m model, tokens int, temperature float32, label string) ([][]int32, error) {
	docs := (tokens + w.Document - 1) / w.Document
	if n, ok := m.(ngram); ok {
		return n.Generate(context.Background(), lm.Job{
			Prompts: make([][]int32, docs), Tokens: w.Document,
			Sampler: watermark.Sampler{Temperature: temperature}, Seed: seed("student", label),
		})
	}
	seq, err := watermark.NewSequence()
	if err != nil {
		return nil, err
	}
	row := make([]float32, w.Vocab)
	texts := make([][]int32, docs)
	for i := range texts {
		s := seed("student", label)
		binary.LittleEndian.PutUint64(s[24:], binary.LittleEndian.Uint64(s[24:])^uint64(i))
		rng := rand.New(rand.NewChaCha8(s))
		text := make([]int32, 0, w.Document)
		seq.Reset(nil)
		for range w.Document {
			m.logits(row, text)
			t := seq.Sample(row, watermark.Sampler{Temperature: temperature}, rng.Float64())
			seq.Accept(t)
			text = append(text, t)
		}
		texts[i] = text
	}
	return texts, nil
}
