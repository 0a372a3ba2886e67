package openaiserver

import (
	"context"
	"errors"

	"github.com/isotope-wm/isotope/watermark"
)

// errNoFinish is the error for a model that breaks the contract of Generate.
var errNoFinish = errors.New("openaiserver: the model ended a text without a reason")

// A job is a text to write, before the model sees it.
type job struct {
	prompt    []watermark.Token
	maxTokens int
	marks     []*watermark.Mark // empty for unmarked text
	sampler   watermark.Sampler
	seed      [32]byte
	stop      []string
}

// write generates a text and passes it to emit in pieces. It ends at the limit, at a stop
// sequence, at the model's end of text or with ctx. It returns the tokens, also those before an
// error, and why the text ended.
func (s *Server) write(
	ctx context.Context, j job, emit func(piece string) error,
) (tokens []watermark.Token, finish Finish, err error) {
	r, err := newRequest(j)
	if err != nil {
		return nil, "", err
	}
	var (
		cut     = cutter{stops: j.stop}
		raw     []byte
		stopped bool
		failed  error // of what follows a token
	)
	finish, err = s.model.Generate(ctx, r, func(t watermark.Token) bool {
		tokens = append(tokens, t)
		if raw, failed = s.model.AppendText(raw[:0], t); failed != nil {
			return false
		}
		var piece string
		piece, stopped = cut.add(raw)
		failed = emit(piece)
		return failed == nil && !stopped && len(tokens) < j.maxTokens
	})
	switch {
	case failed != nil:
		return tokens, "", failed
	case stopped:
		return tokens, FinishStop, nil
	case len(tokens) >= j.maxTokens:
		return tokens, FinishLength, emit(cut.rest())
	case finish == "" && ctx.Err() != nil: // the client left, or time is up
		return tokens, "", context.Cause(ctx)
	case err != nil:
		return tokens, "", err
	case finish == "":
		return tokens, "", errNoFinish
	}
	return tokens, finish, emit(cut.rest())
}
