package main

import (
	"context"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// loadModel returns the embedded model over a tokenizer. It is trained on the Go
// distribution, or on the text files below dir.
func (c *cli) loadModel(ctx context.Context, t tokenize.Tokenizer, dir string) (*lm.Bundle, error) {
	progress, finish := c.progress()
	defer finish()
	b, err := lm.Load(ctx, lm.Config{Tokenizer: t, Dir: dir, Progress: progress})
	if err != nil {
		return nil, err
	}
	finish()
	for _, w := range b.Warnings {
		c.hint("warning: %v", w)
	}
	return b, nil
}

// textSampler suits the embedded model, whose improbable tokens are mostly noise.
var textSampler = watermark.Sampler{Temperature: 1, TopK: 50, MinP: 0.03}
