package openaiserver

import (
	"context"
	"errors"
	"expvar"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// A record collects the facts about a request for the log. It holds ids of keys but never a key,
// and no text unless Config.LogText is set.
type record struct {
	id                             string
	tenant                         *Tenant
	keyIDs                         []string // of the marks; empty for an unmarked answer
	reason                         string   // why the answer could not be marked
	stream                         bool
	promptTokens, completionTokens int
	finishes                       []Finish // of the choices; empty for one that did not end
	prompt                         string   // only with Config.LogText
	texts                          []string // of the choices; only with Config.LogText
	events                         *eventStream
}

// finish returns why the texts ended, in the order of the choices.
func (r *record) finish() string {
	list := make([]string, len(r.finishes))
	for i, f := range r.finishes {
		list[i] = string(f)
	}
	return strings.Join(list, ",")
}

// A handler serves a request and fills in its record. The client sees an error only if it is an
// *apiError.
type handler func(http.ResponseWriter, *http.Request, *record) error

// statusGone is the status that the log shows for a client that left, or did not read.
const statusGone = 499

// errGone is wrapped by errors about writing a response.
var errGone = errors.New("the client is gone")

// watched wraps a handler: it checks the API key, answers with errors, logs and counts.
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

// fail sends an error to the client if that is still possible, and returns the status to log.
func fail(w http.ResponseWriter, r *http.Request, rec *record, err error) (status int) {
	var e *apiError
	switch {
	case errors.As(err, &e):
	case errors.Is(err, errGone) || r.Context().Err() != nil:
		return statusGone
	default:
		e = errInternal
	}
	if rec.events != nil { // the response has begun, so the error is an event
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
		slog.String("id", rec.id), slog.Int("status", status),
		slog.String("route", r.Pattern), // not the path, which a client can choose
	}
	level := slog.LevelInfo
	if rec.tenant != nil {
		attrs = append(attrs, slog.String("tenant", rec.tenant.ID), slog.String("cohort", rec.tenant.Cohort))
	}
	if rec.completionTokens > 0 || rec.promptTokens > 0 {
		attrs = append(attrs,
			slog.Bool("marked", len(rec.keyIDs) > 0), slog.Any("key_ids", rec.keyIDs), slog.Bool("stream", rec.stream),
			slog.Int("prompt_tokens", rec.promptTokens), slog.Int("completion_tokens", rec.completionTokens),
			slog.String("finish", rec.finish()))
	}
	if rec.reason != "" {
		level, attrs = slog.LevelWarn, append(attrs, slog.String("not_marked", rec.reason))
	}
	var e *apiError
	if errors.As(err, &e) {
		attrs = append(attrs, slog.String("error", e.code)) // not the message, which can quote the request
	} else if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	if s.config.LogText {
		attrs = append(attrs, slog.String("prompt", rec.prompt), slog.String("text", strings.Join(rec.texts, "\n\n")))
	}
	attrs = append(attrs, slog.Int64("took_us", took.Microseconds()))
	s.config.Log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// metrics count since the start of the server. The last three show an operator that marking works:
// the share of green pairs in each layer is well above gamma, and most positions are marked. Positions
// that are unasked, replaced or past the vocabulary show a fault of the engine; see watermark.Counts.
type metrics struct {
	all                expvar.Map
	inFlight           expvar.Int
	refused            expvar.Int // connections beyond the limits
	byStatus           expvar.Map
	tokensByTenant     expvar.Map // distillation needs many
	marked, unmarked   expvar.Int // answers
	prompt, completion expvar.Int // tokens
	scored, green      expvar.Map // distinct pairs of each answer, by layer
	byOutcome          expvar.Map // positions of answers
}

// positions adds the positions of an answer.
func (m *metrics) positions(c watermark.Counts) {
	b := c.Bias
	for name, n := range map[string]int64{
		"tokens": c.Tokens, "unasked": c.Unasked + b.Unasked + c.Draw.Unasked, "replaced": c.Replaced, "past_vocab": c.PastVocab,
		"marked": b.Marked, "unscorable": b.Unscorable, "out_of_band": b.OutOfBand, "repeated": b.Repeated, "exempt": b.Exempt, "gated": b.Gated,
	} {
		m.byOutcome.Add(name, n)
	}
}

func (m *metrics) init() {
	for name, v := range map[string]expvar.Var{
		"in_flight": &m.inFlight, "connections_refused": &m.refused, "responses_by_status": &m.byStatus, "completion_tokens_by_tenant": &m.tokensByTenant,
		"answers_marked": &m.marked, "answers_unmarked": &m.unmarked, "prompt_tokens": &m.prompt, "completion_tokens": &m.completion,
		"pairs_scored_by_layer": &m.scored, "pairs_green_by_layer": &m.green, "positions_by_outcome": &m.byOutcome,
	} {
		m.all.Set(name, v)
	}
}

func (m *metrics) count(status int) { m.byStatus.Add(strconv.Itoa(status), 1) }

// written counts an answer, also one that was cut short.
func (m *metrics) written(marks []*watermark.Mark, tokens []watermark.Token, rec *record) {
	m.completion.Add(int64(len(tokens)))
	m.tokensByTenant.Add(rec.tenant.ID, int64(len(tokens)))
	if len(marks) == 0 {
		m.unmarked.Add(1)
		return
	}
	m.marked.Add(1)
	for _, mark := range marks {
		test := detect.NewAccumulator(mark, nil)
		test.Add(tokens)
		r := test.Result()
		m.scored.Add(layerOf(mark), r.Scored)
		m.green.Add(layerOf(mark), r.Green)
	}
}

// Metrics returns a handler of the server's counts as JSON. Serve it to the operator alone,
// because it shows the tenants and how well the marks work.
func (s *Server) Metrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(s.metrics.all.String() + "\n"))
	})
}
