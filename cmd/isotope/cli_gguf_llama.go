//go:build llama && (linux || darwin || windows) && (amd64 || arm64) && !nollama

package main

import (
	"context"
	"sync"

	"github.com/isotope-wm/isotope/internal/llamacpp"
	"github.com/isotope-wm/isotope/watermark"
)

func init() {
	openGGUF = func(lib, path string) (ggufModel, error) {
		m, err := llamacpp.Open(llamacpp.Files{Lib: lib, Model: path})
		if err != nil {
			return nil, err
		}
		return &llamaModel{Model: m}, nil
	}
}

// A llamaModel is a model of package llamacpp.
type llamaModel struct {
	*llamacpp.Model
	reader *llamacpp.Reader // made when it is needed
	mu     sync.Mutex       // guards engine
	engine *llamacpp.Engine // likewise
}

func (m *llamaModel) Close() {
	if m.reader != nil {
		m.reader.Close()
	}
	if m.engine != nil {
		m.engine.Close()
	}
	m.Model.Close()
}

func (m *llamaModel) Chat(turns []ggufTurn) ([]watermark.Token, error) {
	messages := make([]llamacpp.Message, len(turns))
	for i, t := range turns {
		messages[i] = llamacpp.Message{Role: t.role, Content: t.text}
	}
	return m.Model.Chat(messages)
}

func (m *llamaModel) Rows(ctx context.Context, tokens []watermark.Token, from int, temperature float64, each func(int, []float32) error) error {
	if m.reader == nil {
		var err error
		if m.reader, err = llamacpp.NewReader(m.Model, llamacpp.Config{}); err != nil {
			return err
		}
	}
	return m.reader.Rows(ctx, tokens, from, func(i int, logits []float32) error {
		law, err := llamacpp.Probabilities(logits, temperature)
		if err != nil {
			return err
		}
		return each(i, law)
	})
}

func (m *llamaModel) Write(ctx context.Context, r *ggufRequest) (ids []int32, err error) {
	engine, err := m.writer()
	if err != nil {
		return nil, err
	}
	request := &llamacpp.Request{Prompt: r.prompt, MaxTokens: r.length, Sequence: r.sequence, Sampler: r.sampler, Seed: r.seed}
	_, err = engine.Generate(ctx, request, func(o llamacpp.Output) bool {
		ids = append(ids, o.Token)
		if r.written != nil {
			r.written(len(ids))
		}
		return true
	})
	return ids, err
}

// writer returns the engine. Several texts may be written at the same time.
func (m *llamaModel) writer() (*llamacpp.Engine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.engine == nil {
		var err error
		if m.engine, err = llamacpp.NewEngine(m.Model, llamacpp.Config{}); err != nil {
			return nil, err
		}
	}
	return m.engine, nil
}
