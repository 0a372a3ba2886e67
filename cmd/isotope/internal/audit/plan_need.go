package audit

import (
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// Published returns the c1 that a paper reports for a context width, or 0 if none does. The
// source is Pan et al. 2025, "Can LLM watermarks robustly prevent unauthorized knowledge
// distillation?", for a green list and a student trained on marked text only. Their tests do
// not deduplicate, so a plan that uses these figures is a lower bound.
func Published(width int) float64 { return map[int]float64{1: 0.35, 2: 0.11}[width] }

// allTests returns the number of tests that the p-value of a statistic is adjusted for: the
// product of other tests, bundles, statistics and families of accounts.
func (p *Plan) allTests() int64 {
	families := int64(1)
	if r := p.Registry; r != nil {
		families += int64(min(r.Cohorts, 1) + min(r.Tenants, 1))
	}
	return p.Tests * p.bundles() * int64(len(p.Statistics)) * families
}

// smallestShare returns the smallest share of marked training text that is detected with
// probability 0.9 in so many scored pairs of a mark, by the stated c1 and the exact test of pairs. It
// may be above 1.
func (p *Plan) smallestShare(mark detect.Scorer, scored int64) float64 {
	s := plan.Student{C1: p.C1, Alpha: min(p.Alpha, 0.5), Tests: p.allTests()}
	if l, ok := mark.Law().(watermark.Bernoulli); ok {
		s.Gamma = l.P
	}
	return s.Share(scored, 0.9)
}

// A Need is the amount of text that a test for a share of marked training text needs.
type Need struct {
	Share  float64 `json:"share"`
	C1     float64 `json:"c1"`
	Source string  `json:"c1_source"`
	Power  float64 `json:"power"`
	Scored float64 `json:"scored_tokens"` // distinct pairs outside prompts
	// Answers is the number of answers with that many tokens, if all are as long as they may be
	// and no pair is repeated. It is 0 without a collection.
	Answers float64 `json:"answers_at_least"`
}

// Need returns the amount of text in which the plan's share is detected with probability 0.9, or
// nil if no c1 is known. Naming an account takes more.
func (d *DeclaredPlan) Need(width int) *Need {
	n := &Need{Share: d.Plan.Share, C1: d.Plan.C1, Source: "stated", Power: 0.9}
	if n.C1 == 0 {
		n.C1, n.Source = Published(width), "published for tests without dedup, so at least this many"
	}
	if n.C1 == 0 || n.Share == 0 {
		return nil
	}
	n.Scored = plan.Student{C1: n.C1, Alpha: min(d.Plan.Alpha, 0.5), Tests: d.Plan.allTests()}.Tokens(n.Share, n.Power)
	if d.Collection != nil {
		n.Answers = n.Scored / float64(d.Collection.Request.MaxTokens)
	}
	return n
}
