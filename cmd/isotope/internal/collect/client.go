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

	// The services are made without NewClient, which reads OPENAI_* from the environment. It
	// would send an organization's name, or a key for somebody else, to a suspect.
	chat        openai.ChatCompletionService
	completions openai.CompletionService
}

const (
	// maxHeader is the length of the longest header of a response, in bytes. A longer one is an error.
	maxHeader = 256 << 10
	// maxError is the longest text of a transport error, which may quote the endpoint.
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
		option.WithHTTPClient(&http.Client{Transport: boundedTransport{transport}}),
		option.WithMaxRetries(0), // the pool retries, so that all requests slow down
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

// A boundedTransport limits the length of every response body, also that of an error.
type boundedTransport struct{ next http.RoundTripper }

func (b boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, MaxBody+1), res.Body}
	}
	return res, err
}

// An attempt is the result of one request.
type attempt struct {
	exchange Exchange
	retry    bool          // another attempt may succeed
	wait     time.Duration // the endpoint asks for at least this pause
	unknown  bool          // the request may have cost something, and nobody knows how much
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

// send sends the request. It may return a response together with an error.
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

// maxTokens returns no value if the extra fields have the newer name of the field.
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

// secretHeaders are response headers that hold credentials.
var secretHeaders = []string{"Set-Cookie", "Authorization", "Www-Authenticate", "Proxy-Authenticate"}

// header returns the response headers that are recorded.
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

// redactedKey replaces the API key where an endpoint repeats it.
const redactedKey = "[API key]"

// redact replaces the API key and counts how often it occurs.
func (c *client) redact(b []byte, x *Exchange) []byte {
	if c.key == "" || !bytes.Contains(b, []byte(c.key)) {
		return b
	}
	x.Redacted += bytes.Count(b, []byte(c.key))
	return bytes.ReplaceAll(b, []byte(c.key), []byte(redactedKey))
}

// plain formats an error without the URL, which is in the plan.
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

// retryable reports whether a status may change if the request is repeated.
func retryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// retryAfter returns the pause that an endpoint asks for, in seconds or by a date, or 0.
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

// describe says in one line how an exchange failed.
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
