package main

import (
	"context"
	"fmt"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	// sharedTokens bounds the tokens of --shared. Each takes some hundred bytes. warnTokens bounds
	// those of the note without it.
	sharedTokens = 4 << 20
	warnTokens   = 1 << 19
	// sharedRun is the shortest run that a note tells of, in tokens. Shorter ones are phrases.
	sharedRun = 40
)

// sharedTexts finds what the texts of a call share. Under one key, texts with one template score high
// or low together, marked or not.
type sharedTexts struct {
	reader *textReader
	width  int
	left   int // number of texts that --shared asks for; 0 only warns
	texts  [][]watermark.Token
	tokens int
	full   bool // not all texts are here
	runs   [][]watermark.Token
	found  bool // runs are complete
}

// newShared returns an empty sharedTexts for the first tokenizer of a call. Templates are the same
// text under every tokenizer.
func newShared(s *candidateSet, least int) *sharedTexts {
	c := s.list[0]
	return &sharedTexts{reader: c.reader, width: c.bound[0].Scorer.Width(), left: least}
}

// add adds the text of a subject.
func (h *sharedTexts) add(x *subject) {
	if h == nil || h.full || h.found {
		return
	}
	t, ok := h.reader.tokens(x, &x.forms(nil)[0])
	switch {
	case !ok:
		return
	case h.left == 0 && h.tokens+len(t.ids) > warnTokens || h.tokens+len(t.ids) > sharedTokens:
		h.full, h.texts = true, nil // a part of the texts says nothing about all
		return
	}
	h.texts, h.tokens = append(h.texts, t.ids), h.tokens+len(t.ids)
}

// readShared reads the texts of a call once before the test, for --shared, and leaves out what they
// share. Without --shared it only makes ready what warns.
func (d *detection) readShared(ctx context.Context, args []string) error {
	d.alike = newShared(d.set, d.flags.shared)
	if d.flags.shared == 0 {
		return nil
	}
	reader, err := d.reader(d.flags.corpusOptions())
	if err != nil {
		return err
	}
	var ledger inputs.Ledger // the test has its own
	for _, name := range inputs.Find(d.flags.names(args)).Files {
		for doc := range ledger.Documents(ctx, reader, name) {
			x := newSubject(doc)
			d.alike.add(x)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.alike.full {
		return fmt.Errorf("--shared keeps at most %d tokens, and the texts have more; give fewer files", sharedTokens)
	}
	d.alike.runs, d.alike.found = detect.Shared(d.alike.texts, d.alike.width, d.flags.shared), true
	for _, run := range d.alike.runs {
		for _, r := range d.set.readers {
			switch {
			case r == d.alike.reader:
				r.prompts = append(r.prompts, run)
			case r.tokenizer != nil && d.alike.reader.tokenizer != nil:
				text, err := d.alike.reader.tokenizer.Decode(nil, run)
				if err != nil {
					return err
				}
				r.prompts = append(r.prompts, r.promptForms(text, nil)...)
			}
		}
	}
	return nil
}

// words says what the texts of a call share, and what became of it.
func (h *sharedTexts) words() []string {
	if h == nil || len(h.texts) < 2 {
		return nil
	}
	if h.left > 0 {
		total := 0
		for _, run := range h.runs {
			total += len(run)
		}
		return []string{fmt.Sprintf("%d runs of %d tokens that %d or more texts share are left out of the test", len(h.runs), total, h.left)}
	}
	if !h.found {
		least := max(2, (len(h.texts)+3)/4)
		for _, run := range detect.Shared(h.texts, h.width, least) {
			if len(run) >= sharedRun {
				h.runs = append(h.runs, run)
			}
		}
		h.found = true
	}
	if len(h.runs) == 0 {
		return nil
	}
	longest := h.runs[0]
	for _, run := range h.runs {
		if len(run) > len(longest) {
			longest = run
		}
	}
	return []string{fmt.Sprintf("a quarter of the texts or more share %d runs, the longest of %d tokens%s; texts with one template score alike, marked or not, and --shared 2 leaves out what they share",
		len(h.runs), len(longest), h.begin(longest))}
}

// begin quotes the beginning of a run.
func (h *sharedTexts) begin(run []watermark.Token) string {
	if h.reader.tokenizer == nil {
		return ""
	}
	text, err := h.reader.tokenizer.Decode(nil, run[:min(len(run), 8)])
	if err != nil {
		return ""
	}
	return ", which begins " + quoted(string(text))
}

// sharedRules are the rules of --shared.
func (o *detectFlags) sharedRules(args []string) []rule {
	return []rule{
		withinIf(o.given("shared"), "shared", o.shared, atLeast(0)),
		{o.shared == 1, "--shared 1 is every text; give at least 2"},
		{o.shared > 1 && o.standardInputs(args) > 0, "--shared reads the texts twice, and standard input can be read once; put them into files"},
	}
}
