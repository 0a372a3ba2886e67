package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// TestRun starts the whole program, asks it something, and interrupts it.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir) // of the model
	t.Setenv("HOME", dir)
	t.Setenv("LocalAppData", dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "corpus"), 0o755))
	require.NoError(t, writeCorpus(filepath.Join(dir, "corpus")))
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	require.NoError(t, watermark.WriteKeyFile(filepath.Join(dir, "root.key"), root))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tenants.json"), []byte(`{"epoch":"e1","tenants":[{"id":"acme","cohort":"east","api_keys":["`+hashOf(acmeKey)+`"]}]}`), 0o600))

	log := &logBuffer{}
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-metrics-addr", "127.0.0.1:0", "-corpus", filepath.Join(dir, "corpus"),
			"-root", filepath.Join(dir, "root.key"), "-tenants", filepath.Join(dir, "tenants.json")}, log)
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
	eventually(t, func() bool { return addr("serving") != "" })
	s := testServer{url: "http://" + addr("serving")}
	status, text, _ := s.post(t, "/v1/completions", acmeKey, `{"model":"isotope-lm","prompt":"The","max_tokens":5}`)
	assert.Equal(t, 200, status, text)
	resp, err := http.Get("http://" + addr("metrics") + "/metrics")
	require.NoError(t, err)
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.NoError(t, err)
	assert.Contains(t, string(metrics), `"completion_tokens": 5`)
	status, _, _ = s.post(t, "/metrics", acmeKey, "")
	assert.Equal(t, 404, status, "metrics are not for tenants")
	interrupt()
	require.NoError(t, <-done)
	assert.Equal(t, 3, strings.Count(log.String(), `"msg":"mark"`))
	assert.NotContains(t, log.String(), "isotope-secret-key")
}

// TestFlags: what is missing or contradicts itself is said at once.
func TestFlags(t *testing.T) {
	t.Chdir(t.TempDir()) // whose own name may have a space in it
	const none, tenants = "none", "tenants.json"
	require.NoError(t, os.WriteFile(tenants, []byte(`{"epoch":"e1","tenants":[{"id":"a","api_keys":["`+hashOf("k")+`"]}]}`), 0o600))
	for args, want := range map[string]string{
		"":                                       "-root and -tenants",
		"-root x":                                "-root and -tenants",
		"-tenants x":                             "-root and -tenants",
		"-unmarked -root x":                      "-unmarked uses no -root",
		"-unmarked x":                            `unexpected argument "x"`,
		"-surprise":                              "surprise",
		"-root x -tenants " + none:               "none",
		"-root " + none + " -tenants " + tenants: "none", // and closed: nothing is served
	} {
		assert.ErrorContains(t, run(t.Context(), strings.Fields(args), io.Discard), want, args)
	}
}
