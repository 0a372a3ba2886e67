package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/llamacpp"
	"github.com/isotope-wm/isotope/internal/openaiserver"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	globexKey = "sk-globex-0123456789abcdef"
	realName  = "SmolLM2-135M-Instruct.Q4_1.gguf"
)

// realModel returns the path of the real model that internal/llamacpp/fetch.sh fetches. Without it
// it skips the test, or fails it where ISOTOPE_REQUIRE_TOOLS is set.
func realModel(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("the real model takes minutes")
	}
	path := os.Getenv("ISOTOPE_LLAMA_MODEL")
	_, err := llamacpp.FindLib()
	if cache, err := os.UserCacheDir(); path == "" && err == nil {
		path = filepath.Join(cache, "isotope", realName)
		if dir := os.Getenv("ISOTOPE_CACHE"); dir != "" {
			path = filepath.Join(dir, realName)
		}
	}
	if err == nil {
		_, err = os.Stat(path)
	}
	switch {
	case err == nil:
	case os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "":
		t.Fatalf("the real model is not there, and ISOTOPE_REQUIRE_TOOLS is set: %v", err)
	default:
		t.Skipf("!!! NOT TESTED WITH A REAL MODEL: %v. Run 'sh internal/llamacpp/fetch.sh' once. !!!", err)
	}
	return path
}

// A program is a running server.
type program struct {
	url, metrics string
	log          *logBuffer
	stop         func() error
}

// runProgram starts the whole program.
func runProgram(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{log: &logBuffer{}}
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, append(args, "-addr", "127.0.0.1:0", "-metrics-addr", "127.0.0.1:0"), p.log)
	}()
	addr := func(msg string) string {
		for line := range strings.Lines(p.log.String()) {
			var e struct{ Msg, Addr string }
			if json.Unmarshal([]byte(line), &e) == nil && e.Msg == msg {
				return e.Addr
			}
		}
		return ""
	}
	require.Eventually(t, func() bool { return addr("serving") != "" || len(done) > 0 }, time.Minute, time.Millisecond, p.log.String())
	require.Empty(t, done, "%s", p.log.String())
	p.url, p.metrics = "http://"+addr("serving")+"/v1", "http://"+addr("metrics")+"/metrics"
	stopped := false
	p.stop = func() error {
		stopped = true
		interrupt()
		return <-done
	}
	t.Cleanup(func() {
		if !stopped {
			assert.NoError(t, p.stop())
		}
	})
	return p
}

func (p *program) client(apiKey string) openai.Client {
	return openai.NewClient(option.WithBaseURL(p.url), option.WithAPIKey(apiKey), option.WithMaxRetries(0))
}

func question(text string, tokens, seed int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: "smollm2", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
		MaxTokens: openai.Int(tokens), Seed: openai.Int(seed), Temperature: openai.Float(1), TopP: openai.Float(0.95),
	}
}

// TestGGUF serves the real model to OpenAI's own client: whole answers and streams, several
// choices, stop sequences, seeds, log-probabilities, JSON and errors. The answers of two tenants,
// as text, are found under the keys of each alone.
func TestGGUF(t *testing.T) {
	path := realModel(t)
	dir := files(t)
	tenants := filepath.Join(dir, "two.json")
	require.NoError(t, os.WriteFile(tenants, []byte(fmt.Sprintf(`{"epoch":"e1","tenants":[
		{"id":"acme","cohort":"east","api_keys":[%q]},{"id":"globex","cohort":"west","api_keys":[%q]}]}`, hashOf(acmeKey), hashOf(globexKey))), 0o600))
	p := runProgram(t, "-root", filepath.Join(dir, "root.key"), "-tenants", tenants, "-model", "smollm2", "-gguf", path, "-delta", "4",
		"-slots", "6", "-context", "512", "-threads", "1", "-ahead", "3", "-max-n", "3", "-logprobs", "-timeout", "10m", "-queue", "10m")
	acme, globex := p.client(acmeKey), p.client(globexKey)
	assert.Contains(t, p.log.String(), `"gguf":"llama`)

	t.Run("streams, choices and seeds", func(t *testing.T) {
		params := question("What is a lighthouse for?", 20, 7)
		params.N = openai.Int(3)
		whole, err := acme.Chat.Completions.New(t.Context(), params)
		require.NoError(t, err)
		require.Len(t, whole.Choices, 3)
		assert.EqualValues(t, 36, whole.Usage.PromptTokens, "by the model's own template")
		params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		stream := acme.Chat.Completions.NewStreaming(t.Context(), params)
		texts := make([]string, 3)
		var tokens int64
		for stream.Next() {
			tokens += stream.Current().Usage.CompletionTokens
			for _, c := range stream.Current().Choices {
				texts[c.Index] += c.Delta.Content
			}
		}
		require.NoError(t, stream.Err())
		for i, c := range whole.Choices {
			assert.Equal(t, c.Message.Content, texts[i], "a seed gives the same text again")
		}
		assert.NotEqual(t, texts[0], texts[1])
		assert.NotEqual(t, texts[1], texts[2])
		assert.Equal(t, whole.Usage.CompletionTokens, tokens)

		stop := strings.Fields(texts[0])[3]
		params.N, params.Stop, params.StreamOptions = openai.Int(1), openai.ChatCompletionNewParamsStopUnion{OfString: openai.String(stop)}, openai.ChatCompletionStreamOptionsParam{}
		cut, err := acme.Chat.Completions.New(t.Context(), params)
		require.NoError(t, err)
		assert.Equal(t, texts[0][:strings.Index(texts[0], stop)], cut.Choices[0].Message.Content)
		assert.Equal(t, "stop", cut.Choices[0].FinishReason)
	})

	t.Run("log-probabilities", func(t *testing.T) {
		params := question("What is a lighthouse for?", 6, 7)
		params.Logprobs, params.TopLogprobs = openai.Bool(true), openai.Int(3)
		got, err := acme.Chat.Completions.New(t.Context(), params)
		require.NoError(t, err)
		content := got.Choices[0].Logprobs.Content
		require.Len(t, content, 6)
		text := ""
		for _, l := range content {
			text += l.Token
			assert.LessOrEqual(t, l.Logprob, 0.0)
			require.Len(t, l.TopLogprobs, 3)
			assert.GreaterOrEqual(t, l.TopLogprobs[0].Logprob, l.TopLogprobs[1].Logprob)
			assert.GreaterOrEqual(t, l.TopLogprobs[0].Logprob, l.Logprob)
		}
		assert.Equal(t, got.Choices[0].Message.Content, text)
	})

	t.Run("JSON", func(t *testing.T) {
		params := question("Write a JSON object about a fox.", 40, 2)
		params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONObject: &openai.ResponseFormatJSONObjectParam{}}
		got, err := acme.Chat.Completions.New(t.Context(), params)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(got.Choices[0].Message.Content, "{"), "%q", got.Choices[0].Message.Content)
	})

	t.Run("errors", func(t *testing.T) {
		for _, c := range []struct{ name, body, want string }{
			{"an unknown field", `"messages":[{"role":"user","content":"Hi"}],"surprise":1`, `\"surprise\" is not a parameter`},
			{"a bias, which the operator did not allow", `"messages":[{"role":"user","content":"Hi"}],"logit_bias":{"5":1}`, "logit_bias is not supported"},
			{"a NUL", `"messages":[{"role":"user","content":"a\u0000b"}]`, "NUL"},
			{"a long prompt", `"messages":[{"role":"user","content":"` + strings.Repeat("river ", 600) + `"}]`, "context_length_exceeded"},
		} {
			t.Run(c.name, func(t *testing.T) {
				status, text := post(t, p.url+"/chat/completions", `{"model":"smollm2",`+c.body+`}`)
				assert.Equal(t, 400, status)
				assert.Contains(t, string(text), c.want)
			})
		}
		status, text := post(t, p.url+"/completions", `{"model":"smollm2","prompt":""}`)
		assert.Equal(t, 400, status)
		assert.Contains(t, string(text), "the prompt is empty")
	})

	t.Run("the marks of two tenants", func(t *testing.T) {
		const answers, tokens = 6, 70
		clients := map[string]openai.Client{"acme": acme, "globex": globex}
		texts := map[string][]string{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for tenant, client := range clients {
			for i := range answers {
				wg.Go(func() {
					got, err := client.Completions.New(t.Context(), openai.CompletionNewParams{
						Model: "smollm2", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("The history of the lighthouse begins")},
						MaxTokens: openai.Int(tokens), Seed: openai.Int(int64(i)),
					})
					if assert.NoError(t, err) {
						mu.Lock()
						texts[tenant] = append(texts[tenant], got.Choices[0].Text)
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		list, err := openaiserver.ReadTenants(tenants)
		require.NoError(t, err)
		root, err := watermark.ParseKey(testRoot)
		require.NoError(t, err)
		model, err := llamacpp.Open(llamacpp.Files{Model: path})
		require.NoError(t, err)
		defer model.Close()
		marker, err := openaiserver.NewMarker(root, list, watermark.GreenList{Gamma: 0.5, Delta: 4, Width: 2}, model.Vocab())
		require.NoError(t, err)
		for writer, texts := range texts {
			for _, owner := range list.List {
				marks, err := marker.Marks(owner)
				require.NoError(t, err)
				for layer, mark := range marks { // master, cohort, tenant
					test := detect.NewAccumulator(mark, nil)
					for _, text := range texts {
						ids, err := model.Tokenize(text)
						require.NoError(t, err)
						test.Add(ids)
					}
					t.Logf("text of %s, %s of %s: %v", writer, []string{"master", "cohort", "tenant"}[layer], owner.ID, test.Result())
					assert.Equal(t, layer == 0 || owner.ID == writer, test.Result().Log10P < -5, "text of %s, level %d of %s", writer, layer, owner.ID)
				}
			}
		}
	})

	t.Run("a client that leaves", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		stream := acme.Chat.Completions.NewStreaming(ctx, question("Write a long story.", 400, 1))
		require.True(t, stream.Next())
		leave()
		for stream.Next() {
		}
		require.Eventually(t, func() bool {
			resp, err := http.Get(p.metrics)
			require.NoError(t, err)
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			return strings.Contains(string(text), `"in_flight": 0`)
		}, time.Minute, 10*time.Millisecond)
	})
	require.NoError(t, p.stop())
	assert.NotContains(t, p.log.String(), "isotope-secret-key")
}

// TestGGUFFlags checks that a missing library or model is an error that says what to do.
func TestGGUFFlags(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("not.gguf", []byte("text"), 0o600))
	for _, c := range []struct{ name, args, want string }{
		{"a library for the embedded model", "-unmarked -llama-lib x", "give one"},
		{"log-probabilities of the embedded model", "-unmarked -logprobs", "give one"},
		{"two models", "-unmarked -gguf x -corpus y", "two models"},
		{"no library", "-unmarked -gguf not.gguf -llama-lib " + "none", "none holds no llama.cpp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorContains(t, run(t.Context(), strings.Fields(c.args), io.Discard), c.want)
		})
	}
	t.Run("nothing fetched", func(t *testing.T) {
		t.Setenv("ISOTOPE_LLAMA_LIB", "")
		t.Setenv("ISOTOPE_CACHE", dir)
		assert.ErrorContains(t, run(t.Context(), []string{"-unmarked", "-gguf", "not.gguf"}, io.Discard), "fetch.sh")
	})
}
