package main

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect/plan"
)

// statistics are the tests of outputs that the table of shares compares.
var statistics = []struct {
	name string
	of   func(studentResult) test
}{
	{"pairs", func(s studentResult) test { return s.Pairs }},
	{"residual", func(s studentResult) test { return s.Residual }},
	{"score", func(s studentResult) test { return s.Score }},
}

// pick returns the z of one test in all results.
func pick(all []studentResult, f func(studentResult) test) (z []float64) {
	for _, s := range all {
		z = append(z, f(s).Z)
	}
	return z
}

// meanSD returns the mean over seeds and, for several seeds, the standard deviation.
func meanSD(z []float64) string {
	switch len(z) {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf("%.1f", z[0])
	}
	return fmt.Sprintf("%.1f ± %.1f", mean(z), spread(z))
}

// expectedZ is the prototype's z of distinct pairs at 400,000 tokens, k = 2 (docs/experiment.md).
var expectedZ = map[float64]float64{0: 0.4, 0.02: 3.6, 0.05: 6.1, 0.1: 11.9, 0.25: 31.6, 0.5: 61.7, 1: 122}

// A fit is the line z = c1 x through the origin, for x = share sqrt(n).
type fit struct {
	points [][2]float64 // (x, z) of every student
	shares [][2]float64 // (share, z)
	xz, xx float64      // sums of x z and x^2
}

func (f *fit) add(share float64, scored int64, z float64) {
	x := share * math.Sqrt(float64(scored))
	f.points = append(f.points, [2]float64{x, z})
	f.shares = append(f.shares, [2]float64{share, z})
	f.xz, f.xx = f.xz+x*z, f.xx+x*x
}

// c1 returns the slope by least squares.
func (f *fit) c1() float64 { return f.xz / f.xx }

// chiSquare returns the chi-square of the points about the line. z has a standard deviation of about 1.
func (f *fit) chiSquare() (chi float64) {
	for _, p := range f.points {
		chi += (p[1] - f.c1()*p[0]) * (p[1] - f.c1()*p[0])
	}
	return chi
}

// shares writes the table of the law z = c1 share sqrt(n). It returns the c1 of each statistic, for
// the scored distinct pairs n.
func (r *reporter) shares() (c1 map[string]float64) {
	r.section("Share of marked text: n-gram student, k = 2")
	r.header("share", "scored", "pairs", "residual", "score", "every position",
		"pairs, z over seeds", "residual, z over seeds", "z/share, pairs", "prototype's z, scaled")
	fits := make(map[string]*fit)
	for _, s := range statistics {
		fits[s.name] = new(fit)
	}
	var law float64 // sqrt(n) of the last student
	scaled := math.Sqrt(float64(r.scale.NgramScore) / 400_000)
	for _, share := range ngramShares {
		all := r.seeds(studentName("ngram", 2, share))
		if len(all) == 0 {
			continue
		}
		s := all[0]
		ratio := "-"
		if share > 0 {
			ratio = fmt.Sprintf("%.0f", s.Pairs.Z/share)
		}
		r.row(percents(share), s.Pairs.Scored, show(s.Pairs), show(s.Residual), show(s.Score), show(s.Naive),
			meanSD(pick(all, statistics[0].of)), meanSD(pick(all, statistics[1].of)),
			ratio, fmt.Sprintf("%.1f", expectedZ[share]*scaled))
		if share == 0 {
			continue
		}
		for _, one := range all {
			for _, statistic := range statistics {
				fits[statistic.name].add(share, one.Pairs.Scored, statistic.of(one).Z)
			}
			law = math.Sqrt(float64(one.Pairs.Scored))
		}
	}
	r.endTable()
	c1 = make(map[string]float64)
	if len(fits["pairs"].points) == 0 {
		return c1
	}
	for name, f := range fits {
		c1[name] = f.c1()
	}
	pairs := fits["pairs"]
	r.text("Least squares through the origin give z = c1 share sqrt(n), where n is the number of scored "+
		"distinct pairs: c1 = %.4f (pairs), c1 = %.4f (residual), c1 = %.4f (score). Each has a standard "+
		"error of %.4f, because the standard deviation of z is 1. The chi-square of pairs about the line is "+
		"%.1f for %d degrees of freedom.",
		c1["pairs"], c1["residual"], c1["score"], 1/math.Sqrt(pairs.xx),
		pairs.chiSquare(), len(pairs.points)-1)
	plan := plan.Student{C1: c1["pairs"]}
	r.text("With c1 = %.3f, `plan.Student` asks for %.0f pairs to show a share of 5 %% at p = 1e-6 "+
		"with power 0.9, and for %.0f pairs to show 1 %%.",
		c1["pairs"], plan.Tokens(0.05, 0.9), plan.Tokens(0.01, 0.9))
	if m, ok := get[studentResult](r, "ngram-k2-rho100-million"); ok {
		r.text("A student of %d tokens, all of them marked, has z = %.1f (pairs), %.1f (residual), %.1f "+
			"(score).",
			m.Training, m.Pairs.Z, m.Residual.Z, m.Score.Z)
	}
	p := plot{
		title: "z grows with the share of marked training text",
		note:  "n-gram students, k = 2; every dot is a student, the lines are z = c1 ρ √n",
		x:     "share of marked training text", y: "z", logX: true, logY: true,
	}
	for i, statistic := range statistics {
		c := c1[statistic.name]
		p.series = append(p.series,
			series{name: statistic.name, points: fits[statistic.name].shares, colour: i},
			series{
				name:   fmt.Sprintf("c1 = %.3f", c),
				points: [][2]float64{{0.02, 0.02 * c * law}, {1, c * law}}, dashed: true, colour: i,
			})
	}
	r.draw("share.svg", p)
	return c1
}

func (r *reporter) widths() {
	r.section("Width of the context: n-gram student")
	r.header("share", "k", "scored", "pairs", "residual", "score", "every position")
	for _, share := range kShares {
		for width := 1; width <= 4; width++ {
			if s, ok := get[studentResult](r, studentName("ngram", width, share)); ok {
				r.row(percents(share), width, s.Pairs.Scored,
					show(s.Pairs), show(s.Residual), show(s.Score), show(s.Naive))
			}
		}
	}
	r.endTable()
	r.text("An n-gram student copies the n-grams of its training text, so it shows marks of every width. " +
		"Only the neural student tells something about k.")
}

func (r *reporter) temperatures() {
	s, ok := get[studentResult](r, studentName("neural", 1, 1))
	if !ok || len(s.Temperatures) == 0 {
		return
	}
	r.section("Temperature of the student's sampling: neural, k = 1, all text marked")
	r.header("temperature",
		"tokens", "distinct pairs", "pairs", "residual", "score", "base", "every position")
	for _, h := range append([]temperatureResult{{1, s.closedTests}}, s.Temperatures...) {
		r.row(h.Temperature, h.Tokens, h.Pairs.Scored,
			show(h.Pairs), show(h.Residual), show(h.Score), showBase(h.BaseScore), show(h.Naive))
	}
	r.endTable()
}

func (r *reporter) curves() {
	r.section("Evidence against tokens")
	r.header("student", "tokens", "distinct pairs", "pairs", "residual", "score", "base")
	var p plot
	colour := 0
	for _, c := range []struct{ name, title string }{
		{studentName("neural", 1, 1), "neural, k = 1, 100 %"},
		{studentName("neural", 1, 0.25), "neural, k = 1, 25 %"},
		{studentName("neural", 1, 0.05), "neural, k = 1, 5 %"},
		{studentName("neural", 1, 0), "neural, k = 1, 0 %"},
		{studentName("ngram", 1, 0.05), "n-gram, k = 1, 5 %"},
		{studentName("ngram", 2, 0.05), "n-gram, k = 2, 5 %"},
		{studentName("ngram", 2, 1), "n-gram, k = 2, 100 %"},
	} {
		s, ok := get[studentResult](r, c.name)
		if !ok || len(s.Curve) == 0 {
			continue
		}
		var pairs, residual, score [][2]float64
		for _, t := range s.Curve {
			r.row(c.title, t.Tokens, t.Pairs.Scored,
				show(t.Pairs), show(t.Residual), show(t.Score), showBase(t.BaseScore))
			n := float64(t.Tokens)
			pairs = append(pairs, [2]float64{n, -t.Pairs.Log10P})
			residual = append(residual, [2]float64{n, -t.Residual.Log10P})
			score = append(score, [2]float64{n, -t.Score.Log10P})
		}
		if c.name == studentName("neural", 1, 1) || c.name == studentName("ngram", 1, 0.05) {
			p.series = append(p.series,
				series{name: c.title + ": pairs", points: pairs, line: true, colour: colour},
				series{name: "residual", points: residual, line: true, colour: colour + 1},
				series{name: "score", points: score, line: true, colour: colour + 2})
			colour += 3
		}
	}
	r.endTable()
	if len(p.series) > 0 {
		p.title = "More tokens, less evidence: plain dedup saturates"
		p.note = "closed tests at k = 1; the pairs that the mark favours come first, " +
			"and later ones dilute them"
		p.x, p.y, p.logX, p.logY = "tokens written", "evidence, -log10 p", true, true
		r.draw("tokens.svg", p)
	}
}
