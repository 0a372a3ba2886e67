package main

import "fmt"

func (r *reporter) neural() {
	r.section("Neural student")
	r.text("Closed tests read outputs. Open tests read next-token laws at %d positions of held-out human "+
		"text.",
		r.scale.OpenPositions)
	r.header("k", "share", "nats (base)", "scored", "pairs", "residual", "score", "base",
		"open: arg-max", "open: mass", "open: difference")
	var byWidth [4][][2]float64
	for width := 1; width <= 4; width++ {
		for _, share := range []float64{0, 0.05, 0.25, 1} {
			for seed, s := range r.seeds(studentName("neural", width, share)) {
				name := percents(share)
				if seed > 0 {
					name += fmt.Sprintf(", seed %d", seed+1)
				}
				r.row(width, name, fmt.Sprintf("%.3f (%.3f)", s.Nats, s.BaseNats), s.Pairs.Scored,
					show(s.Pairs), show(s.Residual), show(s.Score), showBase(s.BaseScore),
					show(s.Open.ArgMax), show(s.Open.Mass), show(s.Open.Difference))
				if share == 1 && seed == 0 {
					for i, t := range []test{s.Pairs, s.Residual, *s.BaseScore, s.Open.Difference} {
						byWidth[i] = append(byWidth[i], [2]float64{float64(width), t.Z})
					}
				}
			}
		}
	}
	r.endTable()
	if len(byWidth[0]) > 1 {
		p := plot{
			title: "A student trained by gradient descent keeps short contexts",
			note:  "neural students of marked text only; 0 is nothing learned, and chance is ± 2",
			x:     "context width k", y: "z",
		}
		for i, name := range []string{
			"closed: pairs", "closed: residual", "closed: score, base", "open: difference",
		} {
			p.series = append(p.series, series{name: name, points: byWidth[i], line: true, colour: i})
		}
		r.draw("width.svg", p)
	}
}

func (r *reporter) again() {
	s, ok := get[studentResult](r, "neural-again")
	if !ok {
		return
	}
	r.section("A second fine-tuning on clean human text: neural, k = 1, all text marked before")
	r.header("tokens of clean text",
		"nats", "pairs", "residual", "score", "base", "open: arg-max", "open: difference")
	p := plot{
		title: "Further training on clean text wears the mark down",
		note: fmt.Sprintf("neural student of %d marked tokens (%d epochs), k = 1, then clean human text, "+
			"one epoch",
			r.scale.FineTune, r.scale.Epochs),
		x: "tokens of clean text", y: "z",
	}
	lines := make([][][2]float64, 3)
	for _, a := range append([]retrainedResult{{0, s.Nats, s.closedTests, s.Open}}, s.Again...) {
		r.row(a.Trained, a.Nats, show(a.Pairs), show(a.Residual), show(a.Score), showBase(a.BaseScore),
			show(a.Open.ArgMax), show(a.Open.Difference))
		for i, t := range []test{a.Residual, *a.BaseScore, a.Open.Difference} {
			lines[i] = append(lines[i], [2]float64{float64(a.Trained), t.Z})
		}
	}
	for i, name := range []string{"closed: residual", "closed: score, base", "open: difference"} {
		p.series = append(p.series, series{name: name, points: lines[i], line: true, colour: i + 1})
	}
	r.endTable()
	r.draw("again.svg", p)
}
