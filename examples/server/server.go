package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// Limits bound what a request can cost.
type Limits struct {
	MaxTokens, DefaultTokens int           // of an answer
	Prompt                   int           // tokens
	Body                     int64         // bytes
	Concurrent               int           // requests that generate
	Queue                    time.Duration // wait for one of them to end
	Generate                 time.Duration // of one answer
	Write                    time.Duration // of one event of a stream, to a client that does not read
}

// A Config says what a Server serves, and to whom.
type Config struct {
	Name       string // of the model
	Model      *lm.Model
	Tokenizer  tokenize.Tokenizer
	Tenants    *Tenants // nil: whoever calls is served, and nothing can be marked
	Marker     *Marker  // nil: nothing is marked, on purpose
	FailClosed bool     // refuse what cannot be marked, rather than serve it unmarked
	LogText    bool
	Log        *slog.Logger
	Limits
}

// A Server is an http.Handler for OpenAI's chat, completions and models endpoints.
type Server struct {
	config    Config
	model     *lm.Model
	tokenizer tokenize.Tokenizer
	created   int64
	slots     chan struct{}
	metrics   metrics
	mux       http.ServeMux
}

// NewServer returns a Server.
func NewServer(c Config) (*Server, error) {
	switch {
	case c.Marker != nil && c.Tenants == nil:
		return nil, errors.New("marks need tenants")
	case c.Model.Vocab() != c.Tokenizer.Vocab():
		return nil, errors.New("the model is for another tokenizer")
	case c.Concurrent < 1 || c.DefaultTokens < 1 || c.DefaultTokens > c.MaxTokens:
		return nil, errors.New("limits: concurrent and default tokens are at least 1, and the default is no more than the maximum")
	}
	s := &Server{config: c, model: c.Model, tokenizer: c.Tokenizer, created: time.Now().Unix(), slots: make(chan struct{}, c.Concurrent)}
	s.metrics.init()
	s.mux.Handle("POST /v1/chat/completions", s.watched(s.complete(chat)))
	s.mux.Handle("POST /v1/completions", s.watched(s.complete(completions)))
	s.mux.Handle("GET /v1/models", s.watched(s.listModels))
	s.mux.Handle("GET /v1/models/{model}", s.watched(s.getModel))
	s.mux.Handle("/", s.watched(func(_ http.ResponseWriter, r *http.Request, _ *record) error {
		return &apiError{http.StatusNotFound, "invalid_request_error", "unknown_url", "", "Unknown request URL: " + r.Method + " " + r.URL.Path}
	}))
	return s, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// authenticate finds the tenant of a request.
func (s *Server) authenticate(r *http.Request) (*Tenant, error) {
	if s.config.Tenants == nil {
		return &Tenant{ID: "anyone"}, nil
	}
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || key == "" {
		return nil, errNoKey
	}
	if t := s.config.Tenants.Find(key); t != nil {
		return t, nil
	}
	return nil, errWrongKey
}

// complete serves one of the endpoints that write text.
func (s *Server) complete(e endpoint) handler {
	return func(w http.ResponseWriter, r *http.Request, rec *record) error {
		q, j, err := s.prepare(w, r, e, rec)
		if err != nil {
			return err
		}
		if err := s.acquire(r.Context()); err != nil {
			return err
		}
		defer func() { <-s.slots }()
		ctx, cancel := context.WithTimeoutCause(r.Context(), s.config.Generate, errTimeout)
		defer cancel()
		a := answer{ID: e.prefix + rec.id, Object: e.object, Created: time.Now().Unix(), Model: s.config.Name, SystemFingerprint: s.fingerprint()}
		if q.Stream {
			return s.stream(ctx, w, e, a, q, j, rec)
		}
		var text strings.Builder
		if err := s.generate(ctx, j, rec, func(piece string) error {
			text.WriteString(piece)
			return nil
		}); err != nil {
			return err
		}
		a.Choices, a.Usage = []choice{e.whole(text.String())}, usageOf(rec.promptTokens, rec.completionTokens)
		a.Choices[0].FinishReason = &rec.finish
		return writeJSON(w, http.StatusOK, a)
	}
}

// prepare reads a request and makes a job of it.
func (s *Server) prepare(w http.ResponseWriter, r *http.Request, e endpoint, rec *record) (*request, job, error) {
	q, err := readRequest(w, r, s.config.Body, e.taken)
	if err != nil {
		return nil, job{}, err
	}
	if err := s.checkModel(q.Model); err != nil {
		return nil, job{}, err
	}
	text, err := e.prompt(q)
	if err != nil {
		return nil, job{}, err
	}
	j, err := q.job(s.config.Limits, rec.tenant, text)
	if err != nil {
		return nil, job{}, err
	}
	j.prompt = s.tokenizer.Append(nil, []byte(text))
	rec.stream, rec.promptTokens = q.Stream, len(j.prompt)
	if s.config.LogText {
		rec.prompt = text
	}
	if len(j.prompt) > s.config.Prompt {
		return nil, job{}, badRequest("", "context_length_exceeded", "The prompt has %d tokens, and the limit is %d.", len(j.prompt), s.config.Prompt)
	}
	j.marks, err = s.marksFor(rec)
	return q, j, err
}

// marksFor returns the marks of a request. Without any the answer is not marked: because
// that is what this server is for, or because it may not fail.
func (s *Server) marksFor(rec *record) ([]*watermark.Mark, error) {
	if s.config.Marker == nil {
		return nil, nil
	}
	marks, err := s.config.Marker.Marks(rec.tenant)
	if err != nil {
		rec.reason = err.Error()
		if s.config.FailClosed {
			return nil, errNoMark
		}
	}
	for _, m := range marks {
		rec.keyIDs = append(rec.keyIDs, m.KeyID())
	}
	return marks, nil
}

// generate writes the text of a job and keeps account of it.
func (s *Server) generate(ctx context.Context, j job, rec *record, emit func(string) error) error {
	tokens, finish, err := s.write(ctx, j, func(piece string) error {
		if s.config.LogText {
			rec.text += piece
		}
		return emit(piece)
	})
	if rec.completionTokens = len(tokens); err == nil {
		rec.finish = finish
	}
	s.metrics.written(j.marks, tokens, rec)
	return err
}

// acquire waits for its turn to generate.
func (s *Server) acquire(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(s.config.Queue)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errBusy
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// fingerprint names the model as far as a client may compare answers by it.
func (s *Server) fingerprint() string {
	digest := strings.TrimPrefix(s.model.Digest(), "sha256:")
	return "fp_" + digest[:12]
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err = w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}
