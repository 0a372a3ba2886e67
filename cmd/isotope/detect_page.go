package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
)

// detectNotes say what a test of one text shows.
var detectNotes = []string{
	noteDetected,
	noteSilent,
	"Colours are for illustration. A passage that was picked by its colours is not evidence: a second test of it would find what was picked.",
}

// maxShown is the largest number of tokens on a page. Each takes some forty bytes.
const maxShown = 200_000

// writePages writes the report of a call: a page, or for several texts an index with a page a text.
func (d *detection) writePages(path string) error {
	return writePage(d.page(d.findings[0]), path)
}

// page returns the report of one text.
func (d *detection) page(f *finding) *report.Page {
	if d.set.bands {
		return d.bandsPage(f)
	}
	o := f.best()
	r := o.result
	law := o.scorer.Law()
	p := &report.Page{
		Title: "Isotope: one text under one key",
		Lead:  "The text was tested for the mark of one key. Result: " + verdictWords[r.Verdict] + ".",
		Rows:  []report.Row{{Name: "the text", OneLine: "p-value adjusted for tests: " + strconv.FormatInt(r.Tests, 10), Result: r, Draw: o.candidate.isDraw()}},
		Notes: slices.Clone(detectNotes),
		Facts: []report.Fact{
			{Name: "key id", Value: o.keyID()},
			{Name: "mark", Value: o.scorer.ID()},
			{Name: "profile", Value: o.candidate.profile.ID()},
		},
	}
	if r.Verdict != detect.Detected {
		p.Notes = append(p.Notes, "Power of the test: "+powerWords(law, r)+".")
	}
	if o.message != nil {
		p.Facts = append(p.Facts, report.Fact{Name: "message", Value: messageWords(o.message)})
	}
	for _, w := range o.allWarnings() {
		p.Notes = append(p.Notes, w.Error())
	}
	p.Notes = append(p.Notes, f.warnings...)
	p.Notes = append(p.Notes, d.warnings()...)
	passage := report.Passage{Title: "The text"}
	passage.Tokens = d.shown(p, o, maxShown)
	for _, s := range o.spans {
		passage.Parts = append(passage.Parts, s.String())
	}
	p.Passages = append(p.Passages, passage)
	return p
}

// shown returns the tokens of a text that a page shows, and notes if these are not all.
func (d *detection) shown(p *report.Page, o *outcome, most int) []report.Token {
	x := o.shown
	n := min(len(x.tokens), most)
	if n < len(x.tokens) {
		p.Notes = append(p.Notes, fmt.Sprintf("The page shows the first %d of %d tokens; all were tested.", n, len(x.tokens)))
	}
	return colourTokens(x.reader.tokenizer, x.tokens[:n], x.colours, x.spans)
}

// bandsPage returns the report of one text under several marks.
func (d *detection) bandsPage(f *finding) *report.Page {
	p := &report.Page{
		Title: "Isotope: one text and several marks",
		Lead:  "The text was tested for several marks. Result: " + patternWords[f.pattern.Pattern] + ".",
		Notes: slices.Clone(detectNotes),
	}
	for _, line := range f.pattern.Explanations {
		p.Notes = append(p.Notes, "Consistent with this, among other explanations: "+line+".")
	}
	for _, line := range f.pattern.NotShown {
		p.Notes = append(p.Notes, "Not shown: "+line+".")
	}
	for i, o := range f.outcomes {
		name := string(o.candidate.role) + " band"
		p.Rows = append(p.Rows, report.Row{Name: name, OneLine: f.pattern.Found[i], Result: o.result, Draw: o.candidate.isDraw()})
		p.Facts = append(p.Facts,
			report.Fact{Name: name + ": key id", Value: o.keyID()},
			report.Fact{Name: name + ": mark", Value: o.scorer.ID()},
			report.Fact{Name: name + ": profile", Value: o.candidate.profile.ID()})
		for _, w := range o.allWarnings() {
			p.Notes = append(p.Notes, name+": "+w.Error())
		}
		p.Passages = append(p.Passages, report.Passage{Title: "The text in the " + name, Tokens: d.shown(p, o, maxShown/len(f.outcomes))})
	}
	p.Notes = append(p.Notes, d.warnings()...)
	return p
}
