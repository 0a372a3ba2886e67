package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
)

func TestPeerWords(t *testing.T) {
	for _, c := range []struct {
		peer collect.Peer
		want string
	}{
		{collect.Peer{Address: "192.0.2.1:80"}, "192.0.2.1:80, without TLS"},
		{collect.Peer{Address: "192.0.2.1:3128", Proxy: "http://proxy:3128"}, "192.0.2.1:3128, through the proxy http://proxy:3128, without TLS"},
		{collect.Peer{Address: "192.0.2.1:443", TLS: "TLS 1.3", Certificate: "sha256:ab", Subject: "CN=host", Issuer: "CN=root"},
			"192.0.2.1:443, TLS 1.3, certificate sha256:ab of CN=host by CN=root"},
	} {
		t.Run(c.want, func(t *testing.T) { assert.Equal(t, c.want, peerWords(c.peer)) })
	}
}

func TestIsPlainHTTP(t *testing.T) {
	for url, want := range map[string]bool{"http://host/v1": true, "HTTP://host": true, "https://host": false, "": false, "http": false} {
		assert.Equal(t, want, isPlainHTTP(url), url)
	}
}

// TestStudentSaysWhatToKeep: the head of the chain, before the first question and after each batch,
// who answered, and that plain HTTP shows the API key.
func TestStudentSaysWhatToKeep(t *testing.T) {
	dir := newDir(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"choices":[{"message":{"content":"An answer that says nothing of note."}}],"usage":{"prompt_tokens":0,"completion_tokens":0}}`)
	}))
	defer s.Close()
	journal := dir.of("j.jsonl")
	t.Setenv("SUSPECT_KEY", "sk-suspect-000111")
	call := []string{"student", "--key", dir.file("my.key", secretOf("5a")), "--profile", dir.file("my.json", mustRun(t, "profile")), "--reference", "none",
		"--endpoint", s.URL, "--model", "m", "--journal", journal, "--decoys", "100", "--batch", "5", "--asks", "10", "--json", "--fixed"}
	status, out, errs := isotope(append(call, "--api-key-env", "SUSPECT_KEY")...)
	assert.Zero(t, status, errs)
	assert.Contains(t, errs, "the endpoint is not https")
	text, err := os.ReadFile(journal)
	require.NoError(t, err)
	heads := regexp.MustCompile(`journal: (\d+) records, the hash of the last one is sha256:([0-9a-f]{64})\n`).FindAllStringSubmatch(errs, -1)
	require.Len(t, heads, 4, errs)
	for i, records := range []string{"2", "7", "12", "13"} {
		assert.Equal(t, records, heads[i][1])
		assert.Contains(t, string(text), `"hash":"`+heads[i][2]+`"`)
	}
	assert.Contains(t, out, "answered by")
	assert.Contains(t, out, strings.TrimPrefix(s.URL, "http://")+", without TLS")
	assert.Contains(t, out, "10 answers reported fewer tokens than their text has")
	_, _, errs = isotope(call...)
	assert.NotContains(t, errs, "the endpoint is not https", "there is no key to see")
}
