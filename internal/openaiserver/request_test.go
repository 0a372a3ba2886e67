package openaiserver

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBadRequests checks that each gives an error in OpenAI's form, and that no text is written.
func TestBadRequests(t *testing.T) {
	s := start(t, nil)
	const user = `"messages":[{"role":"user","content":"The"}]`
	for _, c := range []struct {
		name, path, body string
		status           int
		code, param      string
	}{
		{"empty", "chat/completions", ``, 400, "invalid_request", ""},
		{"null", "chat/completions", `null`, 400, "invalid_request", ""},
		{"an array", "chat/completions", `[]`, 400, "invalid_request", ""},
		{"text after the object", "chat/completions", `{"model":"isotope-lm",` + user + `} {}`, 400, "invalid_request", ""},
		{"no model", "chat/completions", `{` + user + `}`, 404, "model_not_found", "model"},
		{"another model", "chat/completions", `{"model":"gpt-4",` + user + `}`, 404, "model_not_found", "model"},
		{"no messages", "chat/completions", `{"model":"isotope-lm"}`, 400, "invalid_value", "messages"},
		{"empty messages", "chat/completions", `{"model":"isotope-lm","messages":[]}`, 400, "invalid_value", "messages"},
		{"unknown role", "chat/completions", `{"model":"isotope-lm","messages":[{"role":"wizard","content":"The"}]}`, 400, "invalid_value", "messages[0].role"},
		{"content that is a number", "chat/completions", `{"model":"isotope-lm","messages":[{"role":"user","content":7}]}`, 400, "invalid_request", ""},
		{"content that is an image", "chat/completions", `{"model":"isotope-lm","messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 400, "invalid_request", ""},
		{"a prompt for a chat", "chat/completions", `{"model":"isotope-lm","prompt":"The"}`, 400, "invalid_request", ""},
		{"unknown parameter", "chat/completions", `{"model":"isotope-lm",` + user + `,"surprise":1}`, 400, "invalid_request", ""},
		{"a parameter in another case", "chat/completions", `{"model":"isotope-lm",` + user + `,"Max_Tokens":1}`, 400, "invalid_request", ""},
		{"logprobs", "chat/completions", `{"model":"isotope-lm",` + user + `,"logprobs":true}`, 400, "unsupported_parameter", "logprobs"},
		{"top_logprobs", "chat/completions", `{"model":"isotope-lm",` + user + `,"top_logprobs":5}`, 400, "unsupported_parameter", "top_logprobs"},
		{"logit_bias", "chat/completions", `{"model":"isotope-lm",` + user + `,"logit_bias":{"5":1}}`, 400, "unsupported_parameter", "logit_bias"},
		{"n of 2", "chat/completions", `{"model":"isotope-lm",` + user + `,"n":2}`, 400, "unsupported_parameter", "n"},
		{"tools", "chat/completions", `{"model":"isotope-lm",` + user + `,"tools":[{}]}`, 400, "unsupported_parameter", "tools"},
		{"response_format", "chat/completions", `{"model":"isotope-lm",` + user + `,"response_format":{"type":"json_object"}}`, 400, "unsupported_parameter", "response_format"},
		{"presence_penalty", "chat/completions", `{"model":"isotope-lm",` + user + `,"presence_penalty":1}`, 400, "unsupported_parameter", "presence_penalty"},
		{"temperature above 2", "chat/completions", `{"model":"isotope-lm",` + user + `,"temperature":2.1}`, 400, "invalid_value", "temperature"},
		{"negative temperature", "chat/completions", `{"model":"isotope-lm",` + user + `,"temperature":-0.1}`, 400, "invalid_value", "temperature"},
		{"temperature that is a string", "chat/completions", `{"model":"isotope-lm",` + user + `,"temperature":"hot"}`, 400, "invalid_type", "temperature"},
		{"top_p above 1", "chat/completions", `{"model":"isotope-lm",` + user + `,"top_p":1.1}`, 400, "invalid_value", "top_p"},
		{"max_tokens of 0", "chat/completions", `{"model":"isotope-lm",` + user + `,"max_tokens":0}`, 400, "invalid_value", "max_tokens"},
		{"max_tokens that is not an integer", "chat/completions", `{"model":"isotope-lm",` + user + `,"max_tokens":1.5}`, 400, "invalid_type", "max_tokens"},
		{"negative max_completion_tokens", "chat/completions", `{"model":"isotope-lm",` + user + `,"max_completion_tokens":-1}`, 400, "invalid_value", "max_completion_tokens"},
		{"five stops", "chat/completions", `{"model":"isotope-lm",` + user + `,"stop":["a","b","c","d","e"]}`, 400, "invalid_value", "stop"},
		{"empty stop", "chat/completions", `{"model":"isotope-lm",` + user + `,"stop":""}`, 400, "invalid_value", "stop"},
		{"stop that is a number", "chat/completions", `{"model":"isotope-lm",` + user + `,"stop":7}`, 400, "invalid_request", ""},
		{"stream_options without stream", "chat/completions", `{"model":"isotope-lm",` + user + `,"stream_options":{"include_usage":true}}`, 400, "invalid_value", "stream_options"},
		{"two prompts", "completions", `{"model":"isotope-lm","prompt":["a","b"]}`, 400, "invalid_value", "prompt"},
		{"prompt of tokens", "completions", `{"model":"isotope-lm","prompt":[1,2]}`, 400, "invalid_value", "prompt"},
		{"logprobs of a completion", "completions", `{"model":"isotope-lm","prompt":"a","logprobs":0}`, 400, "unsupported_parameter", "logprobs"},
		{"echo", "completions", `{"model":"isotope-lm","prompt":"a","echo":true}`, 400, "unsupported_parameter", "echo"},
		{"best_of", "completions", `{"model":"isotope-lm","prompt":"a","best_of":3}`, 400, "unsupported_parameter", "best_of"},
		{"messages for a completion", "completions", `{"model":"isotope-lm","prompt":"a",` + user + `}`, 400, "invalid_request", ""},
		{"unknown endpoint", "embeddings", `{}`, 404, "unknown_url", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text, header := s.post(t, "/v1/"+c.path, acmeKey, c.body)
			assert.Equal(t, c.status, status, "%s", text)
			assert.Equal(t, "application/json", header.Get("Content-Type"))
			var e struct {
				Error struct {
					Message, Type string
					Code, Param   *string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(text), &e), text)
			assert.NotEmpty(t, e.Error.Message)
			assert.Equal(t, "invalid_request_error", e.Error.Type)
			require.NotNil(t, e.Error.Code)
			assert.Equal(t, c.code, *e.Error.Code, "%s", text)
			if c.param == "" {
				assert.Nil(t, e.Error.Param)
			} else if assert.NotNil(t, e.Error.Param) {
				assert.Equal(t, c.param, *e.Error.Param)
			}
		})
	}
	assert.Equal(t, "0", s.metrics.completion.String())
}

// TestHarmlessParameters checks that the server takes parameters that have no effect on it.
func TestHarmlessParameters(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct{ name, body string }{
		{"chat/completions", `{"model":"isotope-lm","messages":[{"role":"developer","content":[{"type":"text","text":"The"},{"type":"text","text":" old"}]},
			{"role":"assistant","content":null}],"n":1,"logprobs":false,"top_logprobs":null,"logit_bias":{},"tools":[],"tool_choice":"auto",
			"response_format":{ "type": "text" },"modalities":["text"],"presence_penalty":0,"frequency_penalty":0.0,"user":"u","metadata":{"a":"b"},
			"store":false,"service_tier":"auto","temperature":null,"top_p":null,"seed":null,"stop":null,"max_tokens":null,"max_completion_tokens":7,"stream":false,"stream_options":null}`},
		{"completions", `{"model":"isotope-lm","prompt":null,"n":1,"best_of":1,"echo":false,"suffix":"","logprobs":null,"max_tokens":7}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text, _ := s.post(t, "/v1/"+c.name, acmeKey, c.body)
			assert.Equal(t, 200, status, text)
			assert.Contains(t, text, `"completion_tokens":7`)
		})
	}
}

func TestKeys(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct{ name, key string }{
		{"unknown", wrongKey}, {"the hash of a key", hashOf(acmeKey)}, {"a character more", acmeKey + "x"}, {"a character less", acmeKey[1:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := s.client(c.key)
			_, err := client.Models.List(t.Context())
			var api *openai.Error
			require.ErrorAs(t, err, &api)
			assert.Equal(t, 401, api.StatusCode)
			assert.Equal(t, "invalid_api_key", api.Code)
		})
	}
	for _, c := range []struct{ name, header string }{
		{"no header", ""}, {"no key", "Bearer "}, {"another scheme", "Basic " + acmeKey}, {"no scheme", acmeKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest("GET", s.url+"/v1/models", nil)
			require.NoError(t, err)
			req.Header.Set("Authorization", c.header)
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, 401, resp.StatusCode)
		})
	}
}
