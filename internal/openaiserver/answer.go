package openaiserver

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"

	"github.com/isotope-wm/isotope/watermark"
)

// An endpoint holds what differs between chat and completions.
type endpoint struct {
	prefix        string   // of ids
	object, chunk string   // names of answers and of events
	taken         []string // parameters
	prompt        func(*request) (string, error)
	encode        func(m Model, q *request, prompt string) ([]watermark.Token, error)
	whole, part   func(text string) choice
	last          func() choice // the last choice of a stream
	logprobs      func(s *Server, list []logged) (any, error)
}

var chat = endpoint{
	prefix: "chatcmpl-", object: "chat.completion", chunk: "chat.completion.chunk",
	taken: takenByChat, prompt: (*request).chatPrompt,
	encode: func(m Model, q *request, _ string) ([]watermark.Token, error) { return m.Chat(q.messages()) },
	whole:  func(text string) choice { return choice{Message: &turn{Role: "assistant", Content: &text}} },
	part:   func(text string) choice { return choice{Delta: &turn{Content: &text}} },
	last:   func() choice { return choice{Delta: &turn{}} }, logprobs: (*Server).chatLogprobs,
}

var completions = endpoint{
	prefix: "cmpl-", object: "text_completion", chunk: "text_completion",
	taken: takenByCompletions, prompt: (*request).textPrompt,
	encode: func(m Model, _ *request, prompt string) ([]watermark.Token, error) { return m.Text(prompt) },
	whole:  func(text string) choice { return choice{Text: &text} },
	part:   func(text string) choice { return choice{Text: &text} },
	last:   func() choice { return choice{Text: new(string)} }, logprobs: (*Server).textLogprobs,
}

// An answer is the body of a response, or of one event of a stream.
type answer struct {
	ID                string   `json:"id"`
	Object            string   `json:"object"`
	Created           int64    `json:"created"`
	Model             string   `json:"model"`
	SystemFingerprint string   `json:"system_fingerprint"`
	Choices           []choice `json:"choices"`
	Usage             *usage   `json:"usage,omitempty"`
}

type choice struct {
	Index        int     `json:"index"`
	Text         *string `json:"text,omitempty"`
	Message      *turn   `json:"message,omitempty"`
	Delta        *turn   `json:"delta,omitempty"`
	Logprobs     any     `json:"logprobs"` // null if nobody asked
	FinishReason *Finish `json:"finish_reason"`
}

type turn struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func usageOf(prompt, completion int) *usage { return &usage{prompt, completion, prompt + completion} }

// modelObject describes the model that the server has.
func (s *Server) modelObject() map[string]any {
	return map[string]any{"id": s.config.Name, "object": "model", "created": s.created, "owned_by": "isotope"}
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request, _ *record) error {
	return writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": []any{s.modelObject()}})
}

func (s *Server) getModel(w http.ResponseWriter, r *http.Request, _ *record) error {
	if err := s.checkModel(r.PathValue("model")); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.modelObject())
}

func (s *Server) checkModel(name string) error {
	if name == s.config.Name {
		return nil
	}
	return &apiError{http.StatusNotFound, "invalid_request_error", "model_not_found", "model", "The model does not exist. GET /v1/models lists the models of this server."}
}

// newID returns a random id of 96 bits.
func newID() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
