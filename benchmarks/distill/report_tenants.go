package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

func (r *reporter) tenants(c1 map[string]float64) {
	r.section("Tenants")
	r.text("%d tenants in %d cohorts, and an n-gram student, k = 2. The law is z = c1 share sqrt(scored "+
		"pairs of the band), with c1 from above. Holm at 0.001 names accounts. Benjamini-Hochberg at 0.1 "+
		"lists accounts for triage.",
		r.scale.Tenants, r.scale.Cohorts)
	var p plot
	for _, c := range []struct{ name, title string }{
		{"tenants-half", "half of the contexts to the master key, half to the tenants'"},
		{"tenants-quarter", "half to the master key, a quarter to the cohorts', a quarter to the tenants'"},
		{"tenants-hydra", "the same split; every account of one cohort has 1 %"},
	} {
		config, t, ok, err := loadWith[tenantConfig, tenantResult](r.dir, c.name)
		r.err = errors.Join(r.err, err)
		if !ok {
			continue
		}
		r.printf("**%s** (%d tokens)\n\n", c.title, t.Tokens)
		r.tenantTable(c1, config.Planted, t)
		if c.name == "tenants-half" {
			p = r.tenantPlot(c1["residual"], config.Planted, t)
		}
	}
	if len(p.series) > 0 {
		r.draw("tenants.svg", p)
	}
}

// byShare returns the tenants with a planted share, the largest share first.
func byShare(planted map[int]float64) []int {
	return slices.SortedFunc(maps.Keys(planted), func(a, b int) int {
		return cmp.Or(cmp.Compare(planted[b], planted[a]), a-b)
	})
}

// tenantTable writes the tests of the master key, the cohorts and the first six planted tenants, then
// who was named.
func (r *reporter) tenantTable(c1 map[string]float64, planted map[int]float64, t tenantResult) {
	r.header("who", "share", "scored", "pairs", "law", "residual", "law")
	line := func(who string, share float64, pairs, residual test) {
		law := func(statistic string) float64 {
			return c1[statistic] * share * math.Sqrt(float64(pairs.Scored))
		}
		r.row(who, fmt.Sprintf("%.1f %%", 100*share), pairs.Scored,
			show(pairs), law("pairs"), show(residual), law("residual"))
	}
	line("master", t.Share, t.Pairs.Master, t.Residual.Master)
	for i, cohort := range t.Pairs.Cohorts {
		if cohort.Share > 0 {
			line(fmt.Sprintf("cohort %d", i), cohort.Share, cohort.test, t.Residual.Cohorts[i].test)
		}
	}
	guilty := byShare(planted)
	for _, i := range guilty[:min(6, len(guilty))] {
		line(fmt.Sprintf("tenant %d", i), planted[i], t.Pairs.Tenants[i], t.Residual.Tenants[i])
	}
	r.endTable()
	for _, s := range []struct {
		name string
		t    tenantTests
	}{{"pairs", t.Pairs}, {"residual", t.Residual}} {
		wrong := 0
		for _, i := range s.t.Named {
			if planted[i] == 0 {
				wrong++
			}
		}
		r.text("%s: %d tenants named %v, %d of them innocent. Cohorts named %v. Triage lists %d. "+
			"Innocent tenants (%d): mean z %.2f, sd %.2f, largest %.2f.",
			s.name, len(s.t.Named), s.t.Named, wrong, s.t.NamedCohort, len(s.t.Triage),
			s.t.Innocent.N, s.t.Innocent.Mean, s.t.Innocent.SD, s.t.Innocent.Max)
	}
}

// tenantPlot plots z of every tenant against its share.
func (r *reporter) tenantPlot(c1 float64, planted map[int]float64, t tenantResult) plot {
	guilty := byShare(planted)
	var dots, others [][2]float64
	for _, i := range guilty {
		dots = append(dots, [2]float64{100 * planted[i], t.Residual.Tenants[i].Z})
	}
	for i, x := range t.Residual.Tenants {
		if planted[i] == 0 {
			others = append(others, [2]float64{0, x.Z})
		}
	}
	most := planted[guilty[0]]
	law := [][2]float64{{0, 0}, {100 * most, c1 * most * math.Sqrt(float64(t.Pairs.Tenants[0].Scored))}}
	return plot{
		title: "Through whose account",
		note: fmt.Sprintf("%d tenants, residual statistic, half of the contexts; %d fed the student",
			r.scale.Tenants, len(planted)),
		x: "tenant's share of the student's training text, %", y: "z",
		series: []series{
			{name: "fed nothing", points: others, small: true, colour: 7},
			{name: "fed the student", points: dots, colour: 1},
			{name: "c1 ρ √n", points: law, dashed: true, colour: 0},
		},
	}
}
