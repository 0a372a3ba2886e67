package scan

import (
	"encoding/hex"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
)

// Digest returns the SHA256 that the result of a document has.
func Digest(doc *corpus.Document) string {
	sum := digestOf(doc.Texts)
	return hex.EncodeToString(sum[:])
}

// A Shown is a document as one mark sees it, for display.
type Shown struct {
	Tokens  []token         // of the tested texts, one after the other
	Starts  []int           // of these texts in Tokens
	Fields  []string        // that they stand in
	Colours []detect.Colour // one for each token
	Scored  int64           // as the scan counted it
	Sum     int64           // of the scores
	Control []float64       // log10 p under each control key; it is not a test of the scan
}

// Show tests a document for one mark again, and returns what there is to see. Under each of controls,
// which are marks like it under control keys, it makes the same test. ok is false if the mark cannot
// read the document: it has texts, and the mark has no tokenizer.
func Show(doc *corpus.Document, mark Mark, o Options, controls []detect.Scorer) (s *Shown, ok bool, err error) {
	d, err := newDesign([]Mark{mark}, o)
	if err != nil {
		return nil, false, err
	}
	t := &tester{design: d}
	var parts, prompts []*corpus.Text
	s = &Shown{}
	for i := range doc.Texts {
		x := &doc.Texts[i]
		if !x.Kind.Tested() {
			prompts = append(prompts, x)
			continue
		}
		parts, s.Fields = append(parts, x), append(s.Fields, x.Field)
	}
	tokenized, g := t.tokenize(d.readers[0], parts, prompts), &d.groups[0]
	x := &tokenized
	if !x.known {
		return nil, false, nil
	}
	f := frame(g, x)
	r := detect.Text(g.scorers[0], f.ids, &detect.TextOptions{Options: g.options, Prompts: x.given, Breaks: f.breaks, Colours: true})
	s.Tokens, s.Starts, s.Scored, s.Sum = x.ids, x.starts, r.Scored, r.Sum
	s.Colours = make([]detect.Colour, len(x.ids))
	for at, c := range r.Colours {
		part := len(f.starts) - 1
		for part > 0 && at < f.starts[part] {
			part--
		}
		// A frame may begin with tokens that are not those of the text.
		if place := at + f.shift[part]; place >= x.starts[part] && place < len(x.ids) {
			s.Colours[place] = c
		}
	}
	if len(controls) > 0 {
		panel := detect.NewPanel(controls, &g.options)
		for _, given := range x.given {
			panel.Exclude(given)
		}
		for i := range x.starts {
			panel.Add(g.text(x, i))
		}
		for _, r := range panel.Results() {
			s.Control = append(s.Control, r.Log10P)
		}
		slices.Sort(s.Control)
	}
	return s, true, nil
}
