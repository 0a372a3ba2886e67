// Server is an inference server whose text can be found again: OpenAI's chat and
// completions endpoints over the embedded language model, with a mark for each tenant.
// It shows where package watermark goes into a Go server, it is the teacher of
// experiments with students, and a student to be audited; see the README beside it.
//
// The marking is in generate.go and marks.go, the way to it in server.go and stream.go.
// The rest is what any such server needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program
	err := run(ctx, os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	addr, metricsAddr     string
	root, tenants, corpus string
	unmarked              bool
	scheme                watermark.GreenList
	grace                 time.Duration
	config                Config
}

func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	c := &o.config
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.addr, "addr", "localhost:8080", "`ADDRESS` of the API")
	f.StringVar(&o.metricsAddr, "metrics-addr", "", "`ADDRESS` of the metrics, for the operator alone (default none)")
	f.StringVar(&o.root, "root", "", "`FILE` of the root key, from which all marks derive")
	f.StringVar(&o.tenants, "tenants", "", "`FILE` of tenants; without one, and with -unmarked, whoever calls is served")
	f.StringVar(&o.corpus, "corpus", "", "train the model on the text files below `DIR` (default: the doc comments of Go)")
	f.BoolVar(&o.unmarked, "unmarked", false, "serve without marks")
	f.BoolVar(&c.FailClosed, "fail-closed", true, "refuse a request that cannot be marked, rather than serve it unmarked")
	f.BoolVar(&c.LogText, "log-text", false, "log prompts and answers")
	f.StringVar(&c.Name, "model", "isotope-lm", "`NAME` of the model")
	f.Float64Var(&o.scheme.Gamma, "gamma", 0.5, "green share of the vocabulary")
	f.Float64Var(&o.scheme.Delta, "delta", 2, "bias of green logits, in nats")
	f.IntVar(&o.scheme.Width, "width", 2, "context width of the marks, in tokens")
	f.IntVar(&c.MaxTokens, "max-tokens", 4096, "longest answer")
	f.IntVar(&c.DefaultTokens, "default-tokens", 256, "length of an answer where the request names none")
	f.IntVar(&c.Prompt, "max-prompt", 32768, "longest prompt, in tokens")
	f.Int64Var(&c.Body, "max-body", 1<<20, "largest request, in bytes")
	f.IntVar(&c.Concurrent, "concurrent", runtime.GOMAXPROCS(0), "requests that generate at one time")
	f.DurationVar(&c.Queue, "queue", 10*time.Second, "how long a request waits for its turn")
	f.DurationVar(&c.Generate, "timeout", time.Minute, "how long an answer may take")
	f.DurationVar(&c.Write, "write-timeout", 10*time.Second, "how long a client may not read from a stream")
	f.DurationVar(&o.grace, "grace", 15*time.Second, "how long answers may go on after an interrupt")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case f.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.unmarked && o.root != "":
		return nil, errors.New("-unmarked uses no -root")
	case !o.unmarked && (o.root == "" || o.tenants == ""):
		return nil, errors.New("-root and -tenants are needed to mark; -unmarked serves without")
	}
	return o, nil
}

// run serves until ctx is done.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	o, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	o.config.Log = log
	s, err := o.server(ctx)
	if err != nil {
		return err
	}
	if o.metricsAddr != "" {
		l, err := net.Listen("tcp", o.metricsAddr)
		if err != nil {
			return err
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.Metrics())
		m := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
		defer m.Close()
		go m.Serve(l)
		log.Info("metrics", "addr", l.Addr().String())
	}
	l, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	log.Info("serving", "addr", l.Addr().String(), "model", s.config.Name, "digest", s.model.Digest(), "marked", !o.unmarked)
	return s.serve(ctx, l, o.grace)
}

// server loads everything that is served.
func (o *options) server(ctx context.Context) (*Server, error) {
	c, err := &o.config, error(nil)
	if c.Tokenizer, err = tokenize.Get("cl100k_base"); err != nil {
		return nil, err
	}
	if o.tenants != "" {
		if c.Tenants, err = ReadTenants(o.tenants); err != nil {
			return nil, err
		}
	}
	if !o.unmarked {
		root, err := watermark.ReadKeyFile(o.root)
		if err != nil && c.FailClosed {
			return nil, err
		} else if err != nil {
			c.Log.Error("nothing can be marked", "error", err.Error())
		}
		if c.Marker, err = NewMarker(root, c.Tenants.Epoch, o.scheme, c.Tokenizer); err != nil {
			return nil, err
		}
		for i, p := range c.Marker.profiles {
			if p != nil {
				c.Log.Info("mark", "layer", layers[i].name, "profile", p.ID(), "selector", p.Selector)
			}
		}
	}
	bundle, err := lm.Load(ctx, lm.Config{Tokenizer: c.Tokenizer, Dir: o.corpus})
	if err != nil {
		return nil, err
	}
	for _, w := range bundle.Warnings {
		c.Log.Warn("model", "warning", w.Error())
	}
	c.Model = bundle.Model
	return NewServer(*c)
}

// serve answers on l until ctx is done, and then lets what has begun go on for a while.
func (s *Server) serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	base, abort := context.WithCancelCause(context.Background())
	defer abort(nil)
	h := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		WriteTimeout:      s.config.Queue + s.config.Generate + 30*time.Second, // streams have their own
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelError),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
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
	abort(errClosing) // what still goes on is told so
	last, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if h.Shutdown(last) == nil {
		return nil
	}
	return h.Close()
}
