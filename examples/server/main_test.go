package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

const (
	acmeKey  = "sk-acme-0123456789abcdef"
	testRoot = "isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

func hashOf(apiKey string) string {
	sum := sha256.Sum256([]byte(apiKey))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// files writes a root key, a tenants file and a small corpus, and returns their directory.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	require.NoError(t, watermark.WriteKeyFile(filepath.Join(dir, "root.key"), root))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tenants.json"),
		[]byte(`{"epoch":"e1","tenants":[{"id":"acme","cohort":"east","api_keys":["`+hashOf(acmeKey)+`"]}]}`), 0o600))
	rng := rand.New(rand.NewPCG(1, 2))
	noun := func() string { return string([]byte{'a' + byte(rng.IntN(10)), 'a' + byte(rng.IntN(10))}) } // more than top-k keeps
	var b strings.Builder
	for range 3000 {
		fmt.Fprintf(&b, "The %s near the %s follows a %s.\n\n", noun(), noun(), noun())
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "corpus"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "corpus", "corpus.txt"), []byte(b.String()), 0o644))
	return dir
}

// A logBuffer is read while the program writes to it.
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

// post sends a body with acme's key, and returns the status and the answer.
func post(t *testing.T, url, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+acmeKey)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, text
}

// TestRun starts the whole program, asks it something, and interrupts it. The answer is the one
// that the generator of the embedded model gives under the marks of the registry.
func TestRun(t *testing.T) {
	dir := files(t)
	t.Setenv("XDG_CACHE_HOME", dir) // of the model
	t.Setenv("HOME", dir)
	t.Setenv("LocalAppData", dir)
	keys := []string{"-root", filepath.Join(dir, "root.key"), "-tenants", filepath.Join(dir, "tenants.json")}

	log := &logBuffer{}
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, append(keys, "-addr", "127.0.0.1:0", "-metrics-addr", "127.0.0.1:0", "-corpus", filepath.Join(dir, "corpus")), log)
	}()
	addr := func(msg string) string {
		for line := range strings.Lines(log.String()) {
			var e struct{ Msg, Addr string }
			if json.Unmarshal([]byte(line), &e) == nil && e.Msg == msg {
				return e.Addr
			}
		}
		return ""
	}
	require.Eventually(t, func() bool { return addr("serving") != "" }, time.Minute, time.Millisecond, log.String())
	status, answer := post(t, "http://"+addr("serving")+"/v1/completions", `{"model":"isotope-lm","prompt":"The ab near","max_tokens":25,"seed":7}`)
	require.Equal(t, 200, status, string(answer))
	var completion struct{ Choices []struct{ Text string } }
	require.NoError(t, json.Unmarshal(answer, &completion))
	assert.Equal(t, expected(t, dir, "The ab near", 25, 7), completion.Choices[0].Text)
	status, answer = post(t, "http://"+addr("serving")+"/v1/chat/completions",
		`{"model":"isotope-lm","messages":[{"role":"system","content":"Write."},{"role":"user","content":"The"}],"max_tokens":5,"seed":7}`)
	require.Equal(t, 200, status, string(answer))
	var chat struct {
		Choices []struct{ Message struct{ Content string } }
	}
	require.NoError(t, json.Unmarshal(answer, &chat))
	assert.Equal(t, expected(t, dir, "Write.\n\nThe", 5, 7), chat.Choices[0].Message.Content)

	resp, err := http.Get("http://" + addr("metrics") + "/metrics")
	require.NoError(t, err)
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.NoError(t, err)
	assert.Contains(t, string(metrics), `"completion_tokens": 30`)
	var counts struct {
		Positions map[string]int64 `json:"positions_by_outcome"`
	}
	require.NoError(t, json.Unmarshal(metrics, &counts), string(metrics))
	assert.EqualValues(t, 30, counts.Positions["tokens"])
	assert.EqualValues(t, 4, counts.Positions["unscorable"], "two at the start of each answer")
	assert.Zero(t, counts.Positions["unasked"])
	assert.Positive(t, counts.Positions["marked"])
	status, _ = post(t, "http://"+addr("serving")+"/metrics", "")
	assert.Equal(t, 404, status, "metrics are not for tenants")
	interrupt()
	require.NoError(t, <-done)
	assert.Equal(t, 3, strings.Count(log.String(), `"msg":"mark"`))
	assert.NotContains(t, log.String(), "isotope-secret-key")
}

// expected returns what the generator of the embedded model writes for acme, under the marks of
// the registry that the program writes.
func expected(t *testing.T, dir, prompt string, tokens int, seed int64) string {
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	tokenizer, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "registry.json")
	require.NoError(t, run(t.Context(), []string{"-root", filepath.Join(dir, "root.key"), "-tenants", filepath.Join(dir, "tenants.json"), "-write-registry", file}, io.Discard))
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	r, err := registry.Parse(f)
	require.NoError(t, err)
	assert.Len(t, r.Tenants("e1"), 101)
	marker, err := r.Marker(root, "e1", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, tokenizer.Vocab(),
		watermark.ScoredOnly{Exempt: (&embedded{tokenizer: tokenizer}).control()})
	require.NoError(t, err)
	marks, err := marker.Marks("acme")
	require.NoError(t, err)
	b, err := lm.Load(t.Context(), lm.Config{Tokenizer: tokenizer, Dir: filepath.Join(dir, "corpus")})
	require.NoError(t, err)
	ids, err := b.Model.Generate(t.Context(), lm.Job{
		Prompts: [][]int32{tokenizer.Append(nil, []byte(prompt))}, Tokens: tokens, Marks: marks,
		Sampler: watermark.Sampler{Temperature: 1, TopP: 1, TopK: 50, MinP: 0.03},
		Seed:    sha256.Sum256(fmt.Appendf(nil, "isotope example server\n%d\nacme\n%s", seed, prompt)),
	})
	require.NoError(t, err)
	text, err := tokenizer.Decode(nil, ids[0])
	require.NoError(t, err)
	return string(text)
}

// TestWriteRegistryKeepsFiles checks that a registry never replaces a file.
func TestWriteRegistryKeepsFiles(t *testing.T) {
	dir := files(t)
	args := []string{"-root", filepath.Join(dir, "root.key"), "-tenants", filepath.Join(dir, "tenants.json"), "-write-registry", filepath.Join(dir, "tenants.json")}
	assert.ErrorIs(t, run(t.Context(), args, io.Discard), os.ErrExist)
}

// TestFlags checks that missing or contradictory flags are an error at once.
func TestFlags(t *testing.T) {
	t.Chdir(t.TempDir()) // whose own name may have a space in it
	const none, tenants = "none", "tenants.json"
	require.NoError(t, os.WriteFile(tenants, []byte(`{"epoch":"e1","tenants":[{"id":"a","api_keys":["`+hashOf("k")+`"]}]}`), 0o600))
	for _, c := range []struct{ name, args, want string }{
		{"nothing", "", "-root and -tenants"},
		{"no tenants", "-root x", "-root and -tenants"},
		{"no root", "-tenants x", "-root and -tenants"},
		{"a root that is not used", "-unmarked -root x", "leave out -root"},
		{"a registry without marks", "-unmarked -write-registry x", "leave out -unmarked"},
		{"an argument", "-unmarked x", `unexpected argument "x"`},
		{"an unknown flag", "-surprise", "surprise"},
		{"a tenants file that does not exist", "-root x -tenants " + none, none},
		{"a root key that does not exist", "-root " + none + " -tenants " + tenants, none}, // and closed: nothing is served
		{"a registry without a root key", "-write-registry x -root " + none + " -tenants " + tenants, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorContains(t, run(t.Context(), strings.Fields(c.args), io.Discard), c.want)
		})
	}
}
