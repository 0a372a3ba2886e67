package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
)

// A client makes single attempts. It is safe for concurrent use.
type client struct {
	request Request
	extra   map[string]any
	key     string
	timeout time.Duration

	// The services are made without their package's NewClient, which would read
	// OPENAI_* from the environment and send an organization's name, or a key for
	// somebody else, to a suspect.
	chat        openai.ChatCompletionService
	completions openai.CompletionService
}

const (
	// maxHeader is the largest header of a response, in bytes. A larger one is an error.
	maxHeader = 256 << 10
	// maxError bounds the text of a transport's error, which may quote what an endpoint sent.
	maxError = 1000
)

func newClient(r Request, key string, timeout time.Duration, transport http.RoundTripper) (*client, error) {
	extra, err := r.extra()
	if err != nil {
		return nil, err
	}
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64
		t.MaxResponseHeaderBytes = maxHeader
		transport = t
	}
	options := []option.RequestOption{
		option.WithBaseURL(r.Endpoint),
		option.WithHTTPClient(&http.Client{Transport: bounded{transport}}),
		option.WithMaxRetries(0), // the pool retries, so that all of it slows down
		option.WithRequestTimeout(timeout),
	}
	if key != "" {
		options = append(options, option.WithAPIKey(key))
	}
	return &client{
		request: r, extra: extra, key: key, timeout: timeout,
		chat:        openai.NewChatCompletionService(options...),
		completions: openai.NewCompletionService(options...),
	}, nil
}

// bounded bounds what is read of any response, errors included.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, MaxBody+1), res.Body}
	}
	return res, err
}

// An attempt is what came of one request.
type attempt struct {
	exchange Exchange
	// retry says that another attempt may fare better, after at least a wait.
	retry bool
	wait  time.Duration
	// unknown says that the request may have cost something, and nobody knows what.
	unknown bool
}

// ask makes one attempt.
func (c *client) ask(ctx context.Context, prompt string) attempt {
	begin := time.Now()
	a := attempt{exchange: Exchange{At: begin.UTC()}}
	x := &a.exchange
	res, err := c.send(ctx, prompt)
	if res != nil {
		body, readErr := io.ReadAll(res.Body)
		res.Body.Close()
		x.Status, x.Header = res.StatusCode, c.header(res.Header, x)
		if len(body) > MaxBody {
			body, x.Truncated, readErr = body[:MaxBody], true, nil
		}
		x.setBody(c.redact(body, x))
		switch {
		case readErr != nil:
			err = readErr
		case x.Status < 400:
			err = nil
			if c.request.Stream && !x.Truncated && x.Status < 300 && !looksLikeJSON(body) && !ended(body) {
				err = errors.New("the stream broke off")
			}
		default:
			err = nil // the client's error says the status
		}
		a.retry, a.wait = retryable(x.Status), retryAfter(res.Header)
	}
	if err != nil {
		x.Error = elide(string(c.redact([]byte(plain(err)), x)), maxError)
		a.retry, a.unknown = true, true
	}
	x.Millis = time.Since(begin).Milliseconds()
	return a
}

// send sends the request. The response may be there together with an error.
func (c *client) send(ctx context.Context, prompt string) (*http.Response, error) {
	var res *http.Response
	r := &c.request
	options := []option.RequestOption{option.WithResponseBodyInto(&res)}
	extra := maps.Clone(c.extra)
	if r.Stream {
		options = append(options, option.WithHeader("Accept", "text/event-stream"))
		extra["stream"] = true
		extra["stream_options"] = map[string]any{"include_usage": true}
	}
	var err error
	if r.API == Completions {
		p := openai.CompletionNewParams{
			Model: openai.CompletionNewParamsModel(r.Model), Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String(prompt)},
			MaxTokens: c.maxTokens(), Temperature: optional(r.Temperature), TopP: optional(r.TopP),
		}
		p.SetExtraFields(extra)
		_, err = c.completions.New(ctx, p, options...)
		return res, err
	}
	var messages []openai.ChatCompletionMessageParamUnion
	if r.System != "" {
		messages = append(messages, openai.SystemMessage(r.System))
	}
	p := openai.ChatCompletionNewParams{
		Model: r.Model, Messages: append(messages, openai.UserMessage(prompt)),
		MaxTokens: c.maxTokens(), Temperature: optional(r.Temperature), TopP: optional(r.TopP),
	}
	p.SetExtraFields(extra)
	_, err = c.chat.New(ctx, p, options...)
	return res, err
}

// maxTokens leaves the field out where the newer one is given.
func (c *client) maxTokens() param.Opt[int64] {
	if _, ok := c.extra[newMaxTokens]; ok {
		return param.Opt[int64]{}
	}
	return openai.Int(c.request.MaxTokens)
}

func optional(v *float64) param.Opt[float64] {
	if v == nil {
		return param.Opt[float64]{}
	}
	return openai.Float(*v)
}

// secretHeaders are response headers that are credentials.
var secretHeaders = []string{"Set-Cookie", "Authorization", "Www-Authenticate", "Proxy-Authenticate"}

// header returns what is recorded of response headers.
func (c *client) header(h http.Header, x *Exchange) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		for _, v := range values {
			if !slices.Contains(secretHeaders, http.CanonicalHeaderKey(name)) {
				out.Add(name, string(c.redact([]byte(v), x)))
			}
		}
	}
	return out
}

// redacted stands for the API key where an endpoint repeats it.
const redacted = "[API key]"

func (c *client) redact(b []byte, x *Exchange) []byte {
	if c.key == "" || !bytes.Contains(b, []byte(c.key)) {
		return b
	}
	x.Redacted += bytes.Count(b, []byte(c.key))
	return bytes.ReplaceAll(b, []byte(c.key), []byte(redacted))
}

// plain says what went wrong without the address, which is in the plan.
func plain(err error) string {
	var u interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &u) && u.Timeout() {
		return "timeout"
	}
	var inner interface{ Unwrap() error }
	for errors.As(err, &inner) && inner.Unwrap() != nil {
		err = inner.Unwrap()
	}
	return err.Error()
}

// retryable reports whether a status is about the moment and not about the request.
func retryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// retryAfter returns the wait that an endpoint asks for, as seconds or as a date; 0 is
// none.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 && ms < 1e12 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && s >= 0 {
		return time.Duration(min(s, 1e9) * float64(time.Second))
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// describe says in a line how an exchange failed, for messages.
func (x *Exchange) describe() string {
	if x.Error != "" {
		return x.Error
	}
	body := x.body()
	if len(body) > 200 {
		body = append(body[:200:200], "..."...)
	}
	return fmt.Sprintf("%d %s: %q", x.Status, http.StatusText(x.Status), body)
}
