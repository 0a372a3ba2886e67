package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/watermark"
)

// A request is what both endpoints take, as OpenAI spells it.
type request struct {
	Model               string          `json:"model"`
	Messages            []message       `json:"messages"` // chat
	Prompt              json.RawMessage `json:"prompt"`   // completions
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"` // chat; the newer name
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	Seed                *int64          `json:"seed"`
	Stop                stops           `json:"stop"`
	Stream              bool            `json:"stream"`
	StreamOptions       *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// taken are the parameters of each endpoint, and those that change nothing here.
var (
	takenByBoth = []string{"model", "max_tokens", "temperature", "top_p", "seed", "stop", "stream", "stream_options",
		"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
	takenByChat        = []string{"messages", "max_completion_tokens", "parallel_tool_calls", "reasoning_effort", "verbosity"}
	takenByCompletions = []string{"prompt"}
)

// refused are the parameters that are known and not served, with the values at which they
// ask for nothing. Log-probabilities would show what the marks did to each token, a logit
// bias would show it by trial and push against it.
var refused = map[string][]string{
	"logprobs": {"false"}, "top_logprobs": nil, "logit_bias": {"{}"},
	"n": {"1"}, "best_of": {"1"}, "echo": {"false"}, "suffix": {`""`},
	"frequency_penalty": {"0", "0.0"}, "presence_penalty": {"0", "0.0"},
	"tools": {"[]"}, "tool_choice": {`"none"`, `"auto"`}, "functions": {"[]"}, "function_call": {`"none"`, `"auto"`},
	"response_format": {`{"type":"text"}`}, "modalities": {`["text"]`}, "audio": nil, "prediction": nil, "web_search_options": nil,
}

// readRequest decodes a body and refuses what is not taken: a parameter that is silently
// ignored is a wrong answer.
func readRequest(w http.ResponseWriter, r *http.Request, limit int64, taken []string) (*request, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large", "",
			fmt.Sprintf("The request is larger than %d bytes.", limit)}
	}
	if err != nil {
		return nil, badRequest("", "invalid_request", "The request's body could not be read.")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return nil, badRequest("", "invalid_request", "The request's body is not one JSON object.")
	}
	for name, value := range fields {
		if off, known := refused[name]; known {
			var compact bytes.Buffer
			if err := json.Compact(&compact, value); err != nil {
				return nil, badRequest(name, "", "%s is not JSON.", name)
			}
			if v := compact.String(); v != "null" && !slices.Contains(off, v) {
				return nil, badRequest(name, "unsupported_parameter", "%s is not supported by this server.", name)
			}
		} else if !slices.Contains(takenByBoth, name) && !slices.Contains(taken, name) {
			return nil, badRequest("", "invalid_request", "Unrecognized request argument supplied: %q", name)
		}
	}
	var q request
	if err := json.Unmarshal(body, &q); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, badRequest(wrong.Field, "invalid_type", "%s is of the wrong type: a JSON %s.", wrong.Field, wrong.Value)
		}
		return nil, badRequest("", "invalid_request", "%v", err)
	}
	return &q, nil
}

// job checks the numbers of a request and returns what is to be written, without the
// prompt and the marks.
func (q *request) job(l Limits, tenant *Tenant, prompt string) (job, error) {
	j := job{maxTokens: l.DefaultTokens, stop: q.Stop, seed: q.seedFor(tenant, prompt), sampler: watermark.Sampler{
		Temperature: float32(orOne(q.Temperature)), TopP: float32(orOne(q.TopP)),
		// The improbable tokens of the embedded model are mostly noise.
		TopK: 50, MinP: 0.03,
	}}
	if q.TopP != nil && j.sampler.TopP == 0 {
		j.sampler.TopP = math.SmallestNonzeroFloat32 // for a Sampler 0 keeps all, and here it keeps one
	}
	name := "max_tokens"
	if q.MaxTokens != nil {
		j.maxTokens = *q.MaxTokens
	}
	if q.MaxCompletionTokens != nil {
		name, j.maxTokens = "max_completion_tokens", *q.MaxCompletionTokens
	}
	switch {
	case j.maxTokens < 1 || j.maxTokens > l.MaxTokens:
		return job{}, badRequest(name, "invalid_value", "%s must be between 1 and %d.", name, l.MaxTokens)
	case !(orOne(q.Temperature) >= 0 && orOne(q.Temperature) <= 2):
		return job{}, badRequest("temperature", "invalid_value", "temperature must be between 0 and 2.")
	case !(orOne(q.TopP) >= 0 && orOne(q.TopP) <= 1):
		return job{}, badRequest("top_p", "invalid_value", "top_p must be between 0 and 1.")
	case len(q.Stop) > 4 || slices.Contains(q.Stop, ""):
		return job{}, badRequest("stop", "invalid_value", "stop takes up to 4 sequences, none of them empty.")
	case q.StreamOptions != nil && !q.Stream:
		return job{}, badRequest("stream_options", "invalid_value", "stream_options is for requests with stream set.")
	}
	return j, nil
}

func orOne(x *float64) float64 {
	if x == nil {
		return 1
	}
	return *x
}

// seedFor makes a request reproducible where it asks for that. The tenant is part of it:
// two accounts shall not see one draw under two keys. So is the prompt: this model forgets
// it soon, and answers to a list of prompts under one seed would be one answer.
func (q *request) seedFor(tenant *Tenant, prompt string) (seed [32]byte) {
	if q.Seed == nil {
		rand.Read(seed[:])
		return seed
	}
	return sha256.Sum256(fmt.Appendf(nil, "isotope example server\n%d\n%s\n%s", *q.Seed, tenant.ID, prompt))
}

// stops are a string or a list of strings.
type stops []string

func (s *stops) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		if *s = nil; string(text) != "null" {
			*s = stops{one}
		}
		return nil
	}
	if json.Unmarshal(text, (*[]string)(s)) != nil {
		return errors.New("stop must be a string or a list of strings")
	}
	return nil
}

// A message is one turn of a chat.
type message struct {
	Role    string  `json:"role,omitempty"`
	Content content `json:"content"`
}

// A content is a text, or a list of parts that are texts.
type content string

func (c *content) UnmarshalJSON(text []byte) error {
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(text, (*string)(c)) == nil {
		return nil
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return errors.New("messages: content is neither a string nor a list of parts")
	}
	var all strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return fmt.Errorf("messages: content of type %q is not supported by this server", p.Type)
		}
		all.WriteString(p.Text)
	}
	*c = content(all.String())
	return nil
}

// chatPrompt is the text that the model continues. It has no template for chats: of a
// 5-gram model only the end of the last message reaches the first token anyway.
func (q *request) chatPrompt() (string, error) {
	if len(q.Messages) == 0 {
		return "", badRequest("messages", "invalid_value", "messages must hold at least one message.")
	}
	texts := make([]string, len(q.Messages))
	for i, m := range q.Messages {
		if !slices.Contains([]string{"developer", "system", "user", "assistant"}, m.Role) {
			return "", badRequest(fmt.Sprintf("messages[%d].role", i), "invalid_value", "A role is one of developer, system, user and assistant.")
		}
		texts[i] = string(m.Content)
	}
	return strings.Join(texts, "\n\n"), nil
}

// textPrompt is the prompt of a completion: a string, or a list of one.
func (q *request) textPrompt() (string, error) {
	var prompt stops
	if q.Prompt != nil && prompt.UnmarshalJSON(q.Prompt) != nil || len(prompt) > 1 {
		return "", badRequest("prompt", "invalid_value", "prompt must be a string or a list of one string.")
	}
	return strings.Join(prompt, ""), nil
}
