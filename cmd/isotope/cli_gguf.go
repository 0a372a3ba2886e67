package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A ggufModel is a model file that llama.cpp has loaded.
type ggufModel interface {
	Vocab() int
	Description() string
	Digest() (string, error)                                  // "sha256:..." of the file
	Decode(ids []watermark.Token) (string, error)             // the text of ids
	Special() []watermark.Token                               // ids that stand for no text
	IsEnd(id watermark.Token) bool                            // the id ends an answer
	Prompt(text string) ([]watermark.Token, error)            // of a text to continue
	Chat(turns []ggufTurn) (ids []watermark.Token, err error) // up to where the answer begins
	Write(ctx context.Context, r *ggufRequest) (ids []int32, err error)
	// Rows calls each with the law that follows token i of a text, for i from the given one on, at a
	// temperature. The law is valid during the call.
	Rows(ctx context.Context, tokens []watermark.Token, from int, temperature float64, each func(i int, law []float32) error) error
	Close()
}

// A ggufTurn is a turn of a conversation.
type ggufTurn struct{ role, text string }

// A ggufRequest is a text for a model to write.
type ggufRequest struct {
	prompt   []watermark.Token
	length   int // in tokens; the model may end the text before
	sequence *watermark.Sequence
	sampler  watermark.Sampler
	seed     [32]byte
	written  func(n int) // is told how many tokens there are; may be nil
}

// openGGUF loads llama.cpp from a directory, and a model. An empty directory stands for the default.
// It is set by the file that is built in, and by tests.
var openGGUF func(lib, model string) (ggufModel, error)

const llamaLibEnv = "ISOTOPE_LLAMA_LIB"

// registerLlamaLib adds the flag that says where llama.cpp is.
func registerLlamaLib(f *pflag.FlagSet, lib *string) {
	f.StringVar(lib, "llama-lib", "", "`DIR` of llama.cpp's shared libraries, for a GGUF model (default: $"+llamaLibEnv+", or what internal/llamacpp/fetch.sh fetched)")
}

// openModel loads a model file and says that it does.
func (c *cli) openModel(lib, path string) (ggufModel, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, openError(err)
	}
	defer c.busy("loading the model")()
	return openGGUF(lib, path)
}

// ggufName names a model file in a plan or a report: what it is, and its hash.
func ggufName(m ggufModel, path string) (string, error) {
	digest, err := m.Digest()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s (%s), %s", filepath.Base(path), m.Description(), digest), nil
}

// sameText returns an error if a model writes another text for ids than the profile's tokenizer,
// which is nil for ids alone.
func sameText(m ggufModel, t tokenize.Tokenizer, ids []watermark.Token) error {
	if t == nil {
		return nil
	}
	if len(known(m, ids)) < len(ids) {
		return fmt.Errorf("the model has %d ids, and the text has larger ones in the profile's tokenizer %s, so the model has another tokenizer; take a model with this one, or give its rows in a file", m.Vocab(), t.Name())
	}
	want, err := t.Decode(nil, ids)
	if err != nil {
		return nil // ids of no text, which the reader gave
	}
	got, err := m.Decode(ids)
	if err != nil {
		return err
	}
	if strings.TrimLeft(got, " ") != strings.TrimLeft(string(want), " ") {
		return fmt.Errorf("the model writes another text for the ids of the profile's tokenizer %s, so the model has another tokenizer; take a model with this one, or give its rows in a file", t.Name())
	}
	return nil
}

// roles are the roles of what a conversation shows, for a model's template.
var roles = map[corpus.Kind]string{corpus.Prompt: "user", corpus.System: "system", corpus.Tool: "tool", corpus.Answer: "assistant"}

// ggufPrompt returns the tokens that a model gets before a text: the ids that the row has, or its
// conversation by the model's template. Without either it is the start token, if the model has one.
func ggufPrompt(m ggufModel, before []corpus.Text) ([]watermark.Token, error) {
	var ids []watermark.Token
	var turns []ggufTurn
	for _, t := range before {
		role := roles[t.Kind]
		switch {
		case t.IDs != nil && t.Kind != corpus.Plain:
			ids = append(ids, t.IDs...)
		case role != "" && t.IDs == nil:
			turns = append(turns, ggufTurn{role, string(t.Text)})
		}
	}
	if len(ids) > 0 {
		return ids, nil // with the special tokens that the model saw
	}
	if len(turns) == 0 {
		return m.Prompt("")
	}
	ids, err := m.Chat(turns)
	if err == nil {
		return ids, nil
	}
	// The model has no template, or it refuses such turns. A plain text costs power only.
	var text strings.Builder
	for _, t := range turns {
		text.WriteString(t.text + "\n")
	}
	return m.Prompt(text.String())
}
