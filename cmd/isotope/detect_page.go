package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// detectNotes say what a test of one text shows.
var detectNotes = []string{
	noteDetected,
	noteSilent,
	"Colours are for illustration. A passage that was picked by its colours is not evidence: a second test of it would find what was picked.",
}

// maxShown is the largest number of tokens on a page. Each takes some forty bytes.
const maxShown = 200_000

// detectPage returns the report of one text. t made its token ids, and is nil if the file held
// token ids.
func detectPage(o *outcome, mark *watermark.Mark, profile string, t tokenize.Tokenizer) *report.Page {
	r := o.result
	p := &report.Page{
		Title: "Isotope: one text under one key",
		Lead:  "The text was tested for the mark of one key. Result: " + verdictWords[r.Verdict] + ".",
		Rows:  []report.Row{{Name: "the text", OneLine: "p-value adjusted for tests: " + strconv.FormatInt(r.Tests, 10), Result: r, Draw: mark.IsKeyedDraw()}},
		Notes: slices.Clone(detectNotes),
		Facts: []report.Fact{
			{Name: "key id", Value: mark.KeyID()},
			{Name: "mark", Value: mark.ID()},
			{Name: "profile", Value: profile},
		},
	}
	if r.Verdict != detect.Detected {
		p.Notes = append(p.Notes, "Power of the test: "+powerWords(mark.Law(), r)+".")
	}
	if o.message != nil {
		p.Facts = append(p.Facts, report.Fact{Name: "message", Value: messageWords(o.message)})
	}
	for _, w := range r.Warnings {
		p.Notes = append(p.Notes, w.Error())
	}
	shown := o.tokens[:min(len(o.tokens), maxShown)]
	if len(shown) < len(o.tokens) {
		p.Notes = append(p.Notes, fmt.Sprintf("The page shows the first %d of %d tokens; all were tested.", len(shown), len(o.tokens)))
	}
	passage := report.Passage{Title: "The text", Tokens: colourTokens(t, shown, o.colours, o.scan.Spans)}
	for _, s := range o.spans {
		passage.Parts = append(passage.Parts, s.String())
	}
	p.Passages = append(p.Passages, passage)
	return p
}

// bandsPage returns the report of one text under several marks.
func bandsPage(bands []bandTest, meaning detect.Conclusion, options *detect.Options, text *inputText, prompts [][]watermark.Token) *report.Page {
	p := &report.Page{
		Title: "Isotope: one text and several marks",
		Lead:  "The text was tested for several marks. Result: " + patternWords[meaning.Pattern] + ".",
		Notes: slices.Clone(detectNotes),
	}
	for _, line := range meaning.Explanations {
		p.Notes = append(p.Notes, "Consistent with this, among other explanations: "+line+".")
	}
	for _, line := range meaning.NotShown {
		p.Notes = append(p.Notes, "Not shown: "+line+".")
	}
	tokens := text.forms[0]
	shown := tokens[:min(len(tokens), maxShown/len(bands))]
	if len(shown) < len(tokens) {
		p.Notes = append(p.Notes, fmt.Sprintf("The page shows the first %d of %d tokens; all were tested.", len(shown), len(tokens)))
	}
	for i, b := range bands {
		name := string(b.role) + " band"
		p.Rows = append(p.Rows, report.Row{Name: name, OneLine: meaning.Found[i], Result: b.result, Draw: b.mark.IsKeyedDraw()})
		p.Facts = append(p.Facts,
			report.Fact{Name: name + ": key id", Value: b.mark.KeyID()},
			report.Fact{Name: name + ": mark", Value: b.mark.ID()},
			report.Fact{Name: name + ": profile", Value: b.profile.ID()})
		for _, w := range b.result.Warnings {
			p.Notes = append(p.Notes, name+": "+w.Error())
		}
		of := *options
		of.Dedup = dedupOf(b.profile)
		colours := coloursOf(b.mark, tokens, &of, prompts)
		p.Passages = append(p.Passages, report.Passage{Title: "The text in the " + name, Tokens: colourTokens(text.tokenizer, shown, colours, nil)})
	}
	return p
}
