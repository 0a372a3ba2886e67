// Server is an inference server whose text can be found again. It offers OpenAI's chat and
// completions endpoints over the embedded language model, and marks each tenant's answers with
// the tenant's keys. The README next to it is a tutorial.
//
// This file and gguf.go are all that knows a model. The handlers are in internal/openaiserver; behind its
// Model interface any other engine can take the place of this one.
package main

import (
	"context"
	"encoding/json"
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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/internal/nocore"
	"github.com/isotope-wm/isotope/internal/openaiserver"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

func main() {
	secret.OnUse(func() { _ = nocore.Disable() }) // a core dump would have the root key
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

// options holds the flags.
type options struct {
	addr, metricsAddr               string
	root, tenants, registry, corpus string
	unmarked                        bool
	scheme                          watermark.GreenList
	grace                           time.Duration
	config                          openaiserver.Config
	gguf                            ggufOptions
	keys                            keyOptions
}

func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	c := &o.config
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.addr, "addr", "localhost:8080", "`ADDRESS` of the API")
	f.StringVar(&o.metricsAddr, "metrics-addr", "", "`ADDRESS` of the metrics, which only the operator should reach (default none)")
	f.StringVar(&o.root, "root", "", "`FILE` of the root key, from which all other keys derive")
	f.StringVar(&o.tenants, "tenants", "", "`FILE` of tenants and the hashes of their API keys; with -unmarked and no file, every request is served")
	o.keys.register(f)
	f.StringVar(&o.registry, "write-registry", "", "write the registry of the tenants to `FILE`, with 100 control accounts, and exit")
	f.StringVar(&o.corpus, "corpus", "", "train the model on the text files below `DIR` (default: the doc comments of Go)")
	f.StringVar(&o.gguf.path, "gguf", "", "serve the model in a GGUF `FILE` instead of the embedded one")
	f.StringVar(&o.gguf.lib, "llama-lib", "", "`DIR` of llama.cpp's shared libraries (default $ISOTOPE_LLAMA_LIB, or what internal/llamacpp/fetch.sh fetched)")
	f.StringVar(&o.gguf.draft, "draft-gguf", "", "smaller model in a GGUF `FILE` that proposes tokens; needs -ahead")
	f.IntVar(&o.gguf.config.Ahead, "ahead", 0, "with -gguf: tokens to propose and verify in one step; without -draft-gguf they come from the text (default 0, none)")
	f.IntVar(&o.gguf.config.Slots, "slots", 4, "with -gguf: texts that are decoded together")
	f.IntVar(&o.gguf.config.Context, "context", 0, "with -gguf: tokens of a prompt and its answer together (default 2048, or less as the model was trained)")
	f.IntVar(&o.gguf.config.Threads, "threads", 0, "with -gguf: threads of llama.cpp (default half of the processors)")
	f.IntVar(&c.Choices, "max-n", 4, "most answers to one request (n)")
	f.BoolVar(&c.Logprobs, "logprobs", false, "with -gguf: give log-probabilities, which show what the marks did to each token")
	f.BoolVar(&c.LogitBias, "logit-bias", false, "with -gguf: take logit biases, with which a client can find the marks by trial")
	f.BoolVar(&o.unmarked, "unmarked", false, "serve without marks")
	f.BoolVar(&c.FailClosed, "fail-closed", true, "refuse a request that cannot be marked; if false, serve it unmarked")
	f.BoolVar(&c.LogText, "log-text", false, "log prompts and answers")
	f.StringVar(&c.Name, "model", "isotope-lm", "`NAME` of the model")
	f.Float64Var(&o.scheme.Gamma, "gamma", 0.5, "share of the vocabulary that is green, m/256")
	f.Float64Var(&o.scheme.Delta, "delta", 2, "bias of green logits, in nats")
	f.IntVar(&o.scheme.Width, "width", 2, "context width of the marks, in tokens")
	f.IntVar(&c.MaxTokens, "max-tokens", 4096, "longest answer, in tokens")
	f.IntVar(&c.DefaultTokens, "default-tokens", 256, "length of an answer if the request names none, in tokens")
	f.IntVar(&c.Prompt, "max-prompt", 32768, "longest prompt, in tokens")
	f.Int64Var(&c.Body, "max-body", 1<<20, "largest request, in bytes")
	f.IntVar(&c.Concurrent, "concurrent", runtime.GOMAXPROCS(0), "largest number of requests that generate at a time (with -gguf the default is -slots)")
	f.IntVar(&c.PerTenant, "per-tenant", 0, "of these, largest number of one tenant (default half)")
	f.DurationVar(&c.Pause, "pause", time.Second, "how long a request beyond the line waits for its status 429")
	f.IntVar(&c.Line, "line", 16, "largest number of requests of one tenant that wait; more get status 429")
	f.IntVar(&c.Connections, "max-connections", 4096, "largest number of open connections; 0 for no limit")
	f.IntVar(&c.PerHost, "max-connections-per-host", 1024, "largest number of open connections of one host; 0 for no limit, behind a proxy")
	f.DurationVar(&c.Queue, "queue", 10*time.Second, "how long a request waits for its turn")
	f.DurationVar(&c.Generate, "timeout", time.Minute, "how long an answer may take")
	f.DurationVar(&c.Write, "write-timeout", 10*time.Second, "how long a client may leave a stream unread")
	f.DurationVar(&o.grace, "grace", 15*time.Second, "how long answers may continue after an interrupt")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	concurrent := false
	f.Visit(func(set *flag.Flag) { concurrent = concurrent || set.Name == "concurrent" })
	if o.gguf.path != "" && !concurrent {
		c.Concurrent = max(1, o.gguf.config.Slots) // fewer would leave slots empty
	}
	if c.PerTenant == 0 && o.tenants != "" {
		c.PerTenant = max(1, c.Concurrent/2) // a place is left for others, whatever one tenant does
	}
	switch {
	case f.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.unmarked && (o.root != "" || o.keys.helper != ""):
		return nil, errors.New("-unmarked does not use a root key; leave out -root and -root-helper")
	case o.unmarked && o.registry != "":
		return nil, errors.New("-write-registry needs -root and -tenants; leave out -unmarked")
	case !o.unmarked && (o.root == "" && o.keys.helper == "" || o.tenants == ""):
		return nil, errors.New("give -root and -tenants to mark answers, or -unmarked to serve without marks")
	case o.keys.helper != "" && o.registry != "":
		return nil, errors.New("-write-registry needs the id of a root in a file; give -root")
	case o.gguf.path == "" && (o.gguf.lib != "" || o.gguf.draft != "" || o.gguf.config.Ahead != 0 || c.Logprobs || c.LogitBias):
		return nil, errors.New("-llama-lib, -draft-gguf, -ahead, -logprobs and -logit-bias are for a model of -gguf; give one")
	case o.gguf.path != "" && o.corpus != "":
		return nil, errors.New("-gguf and -corpus are two models; give one")
	}
	return o, o.keys.check(o)
}

// run serves until ctx is done.
func run(ctx context.Context, args []string, stderr io.Writer) (err error) {
	o, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	secret.SetDecrypter(o.keys.decrypt)
	if o.registry != "" {
		return o.writeRegistry()
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	o.config.Log = log
	defer func() { err = errors.Join(err, o.keys.close()) }()
	if o.keys.commit != "" {
		return o.commitEpoch(ctx)
	}
	if o.keys.receipts != "" {
		done, openErr := o.openReceipts()
		if openErr != nil {
			return openErr
		}
		defer func() { err = errors.Join(err, done()) }() // after the last answer
	}
	s, closeModel, err := o.server(ctx)
	if err != nil {
		return err
	}
	defer closeModel()
	if o.metricsAddr != "" {
		l, err := net.Listen("tcp", o.metricsAddr)
		if err != nil {
			return err
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.Metrics())
		if o.config.Receipts != nil {
			mux.Handle("DELETE /receipts/", o.config.Receipts.Operator())
		}
		m := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
		defer m.Close()
		go m.Serve(l)
		log.Info("metrics", "addr", l.Addr().String())
	}
	l, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	log.Info("serving", "addr", l.Addr().String(), "model", o.config.Name,
		"digest", o.config.Model.Info().Digest, "marked", !o.unmarked)
	return s.Serve(ctx, l, o.grace)
}

// server loads everything that is served. close releases the model.
func (o *options) server(ctx context.Context) (s *openaiserver.Server, closeModel func(), err error) {
	c := &o.config
	if o.tenants != "" {
		if c.Tenants, err = openaiserver.ReadTenants(o.tenants); err != nil {
			return nil, nil, err
		}
	}
	var root watermark.Key
	if !o.unmarked && !o.keys.rotating() {
		if root, err = watermark.ReadKeyFile(o.root); err != nil && c.FailClosed {
			return nil, nil, err
		} else if err != nil {
			c.Log.Error("nothing can be marked", "error", err.Error())
		}
	}
	if closeModel, err = o.loadModel(ctx); err != nil {
		return nil, nil, err
	}
	switch {
	case o.keys.rotating():
		if c.Marker, err = o.rotatingMarker(ctx); err != nil {
			closeModel()
			return nil, nil, err
		}
	case !o.unmarked:
		if c.Marker, err = openaiserver.NewMarker(root, c.Tenants, o.scheme, c.Model.Info().Vocab, c.Model.Info().Control...); err != nil {
			closeModel()
			return nil, nil, err
		}
	}
	if s, err = openaiserver.New(*c); err != nil {
		closeModel()
		return nil, nil, err
	}
	return s, closeModel, nil
}

// loadModel loads what the server serves, and returns how to release it.
func (o *options) loadModel(ctx context.Context) (closeModel func(), err error) {
	if o.gguf.path != "" {
		return o.loadGGUF()
	}
	return func() {}, o.loadEmbedded(ctx)
}

// loadGGUF loads a model file, and returns how to release it.
func (o *options) loadGGUF() (closeModel func(), err error) {
	o.gguf.config.Queue = max(1, o.config.Concurrent*o.config.Choices) // the server bounds the requests itself
	g, err := openGGUF(o.gguf)
	if err != nil {
		return nil, err
	}
	config := g.engine.Config()
	o.config.Log.Info("model", "gguf", g.model.Description(), "devices", g.model.Devices(), "slots", config.Slots, "context", config.Context, "threads", config.Threads)
	o.config.Model = g
	return g.close, nil
}

// loadEmbedded trains the embedded model, or reads it from the cache.
func (o *options) loadEmbedded(ctx context.Context) error {
	c := &o.config
	tokenizer, err := tokenize.Get("cl100k_base")
	if err != nil {
		return err
	}
	bundle, err := lm.Load(ctx, lm.Config{Tokenizer: tokenizer, Dir: o.corpus})
	if err != nil {
		return err
	}
	for _, w := range bundle.Warnings {
		c.Log.Warn("model", "warning", w.Error())
	}
	c.Model = &embedded{bundle.Model, tokenizer}
	c.TopK, c.MinP = 50, 0.03 // the improbable tokens of this model are mostly noise
	return nil
}

// embedded is the embedded n-gram model as the server needs it. A real engine implements the same
// methods; see openaiserver.Model.
type embedded struct {
	model     *lm.Model
	tokenizer tokenize.Tokenizer
}

func (m *embedded) Info() openaiserver.Info {
	return openaiserver.Info{
		Digest: m.model.Digest(), Vocab: m.model.Vocab(),
		Tokenizer: m.tokenizer.Name(), TokenizerDigest: m.tokenizer.Digest(),
		Control: m.control(),
	}
}

// control returns the tokenizer's special tokens, if it has any.
func (m *embedded) control() []watermark.Token {
	if t, ok := m.tokenizer.(interface{ Special() []watermark.Token }); ok {
		return t.Special()
	}
	return nil
}

func (m *embedded) Text(prompt string) ([]watermark.Token, error) {
	return m.tokenizer.Append(nil, []byte(prompt)), nil
}

// Chat has no template. Only the end of the last message reaches the first token of a 5-gram model.
func (m *embedded) Chat(messages []openaiserver.Message) ([]watermark.Token, error) {
	texts := make([]string, len(messages))
	for i, message := range messages {
		texts[i] = message.Content
	}
	return m.Text(strings.Join(texts, "\n\n"))
}

func (m *embedded) AppendText(dst []byte, t watermark.Token) ([]byte, error) {
	return m.tokenizer.Decode(dst, []watermark.Token{t})
}

// Generate is where text is marked: Draw draws each token under the request's marks. The model has
// no end of its own, so a text ends when the server has enough of it.
func (m *embedded) Generate(
	ctx context.Context, r *openaiserver.Request, emit func(watermark.Token) bool,
) (openaiserver.Finish, error) {
	row, text := make([]float32, m.model.Vocab()), slices.Clone(r.Prompt)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		m.model.Logits(row, text)
		token, err := r.Draw(row)
		if err != nil {
			return "", err
		}
		if !emit(token) {
			return openaiserver.FinishLength, nil
		}
		text = append(text, token)
	}
}

// controls is the number of decoys in the registry: as many as a trace needs.
const controls = 100

// writeRegistry writes the registry of the tenants to a new file.
func (o *options) writeRegistry() (err error) {
	root, err := watermark.ReadKeyFile(o.root)
	if err != nil {
		return err
	}
	tenants, err := openaiserver.ReadTenants(o.tenants)
	if err != nil {
		return err
	}
	r, err := tenants.Registry(root.ID(), controls)
	if err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(o.registry, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}
