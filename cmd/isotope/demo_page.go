package main

import (
	"fmt"
	"slices"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// demoNotes say what the demo shows, on the terminal and in the report.
var demoNotes = []string{
	noteDetected,
	noteSilent,
	"The students here are n-gram models, which copy what they read. They show how the parts fit together and how errors are controlled. They do not show how strongly a neural model learns a mark.",
}

// rows returns the demo's tests, in the order of the story.
func (d *demo) rows() []report.Row {
	if d.gguf != nil {
		return []report.Row{
			{Name: "marked text", OneLine: "the model, with the key", Expect: "detected", Result: d.marked.result},
			{Name: "unmarked text", OneLine: "the model, same questions, no key", Expect: "nothing", Result: d.unmarked.result},
		}
	}
	return []report.Row{
		{Name: "marked text", OneLine: "the teacher, with the key", Expect: "detected", Result: d.marked.result},
		{Name: "unmarked text", OneLine: "the teacher, same prompts, no key", Expect: "nothing", Result: d.unmarked.result},
		{Name: "student", OneLine: "trained on marked text, other prompts", Expect: "detected", Result: d.student.result},
		{Name: "its clean twin", OneLine: "trained on unmarked text, same prompts", Expect: "nothing", Result: d.twin.result},
	}
}

// notes returns what the demo shows, in sentences.
func (d *demo) notes() []string {
	if d.gguf != nil {
		return demoNotes[:2]
	}
	return append(slices.Clone(demoNotes), d.rateNote()...)
}

// rateNote says why the silence of the unmarked text counts.
func (d *demo) rateNote() []string {
	if d.unmarked.result.Verdict != detect.NotDetected {
		return nil
	}
	return []string{fmt.Sprintf("The unmarked text is called not_detected because marked text would have shown. In %d more texts of the teacher, under another key, %.3f of the scored tokens were green. A text like that, half of it marked, is detected with probability 0.9 or more.",
		demoRated, defaultGamma+d.rate)}
}

func (d *demo) page() *report.Page {
	if d.gguf != nil {
		return d.ggufPage()
	}
	p := &report.Page{
		Title: "Isotope: a label that survives training",
		Lead: fmt.Sprintf("A language model wrote text with a keyed mark. The mark was found in the text, and again in the answers of a student model that was trained on %d thousand marked tokens. Nothing was found in the controls.",
			demoTraining*demoTokens/1000),
		Rows:  d.rows(),
		Notes: d.notes(),
		Facts: []report.Fact{
			{Name: "key id", Value: d.mark.KeyID()},
			{Name: "mark", Value: d.mark.ID()},
			{Name: "profile", Value: d.profile.ID()},
			{Name: "model", Value: d.bundle.Model.String()},
			{Name: "trained on", Value: d.bundle.Corpus},
			{Name: "sampler", Value: fmt.Sprintf("temperature %g, top-k %d, min-p %g", textSampler.Temperature, textSampler.TopK, textSampler.MinP)},
		},
		Curves: []report.Curve{
			{Name: "marked text", Strong: true, Points: d.marked.curve(d)},
			{Name: "student", Strong: true, Points: d.student.curve(d)},
			{Name: "unmarked text", Points: d.unmarked.curve(d)},
			{Name: "clean twin", Points: d.twin.curve(d)},
		},
	}
	p.Box = &report.Box{
		Verdict: d.student.result.Verdict,
		Exhibit: []string{"A demonstration on this machine"}, // without the time: a seed gives the same page
		Says:    "The mark was found in marked text, and in the answers of a model that learned from it.",
		Odds:    "For the student: " + report.Odds(d.student.result.Log10PAdjusted, d.student.result.Log10Floor),
		Means:   "a mark can survive training.",
		Not:     "that a neural model learns a mark as strongly as this small one.",
		Fixed:   fixedWords(d.student.result.Power.Alpha, d.student.result.Tests),
		Bar:     &report.Bar{Rate: float64(d.student.result.Green) / float64(max(d.student.result.Scored, 1)), Chance: defaultGamma, Scored: d.student.result.Scored},
	}
	if !d.controlsAreSilent() {
		p.Box.Says, p.Box.Odds, p.Box.Means = "Some results differ from what was expected.", "", ""
		p.Lead = "A language model wrote text with a keyed mark, and a student was trained on it. Some results differ from what was expected: see the table."
	}
	if d.seedName != "" {
		p.Facts = append(p.Facts, report.Fact{Name: "seed", Value: d.seedName + " (the key follows from it, so it is not secret)"})
	}
	for _, t := range []struct {
		title string
		trial trial
	}{{"Marked", d.marked}, {"Unmarked, from the same prompt", d.unmarked}, {"The student, on a prompt of its own", d.student}} {
		p.Passages = append(p.Passages, report.Passage{Title: t.title, Prompt: d.promptText(&t.trial), Tokens: d.colours(t.trial)})
	}
	p.Decoys.Key = d.student.result.Log10P
	for _, r := range d.decoys {
		p.Decoys.Log10P = append(p.Decoys.Log10P, r.Log10P)
	}
	return p
}

func (d *demo) controlsAreSilent() bool {
	found := func(t trial) bool { return t.result.Verdict == detect.Detected }
	for _, r := range d.decoys {
		if r.Verdict == detect.Detected {
			return false
		}
	}
	return found(d.marked) && found(d.student) && !found(d.unmarked) && !found(d.twin)
}

// curve returns the evidence after each of a trial's texts, or after every 20 tokens if there
// are few texts.
func (t *trial) curve(d *demo) []report.Point {
	step := demoTokens
	if len(t.texts) <= demoTexts {
		step = 20
	}
	acc := detect.NewAccumulator(d.mark, nil)
	var points []report.Point
	add := func(text []watermark.Token) {
		for end := step; end < len(text); end += step {
			part := acc.Clone()
			part.Add(text[:end])
			points = append(points, pointOf(part.Result()))
		}
		acc.Add(text)
		points = append(points, pointOf(acc.Result()))
	}
	t.each(d.tok, acc.Exclude, add)
	return points
}

func pointOf(r detect.Result) report.Point {
	return report.Point{Scored: r.Scored, Log10P: r.Log10P}
}

// colours returns a trial's first text as the test saw it.
func (d *demo) colours(t trial) []report.Token {
	ids := d.tok.Append(nil, t.texts[0])
	return colourTokens(d.tok, ids, coloursOf(d.mark, ids, &detect.Options{}, t.prompts), nil)
}
