package openaiserver

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// FuzzTenants: each API key of a file that is read belongs to one tenant.
func FuzzTenants(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte(`{"epoch":"e","tenants":[{"id":"a","cohort":"c","api_keys":["` + hashOf("one") + `"]}]}`))
	f.Add([]byte(`{"epoch":[[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			list, err := ParseTenants(text)
			if err != nil {
				return
			}
			keys := 0
			for _, tenant := range list.List {
				keys += len(tenant.APIKeys)
			}
			assert.Len(t, list.byHash, keys)
		})
	})
}

// FuzzRequest: a request that is accepted has numbers within the limits.
func FuzzRequest(tf *testing.F) {
	f := mutate.New(tf)
	for _, seed := range []string{
		`{"model":"m","prompt":"a","max_tokens":5,"stop":["x"],"seed":1}`, `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"n":2}`,
		`{"prompt":"a","logit_bias":{"1":5},"logprobs":3,"top_logprobs":2}`, `{"model":"m","model":"m"}`, `{"prompt":[[[[`,
	} {
		f.Add([]byte(seed))
	}
	model, err := testModel()
	if err != nil {
		f.Fatal(err)
	}
	c := &Config{Model: model, Limits: Limits{MaxTokens: 100, DefaultTokens: 10, Choices: 3}}
	allowed := []string{"n", "logprobs", "top_logprobs", "logit_bias", "response_format"}
	f.Fuzz(func(t *testing.T, body []byte) {
		testmark.InTime(t, body, func(body []byte) {
			for _, taken := range [][]string{takenByChat, takenByCompletions} {
				q, err := parseRequest(body, taken, allowed)
				if err != nil {
					continue
				}
				if _, err := q.chatPrompt(); err == nil {
					assert.NotEmpty(t, q.messages())
				}
				text, err := q.textPrompt()
				if err != nil {
					continue
				}
				if j, err := q.job(c, &Tenant{ID: "a"}, text); err == nil {
					assert.True(t, j.maxTokens >= 1 && j.maxTokens <= 100 && j.choices >= 1 && j.choices <= 3)
					assert.LessOrEqual(t, len(j.stop), 4)
				}
			}
		})
	})
}
