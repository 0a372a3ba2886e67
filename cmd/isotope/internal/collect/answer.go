package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Reason is why an answer has nothing to test.
type Reason string

const (
	Refusal  Reason = "refusal"   // the endpoint says that it refused or filtered
	ToolCall Reason = "tool_call" // a call of a tool and no text
	Empty    Reason = "empty"     // no text
	Failed   Reason = "error"     // a status that is no success, after all retries
	Invalid  Reason = "invalid"   // a success that holds no answer: no JSON, no UTF-8, no choice
	TooLarge Reason = "too_large" // more than MaxBody bytes
)

// Reasons lists every Reason.
var Reasons = []Reason{Refusal, ToolCall, Empty, Failed, Invalid, TooLarge}

// failure reports whether the endpoint, and not the model, is at fault.
func (r Reason) failure() bool { return r == Failed || r == Invalid || r == TooLarge }

// An Answer is what the test depends on.
type Answer struct {
	Ask    int      `json:"ask"`             // number of the question, from 0
	Prompt string   `json:"-"`               // which the first record has
	Texts  []string `json:"texts,omitempty"` // each choice's reasoning, where it shows, and its answer
	Skip   Reason   `json:"skip,omitempty"`  // set exactly when there are no Texts
	Finish string   `json:"finish,omitempty"`
	Model  string   `json:"model,omitempty"` // as the endpoint names it
	// Usage is what the endpoint counted, nil when it did not say.
	Usage *Usage `json:"usage,omitempty"`
}

// An Exchange is what an answer came with: the last attempt, and those before it. Body is
// the response as received but for credentials; BodyBase64 stands for it when that is no UTF-8.
type Exchange struct {
	At         time.Time   `json:"at"` // when the last attempt began
	Millis     int64       `json:"ms"` // what it took
	Attempts   int         `json:"attempts"`
	Status     int         `json:"status,omitempty"`
	Header     http.Header `json:"header,omitempty"`
	Body       string      `json:"body,omitempty"`
	BodyBase64 []byte      `json:"body_base64,omitempty"`
	Truncated  bool        `json:"truncated,omitempty"` // after MaxBody bytes
	Redacted   int         `json:"redacted,omitempty"`  // occurrences of the API key that were overwritten
	Error      string      `json:"error,omitempty"`     // of the transport
	// Lost is what attempts without a response may have cost at most.
	Lost Usage `json:"lost,omitzero"`
	// Earlier are the attempts that were made again, the first one first. Of their headers
	// and bodies MaxBody bytes are kept in all; where they were cut Truncated is set.
	Earlier []Exchange `json:"earlier,omitempty"`
}

// final reports whether a failure is about the question: asking again would bring the
// same, and another question may fare better.
func (x *Exchange) final() bool {
	switch x.Status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return false // about who asks, and where
	}
	return x.Error == "" && !retryable(x.Status)
}

// shorten keeps at most n bytes of the body and the header, which is kept whole or not
// at all, and returns how many they are.
func (x *Exchange) shorten(n int) int {
	b := x.body()
	if len(b) > n {
		b, x.Truncated = b[:n], true
		x.setBody(b)
	}
	header := 0
	for name, values := range x.Header {
		for _, v := range values {
			header += len(name) + len(v)
		}
	}
	if header > n-len(b) {
		header, x.Header, x.Truncated = 0, nil, true
	}
	return len(b) + header
}

// redacted reports whether the API key was overwritten in any attempt.
func (x *Exchange) redacted() bool {
	return x.Redacted > 0 || slices.ContainsFunc(x.Earlier, func(e Exchange) bool { return e.Redacted > 0 })
}

func (x *Exchange) body() []byte {
	if x.BodyBase64 != nil {
		return x.BodyBase64
	}
	return []byte(x.Body)
}

func (x *Exchange) setBody(b []byte) {
	if utf8.Valid(b) {
		x.Body, x.BodyBase64 = string(b), nil
	} else {
		x.Body, x.BodyBase64 = "", b
	}
}

// MaxBody is the largest response that is read, in bytes.
const MaxBody = 4 << 20

// answer derives the Answer of a question from what came back.
func answer(r *Request, ask int, prompt string, x *Exchange) Answer {
	a := Answer{Ask: ask, Prompt: prompt}
	body := x.body()
	switch {
	case x.Error != "" || x.Status < 200 || x.Status > 299:
		a.Skip = Failed
		return a
	case x.Truncated:
		a.Skip = TooLarge
		return a
	case !utf8.Valid(body):
		a.Skip = Invalid
		return a
	}
	var m message
	var err error
	if r.Stream && !looksLikeJSON(body) {
		m, err = readStream(body)
	} else {
		err = json.Unmarshal(body, &m)
	}
	if err != nil || len(m.Choices) == 0 {
		a.Skip = Invalid
		return a
	}
	a.Model, a.Usage = m.Model, m.Usage.valid()
	refused, called := false, false
	var finish []string
	for _, c := range m.Choices {
		if c.FinishReason != "" {
			finish = append(finish, c.FinishReason)
		}
		said := c.Message
		if said.Refusal != "" || c.FinishReason == "content_filter" {
			refused = true
			continue
		}
		called = called || len(said.ToolCalls) > 0 || len(said.FunctionCall) > 0
		for _, text := range []string{said.reasoning(), string(said.Content), c.Text} {
			if strings.TrimSpace(text) != "" {
				a.Texts = append(a.Texts, text)
			}
		}
	}
	a.Finish = strings.Join(finish, ",")
	switch {
	case len(a.Texts) > 0:
	case refused:
		a.Skip = Refusal
	case called:
		a.Skip = ToolCall
	default:
		a.Skip = Empty
	}
	return a
}

// looksLikeJSON reports whether an endpoint that was asked for a stream sent a whole
// answer, as some do.
func looksLikeJSON(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) }

// A message is a response, of chat or completions, whole or one piece of a stream.
type message struct {
	Model   string      `json:"model"`
	Choices []choice    `json:"choices"`
	Usage   *countsJSON `json:"usage"`
	Error   errorJSON   `json:"error"`
}

type choice struct {
	Index        int64  `json:"index"`
	Text         string `json:"text"` // of completions
	Message      said   `json:"message"`
	Delta        said   `json:"delta"` // of a stream
	FinishReason string `json:"finish_reason"`
}

type said struct {
	Content          content   `json:"content"`
	ReasoningContent content   `json:"reasoning_content"` // vLLM, SGLang, DeepSeek
	Reasoning        content   `json:"reasoning"`         // OpenRouter
	Refusal          string    `json:"refusal"`
	ToolCalls        []anyJSON `json:"tool_calls"`
	FunctionCall     anyJSON   `json:"function_call"`
}

// anyJSON is a value of which only the presence matters.
type anyJSON []byte

func (a *anyJSON) UnmarshalJSON(b []byte) error {
	if string(b) != "null" {
		*a = anyJSON{1}
	}
	return nil
}

// errorJSON is set when a stream ends in an error.
type errorJSON bool

func (e *errorJSON) UnmarshalJSON(b []byte) error {
	*e = string(b) != "null"
	return nil
}

func (s *said) reasoning() string {
	if s.ReasoningContent != "" {
		return string(s.ReasoningContent)
	}
	return string(s.Reasoning)
}

// content is a text, or a list of parts of which some are text. Anything else has no
// text in it.
type content string

func (c *content) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*c = content(text)
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	*c = ""
	if json.Unmarshal(b, &parts) == nil {
		var text strings.Builder
		for _, p := range parts {
			text.WriteString(p.Text)
		}
		*c = content(text.String())
	}
	return nil
}

// countsJSON is the usage of a response. Numbers that are none do not fail the answer.
type countsJSON struct {
	In  json.RawMessage `json:"prompt_tokens"`
	Out json.RawMessage `json:"completion_tokens"`
}

// valid returns the usage, or nil when it is missing or no usage.
func (c *countsJSON) valid() *Usage {
	if c == nil {
		return nil
	}
	var u Usage
	if json.Unmarshal(c.In, &u.In) != nil || json.Unmarshal(c.Out, &u.Out) != nil || u.In < 0 || u.Out < 0 {
		return nil
	}
	return &u
}

var errStream = errors.New("no stream of answers")

// A growing is a choice of which a stream brings pieces.
type growing struct {
	text, reasoning, refusal strings.Builder
	called                   []anyJSON
	finish                   string
}

func (g *growing) add(c choice) {
	d := &c.Delta
	g.text.WriteString(string(d.Content))
	g.text.WriteString(c.Text)
	g.reasoning.WriteString(d.reasoning())
	g.refusal.WriteString(d.Refusal)
	if len(d.ToolCalls) > 0 || len(d.FunctionCall) > 0 {
		g.called = []anyJSON{{1}}
	}
	if c.FinishReason != "" {
		g.finish = c.FinishReason
	}
}

func (g *growing) choice() choice {
	return choice{FinishReason: g.finish, Message: said{
		Content: content(g.text.String()), Reasoning: content(g.reasoning.String()), Refusal: g.refusal.String(), ToolCalls: g.called,
	}}
}

// readStream puts the events of a stream together: server-sent events whose data is a
// message each.
func readStream(body []byte) (message, error) {
	var whole message
	choices := make(map[int64]*growing)
	for line := range bytes.Lines(body) {
		data, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte("data:"))
		data = bytes.TrimSpace(data)
		if !ok || len(data) == 0 || string(data) == "[DONE]" {
			continue
		}
		var piece message
		if err := json.Unmarshal(data, &piece); err != nil {
			return message{}, err
		}
		if piece.Error {
			return message{}, errStream
		}
		if piece.Model != "" {
			whole.Model = piece.Model
		}
		if piece.Usage != nil {
			whole.Usage = piece.Usage
		}
		for _, c := range piece.Choices {
			if choices[c.Index] == nil {
				choices[c.Index] = new(growing)
			}
			choices[c.Index].add(c)
		}
	}
	for _, index := range slices.Sorted(maps.Keys(choices)) {
		whole.Choices = append(whole.Choices, choices[index].choice())
	}
	return whole, nil
}

// ended reports whether a stream came to its end: the end is marked, or some choice
// says why it finished. A connection that closes early leaves neither.
func ended(body []byte) bool {
	return bytes.Contains(body, []byte("data: [DONE]")) || bytes.Contains(body, []byte("data:[DONE]")) ||
		finished.Match(body)
}

var finished = regexp.MustCompile(`"finish_reason"\s*:\s*"`)
