package audit

import (
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// endings are the ends of a collection in words.
var endings = map[collect.End]string{
	collect.Asked:       "every question was asked",
	collect.Decided:     "the share of interest would have shown",
	collect.Exhausted:   "the budget is spent",
	collect.Interrupted: "it was interrupted and can be resumed",
	collect.Failing:     "the endpoint failed; it can be resumed",
}

// finding is what the declared tests say together.
type finding struct {
	fixed      *detect.StudentResult
	trace      *detect.TraceResult // with accounts
	sequential *detect.StudentSequentialResult
	provenance *bandFinding // where it is declared, once everything is collected
	// stopped says that the sequential test ended the collection by what it showed, so that
	// no fixed test was made.
	stopped  bool
	log10P   float64 // of the declared statistics, before Plan.Tests and families; not of the provenance band
	adjusted float64
	families int64
	master   bool // adjusted is at most alpha
	verdict  detect.Verdict
}

// Report makes the tests that the plan declares and reports them. Outputs of files end with
// collect.Asked. A collection that can be resumed is no occasion for the fixed test: it is
// made once, at the end. The report's Observed part is left to the caller.
func (a *Audit) Report(end collect.End, sources []report.Fact) (*report.Audit, error) {
	f := a.test(end)
	d := a.config.Declared
	c := report.AuditCanonical{
		Question: d.Plan.Question, Declared: d.JSON(), Plan: d.Digest(), Terms: d.terms(),
		Verdict: f.verdict, Log10P: report.Number(f.log10P), Log10PAdjusted: report.Number(f.adjusted),
		Tests: d.Plan.counted(), Complete: end.Complete(), Ending: endings[end],
		Refused: f.fixed != nil && f.fixed.Refused,
		Sources: append(slices.Clone(sources), a.sources()...),
		Outputs: report.AuditCounts{In: a.in, Tested: a.tested, Skipped: counts(a.skipped), Texts: a.texts, Tokens: a.tokens},
		Limits:  limits,
	}
	if f.stopped {
		c.Ending = "the sequential test detected; the fixed tests were not made, since their p-values would not hold then"
	}
	a.claim(&c, f)
	a.statisticsOf(&c, f)
	a.effect(&c, f)
	a.power(&c, f)
	if f.trace != nil {
		for _, family := range []struct {
			name string
			r    *detect.FamilyResult
		}{{"cohorts", f.trace.Cohorts}, {"tenants", f.trace.Tenants}} {
			if family.r != nil {
				c.Families = append(c.Families, familyOf(family.name, family.r))
			}
		}
	}
	c.Warnings = a.warnings(f)
	r := &report.Audit{Canonical: c}
	return r, r.Seal()
}

// test makes the tests.
//
// The fixed test and the sequential one are counted as two. That is right although the
// fixed one is made only where the other did not detect: if collection had always gone on
// to the end that the budget, the questions and the futility bound set, both would be
// tests at a level of half alpha each, and what is detected here would be there.
func (a *Audit) test(end collect.End) *finding {
	p := &a.config.Declared.Plan
	f := &finding{verdict: detect.Inconclusive, families: a.config.families()}
	if a.sequential != nil {
		r := a.sequential.Result()
		f.sequential, f.log10P, f.adjusted = &r, r.Log10P, r.Log10PAdjusted
		f.stopped = r.Verdict == detect.Detected
	}
	resumable := end == collect.Interrupted || end == collect.Failing
	if resumable && !f.stopped {
		f.adjust()
		return f // no look before the end
	}
	if f.families > 1 {
		t := a.student.Trace(a.config.Cohorts, a.config.Tenants, &detect.AccountOptions{Alpha: p.Alpha})
		f.trace, f.fixed = &t, &t.Master
	} else {
		r := a.student.Result()
		f.fixed = &r
	}
	if f.fixed.Refused {
		f.log10P, f.adjusted = 0, 0
		return f
	}
	if !f.stopped {
		if f.sequential == nil || f.fixed.Log10PAdjusted < f.adjusted {
			f.log10P, f.adjusted = f.fixed.Log10P, f.fixed.Log10PAdjusted
		}
	}
	f.adjust()
	f.master = f.adjusted <= math.Log10(p.Alpha)
	if f.trace != nil {
		// What the trace says of the master is the fixed test; the finding counts.
		f.trace.MasterLog10P, f.trace.MasterDetected = f.adjusted, f.master
	}
	if a.provenance != nil {
		// Where the sequential test ended the collection this one holds: what has ended it
		// does not depend on the key of the band.
		f.provenance = a.provenance.test(f.fixed.PairsDecoys.RunKey, p.Alpha, p.Tests*p.bundles())
	}
	switch {
	case f.master || f.provenance != nil && f.provenance.detected:
		f.verdict = detect.Detected
	case p.C1 > 0 && f.fixed.Pairs.Scored > 0 && p.shown(f.fixed.Pairs.Scored) <= p.Share:
		f.verdict = detect.NotDetected // silence, with every test counted
	}
	return f
}

// adjust counts the families of a trace.
func (f *finding) adjust() {
	f.adjusted = min(f.adjusted+math.Log10(float64(f.families)), 0)
}

// claim puts the finding in words, which are detect's.
func (a *Audit) claim(c *report.AuditCanonical, f *finding) {
	c.Explanations, c.NotShown = []string{}, []string{}
	switch {
	case f.fixed == nil:
		c.Claim = "Nothing yet: the test is made when the collection ends, and not before."
		c.NotShown = append(c.NotShown, "anything")
		return
	case f.fixed.Refused:
		c.Claim = "Nothing may be concluded: the prompts were declared to be unmarked, and carry the mark."
		c.NotShown = append(c.NotShown, "anything: ask with other prompts, under a new plan")
		return
	}
	findings := detect.Findings{}
	if f.trace != nil {
		findings.Trace = *f.trace
	} else {
		findings.Trace = detect.TraceResult{
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
	x := detect.Conclude(findings)
	c.Claim, c.Pattern, c.Rule = x.Claim, string(x.Pattern), x.Rule
	if b := f.provenance; b != nil && x.Pattern != detect.PatternBroken &&
		(b.detected && !f.master || x.Pattern == detect.PatternProxy && b.result.Log10PAdjusted > f.adjusted) {
		// The p-value is that of what is detected: of the band, or the weaker one where the claim rests on both.
		c.Log10P, c.Log10PAdjusted = report.Number(b.result.Log10P), report.Number(b.result.Log10PAdjusted)
	}
	c.Explanations, c.NotShown = append(c.Explanations, x.Explanations...), append(c.NotShown, x.NotShown...)
	c.NotShown = append(c.NotShown,
		"since when the key was fixed and secret (level B): that takes a commitment that is older than the text",
		"that recording and plan are unaltered (level C): the digests here show changes to those who kept them elsewhere",
	)
	switch {
	case x.Pattern == detect.PatternBroken:
		c.Verdict = detect.Inconclusive
	case f.verdict == detect.Detected:
		c.Level = "A"
	case f.verdict == detect.NotDetected:
		c.Claim += " " + fmt.Sprintf("A share of %g of marked training text would have shown, if the stated sensitivity holds.", a.config.Declared.Plan.Share)
	}
}

// limits hold for every test of a student.
var limits = []string{
	"The p-value rests on a key that was drawn at random, is older than the outputs, and was secret until they were collected.",
	"Paraphrase, translation and training aimed at removing marks remove them. Silence is no exoneration.",
	"The suspect may have learned from text that customers published, or from another model that learned from marked text.",
	"Whoever has marked text can train a model on it, in order to have it accused.",
	"An endpoint may serve another model to an auditor than to others.",
	"Every test that was made must be counted. Runs under other plans, keys or prompts that are not declared here make the p-value too small.",
}

func (a *Audit) statisticsOf(c *report.AuditCanonical, f *finding) {
	c.Statistics = []report.AuditStatistic{}
	run := a.config.Declared.Plan.RunKey
	if r := f.sequential; r != nil {
		c.Statistics = append(c.Statistics, report.AuditStatistic{
			Name: "distinct pairs, while collecting", Means: "an e-process over fresh pairs in the order of the questions; its p-value holds whenever one looks",
			Log10P: report.Number(r.Log10P), Log10PAdjusted: report.Number(r.Log10PAdjusted), Z: report.Number(zOf(r.Green, r.Scored, a.gamma())),
			Scored: r.Scored, Green: r.Green, Tests: r.Tests, Decoys: decoysOf(&r.Decoys, run),
		})
	}
	if b := f.provenance; b != nil {
		x := statisticOf("provenance band", "the scores of the keyed draw, "+a.config.Provenance.unit()+" once", &b.result)
		x.KeyedDraw, x.Decoys = true, decoysOf(&b.decoys, run)
		defer func() { c.Statistics = append(c.Statistics, x) }() // after those of the mark
	}
	r := f.fixed
	if r == nil {
		return
	}
	c.Prompts = statisticOf("prompts", "", &r.Prompts)
	if f.stopped || r.Refused {
		return
	}
	pairs := statisticOf("distinct pairs", "each pair of a context and a token once, green ones counted", &r.Pairs)
	pairs.Decoys = decoysOf(&r.PairsDecoys, run)
	c.Statistics = append(c.Statistics, pairs)
	if w := r.Residual; w != nil {
		c.Statistics = append(c.Statistics, report.AuditStatistic{
			Name: "residual", Means: "each pair weighed by how much oftener it occurs than the reference model expects",
			Log10P: report.Number(w.Log10P), Log10PAdjusted: report.Number(w.Log10PAdjusted), Z: report.Number(w.Z),
			Scored: w.Scored, Green: w.Green, Tests: w.Tests, Decoys: decoysOf(r.ResidualDecoys, run),
		})
	}
}

func statisticOf(name, means string, r *detect.Result) report.AuditStatistic {
	return report.AuditStatistic{
		Name: name, Means: means, Log10P: report.Number(r.Log10P), Log10PAdjusted: report.Number(r.Log10PAdjusted), Z: report.Number(r.Z),
		Scored: r.Scored, Green: r.Green, Tests: r.Tests,
	}
}

func decoysOf(p *detect.DecoyPanel, run string) *report.AuditDecoys {
	return &report.AuditDecoys{RunKey: run, Rank: p.Rank, Log10Misfit: report.Number(p.Log10Misfit()), Log10P: p.Log10P}
}

func (a *Audit) gamma() float64 { return greenLaw(a.config.Scorer) }

// greenLaw returns the probability of green under the null; detect has checked the law.
func greenLaw(s detect.Scorer) float64 { return s.Law().(watermark.Bernoulli).P }

func zOf(green, n int64, gamma float64) float64 {
	return (float64(green) - float64(n)*gamma) / math.Sqrt(float64(n)*gamma*(1-gamma))
}

// counted returns the green and scored pairs of the test that was made.
func (f *finding) counted() (green, scored int64, ok bool) {
	switch {
	case f.fixed != nil && !f.fixed.Refused && !f.stopped:
		return f.fixed.Pairs.Green, f.fixed.Pairs.Scored, true
	case f.sequential != nil && (f.fixed == nil || !f.fixed.Refused):
		return f.sequential.Green, f.sequential.Scored, true
	}
	return 0, 0, false
}

func (a *Audit) effect(c *report.AuditCanonical, f *finding) {
	nan := report.Number(math.NaN())
	defer func() { c.Effect.Provenance = f.provenance.effect(a.config.Declared.Plan.Provenance) }()
	c.Effect = report.AuditEffect{Gamma: report.Number(a.gamma()), GreenRate: nan, Excess: nan, Z: nan, C1: report.Number(a.config.Declared.Plan.C1)}
	green, scored, ok := f.counted()
	if !ok || scored == 0 {
		return
	}
	rate := float64(green) / float64(scored)
	z := zOf(green, scored, a.gamma())
	c.Effect.GreenRate, c.Effect.Excess, c.Effect.Z = report.Number(rate), report.Number(rate-a.gamma()), report.Number(z)
	if c1 := a.config.Declared.Plan.C1; c1 > 0 {
		share, low, high := detect.StudentPlan{C1: c1}.Implied(z, scored, 0.95)
		c.Effect.Share, c.Effect.Low, c.Effect.High = report.Number(share), report.Number(low), report.Number(high)
	}
	s := f.skipped(f.stopped)
	c.Positions = []report.AuditCount{
		{Name: "scored", Count: scored},
		{Name: "skipped: outside the vocabulary", Count: s.Vocab}, {Name: "skipped: at the beginning of a text", Count: s.ShortContext},
		{Name: "skipped: outside the key's contexts", Count: s.Band}, {Name: "skipped: contexts of a message", Count: s.Payload},
		{Name: "skipped: context occurs in a prompt, or exempt", Count: s.Excluded}, {Name: "skipped: repeated", Count: s.Duplicate},
	}
	c.Positions = slices.DeleteFunc(c.Positions, func(x report.AuditCount) bool { return x.Count == 0 && x.Name != "scored" })
}

func (f *finding) skipped(stopped bool) detect.Skipped {
	if f.fixed == nil || stopped {
		return f.sequential.Skipped
	}
	return f.fixed.Pairs.Skipped
}

func (a *Audit) power(c *report.AuditCanonical, f *finding) {
	c.Power = []string{}
	p := &a.config.Declared.Plan
	_, scored, ok := f.counted()
	if !ok || scored == 0 {
		c.Power = append(c.Power, "nothing: no pair was scored")
		return
	}
	if f.fixed != nil && !f.fixed.Refused {
		if x := f.fixed.Pairs.Power.MinExcess; math.IsInf(x, 1) {
			c.Power = append(c.Power, "no excess of green with probability 0.9 by the fixed test of distinct pairs: there are too few of them")
		} else {
			c.Power = append(c.Power, fmt.Sprintf("an excess of green of %.5f or more, with probability 0.9, by the fixed test of distinct pairs", x))
		}
	}
	if p.C1 > 0 {
		c.Power = append(c.Power, shareWords(p.shown(scored), p.C1))
	} else {
		c.Power = append(c.Power, "which share of marked training text that is depends on the student's sensitivity c1, which was not stated")
	}
}

func shareWords(share, c1 float64) string {
	if share > 1 {
		return fmt.Sprintf("no share of marked training text, with probability 0.9, if c1 is %g: there are too few tokens", c1)
	}
	return fmt.Sprintf("a share of %.3g of marked training text, with probability 0.9, if c1 is %g and the pairs are fresh", share, c1)
}

func familyOf(name string, r *detect.FamilyResult) report.AuditFamily {
	f := report.AuditFamily{Name: name, Named: r.Named, Triage: r.Triage, DecoysNamed: r.DecoysNamed, Resolution: report.Number(r.Resolution), Accounts: []report.AuditAccount{}}
	for _, x := range r.Accounts {
		f.Accounts = append(f.Accounts, report.AuditAccount{
			ID: x.ID, Cohort: x.Cohort, Decoy: x.Decoy, Lane: x.Lane, Scored: x.Scored, Green: x.Green,
			Log10P: report.Number(x.Log10P), Holm: report.Number(x.Log10PHolm), Q: report.Number(x.Log10Q), Named: x.Named, Triage: x.Triage,
		})
	}
	slices.SortStableFunc(f.Accounts, func(a, b report.AuditAccount) int {
		switch {
		case a.Log10P < b.Log10P:
			return -1
		case a.Log10P > b.Log10P:
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	if len(r.Decoys.Log10P) > 0 {
		f.Decoys = decoysOf(&r.Decoys, "")
	}
	return f
}

// sources say what was tested, for answers of an endpoint.
func (a *Audit) sources() []report.Fact {
	if a.config.Declared.Collection == nil {
		return nil
	}
	var models []string
	for _, name := range slices.Sorted(maps.Keys(a.models)) {
		models = append(models, fmt.Sprintf("%s (%d)", name, a.models[name]))
	}
	facts := []report.Fact{
		{Name: "answers, in the order of the questions", Value: a.answers.String()},
		{Name: "model, as the endpoint names it", Value: strings.Join(models, ", ")},
	}
	usage := fmt.Sprintf("%d in, %d out", a.usage.In, a.usage.Out)
	if a.uncounted > 0 {
		usage += fmt.Sprintf("; %d answers without a count", a.uncounted)
	}
	return append(facts, report.Fact{Name: "tokens, as the endpoint counts", Value: usage})
}

func counts(m map[string]int64) []report.AuditCount {
	out := []report.AuditCount{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, report.AuditCount{Name: name, Count: m[name]})
	}
	return out
}

// warnings are those of all tests, each once.
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
		out = append(out, outputs+": what a suspect copies from marked prompts would count as its own")
	}
	if len(a.models) > 1 {
		out = append(out, "the endpoint named more than one model")
	}
	if skipped := a.in - a.tested; 2*skipped > a.in {
		out = append(out, fmt.Sprintf("%d of %d responses had nothing to test", skipped, a.in))
	}
	return out
}

// RunKeyText is a run key as a plan holds it.
func RunKeyText(k [16]byte) string { return hex.EncodeToString(k[:]) }
