package llamacpp

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// A Reader computes the rows of texts that exist, whole texts at a time. One goroutine at a time may
// use it. The model must stay open for so long.
type Reader struct {
	model  *Model
	runner runner
	length int // tokens that the model sees at once
	chunk  int // tokens in a decode
	batch  []entry
}

// maxChunk bounds the memory of the rows of a chunk.
const maxChunk = 256

// NewReader returns a Reader. Of c it uses Context, Batch and Threads.
func NewReader(m *Model, c Config) (*Reader, error) {
	c, err := Config{Slots: 1, Context: c.Context, Batch: c.Batch, Threads: c.Threads}.withDefaults(m)
	if err != nil {
		return nil, err
	}
	chunk := min(inChunks(c.Batch), maxChunk)
	r, err := m.weights.context(contextConfig{length: c.Context, sequences: 1, batch: chunk, threads: c.Threads})
	if err != nil {
		return nil, err
	}
	return &Reader{model: m, runner: r, length: c.Context, chunk: chunk}, nil
}

// Close releases the memory of the Reader. The model stays open.
func (r *Reader) Close() { r.runner.free() }

// Rows calls each with the logits that follow token i of a text, for every i from the given one on,
// in order. The row is valid during the call, which may write to it. Rows depend on the tokens
// before them and on nothing else. If a text is longer than the context, rows beyond the first
// context follow from the latest half of a context or more. An error of each ends the call.
func (r *Reader) Rows(ctx context.Context, tokens []Token, from int, each func(i int, logits []float32) error) error {
	for i, t := range tokens {
		if !r.model.has(t) {
			return fmt.Errorf("llamacpp: token %d of the text is %d, outside the vocabulary of %d", i, t, r.model.facts.vocab)
		}
	}
	from = max(from, 0)
	step := max(r.length/2, 1)
	for start, done := 0, 0; done < len(tokens); start += step {
		end := min(start+r.length, len(tokens))
		if end > from {
			if err := r.window(ctx, tokens[start:end], start, max(from, done), each); err != nil {
				return err
			}
		}
		done = end
	}
	return nil
}

// window reads one context, whose first token has the given number.
func (r *Reader) window(ctx context.Context, tokens []Token, first, from int, each func(int, []float32) error) error {
	r.runner.remove(0, 0)
	for at := 0; at < len(tokens); at += r.chunk {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		part := tokens[at:min(at+r.chunk, len(tokens))]
		r.batch = r.batch[:0]
		for i, t := range part {
			r.batch = append(r.batch, entry{token: t, pos: at + i, logits: first+at+i >= from})
		}
		if err := r.runner.decode(r.batch); err != nil {
			return err
		}
		for i := range part {
			if !r.batch[i].logits {
				continue
			}
			row, err := r.runner.row(i)
			if err != nil {
				return err
			}
			if err := each(first+at+i, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Probabilities writes the law of a row of logits over itself and returns it: the softmax at a
// temperature of at least 0. At 0 all of it is on the likeliest token, the first of equal ones. The
// error is for a row without a finite logit.
func Probabilities(logits []float32, temperature float64) ([]float32, error) {
	best := -1
	for i, x := range logits {
		if !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) && (best < 0 || x > logits[best]) {
			best = i
		}
	}
	if best < 0 {
		return nil, errors.New("llamacpp: a row of the model has no finite logit")
	}
	if temperature == 0 {
		clear(logits)
		logits[best] = 1
		return logits, nil
	}
	top := float64(logits[best])
	sum := 0.0
	for i, x := range logits {
		p := math.Exp((float64(x) - top) / temperature)
		if !(p >= 0 && p <= 1) { // NaN, or an infinite logit
			p = 0
		}
		logits[i] = float32(p)
		sum += p
	}
	for i := range logits {
		logits[i] = float32(float64(logits[i]) / sum)
	}
	return logits, nil
}
