package openaiserver

import (
	"context"
	"errors"

	"github.com/isotope-wm/isotope/internal/stoptext"
	"github.com/isotope-wm/isotope/watermark"
)

// errNoFinish is the error for a model that breaks the contract of Generate.
var errNoFinish = errors.New("openaiserver: the model ended a text without a reason")

// errNoReport is the error for a model that says it steers, and does not report.
var errNoReport = errors.New("openaiserver: the model emitted a token without log-probabilities")

// A job is a text to write, before the model sees it.
type job struct {
	prompt    []watermark.Token
	shared    *watermark.Prompt // the prompt of all choices; nil makes one
	maxTokens int
	marks     []*watermark.Mark // empty for unmarked text
	sampler   watermark.Sampler
	seed      [32]byte
	stop      []string

	choices     int // texts to write, at least 1
	choice      int // which of them this is
	bias        map[watermark.Token]float32
	json        bool
	logprobs    bool
	topLogprobs int
}

// A logged token is a token of an answer with log-probabilities.
type logged struct {
	Report
	token watermark.Token
	start int // where its bytes begin in the text
	size  int
}

// write generates a text and passes it to emit in pieces. It ends at the limit, at a stop
// sequence, at the model's end of text or with ctx. It returns the tokens, also those before an
// error, and why the text ended.
func (s *Server) write(
	ctx context.Context, j job, emit func(piece string, list []logged) error,
) (tokens []watermark.Token, finish Finish, err error) {
	r, err := newRequest(j, s.model.Info().Vocab)
	if err != nil {
		return nil, "", err
	}
	defer func() { s.metrics.positions(r.Sequence.Counts()) }()
	var (
		cut     = stoptext.New(j.stop...)
		raw     []byte
		stopped bool
		failed  error // of what follows a token
		written int   // bytes of all tokens
		sent    int   // bytes that emit has seen
		list    []logged
	)
	// pass passes a piece on, with the tokens that begin in it.
	pass := func(piece string) error {
		sent += len(piece)
		n := 0
		for n < len(list) && list[n].start < sent {
			n++
		}
		err := emit(piece, list[:n])
		list = list[n:]
		return err
	}
	finish, err = s.model.Generate(ctx, r, func(t watermark.Token) bool {
		tokens = append(tokens, t)
		if raw, failed = s.model.AppendText(raw[:0], t); failed != nil {
			return false
		}
		if j.logprobs {
			if r.reported == nil {
				failed = errNoReport
				return false
			}
			list = append(list, logged{*r.reported, t, written, len(raw)})
			r.reported = nil
		}
		written += len(raw)
		var piece string
		piece, stopped = cut.Add(raw)
		failed = pass(piece)
		return failed == nil && !stopped && len(tokens) < j.maxTokens
	})
	switch {
	case failed != nil:
		return tokens, "", failed
	case stopped:
		return tokens, FinishStop, nil
	case len(tokens) >= j.maxTokens:
		return tokens, FinishLength, pass(cut.Rest())
	case finish == "" && ctx.Err() != nil: // the client left, or time is up
		return tokens, "", context.Cause(ctx)
	case err != nil:
		return tokens, "", err
	case finish == "":
		return tokens, "", errNoFinish
	}
	return tokens, finish, pass(cut.Rest())
}
