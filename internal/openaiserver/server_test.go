package openaiserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// The API keys of the tenants in tests.
const (
	acmeKey   = "sk-acme-0123456789abcdef"
	globexKey = "sk-globex-0123456789abcdef"
	newKey    = "sk-new-0123456789abcdef" // of a tenant that cannot be marked yet
	wrongKey  = "sk-nobody-0123456789abcdef"
)

const testRoot = "isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

var testScheme = watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 2}

func hashOf(apiKey string) string {
	sum := sha256.Sum256([]byte(apiKey))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func testTenants(t testing.TB) *Tenants {
	t.Helper()
	tenants, err := ParseTenants(fmt.Appendf(nil, `{"epoch":"e1","tenants":[
		{"id":"acme","cohort":"east","api_keys":[%q]},
		{"id":"globex","cohort":"west","api_keys":[%q]},
		{"id":"new","api_keys":[%q]}]}`, hashOf(acmeKey), hashOf(globexKey), hashOf(newKey)))
	require.NoError(t, err)
	return tenants
}

// writeCorpus writes sentences of a small grammar to a directory.
func writeCorpus(dir string) error {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(words string) string {
		list := strings.Fields(words)
		return list[rng.IntN(len(list))]
	}
	nouns := "river mountain library engine garden letter window harbor market teacher painter captain village bridge forest kitchen lantern orchard station theatre"
	verbs := "watches follows remembers repairs describes visits crosses paints opens answers measures forgets carries builds hears"
	adjectives := "old quiet bright narrow green distant careful heavy early gentle broken famous hidden patient wooden café"
	var b strings.Builder
	for range 600 {
		for range 1 + rng.IntN(3) {
			fmt.Fprintf(&b, "The %s %s %s the %s %s near the %s, and a %s %s %s. ", pick(adjectives), pick(nouns), pick(verbs),
				pick(adjectives), pick(nouns), pick(nouns), pick(adjectives), pick(nouns), pick(verbs))
		}
		b.WriteString("\n\n")
	}
	return os.WriteFile(filepath.Join(dir, "corpus.txt"), []byte(b.String()), 0o644)
}

// testModel trains the model of all tests once.
var testModel = sync.OnceValues(func() (*ngram, error) {
	dir, err := os.MkdirTemp("", "isotope-server-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := writeCorpus(dir); err != nil {
		return nil, err
	}
	t, err := tokenize.Get("cl100k_base")
	if err != nil {
		return nil, err
	}
	b, err := lm.Load(context.Background(), lm.Config{Tokenizer: t, Dir: dir, NoCache: true})
	if err != nil {
		return nil, err
	}
	return &ngram{b.Model, t}, nil
})

// ngram is the embedded model without a batch.
type ngram struct {
	*lm.Model
	tokenizer tokenize.Tokenizer
}

func (m *ngram) Info() Info {
	return Info{Digest: m.Digest(), Vocab: m.Vocab(), Tokenizer: m.tokenizer.Name(), TokenizerDigest: m.tokenizer.Digest()}
}

func (m *ngram) Text(prompt string) ([]watermark.Token, error) {
	return m.tokenizer.Append(nil, []byte(prompt)), nil
}

func (m *ngram) Chat(messages []Message) ([]watermark.Token, error) {
	texts := make([]string, len(messages))
	for i, message := range messages {
		texts[i] = message.Content
	}
	return m.Text(strings.Join(texts, "\n\n"))
}

func (m *ngram) AppendText(dst []byte, t watermark.Token) ([]byte, error) {
	return m.tokenizer.Decode(dst, []watermark.Token{t})
}

func (m *ngram) Generate(ctx context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error) {
	row, text := make([]float32, m.Vocab()), slices.Clone(r.Prompt)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		m.Logits(row, text)
		token, err := r.Draw(row)
		if err != nil {
			return "", err
		}
		if !emit(token) {
			return FinishLength, nil
		}
		text = append(text, token)
	}
}

// A logBuffer is read while requests are still being served.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// entries returns the lines of the log about requests.
func (l *logBuffer) entries(t *testing.T) (list []map[string]any) {
	for line := range strings.Lines(l.String()) {
		var e map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		if e["msg"] == "request" {
			list = append(list, e)
		}
	}
	return list
}

// A testServer is a Server on a socket.
type testServer struct {
	*Server
	url   string
	log   *logBuffer
	ngram *ngram
}

// start serves a Config that change may alter.
func start(t testing.TB, change func(*Config)) *testServer {
	t.Helper()
	model, err := testModel()
	require.NoError(t, err)
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	tenants := testTenants(t)
	marker, err := NewMarker(root, tenants, testScheme, model.Vocab())
	require.NoError(t, err)
	log := &logBuffer{}
	c := Config{
		Name: "isotope-lm", Model: model, Tenants: tenants, Marker: marker, TopK: 50, MinP: 0.03, FailClosed: true,
		Log: slog.New(slog.NewJSONHandler(log, nil)),
		Limits: Limits{MaxTokens: 1000, DefaultTokens: 20, Prompt: 500, Body: 1 << 16, Concurrent: 8,
			Queue: time.Minute, Generate: time.Minute, Write: time.Minute},
	}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	require.NoError(t, err)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return &testServer{Server: s, url: h.URL, log: log, ngram: model}
}

// client returns OpenAI's own client with the API key of an account.
func (s *testServer) client(apiKey string) openai.Client {
	return openai.NewClient(option.WithBaseURL(s.url+"/v1"), option.WithAPIKey(apiKey), option.WithMaxRetries(0))
}

// post sends a body as it is, and returns the status and the answer.
func (s *testServer) post(t *testing.T, path, apiKey, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest("POST", s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if apiKey != "" {
		req.Header.Set("Authorization", "Bearer "+apiKey)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text), resp.Header
}

func chatParams(prompt string, tokens, seed int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:     "isotope-lm",
		Messages:  []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Write."), openai.UserMessage(prompt)},
		MaxTokens: openai.Int(tokens), Seed: openai.Int(seed),
	}
}

func textParams(prompt string, tokens, seed int64) openai.CompletionNewParams {
	return openai.CompletionNewParams{
		Model: "isotope-lm", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String(prompt)},
		MaxTokens: openai.Int(tokens), Seed: openai.Int(seed),
	}
}

func TestChat(t *testing.T) {
	s := start(t, nil)
	client := s.client(acmeKey)
	got, err := client.Chat.Completions.New(t.Context(), chatParams("The old river", 30, 1))
	require.NoError(t, err)
	require.Len(t, got.Choices, 1)
	text := got.Choices[0].Message.Content
	assert.NotEmpty(t, text)
	assert.EqualValues(t, "assistant", got.Choices[0].Message.Role)
	assert.Equal(t, "length", got.Choices[0].FinishReason)
	assert.Equal(t, "isotope-lm", got.Model)
	assert.EqualValues(t, "chat.completion", got.Object)
	assert.True(t, strings.HasPrefix(got.ID, "chatcmpl-"))
	assert.InDelta(t, time.Now().Unix(), got.Created, 3600)
	prompt := s.ngram.tokenizer.Append(nil, []byte("Write.\n\nThe old river"))
	assert.EqualValues(t, len(prompt), got.Usage.PromptTokens)
	assert.EqualValues(t, 30, got.Usage.CompletionTokens)
	assert.EqualValues(t, len(prompt)+30, got.Usage.TotalTokens)

	assert.Greater(t, len(strings.Fields(text)), 15)

	again, err := client.Chat.Completions.New(t.Context(), chatParams("The old river", 30, 1))
	require.NoError(t, err)
	assert.Equal(t, text, again.Choices[0].Message.Content, "a seed makes an answer reproducible")
	assert.NotEqual(t, got.ID, again.ID)
	other, err := client.Chat.Completions.New(t.Context(), chatParams("The old river", 30, 2))
	require.NoError(t, err)
	assert.NotEqual(t, text, other.Choices[0].Message.Content)
	globex := s.client(globexKey)
	theirs, err := globex.Chat.Completions.New(t.Context(), chatParams("The old river", 30, 1))
	require.NoError(t, err)
	assert.NotEqual(t, text, theirs.Choices[0].Message.Content, "two tenants cannot compare one draw under two keys")

	unseeded := openai.ChatCompletionNewParams{Model: "isotope-lm", Messages: chatParams("The old river", 0, 0).Messages, MaxTokens: openai.Int(60)}
	a, err := client.Chat.Completions.New(t.Context(), unseeded)
	require.NoError(t, err)
	b, err := client.Chat.Completions.New(t.Context(), unseeded)
	require.NoError(t, err)
	assert.NotEqual(t, a.Choices[0].Message.Content, b.Choices[0].Message.Content)
}

func TestCompletions(t *testing.T) {
	s := start(t, nil)
	client := s.client(acmeKey)
	got, err := client.Completions.New(t.Context(), textParams("The old river", 25, 1))
	require.NoError(t, err)
	require.Len(t, got.Choices, 1)
	assert.NotEmpty(t, got.Choices[0].Text)
	assert.EqualValues(t, "length", got.Choices[0].FinishReason)
	assert.EqualValues(t, "text_completion", got.Object)
	assert.EqualValues(t, 3, got.Usage.PromptTokens)
	assert.EqualValues(t, 25, got.Usage.CompletionTokens)

	list := textParams("", 25, 1)
	list.Prompt = openai.CompletionNewParamsPromptUnion{OfArrayOfStrings: []string{"The old river"}}
	same, err := client.Completions.New(t.Context(), list)
	require.NoError(t, err)
	assert.Equal(t, got.Choices[0].Text, same.Choices[0].Text)

	usual := openai.CompletionNewParams{Model: "isotope-lm", Prompt: textParams("", 0, 0).Prompt}
	short, err := client.Completions.New(t.Context(), usual)
	require.NoError(t, err)
	assert.EqualValues(t, s.config.DefaultTokens, short.Usage.CompletionTokens)
	assert.Zero(t, short.Usage.PromptTokens)
}

// TestGreedy checks that a temperature of 0 and a top_p of 0 take the most probable token, which
// depends on the marks.
func TestGreedy(t *testing.T) {
	marked, unmarked := start(t, nil), start(t, func(c *Config) { c.Marker = nil })
	texts := map[string]bool{}
	for _, s := range []*testServer{marked, unmarked} {
		var first string
		for i, params := range []openai.CompletionNewParams{
			{Temperature: openai.Float(0), Seed: openai.Int(1)},
			{Temperature: openai.Float(0), Seed: openai.Int(2)},
			{TopP: openai.Float(0), Seed: openai.Int(3)},
		} {
			params.Model, params.MaxTokens = "isotope-lm", openai.Int(40)
			params.Prompt = openai.CompletionNewParamsPromptUnion{OfString: openai.String("The quiet garden")}
			client := s.client(acmeKey)
			got, err := client.Completions.New(t.Context(), params)
			require.NoError(t, err)
			if i == 0 {
				first = got.Choices[0].Text
			}
			assert.Equal(t, first, got.Choices[0].Text, "%d", i)
		}
		texts[first] = true
	}
	assert.Len(t, texts, 2)
}

func TestStreamEqualsWhole(t *testing.T) {
	s := start(t, nil)
	client := s.client(acmeKey)
	for seed := range int64(3) {
		params := chatParams("A café", 60, seed)
		whole, err := client.Chat.Completions.New(t.Context(), params)
		require.NoError(t, err)
		params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		stream := client.Chat.Completions.NewStreaming(t.Context(), params)
		var acc openai.ChatCompletionAccumulator
		events := 0
		for stream.Next() {
			assert.EqualValues(t, "chat.completion.chunk", stream.Current().Object)
			require.True(t, acc.AddChunk(stream.Current()))
			events++
		}
		require.NoError(t, stream.Err())
		require.Len(t, acc.Choices, 1)
		assert.Equal(t, whole.Choices[0].Message.Content, acc.Choices[0].Message.Content)
		assert.EqualValues(t, "assistant", acc.Choices[0].Message.Role)
		assert.Equal(t, "length", acc.Choices[0].FinishReason)
		assert.Equal(t, whole.Usage.TotalTokens, acc.Usage.TotalTokens)
		assert.EqualValues(t, 60, acc.Usage.CompletionTokens)
		assert.Greater(t, events, 30, "it comes in pieces")

		text := textParams("A café", 60, seed)
		all, err := client.Completions.New(t.Context(), text)
		require.NoError(t, err)
		texts := client.Completions.NewStreaming(t.Context(), text)
		var b strings.Builder
		finish := ""
		for texts.Next() {
			c := texts.Current()
			require.Len(t, c.Choices, 1)
			b.WriteString(c.Choices[0].Text)
			finish += string(c.Choices[0].FinishReason)
			assert.Zero(t, c.Usage.TotalTokens, "nobody asked")
		}
		require.NoError(t, texts.Err())
		assert.Equal(t, all.Choices[0].Text, b.String())
		assert.Equal(t, "length", finish)
	}
}

// TestStreamFormat reads the events as bytes, as clients without a library do.
func TestStreamFormat(t *testing.T) {
	s := start(t, nil)
	status, text, header := s.post(t, "/v1/chat/completions", acmeKey,
		`{"model":"isotope-lm","messages":[{"role":"user","content":"The"}],"max_tokens":5,"seed":1,"stream":true,"stream_options":{"include_usage":true}}`)
	assert.Equal(t, 200, status)
	assert.Equal(t, "text/event-stream", header.Get("Content-Type"))
	events := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n")
	require.Greater(t, len(events), 4)
	assert.Equal(t, "data: [DONE]", events[len(events)-1])
	ids := map[string]bool{}
	for i, e := range events[:len(events)-1] {
		data, ok := strings.CutPrefix(e, "data: ")
		require.True(t, ok)
		require.NotContains(t, data, "\n")
		var a map[string]any
		require.NoError(t, json.Unmarshal([]byte(data), &a))
		ids[a["id"].(string)] = true
		assert.Regexp(t, "^fp_[0-9a-f]{12}$", a["system_fingerprint"])
		choices := a["choices"].([]any)
		switch i {
		case 0:
			assert.Contains(t, data, `"delta":{"role":"assistant","content":""}`)
			assert.Contains(t, data, `"finish_reason":null`)
		case len(events) - 3:
			assert.Contains(t, data, `"delta":{}`)
			assert.Contains(t, data, `"finish_reason":"length"`)
		case len(events) - 2:
			assert.Empty(t, choices)
			assert.Contains(t, data, `"completion_tokens":5`)
		default:
			assert.Contains(t, data, `"delta":{"content":"`)
		}
	}
	assert.Len(t, ids, 1)
}

func TestStop(t *testing.T) {
	s := start(t, nil)
	client := s.client(acmeKey)
	params := chatParams("The old river", 120, 1)
	whole, err := client.Chat.Completions.New(t.Context(), params)
	require.NoError(t, err)
	text := whole.Choices[0].Message.Content
	for _, stops := range [][]string{{"the"}, {", and", "zebra"}, {"ear th"}, {"\n\n"}} {
		want := text
		for _, stop := range stops {
			if i := strings.Index(text, stop); i >= 0 {
				want = want[:min(i, len(want))]
			}
		}
		require.Less(t, len(want), len(text), "%q does not occur in %q", stops, text)
		params.Stop = openai.ChatCompletionNewParamsStopUnion{OfStringArray: stops}
		got, err := client.Chat.Completions.New(t.Context(), params)
		require.NoError(t, err)
		assert.Equal(t, want, got.Choices[0].Message.Content, "%q", stops)
		assert.Equal(t, "stop", got.Choices[0].FinishReason)
		assert.Less(t, got.Usage.CompletionTokens, int64(120))
		stream := client.Chat.Completions.NewStreaming(t.Context(), params)
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		require.NoError(t, stream.Err())
		assert.Equal(t, want, acc.Choices[0].Message.Content)
		assert.Equal(t, "stop", acc.Choices[0].FinishReason)
	}
	// A stop sequence that never comes, although the text ends with its beginning.
	for _, stop := range []string{"zebra", text[len(text)-3:] + "zebra"} {
		params.Stop = openai.ChatCompletionNewParamsStopUnion{OfString: openai.String(stop)}
		got, err := client.Chat.Completions.New(t.Context(), params)
		require.NoError(t, err)
		assert.Equal(t, text, got.Choices[0].Message.Content)
		assert.Equal(t, "length", got.Choices[0].FinishReason)
	}
}

// TestSeeds checks that one seed gives two accounts different draws, and different draws for each
// prompt, although the model forgets the prompt after a paragraph.
func TestSeeds(t *testing.T) {
	s := start(t, func(c *Config) { c.Marker = nil })
	var texts []string
	for _, key := range []string{acmeKey, acmeKey, globexKey} {
		client := s.client(key)
		got, err := client.Completions.New(t.Context(), textParams("The old river", 30, 1))
		require.NoError(t, err)
		texts = append(texts, got.Choices[0].Text)
	}
	assert.Equal(t, texts[0], texts[1])
	assert.NotEqual(t, texts[0], texts[2])

	client := s.client(acmeKey)
	var ends []string
	for _, prompt := range []string{"The old river.\n\n", "The quiet garden.\n\n"} {
		got, err := client.Completions.New(t.Context(), textParams(prompt, 30, 1))
		require.NoError(t, err)
		ends = append(ends, got.Choices[0].Text)
	}
	assert.NotEqual(t, ends[0], ends[1])
}

func TestModels(t *testing.T) {
	s := start(t, nil)
	client := s.client(acmeKey)
	page, err := client.Models.List(t.Context())
	require.NoError(t, err)
	require.Len(t, page.Data, 1)
	assert.Equal(t, "isotope-lm", page.Data[0].ID)
	one, err := client.Models.Get(t.Context(), "isotope-lm")
	require.NoError(t, err)
	assert.EqualValues(t, "model", one.Object)
	_, err = client.Models.Get(t.Context(), "gpt-4")
	var api *openai.Error
	require.ErrorAs(t, err, &api)
	assert.Equal(t, 404, api.StatusCode)
	assert.Equal(t, "model_not_found", api.Code)
}
