package audit

import (
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
)

// endings are the ends of a collection, in words that follow "because".
var endings = map[collect.End]string{
	collect.Asked:       "every question was asked",
	collect.Decided:     "the share of interest would have been detected by then",
	collect.Exhausted:   "the budget is spent",
	collect.Interrupted: "it was interrupted; the same call resumes",
	collect.Failing:     "the endpoint failed; the same call resumes",
}

// ending words the end of a collection, or of reading files.
func (d *DeclaredPlan) ending(end collect.End) string {
	if d.Collection == nil {
		return "all outputs were read"
	}
	return endings[end]
}

// limits hold for every test of outputs.
var limits = []string{
	"The p-value assumes that the key was drawn at random, is older than the outputs, and was secret until they were collected.",
	"Paraphrase, translation and training that aims at marks remove them. A test that detects nothing does not exonerate the suspect.",
	"The suspect may have been trained on text that customers published, or on outputs of a model that was trained on marked text.",
	"Anyone who holds marked text could train a model on it to frame someone.",
	"An endpoint can serve an auditor another model than it serves others.",
	"The p-value must be adjusted for every test that was made. Undeclared runs under other plans, keys or prompts make it too small.",
}

// claim adds the verdict to a report in words, most of which are detect's.
func (a *Audit) claim(c *report.AuditCanonical, f *finding) {
	c.Explanations, c.NotShown = []string{}, []string{}
	switch {
	case f.fixed == nil:
		c.Claim = "There is no result yet. The test is made when the collection ends."
		c.NotShown = append(c.NotShown, "anything, since no test was made")
		return
	case f.fixed.Refused && slices.Contains(f.fixed.Warnings, student.ErrMarkedReference):
		c.Claim = "Nothing may be concluded: the reference model depends on the key."
		c.NotShown = append(c.NotShown, "anything: take another reference model, under a new plan")
		return
	case f.fixed.Refused:
		c.Claim = "Nothing may be concluded: the prompts were declared to be unmarked, but they carry the mark."
		c.NotShown = append(c.NotShown, "anything: ask with other prompts, under a new plan")
		return
	}
	findings := student.Findings{}
	if f.trace != nil {
		findings.Trace = *f.trace
	} else {
		findings.Trace = student.TraceResult{
			Master: *f.fixed, MasterLog10P: f.adjusted, MasterDetected: f.master, Families: 1, Alpha: a.config.Declared.Plan.Alpha,
		}
	}
	if p := a.config.Declared.Plan.Provenance; f.provenance != nil {
		findings.Provenance = f.provenance.strength(p)
		if p.Live != nil {
			findings.LiveExcess = p.Live.Trace
		}
		findings.Trace.Warnings = append(slices.Clone(findings.Trace.Warnings), f.provenance.decoys.Warnings()...)
	}
	if f.sequential != nil {
		findings.Trace.Warnings = append(slices.Clone(findings.Trace.Warnings), f.sequential.Warnings...)
	}
	x := student.Conclude(findings)
	c.Claim, c.Pattern, c.Rule = x.Claim, string(x.Pattern), x.Rule
	if b := f.provenance; b != nil && x.Pattern != student.PatternBroken &&
		(b.detected && !f.master || x.Pattern == student.PatternProxy && b.result.Log10PAdjusted > f.adjusted) {
		// The p-value is that of the claim: of the band, or the larger one if the claim rests on both marks.
		c.Log10P, c.Log10PAdjusted = report.Number(b.result.Log10P), report.Number(b.result.Log10PAdjusted)
	} else if x.Pattern == student.PatternContradiction { // the claim is about the named accounts
		log10P, adjusted := f.namedP()
		c.Log10P, c.Log10PAdjusted = report.Number(log10P), report.Number(adjusted)
	}
	c.Explanations, c.NotShown = append(c.Explanations, x.Explanations...), append(c.NotShown, x.NotShown...)
	c.NotShown = append(c.NotShown,
		"since when the key has been fixed and secret (claim level B): this takes a commitment that is older than the text",
		"that recording and plan are unaltered (claim level C): the digests show a change only to somebody who kept a copy of them elsewhere",
	)
	switch {
	case x.Pattern == student.PatternBroken:
		c.Verdict = detect.Inconclusive
	case f.verdict == detect.Detected:
		c.Level = "A"
	case f.verdict == detect.NotDetected:
		c.Claim += " " + fmt.Sprintf("A share of %g of marked training text would have been detected with probability 0.9, if the stated c1 is right.", a.config.Declared.Plan.Share)
	}
}

// power adds what the test would have detected to a report.
func (a *Audit) power(c *report.AuditCanonical, f *finding) {
	c.Power = []string{}
	p := &a.config.Declared.Plan
	_, scored, ok := f.pairs()
	if !ok || scored == 0 {
		c.Power = append(c.Power, "nothing: no pair was scored")
		return
	}
	if f.fixed != nil && !f.fixed.Refused {
		if x := f.fixed.Pairs.Power.MinExcess; math.IsInf(x, 1) {
			c.Power = append(c.Power, "no excess of green with probability 0.9, by the fixed test of distinct pairs: there are too few of them")
		} else {
			c.Power = append(c.Power, fmt.Sprintf("an excess of green of %.5f or more, with probability 0.9, by the fixed test of distinct pairs", x))
		}
	}
	if p.C1 > 0 {
		c.Power = append(c.Power, shareWords(p.smallestShare(a.config.Scorer, scored), p.C1))
	} else {
		c.Power = append(c.Power, "an unknown share of marked training text: it depends on the student's sensitivity c1, which was not stated")
	}
}

// shareWords words the smallest share of marked training text that is detected.
func shareWords(share, c1 float64) string {
	if share > 1 {
		return fmt.Sprintf("no share of marked training text, with probability 0.9, if c1 is %g: there are too few tokens", c1)
	}
	share = math.Ceil(share*1e4) / 1e4 // never less than the test shows
	return fmt.Sprintf("a share of %.4g of marked training text, with probability 0.9, if c1 is %g and most pairs are new", share, c1)
}

// warnings returns the warnings of all tests, each once.
func (a *Audit) warnings(f *finding) []string {
	out := []string{}
	add := func(errs ...error) {
		for _, err := range errs {
			if s := err.Error(); !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	if f.fixed != nil {
		add(f.fixed.Warnings...)
		if !f.stopped {
			add(f.fixed.Pairs.Warnings...)
		}
	}
	add(a.config.Warnings...)
	if f.fixed != nil && !f.stopped && f.fixed.Unread > 0 {
		out = append(out, fmt.Sprintf("%d positions of the outputs have no row of the reference model; this weakens the residual, and its p-value holds", f.fixed.Unread))
	}
	if f.sequential != nil {
		add(f.sequential.Warnings...)
	}
	if f.trace != nil {
		add(f.trace.Warnings...)
	}
	if f.provenance != nil {
		add(f.provenance.decoys.Warnings()...)
		add(f.provenance.result.Warnings...)
	}
	if a.unprompted > 0 {
		outputs := "1 output came without its prompt"
		if a.unprompted > 1 {
			outputs = fmt.Sprintf("%d outputs came without their prompt", a.unprompted)
		}
		out = append(out, outputs+"; text that the suspect copied from a marked prompt would count as its own")
	}
	if len(a.models) > 1 {
		out = append(out, "the endpoint gave its model more than one name")
	}
	if skipped := a.in - a.tested; skipped > 0 {
		out = append(out, fmt.Sprintf("%d of %d responses were skipped, and the verdict is of the others", skipped, a.in))
	}
	return out
}
