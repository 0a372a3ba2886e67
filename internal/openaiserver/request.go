package openaiserver

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
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/watermark"
)

// A request is the body of a request to either endpoint, as OpenAI spells it.
type request struct {
	Model               string          `json:"model"`
	Messages            []message       `json:"messages"` // chat
	Prompt              json.RawMessage `json:"prompt"`   // completions
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"` // chat; the newer name of max_tokens
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	Seed                *int64          `json:"seed"`
	Stop                stops           `json:"stop"`
	Stream              bool            `json:"stream"`
	StreamOptions       *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	N              *int               `json:"n"`
	Logprobs       logprobs           `json:"logprobs"`
	TopLogprobs    *int               `json:"top_logprobs"` // chat
	LogitBias      map[string]float64 `json:"logit_bias"`
	ResponseFormat *struct {
		Type string `json:"type"`
	} `json:"response_format"`
}

// The parameters that the endpoints take, among them some that have no effect on this server.
var (
	takenByBoth = []string{"model", "max_tokens", "temperature", "top_p", "seed", "stop", "stream", "stream_options",
		"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
	takenByChat        = []string{"messages", "max_completion_tokens", "parallel_tool_calls", "reasoning_effort", "verbosity"}
	takenByCompletions = []string{"prompt"}
)

// refused lists the parameters that the server knows and refuses, with the values that ask for
// nothing. Log-probabilities would show what the marks did to each token. A logit bias would
// let a client find the marks by trial, and push against them. An operator can allow both, for a
// model that steers.
var refused = map[string][]string{
	"logprobs": {"false"}, "top_logprobs": nil, "logit_bias": {"{}"},
	"n": {"1"}, "best_of": {"1"}, "echo": {"false"}, "suffix": {`""`},
	"frequency_penalty": {"0", "0.0"}, "presence_penalty": {"0", "0.0"},
	"tools": {"[]"}, "tool_choice": {`"none"`, `"auto"`}, "functions": {"[]"}, "function_call": {`"none"`, `"auto"`},
	"response_format": {`{"type":"text"}`}, "modalities": {`["text"]`}, "audio": nil, "prediction": nil, "web_search_options": nil,
}

// maxBodyDepth is how deeply the body of a request may be nested.
const maxBodyDepth = 32

// readBody reads the body of a request.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large", "",
			fmt.Sprintf("The request is too large. The limit is %d bytes.", limit)}
	}
	if err != nil {
		return nil, badRequest("", "invalid_request", "The body of the request could not be read.")
	}
	return body, nil
}

// parseRequest decodes the body of a request. It returns an error for any other parameter,
// because an answer that ignores a parameter is wrong.
func parseRequest(body []byte, taken, allowed []string) (*request, error) {
	if strictjson.Depth(body) > maxBodyDepth {
		return nil, badRequest("", "invalid_request", "The body of the request is nested deeper than %d levels.", maxBodyDepth)
	}
	var fields map[string]json.RawMessage
	if err := strictjson.Decode(body, &fields); err != nil || fields == nil {
		return nil, badRequest("", "invalid_request", "The body of the request must be one JSON object, without repeated fields.")
	}
	for name, value := range fields {
		if slices.Contains(allowed, name) {
			continue
		}
		if off, known := refused[name]; known {
			var compact bytes.Buffer
			if err := json.Compact(&compact, value); err != nil {
				return nil, badRequest(name, "", "%s must be valid JSON.", name)
			}
			if v := compact.String(); v != "null" && !slices.Contains(off, v) {
				return nil, badRequest(name, "unsupported_parameter", "%s is not supported by this server.", name)
			}
		} else if !slices.Contains(takenByBoth, name) && !slices.Contains(taken, name) {
			return nil, badRequest("", "invalid_request", "%q is not a parameter of this endpoint. Leave it out.", name)
		}
	}
	var q request
	if err := json.Unmarshal(body, &q); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, badRequest(wrong.Field, "invalid_type", "%s has the wrong type, a JSON %s.", wrong.Field, wrong.Value)
		}
		return nil, badRequest("", "invalid_request", "%v", err)
	}
	return &q, nil
}

// job checks the numbers of a request and returns the job, without its prompt and marks.
func (q *request) job(c *Config, tenant *Tenant, prompt string) (job, error) {
	l := c.Limits
	j := job{maxTokens: l.DefaultTokens, choices: 1, stop: q.Stop, seed: q.seedFor(tenant, prompt), sampler: watermark.Sampler{
		Temperature: float32(orOne(q.Temperature)), TopP: float32(orOne(q.TopP)), TopK: c.TopK, MinP: c.MinP,
	}}
	if q.TopP != nil && j.sampler.TopP == 0 {
		j.sampler.TopP = math.SmallestNonzeroFloat32 // OpenAI's 0 keeps one token; a Sampler's keeps all
	}
	if q.N != nil {
		j.choices = *q.N
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
		return job{}, badRequest("stop", "invalid_value", "stop must hold at most 4 sequences, and none may be empty.")
	case q.StreamOptions != nil && !q.Stream:
		return job{}, badRequest("stream_options", "invalid_value", "stream_options needs stream to be true.")
	case j.choices < 1 || j.choices > max(l.Choices, 1):
		return job{}, badRequest("n", "invalid_value", "n must be between 1 and %d.", max(l.Choices, 1))
	}
	return j, q.steer(&j, c.Model.Info().Vocab)
}

// maxTop is the largest number of alternatives at a position, as OpenAI has it.
const maxTop = 20

// steer reads the parameters that only some servers allow.
func (q *request) steer(j *job, vocab int) error {
	j.logprobs, j.topLogprobs = q.Logprobs.on, q.Logprobs.top
	if q.TopLogprobs != nil {
		if j.topLogprobs = *q.TopLogprobs; !j.logprobs {
			return badRequest("top_logprobs", "invalid_value", "top_logprobs needs logprobs to be true.")
		}
	}
	if j.topLogprobs < 0 || j.topLogprobs > maxTop {
		return badRequest("top_logprobs", "invalid_value", "The number of alternatives must be between 0 and %d.", maxTop)
	}
	for name, bias := range q.LogitBias {
		id, err := strconv.Atoi(name)
		// One spelling alone: "5" and "05" would be two biases of one token.
		if err != nil || name != strconv.Itoa(id) || id < 0 || id >= vocab || !(bias >= -100 && bias <= 100) {
			return badRequest("logit_bias", "invalid_value", "logit_bias must map token ids below %d to numbers from -100 to 100.", vocab)
		}
		if j.bias == nil {
			j.bias = make(map[watermark.Token]float32)
		}
		j.bias[watermark.Token(id)] = float32(bias)
	}
	if f := q.ResponseFormat; f != nil && f.Type != "text" {
		if j.json = f.Type == "json_object"; !j.json {
			return badRequest("response_format", "unsupported_parameter", "response_format must be text or json_object.")
		}
	}
	return nil
}

// logprobs reads chat's true or false, and the number of alternatives of a completion.
type logprobs struct {
	on  bool
	top int
}

func (l *logprobs) UnmarshalJSON(text []byte) error {
	if string(text) == "null" || json.Unmarshal(text, &l.on) == nil {
		return nil
	}
	if json.Unmarshal(text, &l.top) != nil {
		return errors.New("logprobs must be true or false in a chat, and a number in a completion")
	}
	l.on = true
	return nil
}

func orOne(x *float64) float64 {
	if x == nil {
		return 1
	}
	return *x
}

// seedFor returns the seed of a request, which is random unless the request has one. It
// includes the tenant, so that two accounts cannot compare one draw under two keys. It includes
// the prompt, because a model that soon forgets it would answer every prompt alike.
func (q *request) seedFor(tenant *Tenant, prompt string) (seed [32]byte) {
	if q.Seed == nil {
		rand.Read(seed[:])
		return seed
	}
	return sha256.Sum256(fmt.Appendf(nil, "isotope example server\n%d\n%s\n%s", *q.Seed, tenant.ID, prompt))
}

// stops reads a string or a list of strings.
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

// A message is one turn of a chat, as a request has it.
type message struct {
	Role    string  `json:"role,omitempty"`
	Content content `json:"content"`
}

// A content reads a text, or a list of parts that are texts.
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
		return errors.New("messages: content must be a string or a list of parts")
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

// chatPrompt returns the texts of all messages, for the log and the seed. The model sees the
// messages themselves.
func (q *request) chatPrompt() (string, error) {
	if len(q.Messages) == 0 {
		return "", badRequest("messages", "invalid_value", "messages must hold at least one message.")
	}
	texts := make([]string, len(q.Messages))
	for i, m := range q.Messages {
		if !slices.Contains([]string{"developer", "system", "user", "assistant"}, m.Role) {
			return "", badRequest(fmt.Sprintf("messages[%d].role", i), "invalid_value", "role must be developer, system, user or assistant.")
		}
		texts[i] = string(m.Content)
	}
	return strings.Join(texts, "\n\n"), nil
}

// messages returns the messages of a chat.
func (q *request) messages() []Message {
	list := make([]Message, len(q.Messages))
	for i, m := range q.Messages {
		list[i] = Message{Role: m.Role, Content: string(m.Content)}
	}
	return list
}

// textPrompt returns the prompt of a completion: a string, or a list of one.
func (q *request) textPrompt() (string, error) {
	var prompt stops
	if q.Prompt != nil && prompt.UnmarshalJSON(q.Prompt) != nil || len(prompt) > 1 {
		return "", badRequest("prompt", "invalid_value", "prompt must be a string or a list of one string.")
	}
	return strings.Join(prompt, ""), nil
}
