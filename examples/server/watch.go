package main

import (
	"context"
	"errors"
	"expvar"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// A record is what the log says of a request: ids of keys and never a key, numbers and
// never a text unless the server was asked to.
type record struct {
	id                             string
	tenant                         *Tenant
	keyIDs                         []string // of the marks; none for an unmarked answer
	reason                         string   // why it could not be marked
	stream                         bool
	promptTokens, completionTokens int
	finish                         string
	prompt, text                   string // only where the server logs text
	events                         *eventStream
}

// A handler serves a request and fills in its record. The errors that are no *apiError
// are not the client's to see.
type handler func(http.ResponseWriter, *http.Request, *record) error

// statusGone is what the log shows where the client left, or did not read.
const statusGone = 499

// errGone is wrapped by the errors of writing a response.
var errGone = errors.New("the client is gone")

// watched lets in who has a key, answers with what goes wrong, and logs and counts.
func (s *Server) watched(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s.metrics.inFlight.Add(1)
		defer s.metrics.inFlight.Add(-1)
		rec := &record{id: newID()}
		w.Header().Set("X-Request-Id", rec.id)
		var err error
		if rec.tenant, err = s.authenticate(r); err == nil {
			err = h(w, r, rec)
		}
		status := http.StatusOK
		if err != nil {
			status = fail(w, r, rec, err)
		}
		s.metrics.count(status)
		s.log(r, rec, status, err, time.Since(start))
	})
}

// fail tells the client what went wrong, if there is still a way to.
func fail(w http.ResponseWriter, r *http.Request, rec *record, err error) (status int) {
	var e *apiError
	switch {
	case errors.As(err, &e):
	case errors.Is(err, errGone) || r.Context().Err() != nil:
		return statusGone
	default:
		e = errInternal
	}
	if rec.events != nil { // the response has begun; a client that is gone does not matter
		_ = rec.events.send(e)
		return e.status
	}
	if e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	_ = writeJSON(w, e.status, e)
	return e.status
}

func (s *Server) log(r *http.Request, rec *record, status int, err error, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("id", rec.id), slog.String("route", r.Pattern), slog.Int("status", status), // a path can be anything
	}
	level := slog.LevelInfo
	if rec.tenant != nil {
		attrs = append(attrs, slog.String("tenant", rec.tenant.ID), slog.String("cohort", rec.tenant.Cohort))
	}
	if rec.completionTokens > 0 || rec.promptTokens > 0 {
		attrs = append(attrs, slog.Bool("marked", len(rec.keyIDs) > 0), slog.Any("key_ids", rec.keyIDs), slog.Bool("stream", rec.stream),
			slog.Int("prompt_tokens", rec.promptTokens), slog.Int("completion_tokens", rec.completionTokens), slog.String("finish", rec.finish))
	}
	if rec.reason != "" {
		level, attrs = slog.LevelWarn, append(attrs, slog.String("not_marked", rec.reason))
	}
	var e *apiError
	if errors.As(err, &e) {
		attrs = append(attrs, slog.String("error", e.code)) // a message can quote the request
	} else if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	if s.config.LogText {
		attrs = append(attrs, slog.String("prompt", rec.prompt), slog.String("text", rec.text))
	}
	s.config.Log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", append(attrs, slog.Int64("took_us", took.Microseconds()))...)
}

// metrics count what is served since the start. The last two are how an operator sees
// that marking works: the share of green pairs in each layer is well above gamma.
type metrics struct {
	all                expvar.Map
	inFlight           expvar.Int
	byStatus           expvar.Map
	tokensByTenant     expvar.Map // who takes how much: distillation needs a lot
	marked, unmarked   expvar.Int // answers
	prompt, completion expvar.Int // tokens
	scored, green      expvar.Map // distinct pairs of each answer, by layer
}

func (m *metrics) init() {
	for name, v := range map[string]expvar.Var{
		"in_flight": &m.inFlight, "responses_by_status": &m.byStatus, "completion_tokens_by_tenant": &m.tokensByTenant,
		"answers_marked": &m.marked, "answers_unmarked": &m.unmarked, "prompt_tokens": &m.prompt, "completion_tokens": &m.completion,
		"pairs_scored_by_layer": &m.scored, "pairs_green_by_layer": &m.green,
	} {
		m.all.Set(name, v)
	}
}

func (m *metrics) count(status int) { m.byStatus.Add(strconv.Itoa(status), 1) }

// written counts an answer, whole or cut short.
func (m *metrics) written(marks []*watermark.Mark, tokens []watermark.Token, rec *record) {
	m.prompt.Add(int64(rec.promptTokens))
	m.completion.Add(int64(len(tokens)))
	m.tokensByTenant.Add(rec.tenant.ID, int64(len(tokens)))
	if len(marks) == 0 {
		m.unmarked.Add(1)
		return
	}
	m.marked.Add(1)
	for i, mark := range marks {
		test := detect.New(mark, nil)
		test.Add(tokens)
		r := test.Result()
		m.scored.Add(layers[i].name, r.Scored)
		m.green.Add(layers[i].name, r.Green)
	}
}

// Metrics is a handler for the operator alone: it shows tenants and how well marks do.
func (s *Server) Metrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(s.metrics.all.String() + "\n"))
	})
}
