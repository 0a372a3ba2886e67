package collect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A client makes single attempts. It is safe for concurrent use.
type client struct {
	declaration Declaration
	request     Request
	extra       map[string]any
	key         string
	timeout     time.Duration
	most        int // length of the longest response that is read, in bytes
	sieve       sieve
	http        *http.Client
	proxy       func(*http.Request) (*url.URL, error) // nil: no proxy
}

const (
	// maxHeader is the length of the longest header of a response, in bytes. A longer one is an error.
	maxHeader = 256 << 10
	// maxError is the longest text of a transport error, which may quote the endpoint.
	maxError = 1000
	// maxRedirects is the number of redirects that one request may follow.
	maxRedirects = 5
)

func newClient(d *Declaration, key string, timeout time.Duration, transport http.RoundTripper) (*client, error) {
	extra, err := d.Request.extra()
	if err != nil {
		return nil, err
	}
	c := &client{
		declaration: *d, request: d.Request, extra: extra, key: key, timeout: timeout, most: d.bodyLimit(), sieve: newSieve(key),
	}
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64
		t.MaxResponseHeaderBytes = maxHeader
		transport = t
	}
	if t, ok := transport.(*http.Transport); ok {
		c.proxy = t.Proxy
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: sameOrigin}
	return c, nil
}

// sameOrigin follows a redirect that keeps the request and stays at the same scheme and host. Any
// other redirect would send the prompts, and perhaps the API key, to somebody else: its response is
// the answer.
func sameOrigin(r *http.Request, via []*http.Request) error {
	first := via[0]
	if r.URL.Scheme != first.URL.Scheme || !strings.EqualFold(r.URL.Host, first.URL.Host) || r.Method != first.Method || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
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
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res, err := c.send(ctx, prompt, x)
	if res != nil {
		// One byte more than is kept shows that there is more.
		body, readErr := io.ReadAll(io.LimitReader(res.Body, int64(c.most)+1))
		res.Body.Close()
		x.Status, x.Header = res.StatusCode, c.sieve.header(res.Header, x)
		if len(body) > c.most {
			body, x.Truncated, readErr = body[:c.most], true, nil
		}
		body, hidden := c.sieve.body(body, x)
		if hidden {
			body, x.Secret = nil, true
		}
		x.setBody(body)
		err = readErr
		if err == nil && !hidden && c.request.Stream && !x.Truncated && x.Status >= 200 && x.Status < 300 && !looksLikeJSON(body) && !ended(body) {
			err = errors.New("the stream broke off")
		}
		a.retry, a.wait = retryable(x.Status), retryAfter(res.Header)
		c.cut(prompt, x)
	}
	if err != nil {
		x.Error = c.sieve.message(plain(err), x)
		a.retry, a.unknown = true, true
	}
	x.Millis = time.Since(begin).Milliseconds()
	return a
}

// cut keeps the beginning of a response that is too large to be an answer.
func (c *client) cut(prompt string, x *Exchange) {
	if c.declaration.Journal >= boundedJournal && (x.Truncated || answer(&c.declaration, 0, prompt, x).Skip == TooLarge) {
		x.Truncated = true
		if b := x.body(); len(b) > keptOfLarge {
			x.setBody(b[:keptOfLarge])
		}
	}
}

// send sends the request. The caller closes the body of the response.
func (c *client) send(ctx context.Context, prompt string, x *Exchange) (*http.Response, error) {
	text, err := json.Marshal(c.fields(prompt))
	if err != nil {
		return nil, err
	}
	path := "/chat/completions"
	if c.request.API == Completions {
		path = "/completions"
	}
	p := new(Peer)
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { p.Address = info.Conn.RemoteAddr().String() }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, strings.TrimRight(c.request.Endpoint, "/")+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if c.request.Stream {
		r.Header.Set("Accept", "text/event-stream")
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.proxy != nil {
		if u, err := c.proxy(r); err == nil && u != nil {
			p.Proxy = u.Scheme + "://" + u.Host // without a user and a password
		}
	}
	res, err := c.http.Do(r)
	if res != nil {
		p.secured(res.TLS)
	}
	if *p != (Peer{}) {
		x.Peer = p
	}
	return res, err
}

// fields returns the request as OpenAI's API has it.
func (c *client) fields(prompt string) map[string]any {
	r := &c.request
	fields := maps.Clone(c.extra)
	fields["model"] = r.Model
	if _, ok := fields[newMaxTokens]; !ok {
		fields["max_tokens"] = r.MaxTokens
	}
	if r.Temperature != nil {
		fields["temperature"] = *r.Temperature
	}
	if r.TopP != nil {
		fields["top_p"] = *r.TopP
	}
	if r.Stream {
		fields["stream"] = true
		fields["stream_options"] = map[string]any{"include_usage": true}
	}
	if r.API == Completions {
		fields["prompt"] = prompt
		return fields
	}
	type turn struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var messages []turn
	if r.System != "" {
		messages = append(messages, turn{"system", r.System})
	}
	fields["messages"] = append(messages, turn{"user", prompt})
	return fields
}

// A Peer is who answered: what the network and the certificate say.
type Peer struct {
	Address     string `json:"address,omitempty"`     // of the other end of the connection: the endpoint, or the proxy
	Proxy       string `json:"proxy,omitempty"`       // the proxy of the environment, without its password
	TLS         string `json:"tls,omitempty"`         // version; "" for plain HTTP
	Certificate string `json:"certificate,omitempty"` // "sha256:" and the hash of the endpoint's certificate
	Subject     string `json:"subject,omitempty"`     // of the certificate
	Issuer      string `json:"issuer,omitempty"`      // of the certificate
}

// maxName is the longest name of a certificate that is recorded, in bytes.
const maxName = 200

func (p *Peer) secured(s *tls.ConnectionState) {
	if s == nil {
		return
	}
	p.TLS = tls.VersionName(s.Version)
	if len(s.PeerCertificates) > 0 {
		leaf := s.PeerCertificates[0]
		sum := sha256.Sum256(leaf.Raw)
		p.Certificate = "sha256:" + hex.EncodeToString(sum[:])
		p.Subject, p.Issuer = elide(leaf.Subject.String(), maxName), elide(leaf.Issuer.String(), maxName)
	}
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

// longest is the longest pause that retryAfter returns. It is far above what a run waits for.
const longest = 1e9 * time.Second

// retryAfter returns the pause that an endpoint asks for, in seconds or by a date, or 0.
func retryAfter(h http.Header) time.Duration {
	scaled := func(text string, unit time.Duration) (time.Duration, bool) {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || x < 0 {
			return 0, false
		}
		return time.Duration(min(x*float64(unit), float64(longest))), true
	}
	if d, ok := scaled(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return d
	}
	v := h.Get("Retry-After")
	if d, ok := scaled(v, time.Second); ok {
		return d
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(0, time.Until(t)), longest)
	}
	return 0
}

// describe says in one line how an exchange failed.
func (x *Exchange) describe() string {
	if x.Error != "" {
		return x.Error
	}
	if x.Secret {
		return fmt.Sprintf("%d %s: the response repeats a secret, and is not shown", x.Status, http.StatusText(x.Status))
	}
	body := x.body()
	if len(body) > 200 {
		body = append(body[:200:200], "..."...)
	}
	return fmt.Sprintf("%d %s: %q", x.Status, http.StatusText(x.Status), body)
}

// credentialHeaders are parts of the names of response headers that hold credentials.
var credentialHeaders = []string{"cookie", "auth", "token", "secret", "session", "api-key", "apikey"}

// isCredential reports whether a response header holds a credential, by its name. A header of a
// limit, such as X-Ratelimit-Remaining-Tokens, does not.
func isCredential(name string) bool {
	name = strings.ToLower(name)
	if strings.Contains(name, "tokens") || strings.Contains(name, "ratelimit") {
		return false
	}
	return slices.ContainsFunc(credentialHeaders, func(part string) bool { return strings.Contains(name, part) })
}
