package audit

import "github.com/isotope-wm/isotope/detect"

// Published is the sensitivity that papers report for a width, and 0 where there is none: Pan et al.
// 2025, "Can LLM watermarks robustly prevent unauthorized knowledge distillation?", for a
// green list and a student trained on nothing but marked text. They do not deduplicate, so
// a plan that rests on it is a lower bound.
func Published(width int) float64 { return map[int]float64{1: 0.35, 2: 0.11}[width] }

// counted is the number of tests that the p-value of a statistic counts: other tests, the
// sequential one, the fixed one and that of the provenance band, statistics, and families of
// accounts.
func (p *Plan) counted() int64 {
	families := int64(1)
	if r := p.Registry; r != nil {
		families += int64(min(r.Cohorts, 1) + min(r.Tenants, 1))
	}
	return p.Tests * p.bundles() * int64(len(p.Statistics)) * families
}

// shown returns the smallest share of marked training text that so many scored pairs show
// with probability 0.9, every test counted, by the stated c1.
func (p *Plan) shown(scored int64) float64 {
	return detect.StudentPlan{C1: p.C1, Alpha: min(p.Alpha, 0.5), Tests: p.counted()}.Share(scored, 0.9)
}

// A Need is what a share asks of a collection.
type Need struct {
	Share  float64 `json:"share"`
	C1     float64 `json:"c1"`
	Source string  `json:"c1_source"`
	Power  float64 `json:"power"`
	Scored float64 `json:"scored_tokens"` // distinct pairs outside prompts
	// Answers is the number of answers that hold so many tokens if all are as long
	// as they may be and no pair is repeated; 0 without a collection.
	Answers float64 `json:"answers_at_least"`
}

// Need returns how many tokens show the plan's share with probability 0.9, or nil when no
// c1 is known. An unresolved account asks for more.
func (d *Declared) Need(width int) *Need {
	n := &Need{Share: d.Plan.Share, C1: d.Plan.C1, Source: "stated", Power: 0.9}
	if n.C1 == 0 {
		n.C1, n.Source = Published(width), "published, without dedup: a lower bound of tokens"
	}
	if n.C1 == 0 || n.Share == 0 {
		return nil
	}
	n.Scored = detect.StudentPlan{C1: n.C1, Alpha: min(d.Plan.Alpha, 0.5), Tests: d.Plan.counted()}.Tokens(n.Share, n.Power)
	if d.Collection != nil {
		n.Answers = n.Scored / float64(d.Collection.Request.MaxTokens)
	}
	return n
}
