package main

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/internal/llamacpp"
	"github.com/isotope-wm/isotope/internal/openaiserver"
	"github.com/isotope-wm/isotope/watermark"
)

// ggufOptions holds the flags of a GGUF model.
type ggufOptions struct {
	path, lib, draft string
	config           llamacpp.Config
}

// gguf is a GGUF model as the server needs it. The engine decodes the requests of all tenants in
// one batch, each under its own marks.
type gguf struct {
	engine *llamacpp.Engine
	model  *llamacpp.Model
	draft  *llamacpp.Model // nil for none
	info   openaiserver.Info
}

// openGGUF loads the model and starts its engine.
func openGGUF(o ggufOptions) (*gguf, error) {
	g := &gguf{}
	if err := g.open(o); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *gguf) open(o ggufOptions) (err error) {
	if g.model, err = llamacpp.Open(llamacpp.Files{Lib: o.lib, Model: o.path}); err != nil {
		return err
	}
	if o.draft != "" {
		if g.draft, err = llamacpp.Open(llamacpp.Files{Lib: o.lib, Model: o.draft}); err != nil {
			return err
		}
		o.config.Draft = g.draft
	}
	if g.engine, err = llamacpp.NewEngine(g.model, o.config); err != nil {
		return err
	}
	digest, err := g.model.Digest()
	if err != nil {
		return err
	}
	// The profiles that the log names are for ids. So a server that is updated has the profiles of its log.
	g.info = openaiserver.Info{Digest: digest, Vocab: g.model.Vocab(), Tokenizer: watermark.TokenizerNone, Context: g.engine.Config().Context, Steers: true, Control: g.model.Special()}
	return nil
}

// close ends the engine and releases the models.
func (g *gguf) close() {
	if g.engine != nil {
		g.engine.Close()
	}
	for _, m := range []*llamacpp.Model{g.draft, g.model} {
		if m != nil {
			m.Close()
		}
	}
}

func (g *gguf) Info() openaiserver.Info { return g.info }

func (g *gguf) Text(prompt string) ([]watermark.Token, error) {
	ids, err := g.model.Prompt(prompt)
	if err == nil && len(ids) == 0 {
		err = errors.New("the prompt is empty; this model continues a text of at least one token")
	}
	return ids, err
}

// Chat applies the model's own template. It knows no developer, whose words are the system's.
func (g *gguf) Chat(messages []openaiserver.Message) ([]watermark.Token, error) {
	list := make([]llamacpp.Message, len(messages))
	for i, m := range messages {
		list[i] = llamacpp.Message(m)
		if m.Role == "developer" {
			list[i].Role = "system"
		}
	}
	return g.model.Chat(list)
}

func (g *gguf) AppendText(dst []byte, t watermark.Token) ([]byte, error) {
	return g.model.AppendText(dst, t)
}

func (g *gguf) Generate(ctx context.Context, r *openaiserver.Request, emit func(watermark.Token) bool) (openaiserver.Finish, error) {
	request := &llamacpp.Request{
		Prompt: r.Prompt, MaxTokens: r.MaxTokens, Sequence: r.Sequence, Sampler: r.Sampler, Seed: r.Seed,
		Logprobs: r.Logprobs, TopLogprobs: r.TopLogprobs,
	}
	if r.JSON {
		request.Grammar = llamacpp.JSONGrammar
	}
	for id, bias := range r.Bias {
		if bias <= -100 { // OpenAI's smallest bias forbids a token
			bias = float32(math.Inf(-1))
		}
		request.Bias = append(request.Bias, llamacpp.LogitBias{Token: id, Bias: bias})
	}
	slices.SortFunc(request.Bias, func(a, b llamacpp.LogitBias) int { return int(a.Token - b.Token) })
	finish, err := g.engine.Generate(ctx, request, func(o llamacpp.Output) bool {
		if r.Logprobs {
			report := openaiserver.Report{Logprob: o.Logprob}
			for _, top := range o.Top {
				report.Top = append(report.Top, openaiserver.Logprob{Token: top.Token, Logprob: top.Logprob})
			}
			r.Report(report)
		}
		return emit(o.Token)
	})
	switch {
	case err != nil:
		return "", err
	case finish == llamacpp.FinishLength:
		return openaiserver.FinishLength, nil
	}
	return openaiserver.FinishStop, nil
}
