package main

import (
	"context"
	"fmt"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// demoQuestions are what a GGUF model answers in the demo.
var demoQuestions = []string{
	"Describe the history of lighthouses.",
	"Explain how bread is made, step by step.",
	"Write a short story about a lost umbrella.",
	"Give advice to somebody who moves to a new city.",
}

// newGGUFDemo returns a demo in which the model of a file writes. It has no students: to train one of
// this kind takes minutes to hours.
func (c *cli) newGGUFDemo(lib, path string, s seed) (*demo, error) {
	tok, err := tokenize.Load(path)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer in the model file cannot be read: %w; isotope generate --gguf works with a profile of token ids", err)
	}
	m, err := c.openModel(lib, path)
	if err != nil {
		return nil, err
	}
	d := &demo{c: c, tok: tok, seed: s, gguf: m}
	if d.ggufName, err = ggufName(m, path); err == nil {
		err = d.makeMark()
	}
	for _, q := range demoQuestions {
		if err != nil {
			break
		}
		var ids []watermark.Token
		if ids, err = m.Chat([]ggufTurn{{"user", q}}); err == nil {
			d.prompts.show = append(d.prompts.show, ids)
		}
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return d, nil
}

// writeGGUF returns the texts that the model of a file writes, as bytes.
func (d *demo) writeGGUF(ctx context.Context, purpose string, prompts [][]int32, marks ...*watermark.Mark) ([][]byte, error) {
	progress, finish := d.c.progress()
	defer finish()
	var texts [][]byte
	for i, prompt := range prompts {
		sequence, err := watermark.NewSequence(marks...)
		if err != nil {
			return nil, err
		}
		sequence.Reset(prompt)
		r := &ggufRequest{prompt: prompt, length: demoTokens, sequence: sequence, sampler: textSampler, seed: d.seed.of(fmt.Sprintf("%s/%d", purpose, i))}
		if progress != nil {
			r.written = func(n int) {
				progress("writing "+purpose+" text", int64(i*demoTokens+n), int64(len(prompts)*demoTokens))
			}
		}
		ids, err := d.gguf.Write(ctx, r)
		if err != nil {
			return nil, err
		}
		text, err := d.gguf.Decode(ids)
		if err != nil {
			return nil, err
		}
		texts = append(texts, []byte(text))
	}
	return texts, nil
}

// promptText returns the prompt of a trial's first text, as a person would write it.
func (d *demo) promptText(t *trial) string {
	if d.gguf != nil {
		return demoQuestions[0]
	}
	text, _ := d.tok.Decode(nil, t.prompts[0]) // it came from this tokenizer
	return string(text)
}

// ggufPage returns the page of a demo in which the model of a file wrote.
func (d *demo) ggufPage() *report.Page {
	r := d.marked.result
	found, silent := r.Verdict == detect.Detected, d.unmarked.result.Verdict != detect.Detected
	for _, x := range d.decoys {
		silent = silent && x.Verdict != detect.Detected
	}
	p := &report.Page{
		Title: "Isotope: a mark in the answers of a model",
		Lead:  "A language model answered questions with a keyed mark and without one. The mark was found in the marked text. Nothing was found in the unmarked text, and nothing under other keys.",
		Rows:  d.rows(),
		Notes: d.notes(),
		Facts: []report.Fact{
			{Name: "key id", Value: d.mark.KeyID()},
			{Name: "mark", Value: d.mark.ID()},
			{Name: "profile", Value: d.profile.ID()},
			{Name: "model", Value: d.ggufName},
			{Name: "sampler", Value: fmt.Sprintf("temperature %g, top-k %d, min-p %g", textSampler.Temperature, textSampler.TopK, textSampler.MinP)},
		},
		Curves: []report.Curve{
			{Name: "marked text", Strong: true, Points: d.marked.curve(d)},
			{Name: "unmarked text", Points: d.unmarked.curve(d)},
		},
		Box: &report.Box{
			Verdict: r.Verdict,
			Exhibit: []string{"A demonstration on this machine"},
			Says:    "The mark was found in marked text.",
			Odds:    report.Odds(r.Log10PAdjusted, r.Log10Floor),
			Means:   "a mark can be found in text.",
			Not:     "that every text shows it: short or predictable texts may not.",
			Fixed:   fixedWords(r.Power.Alpha, r.Tests),
			Bar:     &report.Bar{Rate: float64(r.Green) / float64(max(r.Scored, 1)), Chance: defaultGamma, Scored: r.Scored},
		},
	}
	if !found || !silent {
		p.Box.Says, p.Box.Odds, p.Box.Means = "Some results differ from what was expected.", "", ""
		p.Lead = "A language model answered questions with a keyed mark and without one. Some results differ from what was expected: see the table."
	}
	if d.seedName != "" {
		p.Facts = append(p.Facts, report.Fact{Name: "seed", Value: d.seedName + " (the key follows from it, so it is not secret)"})
	}
	for _, t := range []struct {
		title string
		trial *trial
	}{{"Marked", &d.marked}, {"Unmarked, from the same question", &d.unmarked}} {
		p.Passages = append(p.Passages, report.Passage{Title: t.title, Prompt: d.promptText(t.trial), Tokens: d.colours(*t.trial)})
	}
	p.Decoys.Key = r.Log10P
	for _, x := range d.decoys {
		p.Decoys.Log10P = append(p.Decoys.Log10P, x.Log10P)
	}
	return p
}
