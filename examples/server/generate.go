package main

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/isotope-wm/isotope/watermark"
)

// A job is a text to be written.
type job struct {
	prompt    []watermark.Token
	maxTokens int
	marks     []*watermark.Mark // none for unmarked text
	sampler   watermark.Sampler
	seed      [32]byte
	stop      []string
}

// Why a text ended, as OpenAI spells it.
const (
	finishStop   = "stop"   // at a stop sequence
	finishLength = "length" // at the limit of tokens
)

// write is where text is marked: it generates until the limit, a stop sequence or the end
// of ctx, and hands the text to emit in pieces. It returns the tokens and why it ended.
func (s *Server) write(ctx context.Context, j job, emit func(piece string) error) ([]watermark.Token, string, error) {
	seq, err := watermark.NewSequence(j.marks...)
	if err != nil {
		return nil, "", err
	}
	seq.Reset(j.prompt)
	rng := rand.New(rand.NewChaCha8(j.seed))
	row := make([]float32, s.model.Vocab())
	text := slices.Clone(j.prompt)
	cut := cutter{stops: j.stop}
	var raw []byte
	for len(text)-len(j.prompt) < j.maxTokens {
		if ctx.Err() != nil { // the client left, or time is up
			return text[len(j.prompt):], "", context.Cause(ctx)
		}
		s.model.Logits(row, text)
		token := seq.Sample(row, j.sampler, rng.Float64())
		seq.Accept(token)
		text = append(text, token)
		if raw, err = s.tokenizer.Decode(raw[:0], text[len(text)-1:]); err != nil {
			return text[len(j.prompt):], "", err
		}
		piece, stopped := cut.add(raw)
		if err := emit(piece); err != nil {
			return text[len(j.prompt):], "", err
		}
		if stopped {
			return text[len(j.prompt):], finishStop, nil
		}
	}
	return text[len(j.prompt):], finishLength, emit(cut.rest())
}
