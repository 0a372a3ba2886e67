package collect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/secret"
)

const apiKey = "sk-suspect-0123456789abcdef"

func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

// TestAPIKeysAreFoundInAnyWriting: an endpoint repeats the API key in many ways. A journal is handed to
// others, and does not hold the key in any of them.
func TestAPIKeysAreFoundInAnyWriting(t *testing.T) {
	chat := func(content, finish, model string) string {
		return fmt.Sprintf(`{"model":"%s","choices":[{"finish_reason":"%s","message":{"content":"%s"}}]}`, model, finish, content)
	}
	event := func(content string) string {
		return `data: {"model":"m","choices":[{"index":0,"delta":{"content":"` + content + `"}}]}` + "\n\n"
	}
	half := len(apiKey) / 2
	b64 := base64.StdEncoding.EncodeToString([]byte("key " + apiKey))
	for _, c := range []struct {
		name   string
		stream bool
		header http.Header
		status int
		body   string
		skip   Reason
	}{
		{name: "as it is", body: chat("it is "+apiKey, "stop", "m")},
		{name: "in capitals", body: chat("it is "+strings.ToUpper(apiKey), "stop", "m")},
		{name: "JSON escapes in the text", body: chat("it is "+escaped(apiKey), "stop", "m"), skip: Secret},
		{name: "one escape", body: chat(strings.Replace(apiKey, "s", `\u0073`, 1), "stop", "m"), skip: Secret},
		{name: "as the model", body: chat("fine", "stop", escaped(apiKey)), skip: Secret},
		{name: "as the reason to finish", body: chat("fine", escaped(apiKey), "m"), skip: Secret},
		{name: "as another field", body: `{"x":{"y":["` + escaped(apiKey) + `"]},` + chat("fine", "stop", "m")[1:], skip: Secret},
		{name: "as the name of a field", body: `{"` + escaped(apiKey) + `":1,` + chat("fine", "stop", "m")[1:], skip: Secret},
		{name: "in two strings", body: `{"x":["` + apiKey[:half] + `","` + apiKey[half:] + `"],` + chat("fine", "stop", "m")[1:], skip: Secret},
		{name: "in base64", body: chat(b64, "stop", "m"), skip: Secret},
		{name: "in pieces of a stream", stream: true, body: event(apiKey[:half]) + event(apiKey[half:]) + "data: [DONE]\n\n", skip: Secret},
		{name: "in single letters of a stream", stream: true, body: event(strings.Join(strings.Split(apiKey, ""), event("!")[:0]+`"}}]}`+"\n\n"+`data: {"model":"m","choices":[{"index":0,"delta":{"content":"`)) + "data: [DONE]\n\n", skip: Secret},
		{name: "as a header", header: http.Header{"X-Echo": {apiKey}}, body: chat("fine", "stop", "m")},
		{name: "as a header in base64", header: http.Header{"X-Echo": {b64}}, body: chat("fine", "stop", "m")},
		{name: "as the name of a header", header: http.Header{http.CanonicalHeaderKey(apiKey): {"x"}}, body: chat("fine", "stop", "m")},
		{name: "in an error", status: 400, body: `{"error":"` + escaped(apiKey) + `"}`, skip: Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, _ int) {
				if prompt == "prompt 1" {
					say(w, "fine")
					return
				}
				for name, values := range c.header {
					w.Header()[name] = values
				}
				if c.status != 0 {
					w.WriteHeader(c.status)
				}
				io.WriteString(w, c.body)
			})
			path, d := journalPath(t), f.declare(2)
			d.Request.Stream = c.stream
			_, err := collect(t, path, d, func(r *Run) { r.Key = apiKey }, new(lookLog).look)
			require.NoError(t, err)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.False(t, secret.NewFinder(apiKey).In(text), "%s", text)
			assert.NotContains(t, string(text), b64[8:28])
			assert.NotContains(t, string(text), escaped(apiKey[4:8])[1:])
			rec, s, _ := replayed(t, path)
			assert.Equal(t, c.skip, rec.Answers[0].Skip)
			assert.Equal(t, 1, rec.Redacted, "it is counted")
			assert.False(t, pieces([]byte(strings.Join(s.answers[0].Texts, "")), secret.NewFinder(apiKey).In))
		})
	}
}

// TestMarkingKeysInAnswers: nor does a journal hold a marking key that a suspect says.
func TestMarkingKeysInAnswers(t *testing.T) {
	for form, key := range keyForms {
		if form == "digits alone" {
			continue // some number, of no key in use
		}
		f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) { say(w, "It is "+key+".") })
		path := journalPath(t)
		_, err := collect(t, path, f.declare(1), nil, new(lookLog).look)
		require.NoError(t, err)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.False(t, secret.Holds(text), form)
		rec, _, _ := replayed(t, path)
		assert.Equal(t, Secret, rec.Answers[0].Skip, form)
	}
}

// TestPlaceholderKeysChangeNothing: a key that is a word of the answers does not rewrite them.
func TestPlaceholderKeysChangeNothing(t *testing.T) {
	const said = "none of the test keys; the token of a text with content"
	for _, key := range []string{"x", "e", "key", "none", "test", "text", "token", "content", "EMPTY", "usage", "choices"} {
		t.Run(key, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) { say(w, said) })
			path := journalPath(t)
			_, err := collect(t, path, f.declare(1), func(r *Run) { r.Key = key }, new(lookLog).look)
			require.NoError(t, err)
			rec, s, _ := replayed(t, path)
			assert.Equal(t, []string{said}, s.answers[0].Texts)
			assert.NotNil(t, s.answers[0].Usage)
			assert.Zero(t, rec.Redacted)
			assert.Equal(t, "Bearer "+key, f.headers[0].Get("Authorization"), "it is sent all the same")
		})
	}
}

// TestAnswersHaveTheLengthThatWasAskedFor: an answer that max_tokens cannot allow is too_large, and
// its rest is neither read nor kept.
func TestAnswersHaveTheLengthThatWasAskedFor(t *testing.T) {
	d := new(fake).declareAt("http://host/v1", 40)
	d.Journal = journalVersion
	limit := d.bodyLimit()
	assert.Less(t, limit, 128<<10, "of 50 tokens")
	for _, c := range []struct {
		name string
		body func() string
	}{
		{"a long text", func() string { return `{"choices":[{"message":{"content":"` + strings.Repeat("x", MaxBody) + `"}}]}` }},
		{"just too much text", func() string {
			return `{"choices":[{"message":{"content":"` + strings.Repeat("x", longestToken*50+1) + `"}}]}`
		}},
		{"many choices", func() string {
			return `{"choices":[` + strings.Repeat(`{"message":{"content":"`+strings.Repeat("x", 100)+`"}},`, 200) + `{}]}`
		}},
		{"a long name of the model", func() string {
			return `{"model":"` + strings.Repeat("m", longestToken*51) + `","choices":[{"message":{"content":"x"}}]}`
		}},
		{"white space", func() string { return strings.Repeat(" ", 2*limit) + `{"choices":[{"message":{"content":"x"}}]}` }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, _ int) {
				var n int
				fmt.Sscanf(prompt, "prompt %d", &n)
				if n%4 == 0 {
					say(w, "fine")
					return
				}
				io.WriteString(w, c.body())
			})
			path := journalPath(t)
			_, err := collect(t, path, f.declare(40), func(r *Run) { r.Pace.Concurrency = 1 }, new(lookLog).look)
			require.NoError(t, err)
			rec, s, _ := replayed(t, path)
			assert.Equal(t, TooLarge, rec.Answers[1].Skip)
			assert.Empty(t, s.answers[1].Texts)
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Less(t, info.Size(), int64(40*2*keptOfLarge), "the journal")
		})
	}
	d.Request.MaxTokens = 1 << 20
	assert.Equal(t, MaxBody, d.bodyLimit())
	d.Journal, d.Request.MaxTokens = firstJournal, 50
	assert.Equal(t, MaxBody, d.bodyLimit(), "as it was declared")
}

// TestTextsAreNotKept: a recording has no texts. It reads them again when they are looked at, and
// sees if they were changed in between.
func TestTextsAreNotKept(t *testing.T) {
	f := newFake(t, nil)
	path := journalPath(t)
	j, err := OpenJournal(path, f.declare(6))
	require.NoError(t, err)
	_, err = (&Run{Journal: j, Pace: fast()}).Collect(t.Context(), new(lookLog).look)
	require.NoError(t, err)
	for i := range 6 {
		assert.Nil(t, j.Recording().Answers[i].Texts)
	}
	require.NoError(t, j.Close())
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	for i := range 6 {
		assert.Nil(t, rec.Answers[i].Texts)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Replace(text, []byte("About prompt 2"), []byte("Above prompt 2"), 2), 0o600))
	_, err = Replay(rec, new(lookLog).look)
	assert.ErrorIs(t, err, ErrChain)
	other := bytes.NewBuffer(nil)
	other.Write(forged(t, text, func(r *record) {
		r.Canonical, r.Observed = bytes.Replace(r.Canonical, []byte("About"), []byte("Above"), 1), bytes.Replace(r.Observed, []byte("About"), []byte("Above"), 1)
	}).Bytes())
	require.NoError(t, os.WriteFile(path, other.Bytes(), 0o600))
	_, err = Replay(rec, new(lookLog).look)
	assert.ErrorIs(t, err, ErrChain, "a record that is sealed anew")
}

// TestUsageIsNotBelieved: what an endpoint reports as usage moves the budget only within what the
// text shows and what can be.
func TestUsageIsNotBelieved(t *testing.T) {
	d := new(fake).declareAt("http://host/v1", 1)
	d.Journal = journalVersion
	worst := d.Request.worst("a prompt of five words")
	text := strings.Repeat("some words ", 10) // 20 words
	for _, c := range []struct {
		name string
		u    *Usage
		want Usage
		ok   bool
	}{
		{"honest", &Usage{9, 22}, Usage{9, 22}, true},
		{"as little as can be", &Usage{5, 20}, Usage{5, 20}, true},
		{"nothing", &Usage{0, 0}, worst, false},
		{"too little out", &Usage{9, 19}, worst, false},
		{"too little in", &Usage{4, 22}, worst, false},
		{"the most", &worst, worst, true},
		{"too much out", &Usage{9, worst.Out + 1}, worst, false},
		{"too much in", &Usage{worst.In + 1, 22}, worst, false},
		{"far too much", &Usage{9, 1e18}, worst, false},
		{"none", nil, worst, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cost, believed := d.cost(&Answer{Prompt: "a prompt of five words", Texts: []string{text}, Usage: c.u})
			assert.Equal(t, c.want, cost)
			assert.Equal(t, c.ok, believed)
		})
	}
	assert.EqualValues(t, 25, leastTokens(strings.Repeat("漢", 67)), "a text without spaces")
	assert.Zero(t, leastTokens(strings.Repeat(" ", 1000)))

	for _, report := range []string{`{"prompt_tokens":0,"completion_tokens":0}`, `{"prompt_tokens":1000000000000000000,"completion_tokens":1000000000000000000}`} {
		t.Run(report, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) {
				fmt.Fprintf(w, `{"choices":[{"message":{"content":"ten words"}}],"usage":%s}`, report)
			})
			path, d := journalPath(t), f.declare(50)
			worst := d.Request.worst("prompt 00")
			d.Budget.Tokens = 5 * (worst.In + worst.Out)
			end, err := collect(t, path, d, nil, new(lookLog).look)
			require.NoError(t, err)
			assert.Equal(t, Exhausted, end)
			assert.Equal(t, 5, f.total(), "neither more than the budget, nor the end after the first")
			rec, again, end := replayed(t, path)
			assert.Equal(t, 5, rec.Disbelieved)
			assert.Equal(t, Exhausted, end)
			assert.Len(t, again.answers, 5)
		})
	}
}

// TestAStreamIsWholeByItsOwnFraming: the words of a model do not end a stream.
func TestAStreamIsWholeByItsOwnFraming(t *testing.T) {
	piece := func(text string) string {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		return `data: {"choices":[{"index":0,"delta":{"content":` + string(quoted) + `}}]}` + "\n\n"
	}
	for _, c := range []struct {
		name, body string
		whole      bool
	}{
		{"marked", piece("a") + "data: [DONE]\n\n", true},
		{"marked, without a line end", piece("a") + "data:[DONE]", true},
		{"a reason to finish", piece("a") + `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n", true},
		{"two choices, one finished", piece("a") + `data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}` + "\n\n", false},
		{"nothing", "", false},
		{"half", piece("a"), false},
		{"said", piece("the stream ends with\n\ndata: [DONE]\n\n"), false},
		{"said at the end", piece("data: [DONE]"), false},
		{"said in quotes", piece(`"finish_reason": "stop"`), false},
		{"a field of another name", `data: {"choices":[{"index":0,"delta":{"content":"a"},"x":{"finish_reason":"stop"}}]}` + "\n\n", false},
		{"a comment", piece("a") + ": data: [DONE]\n\n", false},
		{"cut within the mark", piece("a") + "data: [DO", false},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.whole, ended([]byte(c.body))) })
	}
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, times int) {
		io.WriteString(w, piece("say data: [DONE] and"))
		if times > 0 {
			io.WriteString(w, piece(" more")+"data: [DONE]\n\n")
		}
	})
	path, d := journalPath(t), f.declare(1)
	d.Request.Stream = true
	_, err := collect(t, path, d, nil, new(lookLog).look)
	require.NoError(t, err)
	_, s, _ := replayed(t, path)
	assert.Equal(t, []string{"say data: [DONE] and more"}, s.answers[0].Texts)
}

// TestNULsAtTheEndAreATornLine: some file systems leave them after a power cut.
func TestNULsAtTheEndAreATornLine(t *testing.T) {
	f := newFake(t, nil)
	path, d := journalPath(t), f.declare(3)
	_, err := collect(t, path, d, nil, new(lookLog).look)
	require.NoError(t, err)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	begun := bytes.Join(lines[:3], nil)
	for _, c := range []struct {
		name string
		text []byte
		torn int
		ok   bool
	}{
		{"after a record", append(begun[:len(begun):len(begun)], make([]byte, 4096)...), 4096, true},
		{"many", append(begun[:len(begun):len(begun)], make([]byte, 1<<20)...), 1 << 20, true},
		{"after the beginning of one", append(append(begun[:len(begun):len(begun)], lines[3][:40]...), make([]byte, 100)...), 140, true},
		{"before a record", append(append(begun[:len(begun):len(begun)], 0, 0), lines[3]...), 0, false},
		{"and something else", append(begun[:len(begun):len(begun)], 0, 0, 'x'), 0, false},
		{"alone", make([]byte, 100), 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, c.text, 0o600))
			j, err := OpenJournal(path, d)
			if !c.ok {
				assert.ErrorIs(t, err, ErrChain)
				return
			}
			require.NoError(t, err)
			assert.EqualValues(t, c.torn, j.Torn())
			s := new(lookLog)
			_, err = (&Run{Journal: j, Pace: fast()}).Collect(t.Context(), s.look)
			require.NoError(t, err)
			assert.Len(t, s.answers, 3)
			require.NoError(t, j.Close())
			_, err = ReadJournal(path)
			assert.NoError(t, err)
		})
	}
}

// TestPausesHaveALimit: an endpoint cannot keep a run alive for days.
func TestPausesHaveALimit(t *testing.T) {
	path, d := journalPath(t), new(fake).declareAt("http://host/v1", 1000)
	var asked atomic.Int64
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		end, err := collect(t, path, d, func(r *Run) {
			r.Pace.Retries = 1000
			r.transport = handlerTransport(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("Retry-After", "590")
				w.WriteHeader(429)
			})
		}, new(lookLog).look)
		assert.ErrorIs(t, err, ErrEndpoint)
		assert.Equal(t, Failing, end)
		assert.Less(t, time.Since(begin), maxPauses+maxWait)
		assert.Greater(t, time.Since(begin), maxPauses/2)
	})
	assert.Less(t, asked.Load(), int64(100))

	// A run that is asked to wait a little, and often, comes to its end.
	synctest.Test(t, func(t *testing.T) {
		times := make(map[string]int)
		f := handlerTransport(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			if times[string(text)]++; times[string(text)] == 1 {
				w.Header().Set("Retry-After", "20")
				w.WriteHeader(429)
				return
			}
			say(w, "fine")
		})
		end, err := collect(t, journalPath(t), new(fake).declareAt("http://host/v1", 100), func(r *Run) { r.Pace.Concurrency, r.transport = 1, f }, new(lookLog).look)
		require.NoError(t, err)
		assert.Equal(t, Asked, end)
	})
}

// TestRetryAfterIsRead has values of all kinds.
func TestRetryAfterIsRead(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "2", 2 * time.Second}, {"Retry-After", "0.5", time.Second / 2}, {"Retry-After", "-1", 0}, {"Retry-After", "soon", 0},
		{"Retry-After", "1e300", longest}, {"Retry-After", "NaN", 0}, {"Retry-After", "Inf", longest},
		{"Retry-After-Ms", "1500", 1500 * time.Millisecond}, {"Retry-After-Ms", "1e300", longest},
		{"Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT", longest}, {"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT", 0},
	} {
		t.Run(c.name+" "+c.value, func(t *testing.T) {
			assert.Equal(t, c.want, retryAfter(http.Header{c.name: {c.value}}))
		})
	}
}

// TestWhoAnsweredIsRecorded: the address, the certificate and the proxy.
func TestWhoAnsweredIsRecorded(t *testing.T) {
	f := newFake(t, nil)
	secure := httptest.NewTLSServer(f)
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(f)
	t.Cleanup(proxy.Close)
	address := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	for _, c := range []struct {
		name, url string
		transport func() http.RoundTripper
		check     func(t *testing.T, p Peer)
	}{
		{"plain", f.URL, func() http.RoundTripper { return nil }, func(t *testing.T, p Peer) {
			assert.Equal(t, Peer{Address: address(f.Server)}, p)
		}},
		{"TLS", secure.URL, func() http.RoundTripper { return secure.Client().Transport }, func(t *testing.T, p Peer) {
			assert.Equal(t, address(secure), p.Address)
			assert.Equal(t, "TLS 1.3", p.TLS)
			assert.Regexp(t, "^sha256:[0-9a-f]{64}$", p.Certificate)
			assert.Contains(t, p.Subject, "Acme Co")
			assert.Contains(t, p.Issuer, "Acme Co")
		}},
		{"a proxy", "http://suspect.test", func() http.RoundTripper {
			u, err := url.Parse(proxy.URL)
			require.NoError(t, err)
			u.User = url.UserPassword("me", "hunter2-hunter2")
			return &http.Transport{Proxy: http.ProxyURL(u)}
		}, func(t *testing.T, p Peer) {
			assert.Equal(t, Peer{Address: address(proxy), Proxy: proxy.URL}, p)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := journalPath(t)
			_, err := collect(t, path, f.declareAt(c.url+"/v1", 3), func(r *Run) { r.transport = c.transport() }, new(lookLog).look)
			require.NoError(t, err)
			rec, _, _ := replayed(t, path)
			require.Len(t, rec.Peers, 1)
			c.check(t, rec.Peers[0])
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.NotContains(t, string(text), "hunter2")
		})
	}
	r := new(Recording)
	for i := range 40 {
		r.sight(&Peer{Address: fmt.Sprint("host:", i)})
		r.sight(nil)
	}
	assert.Len(t, r.Peers, maxPeers)
	assert.Equal(t, 40-maxPeers, r.MorePeers)
}

// TestTheHeadIsTold before the first question and after each batch.
func TestTheHeadIsTold(t *testing.T) {
	f := newFake(t, nil)
	path := journalPath(t)
	var heads []string
	var asked []int
	_, err := collect(t, path, f.declare(10), func(r *Run) {
		r.Head = func(_ int64, hash string) { heads, asked = append(heads, hash), append(asked, f.total()) }
	}, new(lookLog).look)
	require.NoError(t, err)
	assert.Equal(t, []int{0, 4, 8, 10, 10}, asked)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, h := range heads {
		assert.Equal(t, 1, strings.Count(string(text), `"hash":"`+h+`"`), "each is a record of the journal")
	}
	rec, err := ReadJournal(path)
	require.NoError(t, err)
	assert.Equal(t, rec.Head, heads[len(heads)-1])
}

// TestRedirectsStayAtTheirOrigin: another host sees neither a prompt nor the API key.
func TestRedirectsStayAtTheirOrigin(t *testing.T) {
	var seen atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { seen.Add(1); say(w, "mine") }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, c := range []struct {
			name   string
			target func(f *fake) string
			same   bool // the method and the origin stay
		}{
			{"another host", func(*fake) string { return other.URL + "/v1/chat/completions" }, false},
			{"another scheme", func(f *fake) string { return "https" + strings.TrimPrefix(f.URL, "http") + "/v1/chat/completions" }, false},
			{"another name", func(f *fake) string { return strings.Replace(f.URL, "127.0.0.1", "localhost", 1) + "/v1/x" }, false},
			{"itself, for ever", func(*fake) string { return "/v1/chat/completions" }, false},
			{"another path", func(f *fake) string { return f.URL + "/v2/chat/completions" }, status >= 307},
		} {
			t.Run(fmt.Sprint(status, " ", c.name), func(t *testing.T) {
				f := newFake(t, nil)
				var asked atomic.Int64
				f.answer = func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
					asked.Add(1)
					if strings.HasPrefix(r.URL.Path, "/v2/") {
						say(w, "fine")
						return
					}
					w.Header().Set("Location", c.target(f))
					w.WriteHeader(status)
				}
				path := journalPath(t)
				_, err := collect(t, path, f.declare(1), func(r *Run) { r.Key, r.Pace.Retries = apiKey, 0 }, new(lookLog).look)
				require.LessOrEqual(t, asked.Load(), int64(maxRedirects+1))
				if c.same {
					require.NoError(t, err)
					_, s, _ := replayed(t, path)
					assert.Equal(t, []string{"fine"}, s.answers[0].Texts)
				} else if err == nil {
					rec, _, _ := replayed(t, path)
					assert.Equal(t, Failed, rec.Answers[0].Skip)
				}
				assert.Zero(t, seen.Load())
			})
		}
	}
}

// TestJournalsAreFiles: a device has no end, and a pipe cannot be read twice.
func TestJournalsAreFiles(t *testing.T) {
	for _, path := range []string{"/dev/zero", "/dev/null"} {
		if _, err := os.Stat(path); err != nil {
			t.Skip("there is no " + path)
		}
		_, err := ReadJournal(path)
		assert.ErrorContains(t, err, "not a regular file")
		_, err = OpenJournal(path, new(fake).declareAt("http://host/v1", 1))
		assert.ErrorContains(t, err, "not a regular file")
	}
}

// TestCredentialsInHeaders are left out by the names of the headers.
func TestCredentialsInHeaders(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, _ int) {
		for _, name := range []string{"Set-Cookie", "Set-Cookie2", "Www-Authenticate", "X-Session-Id", "X-Auth-Token", "X-Csrf-Token", "X-Api-Key"} {
			w.Header().Set(name, "credential-of-a-session")
		}
		w.Header().Set("X-Ratelimit-Remaining-Tokens", "77")
		say(w, "fine")
	})
	path := journalPath(t)
	_, err := collect(t, path, f.declare(1), nil, new(lookLog).look)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "credential-of-a-session")
	assert.Contains(t, string(text), "X-Ratelimit-Remaining-Tokens")
}

func TestSameOrigin(t *testing.T) {
	request := func(method, u string) *http.Request {
		r, err := http.NewRequest(method, u, nil)
		require.NoError(t, err)
		return r
	}
	first := request("POST", "https://host/v1/chat/completions")
	for _, c := range []struct {
		method, url string
		hops        int
		follow      bool
	}{
		{"POST", "https://host/v2/x", 1, true},
		{"POST", "https://HOST/v2/x", 1, true},
		{"POST", "https://host/v2/x", maxRedirects, true},
		{"POST", "https://host/v2/x", maxRedirects + 1, false},
		{"GET", "https://host/v2/x", 1, false},
		{"POST", "http://host/v1/chat/completions", 1, false},
		{"POST", "https://host:444/v1/chat/completions", 1, false},
		{"POST", "https://host.other/v1/chat/completions", 1, false},
	} {
		t.Run(fmt.Sprint(c.method, " ", c.url, " ", c.hops), func(t *testing.T) {
			via := []*http.Request{first}
			for len(via) < c.hops {
				via = append(via, first)
			}
			err := sameOrigin(request(c.method, c.url), via)
			if c.follow {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, http.ErrUseLastResponse)
			}
		})
	}
}

// TestPromptsMeanOneThing: two readers of a file of prompts agree.
func TestPromptsMeanOneThing(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"a field twice", `{"prompt":"a","prompt":"b"}`, "occurs twice"},
		{"another case", `{"Prompt":"a"}`, `must be spelt "prompt"`},
		{"both", `{"prompt":"a","PROMPT":"b"}`, `must be spelt "prompt"`},
		{"deep", `{"prompt":"a","x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, "nested deeper"},
		{"no text", `{"prompt":["a"]}`, "not a JSON string"},
		{"null", `{"prompt":null}`, "not a JSON string"},
		{"other fields", `{"id":{"a":[1]},"prompt":"a"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := journalPath(t)
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			prompts, _, err := ReadPrompts(path)
			if c.says == "" {
				require.NoError(t, err)
				assert.Equal(t, []string{"a"}, prompts)
				return
			}
			assert.ErrorContains(t, err, c.says)
		})
	}
}
