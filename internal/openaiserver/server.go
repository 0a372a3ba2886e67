package openaiserver

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/isotope-wm/isotope/watermark"
)

// Limits bound what a request can cost.
type Limits struct {
	MaxTokens     int           // longest answer, in tokens
	DefaultTokens int           // length of an answer if the request names none, 1 to MaxTokens
	Prompt        int           // longest prompt, in tokens
	Body          int64         // largest body of a request, in bytes
	Concurrent    int           // requests that generate at a time, at least 1
	PerTenant     int           // of these, most of one tenant; 0 stands for all
	Line          int           // requests of one tenant that may wait; 0 stands for 16
	Pause         time.Duration // how long a request beyond Line waits for its refusal; 0 for not at all
	Queue         time.Duration // how long a request waits for its turn
	Connections   int           // open connections; 0 for no limit
	PerHost       int           // open connections of one host; 0 for no limit
	Generate      time.Duration // how long an answer may take
	Write         time.Duration // how long a client may not read from a stream
	Choices       int           // most texts for one request (n); 0 stands for 1
}

// A Config says what a [Server] serves, and to whom.
type Config struct {
	Name       string       // name of the model, as clients send it
	Model      Model        // required
	Tenants    *Tenants     // nil serves whoever asks, without marks
	Marker     *Marker      // nil serves without marks, on purpose; needs Tenants
	TopK       int          // of every request; see watermark.Sampler
	MinP       float32      // of every request; see watermark.Sampler
	FailClosed bool         // refuse a request that cannot be marked, instead of serving it unmarked
	LogText    bool         // log prompts and answers
	Logprobs   bool         // give log-probabilities, which show what the marks did to each token
	LogitBias  bool         // take logit biases, with which a client can find the marks by trial
	Log        *slog.Logger // nil logs nothing
	Receipts   *Receipts    // of marked answers; nil makes none. The caller runs and closes them
	Limits
}

// A Server is an [http.Handler] for OpenAI's chat, completions and models endpoints.
type Server struct {
	config  Config
	model   Model
	created int64
	places  *admission
	metrics metrics
	mux     http.ServeMux
	// receiptModel names the model in receipts.
	receiptModel string
}

// New returns a Server, or an error about the Config. It logs the profile of each level of marks.
func New(c Config) (*Server, error) {
	switch {
	case c.Model == nil:
		return nil, errors.New("openaiserver: there is no model")
	case c.Marker != nil && c.Tenants == nil:
		return nil, errors.New("openaiserver: marks need tenants; give a file of tenants, or serve without marks")
	case c.PerTenant < 0 || c.Line < 0 || c.Connections < 0 || c.PerHost < 0:
		return nil, errors.New("openaiserver: limits: PerTenant, Line, Connections and PerHost must not be negative")
	case c.Concurrent < 1 || c.DefaultTokens < 1 || c.DefaultTokens > c.MaxTokens:
		return nil, errors.New("openaiserver: limits: Concurrent and DefaultTokens must be at least 1, and DefaultTokens at most MaxTokens")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, model: c.Model, created: time.Now().Unix(), places: newAdmission(c.Limits)}
	if s.receiptModel = c.Model.Info().Digest; !isModelDigest(s.receiptModel) {
		s.receiptModel = "none"
	}
	if err := s.logMarks(); err != nil {
		return nil, err
	}
	if c.Marker != nil && c.Marker.epochs != nil {
		c.Marker.epochs.begins(func([]string) {
			if err := s.logMarks(); err != nil {
				c.Log.Error("mark", "error", err.Error())
			}
		})
	}
	s.metrics.init()
	s.mux.Handle("POST /v1/chat/completions", s.watched(s.complete(chat)))
	s.mux.Handle("POST /v1/completions", s.watched(s.complete(completions)))
	s.mux.Handle("GET /v1/models", s.watched(s.listModels))
	s.mux.Handle("GET /v1/models/{model}", s.watched(s.getModel))
	if c.Receipts != nil {
		s.mux.Handle("GET /v1/receipts/{id}", s.watched(s.getReceipt))
	}
	s.mux.Handle("/", s.watched(func(_ http.ResponseWriter, r *http.Request, _ *record) error {
		return &apiError{http.StatusNotFound, "invalid_request_error", "unknown_url", "", "Unknown request URL: " + r.Method + " " + r.URL.Path}
	}))
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Serve answers on l until ctx is done. It then accepts no more requests, lets answers finish for
// grace, and ends those that remain with an error.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	base, abort := context.WithCancelCause(context.Background())
	defer abort(nil)
	h := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		WriteTimeout:      s.config.Queue + s.config.Generate + 30*time.Second, // streams set their own
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelError),
	}
	failed := make(chan error, 1)
	bounded := newBoundedListener(l, s.config.Connections, s.config.PerHost, func() { s.metrics.refused.Add(1) })
	go func() { failed <- h.Serve(bounded) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.config.Log.Info("shutting down")
	soon, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if h.Shutdown(soon) == nil {
		return nil
	}
	abort(errClosing) // the answers that remain end with this error
	last, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if h.Shutdown(last) == nil {
		return nil
	}
	return h.Close()
}

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

// pause waits before a refusal, until the client leaves at the latest.
func (s *Server) pause(ctx context.Context) {
	if s.config.Pause <= 0 {
		return
	}
	timer := time.NewTimer(s.config.Pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// complete serves an endpoint that writes text.
func (s *Server) complete(e endpoint) handler {
	return func(w http.ResponseWriter, r *http.Request, rec *record) error {
		// A request is counted before it is read, and has a place before it is parsed and turned
		// into tokens: both take time, and nobody may take the time of others.
		leave, ok := s.places.enter(rec.tenant.ID)
		if !ok {
			// A client that asks again at once would take the processor from others by refusals alone.
			s.pause(r.Context())
			return errBusy
		}
		defer leave()
		body, err := readBody(w, r, s.config.Body)
		if err != nil {
			return err
		}
		release, err := s.places.acquire(r.Context(), rec.tenant.ID, s.config.Queue)
		if err != nil {
			return err
		}
		defer release()
		q, j, err := s.prepare(body, e, rec)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(r.Context(), s.config.Generate, errTimeout)
		defer cancel()
		a := answer{
			ID: e.prefix + rec.id, Object: e.object, Created: time.Now().Unix(),
			Model: s.config.Name, SystemFingerprint: s.fingerprint(),
		}
		if q.Stream {
			return s.stream(ctx, w, e, a, q, j, rec)
		}
		texts, lists := make([]strings.Builder, j.choices), make([][]logged, j.choices)
		a.Choices = make([]choice, j.choices)
		if err := s.generate(ctx, j, rec, func(i int, piece string, list []logged) error {
			texts[i].WriteString(piece)
			lists[i] = append(lists[i], list...)
			return nil
		}, func(i int, finish Finish) (err error) {
			a.Choices[i] = e.whole(texts[i].String())
			a.Choices[i].Index, a.Choices[i].FinishReason = i, &finish
			if j.logprobs {
				a.Choices[i].Logprobs, err = e.logprobs(s, lists[i])
			}
			return err
		}); err != nil {
			return err
		}
		a.Usage = usageOf(rec.promptTokens, rec.completionTokens)
		return writeJSON(w, http.StatusOK, a)
	}
}

// allowed returns the parameters that this server takes besides those that every server takes.
func (s *Server) allowed() (list []string) {
	if s.config.Choices > 1 {
		list = append(list, "n")
	}
	if !s.model.Info().Steers {
		return list
	}
	list = append(list, "response_format")
	if s.config.Logprobs {
		list = append(list, "logprobs", "top_logprobs")
	}
	if s.config.LogitBias {
		list = append(list, "logit_bias")
	}
	return list
}

// prepare reads a request and makes a job of it.
func (s *Server) prepare(body []byte, e endpoint, rec *record) (*request, job, error) {
	q, err := parseRequest(body, e.taken, s.allowed())
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
	j, err := q.job(&s.config, rec.tenant, text)
	if err != nil {
		return nil, job{}, err
	}
	if j.prompt, err = e.encode(s.model, q, text); err != nil {
		return nil, job{}, badRequest("", "invalid_value", "%v", err)
	}
	rec.stream, rec.promptTokens = q.Stream, len(j.prompt)
	if s.config.LogText {
		rec.prompt = text
	}
	limit := s.config.Prompt
	if context := s.model.Info().Context; context > 0 {
		limit = min(limit, context-1) // leaves room for one token of the answer
		j.maxTokens = min(j.maxTokens, context-len(j.prompt))
	}
	if len(j.prompt) > limit {
		return nil, job{}, badRequest("", "context_length_exceeded", "The prompt has %d tokens. The limit is %d.", len(j.prompt), limit)
	}
	j.marks, err = s.marksFor(rec)
	return q, j, err
}

// marksFor returns the marks of a request. It returns none if the server does not mark. It also
// returns none if the request cannot be marked, and the server may serve it unmarked.
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

// generate writes the texts of a job, as many at a time as there are places, and records them. It calls emit for each
// piece of text i, and done at its end, one call at a time.
func (s *Server) generate(ctx context.Context, j job, rec *record, emit func(i int, piece string, list []logged) error, done func(i int, finish Finish) error) error {
	s.metrics.prompt.Add(int64(rec.promptTokens))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu     sync.Mutex
		failed error // the first
		all    sync.WaitGroup
	)
	rec.finishes, rec.texts = make([]Finish, j.choices), make([]string, j.choices)
	j.shared = watermark.NewPrompt(j.prompt)
	one := func(i int) {
		j := j
		j.choice = i
		sum := sha256.New() // of what the client gets, also of a text that is cut short
		tokens, finish, err := s.write(ctx, j, func(piece string, list []logged) error {
			mu.Lock()
			defer mu.Unlock()
			if s.config.Receipts != nil {
				io.WriteString(sum, piece)
			}
			if s.config.LogText {
				rec.texts[i] += piece
			}
			return emit(i, piece, list)
		})
		if s.config.Receipts != nil && len(j.marks) > 0 && len(tokens) > 0 {
			s.config.Receipts.Add(rec.tenant.ID, fmt.Sprintf("%s-%d", rec.id, i), s.receiptModel, rec.keyIDs, [sha256.Size]byte(sum.Sum(nil)))
		}
		mu.Lock()
		defer mu.Unlock()
		rec.completionTokens += len(tokens)
		if err == nil {
			rec.finishes[i] = finish
			err = done(i, finish)
		}
		if s.metrics.written(j.marks, tokens, rec); err != nil && failed == nil {
			failed = err
			cancel(err)
		}
	}
	// The texts of one request take the places of the tenant that are free, and no more.
	queue := make(chan int, j.choices)
	for i := range j.choices {
		queue <- i
	}
	close(queue)
	work := func() {
		for i := range queue {
			one(i)
		}
	}
	for range j.choices - 1 {
		release, ok := s.places.try(rec.tenant.ID)
		if !ok {
			break
		}
		all.Go(func() {
			defer release()
			work()
		})
	}
	work()
	all.Wait()
	return failed
}

// fingerprint names the model. Clients may compare answers with equal fingerprints.
func (s *Server) fingerprint() string {
	digest := strings.TrimPrefix(s.model.Info().Digest, "sha256:")
	return "fp_" + digest[:min(len(digest), 12)]
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
