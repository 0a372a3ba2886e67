package openaiserver

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// endless is more text than any test waits for.
func endless(c *Config) { c.MaxTokens, c.Generate = 1<<30, 24*time.Hour }

// open begins an endless stream and returns it after its first text.
func open(t *testing.T, url string) (body *bufio.Reader, hangUp func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", url+"/v1/completions",
		strings.NewReader(fmt.Sprintf(`{"model":"isotope-lm","prompt":"","max_tokens":%d,"stream":true}`, 1<<30)))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+acmeKey)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	body = bufio.NewReader(resp.Body)
	line, err := body.ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, "data: {"))
	t.Cleanup(func() {
		cancel()
		resp.Body.Close()
	})
	return body, cancel
}

// eventually waits for a condition that must come true, also on a slow machine.
func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, time.Minute, time.Millisecond)
}

func TestDisconnectStopsGeneration(t *testing.T) {
	s := start(t, endless)
	_, hangUp := open(t, s.url)
	assert.Equal(t, "1", s.metrics.inFlight.String())
	hangUp()
	eventually(t, func() bool { return s.metrics.inFlight.String() == "0" })
	e := s.log.entries(t)
	require.Len(t, e, 1)
	assert.EqualValues(t, 499, e[0]["status"])
	assert.Positive(t, e[0]["completion_tokens"], "the log counts what was written")
	assert.Empty(t, e[0]["finish"])
	assert.Zero(t, s.places.inUse())

	// Without a stream the client is gone before there is an answer.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		client := s.client(acmeKey)
		_, err := client.Completions.New(ctx, textParams("", 1<<30, 1))
		done <- err
	}()
	eventually(t, func() bool { return s.places.inUse() == 1 })
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	eventually(t, func() bool { return s.metrics.inFlight.String() == "0" })
	assert.Contains(t, s.metrics.byStatus.String(), `"499": 2`)
}

func TestConcurrencyIsBounded(t *testing.T) {
	s := start(t, func(c *Config) {
		endless(c)
		c.Concurrent, c.Queue = 1, 0
	})
	_, hangUp := open(t, s.url)
	status, text, header := s.post(t, "/v1/completions", acmeKey, `{"model":"isotope-lm","prompt":"The"}`)
	assert.Equal(t, 429, status)
	assert.Contains(t, text, `"code":"rate_limit_exceeded"`)
	assert.Equal(t, "1", header.Get("Retry-After"))
	client := s.client(acmeKey)
	_, err := client.Models.List(t.Context())
	assert.NoError(t, err, "only generation is bounded")
	hangUp()
	eventually(t, func() bool { return s.places.inUse() == 0 })
	status, _, _ = s.post(t, "/v1/completions", acmeKey, `{"model":"isotope-lm","prompt":"The"}`)
	assert.Equal(t, 200, status)
}

// TestQueue checks that a request waits for its turn, but not after its client has left.
func TestQueue(t *testing.T) {
	s := start(t, func(c *Config) {
		endless(c)
		c.Concurrent, c.Queue = 1, time.Hour
	})
	_, hangUp := open(t, s.url)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		client := s.client(acmeKey)
		_, err := client.Completions.New(ctx, textParams("", 5, 1))
		left <- err
	}()
	eventually(t, func() bool { return s.metrics.inFlight.String() == "2" })
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	eventually(t, func() bool { return s.metrics.inFlight.String() == "1" })

	served := make(chan error)
	go func() {
		client := s.client(globexKey)
		_, err := client.Completions.New(t.Context(), textParams("", 5, 1))
		served <- err
	}()
	eventually(t, func() bool { return s.metrics.inFlight.String() == "2" })
	hangUp()
	assert.NoError(t, <-served)
}

// TestConcurrentRequests checks that answers do not depend on other requests.
func TestConcurrentRequests(t *testing.T) {
	s := start(t, func(c *Config) { c.Concurrent = 4 })
	keys := []string{acmeKey, globexKey}
	var want [2][6]string
	for k, key := range keys {
		client := s.client(key)
		for seed := range want[k] {
			got, err := client.Completions.New(t.Context(), textParams("The", 40, int64(seed)))
			require.NoError(t, err)
			want[k][seed] = got.Choices[0].Text
		}
	}
	var wg sync.WaitGroup
	for k, key := range keys {
		for seed := range want[k] {
			wg.Go(func() {
				client := s.client(key)
				if seed%2 == 0 {
					got, err := client.Completions.New(t.Context(), textParams("The", 40, int64(seed)))
					if assert.NoError(t, err) {
						assert.Equal(t, want[k][seed], got.Choices[0].Text)
					}
					return
				}
				stream := client.Completions.NewStreaming(t.Context(), textParams("The", 40, int64(seed)))
				text := ""
				for stream.Next() {
					text += stream.Current().Choices[0].Text
				}
				assert.NoError(t, stream.Err())
				assert.Equal(t, want[k][seed], text)
			})
		}
	}
	wg.Wait()
	assert.Equal(t, "24", s.metrics.marked.String())
	assert.Equal(t, "960", s.metrics.completion.String())
	assert.Equal(t, `{"acme": 480, "globex": 480}`, s.metrics.tokensByTenant.String())
}

func TestTimeout(t *testing.T) {
	s := start(t, func(c *Config) {
		endless(c)
		c.Generate = time.Millisecond
	})
	status, text, _ := s.post(t, "/v1/completions", acmeKey, fmt.Sprintf(`{"model":"isotope-lm","prompt":"","max_tokens":%d}`, 1<<30))
	assert.Equal(t, 504, status)
	assert.Contains(t, text, `"code":"timeout"`)

	// A stream has begun with status 200, so the error is an event, without [DONE].
	client := s.client(acmeKey)
	stream := client.Completions.NewStreaming(t.Context(), textParams("", 1<<30, 1))
	for stream.Next() {
		assert.Empty(t, stream.Current().Choices[0].FinishReason)
	}
	assert.ErrorContains(t, stream.Err(), "took too long")
	eventually(t, func() bool { return strings.Contains(s.metrics.byStatus.String(), `"504": 2`) })
}

// TestSlowReader checks that a client that does not read does not hold a slot for ever.
func TestSlowReader(t *testing.T) {
	s := start(t, func(c *Config) {
		endless(c)
		c.Write = 100 * time.Millisecond
	})
	// Larger buffers would take megabytes of text first.
	h := httptest.NewUnstartedServer(s)
	h.Listener = smallBuffers{h.Listener}
	h.Start()
	t.Cleanup(h.Close)
	c, err := net.Dial("tcp", h.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.(*net.TCPConn).SetReadBuffer(4096))
	body := fmt.Sprintf(`{"model":"isotope-lm","prompt":"","max_tokens":%d,"stream":true}`, 1<<30)
	_, err = fmt.Fprintf(c, "POST /v1/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", acmeKey, len(body), body)
	require.NoError(t, err)
	eventually(t, func() bool { return len(s.log.entries(t)) == 1 }) // although nobody reads
	e := s.log.entries(t)[0]
	assert.EqualValues(t, 499, e["status"])
	assert.Positive(t, e["completion_tokens"], "it had its turn")
	assert.Zero(t, s.places.inUse())
}

// smallBuffers accepts connections with small buffers for what the client does not read.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return c, c.(*net.TCPConn).SetWriteBuffer(4096)
}

// TestShutdown checks that an interrupt lets an answer end, and ends an endless one.
func TestShutdown(t *testing.T) {
	s := start(t, endless)
	serve := func(grace time.Duration) (url string, interrupt func(), served chan error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		served = make(chan error, 1)
		go func() { served <- s.Serve(ctx, l, grace) }()
		return "http://" + l.Addr().String(), cancel, served
	}

	url, interrupt, served := serve(time.Millisecond)
	body, _ := open(t, url)
	interrupt()
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"code":"shutting_down"`)
	assert.NotContains(t, string(text), "[DONE]")
	assert.NoError(t, <-served)

	url, interrupt, served = serve(time.Hour)
	body, hangUp := open(t, url)
	interrupt()
	eventually(t, func() bool { // no new connections
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	line := ""
	for range 50 { // while the answer continues
		more, err := body.ReadString('\n')
		require.NoError(t, err)
		line += more
	}
	assert.Contains(t, line, "data: {")
	hangUp()
	assert.NoError(t, <-served)
}

func TestLargeRequests(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"a large body", strings.Repeat(" ", 1<<16+1), 413, "request_too_large"},
		{"a long prompt", `{"model":"isotope-lm","prompt":"` + strings.Repeat("river ", 2000) + `"}`, 400, "context_length_exceeded"},
		{"a long answer", `{"model":"isotope-lm","prompt":"","max_tokens":1001}`, 400, "invalid_value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text, _ := s.post(t, "/v1/completions", acmeKey, c.body)
			assert.Equal(t, c.status, status)
			var e struct {
				Error struct{ Code, Message string }
			}
			require.NoError(t, json.Unmarshal([]byte(text), &e), text)
			assert.Equal(t, c.code, e.Error.Code)
			assert.NotEmpty(t, e.Error.Message)
		})
	}
}
