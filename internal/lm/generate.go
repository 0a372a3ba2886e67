package lm

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/isotope-wm/isotope/watermark"
)

// StageWrite is the stage that Generate reports to a Progress, in tokens.
const StageWrite = "writing"

// A Job describes the texts that Generate writes.
type Job struct {
	Prompts  [][]int32         // Generate writes one text after each prompt
	Tokens   int               // length of each text without its prompt
	Marks    []*watermark.Mark // for watermark.NewSequence, none for unmarked text
	Sampler  watermark.Sampler
	Seed     [32]byte // text i depends on Seed and i, and on no other text
	Progress Progress
}

// Generate returns the texts of a job. It uses all cores, and their number does not change the texts.
// It returns an error if the marks do not fit together or ctx is done.
func (m *Model) Generate(ctx context.Context, job Job) ([][]int32, error) {
	if _, err := watermark.NewSequence(job.Marks...); err != nil {
		return nil, fmt.Errorf("lm: %w", err)
	}
	pool := sync.Pool{New: func() any {
		seq, _ := watermark.NewSequence(job.Marks...) // it succeeded above
		return &writer{model: m, seq: seq, row: make([]float32, m.vocab)}
	}}
	texts := make([][]int32, len(job.Prompts))
	meter := job.Progress.start(StageWrite, int64(len(texts))*int64(job.Tokens))
	err := parallel(ctx, len(texts), func(i int) error {
		w := pool.Get().(*writer)
		defer pool.Put(w)
		seed := job.Seed
		own := seed[len(seed)-8:]
		binary.LittleEndian.PutUint64(own, binary.LittleEndian.Uint64(own)^uint64(i))
		w.seq.SetSalt(binary.LittleEndian.Uint32(own)) // the number of the text, for marks of two keys
		texts[i] = w.write(job, job.Prompts[i], rand.New(rand.NewChaCha8(seed)))
		meter.add(int64(job.Tokens))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return texts, nil
}

// A writer holds the state of one text at a time.
type writer struct {
	model *Model
	seq   *watermark.Sequence
	row   []float32
}

func (w *writer) write(job Job, prompt []int32, rng *rand.Rand) []int32 {
	text := append(make([]int32, 0, len(prompt)+job.Tokens), prompt...)
	w.seq.Reset(prompt)
	for range job.Tokens {
		w.model.Logits(w.row, text)
		t := w.seq.Sample(w.row, job.Sampler, rng.Float64())
		w.seq.Accept(t)
		text = append(text, t)
	}
	return text[len(prompt):]
}
