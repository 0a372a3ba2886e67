package openaiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// TestLogHoldsNoSecret checks that the log never has a key or a text, and that it has what is
// needed to find the marks of each answer.
func TestLogHoldsNoSecret(t *testing.T) {
	s := start(t, nil)
	const word = "xylophonists"
	for _, key := range []string{acmeKey, globexKey, newKey, wrongKey, ""} {
		for _, c := range []struct{ path, body string }{
			{"/v1/completions", `{"model":"isotope-lm","prompt":"` + word + `","seed":1}`},
			{"/v1/completions", `{"model":"isotope-lm","prompt":"` + word + `","seed":1,"stream":true}`},
			{"/v1/completions", `{"model":"` + word + `","prompt":""}`},
			{"/v1/completions", `{"model":"isotope-lm","` + word + `":""}`},
			{"/v1/completions", `{"model":"isotope-lm","stop":{"` + word + `":1}}`},
			{"/v1/chat/completions", `{"model":"isotope-lm","messages":[{"role":"` + word + `"}]}`},
			{"/v1/chat/completions", `{"model":"isotope-lm","messages":[{"role":"user","content":[{"type":"` + word + `"}]}]}`},
			{"/v1/chat/completions", word},
			{"/v1/" + word + "?key=" + word, ""},
		} {
			s.post(t, c.path, key, c.body)
		}
	}
	_, text, _ := s.post(t, "/v1/completions", acmeKey, `{"model":"isotope-lm","prompt":"The","seed":1}`)
	log := s.log.String()
	assert.NotContains(t, log, word)
	for _, key := range []string{acmeKey, globexKey, newKey, wrongKey} {
		assert.NotContains(t, log, key)
		assert.NotContains(t, log, strings.TrimPrefix(hashOf(key), "sha256:"))
	}
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	for _, k := range []watermark.Key{root, root.Derive("selector", "e1"), root.Derive("master", "e1"), root.Derive("tenant", "acme", "e1")} {
		assert.NotContains(t, log, strings.TrimPrefix(k.Secret(secretaccess.Allow()), "isotope-secret-key-1:"))
	}
	assert.NotContains(t, log, "isotope-secret-key")
	var a answer
	require.NoError(t, json.Unmarshal([]byte(text), &a))
	for word := range strings.FieldsSeq(*a.Choices[0].Text) {
		if len(word) > 6 {
			assert.NotContains(t, log, word)
		}
	}

	e := s.log.entries(t)
	require.Len(t, e, 5*9+1)
	last := e[len(e)-1]
	assert.Equal(t, "acme", last["tenant"])
	assert.Equal(t, "east", last["cohort"])
	assert.Equal(t, []any{root.Derive("master", "e1").ID(), root.Derive("cohort", "east", "e1").ID(), root.Derive("tenant", "acme", "e1").ID()}, last["key_ids"])
	assert.Equal(t, true, last["marked"])
	assert.EqualValues(t, 200, last["status"])
	assert.EqualValues(t, 1, last["prompt_tokens"])
	assert.EqualValues(t, 20, last["completion_tokens"])
	assert.Equal(t, "length", last["finish"])
	assert.Equal(t, "POST /v1/completions", last["route"])
	assert.True(t, strings.HasSuffix(a.ID, last["id"].(string)), "an answer is found in the log by its id")
	assert.Equal(t, "missing_api_key", e[len(e)-2]["error"])
}

func TestLogText(t *testing.T) {
	s := start(t, func(c *Config) { c.LogText = true })
	for _, stream := range []bool{false, true} {
		s.post(t, "/v1/completions", acmeKey, fmt.Sprintf(`{"model":"isotope-lm","prompt":"The old river","seed":1,"stream":%v}`, stream))
	}
	e := s.log.entries(t)
	require.Len(t, e, 2)
	assert.Equal(t, "The old river", e[0]["prompt"])
	assert.NotEmpty(t, e[0]["text"])
	assert.Equal(t, e[0]["text"], e[1]["text"])
	assert.NotContains(t, s.log.String(), acmeKey)
}

// TestMetrics checks that the metrics show that the server marks.
func TestMetrics(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 1500 tokens")
	}
	s := start(t, nil)
	texts(t, s, acmeKey, 2)
	texts(t, s, globexKey, 1)
	s.post(t, "/v1/completions", wrongKey, "{}")
	w := httptest.NewRecorder()
	s.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var m struct {
		InFlight         int64            `json:"in_flight"`
		Status           map[string]int64 `json:"responses_by_status"`
		Tenants          map[string]int64 `json:"completion_tokens_by_tenant"`
		Marked, Unmarked int64
		Completion       int64            `json:"completion_tokens"`
		Scored           map[string]int64 `json:"pairs_scored_by_layer"`
		Green            map[string]int64 `json:"pairs_green_by_layer"`
		AnswersMarked    int64            `json:"answers_marked"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &m), w.Body)
	assert.Zero(t, m.InFlight)
	assert.Equal(t, map[string]int64{"200": 3, "401": 1}, m.Status)
	assert.Equal(t, map[string]int64{"acme": 1000, "globex": 500}, m.Tenants)
	assert.EqualValues(t, 1500, m.Completion)
	assert.EqualValues(t, 3, m.AnswersMarked)
	require.Len(t, m.Scored, 3)
	for _, layer := range []string{"master", "cohort", "tenant"} {
		n := m.Scored[layer]
		require.Greater(t, n, int64(100))
		assert.Greater(t, float64(m.Green[layer])/float64(n), 0.65, layer)
	}
	assert.Equal(t, http.StatusOK, w.Code)
}
