package main

import (
	"fmt"
	"math"
)

func (r *reporter) attacks() {
	r.section("Substitution")
	r.text("The share of the green excess that survives substitutions, compared with the law " +
		"(1-rate)^(k+1). The excess is over positions, which is an effect size:")
	r.header("text", "k", "rate", "kept", "law", "pairs")
	p := plot{
		title: "Substitutions break a pair when they hit one of its k + 1 tokens",
		note:  "green excess over positions of marked text; dots measured, lines (1-ε)^(k+1)",
		x:     "share of tokens replaced, ε", y: "share of the excess that is left",
	}
	for width := 1; width <= 4; width++ {
		d, ok := get[decay](r, fmt.Sprintf("substitution-k%d", width))
		if !ok {
			continue
		}
		for i, list := range [][]substitution{d.Teacher, d.Student} {
			for _, s := range list {
				r.row([]string{"teacher", "n-gram student"}[i], width, s.Rate,
					fmt.Sprintf("%.3f", s.Kept), fmt.Sprintf("%.3f", s.Law), show(s.Pairs))
			}
		}
		var kept, law [][2]float64
		for _, s := range d.Teacher {
			kept = append(kept, [2]float64{s.Rate, s.Kept})
		}
		for e := 0.0; e < 0.505; e += 0.02 {
			law = append(law, [2]float64{e, math.Pow(1-e, float64(width+1))})
		}
		p.series = append(p.series,
			series{name: fmt.Sprintf("k = %d", width), points: kept, colour: width - 1},
			series{name: "law", points: law, dashed: true, colour: width - 1})
	}
	r.endTable()
	if len(p.series) > 0 {
		r.draw("substitution.svg", p)
	}
	whole, ok := get[studentResult](r, studentName("ngram", 2, 1))
	if !ok {
		return
	}
	r.text("Substitutions in the training text of an n-gram student (k = 2, all text marked):")
	r.header("rate", "pairs", "residual", "z of pairs as a share of that without", "law (1-rate)^3")
	r.row(0.0, show(whole.Pairs), show(whole.Residual), 1.0, 1.0)
	for _, rate := range []float64{0.1, 0.3, 0.5} {
		if l, ok := get[launderedResult](r, fmt.Sprintf("launder-k2-%03d", percent(rate))); ok {
			r.row(rate, show(l.Pairs), show(l.Residual), l.Pairs.Z/whole.Pairs.Z, math.Pow(1-rate, 3))
		}
	}
	r.endTable()
}
