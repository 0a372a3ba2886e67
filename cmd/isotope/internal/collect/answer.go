package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Reason says why an answer has nothing to test.
type Reason string

const (
	Refusal  Reason = "refusal"   // the endpoint reports a refusal or a filter
	ToolCall Reason = "tool_call" // a tool call without text
	Empty    Reason = "empty"     // no text
	Failed   Reason = "error"     // an error status, after all retries
	Invalid  Reason = "invalid"   // a success without an answer: not JSON, not UTF-8, or without choices
	TooLarge Reason = "too_large" // longer than an answer of max_tokens tokens can be
	Secret   Reason = "secret"    // the response repeats the API key or a marking key in a hidden writing
)

// Reasons lists every Reason.
var Reasons = []Reason{Refusal, ToolCall, Empty, Failed, Invalid, TooLarge, Secret}

// failure reports whether the endpoint is at fault, and not the model.
func (r Reason) failure() bool { return r == Failed || r == Invalid || r == TooLarge }

// An Answer is the part of a response that the test depends on.
type Answer struct {
	Ask    int      `json:"ask"`             // number of the question, from 0
	Prompt string   `json:"-"`               // the first record has it
	Texts  []string `json:"texts,omitempty"` // of each choice, its reasoning if there is any, and its answer
	Skip   Reason   `json:"skip,omitempty"`  // set if and only if there are no Texts
	Finish string   `json:"finish,omitempty"`
	Model  string   `json:"model,omitempty"` // as the endpoint names it
	// Usage is the endpoint's count of tokens, or nil if it gave none.
	Usage *Usage `json:"usage,omitempty"`
}

// An Exchange is the last attempt at a question, and the attempts before it. Body is the response
// as received, without credentials. BodyBase64 takes its place if it is not UTF-8.
type Exchange struct {
	At         time.Time   `json:"at"` // when the last attempt began
	Millis     int64       `json:"ms"` // duration of the last attempt
	Attempts   int         `json:"attempts"`
	Status     int         `json:"status,omitempty"`
	Header     http.Header `json:"header,omitempty"`
	Body       string      `json:"body,omitempty"`
	BodyBase64 []byte      `json:"body_base64,omitempty"`
	Truncated  bool        `json:"truncated,omitempty"` // the response is longer than what is kept of it
	Redacted   int         `json:"redacted,omitempty"`  // places where a secret was overwritten or left out
	Secret     bool        `json:"secret,omitempty"`    // the body holds a secret that cannot be overwritten, and is left out
	Peer       *Peer       `json:"peer,omitempty"`      // who answered
	Error      string      `json:"error,omitempty"`     // of the transport
	// Lost is an upper bound on the usage of attempts without a response.
	Lost Usage `json:"lost,omitzero"`
	// Earlier holds the attempts that were repeated, the first one first. As many bytes of their
	// headers and bodies are kept as one response may have. Truncated is set where they were cut.
	Earlier []Exchange `json:"earlier,omitempty"`
}

// final reports whether a failure is about the question: asking it again would fail again, and
// another question may succeed.
func (x *Exchange) final() bool {
	return x.Error == "" && !retryable(x.Status) && !refusesCaller(x.Status)
}

// refusesCaller reports whether a status is about credentials, endpoint or model, and not about
// this prompt.
func refusesCaller(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return false
}

// shorten keeps at most n bytes of the body and the header, and returns their number. The header
// is kept whole or not at all.
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

// MaxBody is the length of the longest response that is read under any declaration, in bytes.
const MaxBody = 4 << 20

const (
	// longestToken is the length of the longest text of one token, in bytes. Vocabularies have
	// tokens of up to 128 spaces.
	longestToken = 256
	// frameOfToken is the most that a response needs for one token: an event of a stream of its
	// own, with ids and names. With extra fields there may be log-probabilities as well.
	frameOfToken, frameWithExtra = 1 << 10, 4 << 10
	// frameOfAnswer is the most that a response needs besides.
	frameOfAnswer = 64 << 10
	// keptOfLarge is what is kept of a response that is too large, in bytes.
	keptOfLarge = 16 << 10
)

// bodyLimit returns the length of the longest response that is read, in bytes: as much as an answer
// of MaxTokens can need. A longer one is too_large, and cannot fill the memory or the disk.
func (d *Declaration) bodyLimit() int {
	if d.Journal < boundedJournal {
		return MaxBody
	}
	frame := int64(frameOfToken)
	if len(d.Request.Extra) > 0 {
		frame = frameWithExtra
	}
	return int(min(MaxBody, frameOfAnswer+frame*d.Request.MaxTokens))
}

// answer derives the Answer to a question from its exchange. Journals of older versions have fewer
// reasons to leave one out.
func answer(d *Declaration, ask int, prompt string, x *Exchange) Answer {
	r := &d.Request
	a := Answer{Ask: ask, Prompt: prompt}
	body := x.body()
	switch {
	case x.Error != "" || x.Status < 200 || x.Status > 299:
		a.Skip = Failed
		return a
	case x.Secret:
		a.Skip = Secret
		return a
	case x.Truncated:
		a.Skip = TooLarge
		return a
	case !utf8.Valid(body):
		a.Skip = Invalid
		return a
	}
	var m response
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
	a.take(m.Choices)
	if size := a.size(); d.Journal >= boundedJournal && int64(size) > longestToken*r.MaxTokens {
		return Answer{Ask: ask, Prompt: prompt, Skip: TooLarge}
	}
	return a
}

// size returns the length of what the endpoint chose, in bytes.
func (a *Answer) size() int {
	n := len(a.Model) + len(a.Finish)
	for _, t := range a.Texts {
		n += len(t)
	}
	return n
}

// take takes the texts of choices, or the reason why there are none.
func (a *Answer) take(choices []choice) {
	refused, called := false, false
	var finish []string
	for _, c := range choices {
		if c.FinishReason != "" {
			finish = append(finish, c.FinishReason)
		}
		m := c.Message
		if m.Refusal != "" || c.FinishReason == "content_filter" {
			refused = true
			continue
		}
		called = called || m.callsTool()
		for _, text := range []string{m.reasoning(), string(m.Content), c.Text} {
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
}

// looksLikeJSON reports whether a body is JSON and not a stream. Some endpoints that are asked for
// a stream send one object.
func looksLikeJSON(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) }

// A response is the body of a response of either API, or one piece of a stream.
type response struct {
	Model   string      `json:"model"`
	Choices []choice    `json:"choices"`
	Usage   *countsJSON `json:"usage"`
	Error   errorJSON   `json:"error"`
}

// A choice is one answer of a response.
type choice struct {
	Index        int64   `json:"index"`
	Text         string  `json:"text"` // of completions
	Message      message `json:"message"`
	Delta        message `json:"delta"` // of a stream
	FinishReason string  `json:"finish_reason"`
}

// A message is what a model says in a choice, or a piece of it.
type message struct {
	Content          content   `json:"content"`
	ReasoningContent content   `json:"reasoning_content"` // vLLM, SGLang, DeepSeek
	Reasoning        content   `json:"reasoning"`         // OpenRouter
	Refusal          string    `json:"refusal"`
	ToolCalls        []anyJSON `json:"tool_calls"`
	FunctionCall     anyJSON   `json:"function_call"`
}

// anyJSON is set by any value but null.
type anyJSON []byte

func (a *anyJSON) UnmarshalJSON(b []byte) error {
	if string(b) != "null" {
		*a = anyJSON{1}
	}
	return nil
}

// errorJSON is true if a stream ends with an error.
type errorJSON bool

func (e *errorJSON) UnmarshalJSON(b []byte) error {
	*e = string(b) != "null"
	return nil
}

// reasoning returns the reasoning, under either of its names.
func (m *message) reasoning() string {
	if m.ReasoningContent != "" {
		return string(m.ReasoningContent)
	}
	return string(m.Reasoning)
}

func (m *message) callsTool() bool { return len(m.ToolCalls) > 0 || len(m.FunctionCall) > 0 }

// content is a text, or a list of parts, some of which are text. Anything else decodes to "".
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

// countsJSON is the usage of a response. Malformed numbers are ignored.
type countsJSON struct {
	In  json.RawMessage `json:"prompt_tokens"`
	Out json.RawMessage `json:"completion_tokens"`
}

// valid returns the usage, or nil if it is missing or malformed.
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

var errStream = errors.New("the stream ends with an error")

// A partialChoice accumulates the streamed parts of a choice.
type partialChoice struct {
	text, reasoning, refusal strings.Builder
	called                   []anyJSON
	finish                   string
}

func (p *partialChoice) add(c choice) {
	d := &c.Delta
	p.text.WriteString(string(d.Content))
	p.text.WriteString(c.Text)
	p.reasoning.WriteString(d.reasoning())
	p.refusal.WriteString(d.Refusal)
	if d.callsTool() {
		p.called = []anyJSON{{1}}
	}
	if c.FinishReason != "" {
		p.finish = c.FinishReason
	}
}

func (p *partialChoice) choice() choice {
	return choice{FinishReason: p.finish, Message: message{
		Content: content(p.text.String()), Reasoning: content(p.reasoning.String()), Refusal: p.refusal.String(), ToolCalls: p.called,
	}}
}

// readStream joins the server-sent events of a stream, each of which has a response as its data.
func readStream(body []byte) (response, error) {
	var whole response
	choices := make(map[int64]*partialChoice)
	for line := range bytes.Lines(body) {
		data, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte("data:"))
		data = bytes.TrimSpace(data)
		if !ok || len(data) == 0 || string(data) == "[DONE]" {
			continue
		}
		var piece response
		if err := json.Unmarshal(data, &piece); err != nil {
			return response{}, err
		}
		if piece.Error {
			return response{}, errStream
		}
		if piece.Model != "" {
			whole.Model = piece.Model
		}
		if piece.Usage != nil {
			whole.Usage = piece.Usage
		}
		for _, c := range piece.Choices {
			if choices[c.Index] == nil {
				choices[c.Index] = new(partialChoice)
			}
			choices[c.Index].add(c)
		}
	}
	for _, index := range slices.Sorted(maps.Keys(choices)) {
		whole.Choices = append(whole.Choices, choices[index].choice())
	}
	return whole, nil
}

// ended reports whether a stream is complete by its own framing: an event marks the end, or each
// choice has a reason to finish. A connection that closes early leaves neither, whatever the text
// says.
func ended(body []byte) bool {
	finished := make(map[int64]bool) // by choice
	for line := range bytes.Lines(body) {
		data, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte("data:"))
		if !ok {
			continue
		}
		if data = bytes.TrimSpace(data); string(data) == "[DONE]" {
			return true
		}
		var piece response
		if json.Unmarshal(data, &piece) != nil {
			continue
		}
		for _, c := range piece.Choices {
			finished[c.Index] = finished[c.Index] || c.FinishReason != ""
		}
	}
	for _, is := range finished {
		if !is {
			return false
		}
	}
	return len(finished) > 0
}
