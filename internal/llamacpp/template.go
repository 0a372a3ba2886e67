package llamacpp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ardanlabs/jinja"
)

// A Message is one turn of a chat.
type Message struct {
	Role    string // system, user or assistant
	Content string
}

// ErrNoTemplate is returned by [Model.Chat] of a model without a chat template.
var ErrNoTemplate = errors.New("llamacpp: the model has no chat template, so it cannot be asked in turns; give it a text to continue")

// template is a model's chat template.
type template struct {
	compiled   *jinja.Template // nil for a model without one
	start, end string          // text of the special tokens
}

func parseTemplate(source, start, end string) (*template, error) {
	t := &template{start: start, end: end}
	if source == "" {
		return t, nil
	}
	var err error
	if t.compiled, err = jinja.Compile(source); err != nil {
		return nil, fmt.Errorf("llamacpp: the model's chat template cannot be read: %w", err)
	}
	return t, nil
}

// render writes a chat up to where the answer begins.
func (t *template) render(messages []Message) (string, error) {
	if t.compiled == nil {
		return "", ErrNoTemplate
	}
	list := make([]any, len(messages))
	for i, m := range messages {
		list[i] = map[string]any{"role": m.Role, "content": m.Content}
	}
	text, err := t.compiled.Render(map[string]any{
		"messages": list, "add_generation_prompt": true, "bos_token": t.start, "eos_token": t.end,
	})
	if err != nil {
		return "", fmt.Errorf("llamacpp: the model's chat template refuses these messages: %w", err)
	}
	return text, nil
}

// placeholderMark begins and ends a placeholder. It is a private-use character, which no template
// treats specially.
const placeholderMark = "\U0010FFF0"

// placeholder stands for the content of message i while a template is rendered.
func placeholder(i int) string { return placeholderMark + strconv.Itoa(i) + placeholderMark }

// Chat returns the tokens of a chat by the model's own template, up to where the answer begins.
// Special tokens are read in the template alone: what looks like one in a message is text, so a
// message cannot end its own turn. Chat returns [ErrNoTemplate] for a model without a template,
// and the template's own error for messages that it refuses.
func (m *Model) Chat(messages []Message) ([]Token, error) {
	shown, hidden := slices.Clone(messages), map[string]string{}
	for i, message := range messages {
		if strings.ContainsRune(message.Content, 0) {
			return nil, errNUL
		}
		if strings.Contains(message.Content, placeholderMark) || m.holdsSpecial(message.Content) {
			hidden[placeholder(i)] = message.Content
			shown[i].Content = placeholder(i)
		}
	}
	text, err := m.template.render(shown)
	if err != nil {
		return nil, err
	}
	var ids []Token
	for i, part := range strings.Split(text, placeholderMark) {
		// Between two marks is the number of a message. A text without marks is one part, and is
		// tokenized as a whole.
		special := i%2 == 0
		if !special {
			part = hidden[placeholderMark+part+placeholderMark]
		}
		more, err := m.tokenize(part, special)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	return m.withStart(ids), nil
}

// holdsSpecial reports whether llama.cpp would read a special token in a text.
func (m *Model) holdsSpecial(text string) bool {
	return slices.ContainsFunc(m.weights.tokenize(text, true), m.IsSpecial)
}
