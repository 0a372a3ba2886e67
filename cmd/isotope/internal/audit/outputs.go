package audit

import (
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// AddDocument adds a row of a file as one response: its answers and its reasoning, which all follow
// what the model was shown. refused says why the row cannot be tested, and is empty for one that
// was added.
func (a *Audit) AddDocument(d *corpus.Document) (refused string) {
	prompt, texts, refused := DocumentTokens(a.config.Tokenizer, d)
	if refused == "" {
		a.Add(prompt, texts...)
	}
	return refused
}

// DocumentTokens returns the tokens of a row: of what the model was shown, and of each text that
// may be its own. t is nil if texts are token ids.
func DocumentTokens(t tokenize.Tokenizer, d *corpus.Document) (prompt []watermark.Token, texts [][]watermark.Token, refused string) {
	var shown []string
	for _, x := range d.Texts {
		tested := x.Kind.Tested()
		switch {
		case x.IDs != nil && tested:
			texts = append(texts, x.IDs)
		case x.IDs != nil:
			prompt = append(prompt, x.IDs...)
		case t == nil && tested:
			return nil, nil, "this is a text, and the profile has no tokenizer; give outputs as token ids, or a profile with the tokenizer of the model"
		case tested:
			texts = append(texts, t.Append(nil, x.Text))
		case t != nil:
			shown = append(shown, string(x.Text))
		}
	}
	if len(shown) > 0 {
		prompt = append(prompt, PromptTokens(t, shown...)...)
	}
	return prompt, texts, ""
}
