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
// of ctx, and hands the text to emit in pieces. It returns the tokens, also those before
// an error, and why the text ended.
func (s *Server) write(ctx context.Context, j job, emit func(piece string) error) (tokens []watermark.Token, finish string, err error) {
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
	for len(tokens) < j.maxTokens {
		if ctx.Err() != nil { // the client left, or time is up
			return tokens, "", context.Cause(ctx)
		}
		s.model.Logits(row, text)
		token := seq.Sample(row, j.sampler, rng.Float64())
		seq.Accept(token)
		text = append(text, token)
		tokens = text[len(j.prompt):]
		if raw, err = s.tokenizer.Decode(raw[:0], []watermark.Token{token}); err != nil {
			return tokens, "", err
		}
		piece, stopped := cut.add(raw)
		if err := emit(piece); err != nil || stopped {
			return tokens, finishStop, err
		}
	}
	return tokens, finishLength, emit(cut.rest())
}
