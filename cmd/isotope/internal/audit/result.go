package audit

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// Report makes the tests of the plan and reports them. The end of outputs from files is
// [collect.Asked]. The fixed test is made once, at the end, and not for a collection that can
// be resumed. The caller fills in the report's Observed part.
func (a *Audit) Report(end collect.End, sources []report.Fact) (*report.Audit, error) {
	f, err := a.test(end)
	if err != nil {
		return nil, err
	}
	d := a.config.Declared
	c := report.AuditCanonical{
		Question: d.Plan.Question, Declared: d.JSON(), Plan: d.Digest(), Terms: d.terms(),
		Verdict: f.verdict, Log10P: report.Number(f.log10P), Log10PAdjusted: report.Number(f.adjusted),
		Tests: d.Plan.allTests(), Complete: end.Complete(), Ending: d.ending(end),
		Refused: f.fixed != nil && f.fixed.Refused,
		Sources: append(slices.Clone(sources), a.sources()...),
		Outputs: report.AuditCounts{In: a.in, Tested: a.tested, Skipped: counts(a.skipped), Texts: a.texts, Tokens: a.tokens},
		Limits:  limits,
	}
	if f.stopped {
		c.Ending = "the sequential test detected; the fixed tests were not made, because their p-values would then not be valid"
	}
	a.claim(&c, f)
	a.statisticsOf(&c, f)
	a.effect(&c, f)
	a.power(&c, f)
	if f.trace != nil {
		for _, family := range []struct {
			name string
			r    *student.FamilyResult
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

// statisticsOf adds the statistics to a report: those of the mark, then the provenance band.
func (a *Audit) statisticsOf(c *report.AuditCanonical, f *finding) {
	c.Statistics = []report.AuditStatistic{}
	run := a.config.Declared.Plan.RunKey
	// Statistics of the master's mark are among the tests of all families of accounts.
	counted := func(x report.AuditStatistic) {
		x.Tests *= f.families
		x.Log10PAdjusted = report.Number(max(min(float64(x.Log10PAdjusted)+tail.Log10(float64(f.families)), 0), a.config.floor()))
		c.Statistics = append(c.Statistics, x)
	}
	if r := f.sequential; r != nil {
		counted(report.AuditStatistic{
			Name: "distinct pairs, while collecting", Means: "an e-process over new pairs, in the order of the questions; its p-value is valid whenever one looks",
			Log10P: report.Number(r.Log10P), Log10PAdjusted: report.Number(r.Log10PAdjusted), Z: report.Number(zOf(r.Green, r.Scored, a.gamma())),
			Scored: r.Scored, Green: r.Green, Tests: r.Tests, Decoys: decoysOf(&r.Decoys, run),
		})
	}
	if b := f.provenance; b != nil {
		x := statisticOf("provenance band", "scores of the keyed draw, "+a.config.Provenance.unit()+" once", &b.result)
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
	pairs := statisticOf("distinct pairs", "number of green pairs, each pair of a context and a token once", &r.Pairs)
	pairs.Decoys = decoysOf(&r.PairsDecoys, run)
	counted(pairs)
	if w := r.Residual; w != nil {
		counted(report.AuditStatistic{
			Name: "residual", Means: "pairs weighted by how much more often they occur than the reference model expects",
			Log10P: report.Number(w.Log10P), Log10PAdjusted: report.Number(w.Log10PAdjusted), Z: report.Number(w.Z),
			Scored: w.Scored, Green: w.Green, Tests: w.Tests, Decoys: decoysOf(r.ResidualDecoys, run),
		})
	}
}

// statisticOf returns a result as a statistic of a report.
func statisticOf(name, means string, r *detect.Result) report.AuditStatistic {
	return report.AuditStatistic{
		Name: name, Means: means, Log10P: report.Number(r.Log10P), Log10PAdjusted: report.Number(r.Log10PAdjusted), Z: report.Number(r.Z),
		Scored: r.Scored, Green: r.Green, Tests: r.Tests,
	}
}

// decoysOf returns decoys as a report has them.
func decoysOf(p *student.DecoyPanel, run string) *report.AuditDecoys {
	return &report.AuditDecoys{RunKey: run, Rank: p.Rank, Log10Misfit: report.Number(p.Log10Misfit()), Log10P: p.Log10P}
}

func (a *Audit) gamma() float64 { return greenLaw(a.config.Scorer) }

// greenLaw returns the probability of green under the null. detect has checked the law.
func greenLaw(s detect.Scorer) float64 { return s.Law().(watermark.Bernoulli).P }

// effect adds the strength of the marks to a report, and the positions by what became of them.
func (a *Audit) effect(c *report.AuditCanonical, f *finding) {
	nan := report.Number(math.NaN())
	defer func() { c.Effect.Provenance = f.provenance.effect(a.config.Declared.Plan.Provenance) }()
	c.Effect = report.AuditEffect{Gamma: report.Number(a.gamma()), GreenRate: nan, Excess: nan, Z: nan, C1: report.Number(a.config.Declared.Plan.C1)}
	green, scored, ok := f.pairs()
	if !ok || scored == 0 {
		return
	}
	rate := float64(green) / float64(scored)
	z := zOf(green, scored, a.gamma())
	c.Effect.GreenRate, c.Effect.Excess, c.Effect.Z = report.Number(rate), report.Number(rate-a.gamma()), report.Number(z)
	if c1 := a.config.Declared.Plan.C1; c1 > 0 {
		share, low, high := plan.Student{C1: c1}.Implied(z, scored, 0.95)
		c.Effect.Share, c.Effect.Low, c.Effect.High = report.Number(share), report.Number(low), report.Number(high)
	}
	s := f.skipped()
	c.Positions = []report.AuditCount{
		{Name: "scored", Count: scored},
		{Name: "skipped: outside the vocabulary", Count: s.Vocab}, {Name: "skipped: at the beginning of a text", Count: s.ShortContext},
		{Name: "skipped: outside the key's band", Count: s.Band}, {Name: "skipped: contexts of a message", Count: s.Payload},
		{Name: "skipped: context occurs in a prompt, or exempt", Count: s.Excluded}, {Name: "skipped: repeated", Count: s.Duplicate},
	}
	c.Positions = slices.DeleteFunc(c.Positions, func(x report.AuditCount) bool { return x.Count == 0 && x.Name != "scored" })
}

// familyOf returns a family of accounts, the smallest p-value first.
func familyOf(name string, r *student.FamilyResult) report.AuditFamily {
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

// sources returns what was tested, for answers of an endpoint.
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

// counts returns numbers by name, in the order of names.
func counts(m map[string]int64) []report.AuditCount {
	out := []report.AuditCount{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, report.AuditCount{Name: name, Count: m[name]})
	}
	return out
}
