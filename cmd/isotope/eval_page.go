package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/internal/eval"
)

// evalPage is the page of a run.
func evalPage(r *eval.Result, times []eval.Time) *report.Eval {
	p := &report.Eval{
		Title:  "What marks cost, and what finds them",
		Lead:   evalLead(r),
		Digest: r.Design,
		Notes: []string{
			"Each interval holds for itself. Of many intervals some do not hold the true number.",
			"A share is that of texts of these sources. Other models and other kinds of text differ, mainly by their entropy.",
			"Attackers here do not know the key and do not rewrite sentences. A paraphrase by another model removes the mark, and it is measured only where a file of paraphrases is given.",
			"A tester with the model sees the model's own rows at the places where tokens stood. On an edited text it would recompute them and find a little less.",
			"The context of a position is the text alone. A keyed draw leaves a repeated context unmarked.",
		},
	}
	for _, src := range r.Sources {
		p.Summary = append(p.Summary, evalFinding(r, src.Name))
		p.Charts = append(p.Charts, evalCharts(r, src.Name)...)
		p.Tables = append(p.Tables, evalTables(r, src.Name)...)
		p.Facts = append(p.Facts, report.Fact{Name: src.Name, Value: src.About})
	}
	if t := stolenTable(r); len(t.Rows) > 0 {
		p.Tables = append(p.Tables, t)
	}
	if len(times) > 0 {
		t := report.Table{
			Title: "Time", Words: 1, Head: []string{"scheme", "a step, ns", "a token of a test, ns"},
			Caption: "Measured on this machine, on rows that are cut already. These numbers differ from run to run.",
		}
		for _, x := range times {
			t.Rows = append(t.Rows, []string{x.Scheme, fmt.Sprint(x.Step), fmt.Sprint(x.Test)})
		}
		p.Tables = append(p.Tables, t)
	}
	p.Facts = append(p.Facts, report.Fact{Name: "design", Value: r.Design}, report.Fact{Name: "seed", Value: fmt.Sprintf("%d (the keys follow from it, so they are not secret)", r.Seed)})
	return p
}

// evalLead says what was done.
func evalLead(r *eval.Result) string {
	did := fmt.Sprintf("%d texts of each scheme were written under keys of their own, tested at growing lengths, and edited.", r.Texts)
	if r.Sources[0].Given {
		did = fmt.Sprintf("%d texts that were marked elsewhere, under one key, were tested at growing lengths and edited.", r.Texts)
	}
	return did + " Every p-value is exact or an upper bound. Intervals are of 95 %."
}

// evalFinding says which scheme needed the fewest tokens.
func evalFinding(r *eval.Result, source string) string {
	alpha := r.Alphas[last(r)]
	best, tokens := "", eval.Needed{}
	for _, c := range r.Clean {
		if n := c.Needed[last(r)].Half; c.Source == source && n.Tokens > 0 && (tokens.Tokens == 0 || n.Tokens < tokens.Tokens) {
			best, tokens = c.Scheme, n
		}
	}
	if best == "" {
		return fmt.Sprintf("On %s, no scheme was detected at %g in half of its texts.", source, alpha)
	}
	return fmt.Sprintf("On %s, half of the texts of %s were detected at %g from %s tokens on. No other scheme needed fewer here. Schemes whose intervals overlap are not told apart.", source, best, alpha, needed(tokens))
}

func evalCharts(r *eval.Result, source string) (charts []report.Chart) {
	alpha := r.Alphas[last(r)]
	power := report.Chart{
		Title: "Power against tokens, " + source, X: "tokens of the text", Y: fmt.Sprintf("share detected at %g", alpha), YMax: 1, LogX: true,
		Caption: "Share of unedited texts that are detected. Bars are intervals of 95 %, each for its own length.",
	}
	quality := report.Chart{
		Title: "Quality against tokens, " + source, X: fmt.Sprintf("tokens until half of the texts are detected at %g", alpha), Y: "cost, nats a token", Points: true, LogX: true,
		Caption: "The mean divergence of the marked rows from the model's own, and the tokens that the test needs. Lower and further left is better. Schemes that did not reach half of their texts are left out.",
	}
	roc := report.Chart{
		Title: "Power against false alarms, " + source, X: "false alarms, -log10 of their rate", YMax: 1,
	}
	at := 0
	for _, c := range r.Clean {
		if c.Source != source {
			continue
		}
		line := report.Line{Name: c.Scheme}
		for i, n := range c.Grid {
			s := eval.Share(c.Detected[last(r)][i], r.Texts)
			line.Points = append(line.Points, report.XY{X: float64(n), Y: s.Value, Low: s.Low, High: s.High})
		}
		power.Curves = append(power.Curves, line)
		if n := c.Needed[last(r)].Half.Tokens; n > 0 && !math.IsNaN(c.KL.Value) {
			quality.Curves = append(quality.Curves, report.Line{Name: c.Scheme, Points: []report.XY{{X: float64(n), Y: c.KL.Value, Low: c.KL.Low, High: c.KL.High}}})
		}
		if i := slices.Index(c.Lengths, 50); i >= 0 {
			at = 50
			var curve report.Line
			curve.Name = c.Scheme
			for k := range 33 {
				x := float64(k) / 4
				found := 0
				for _, p := range c.Log10P[i] {
					if p <= -x {
						found++
					}
				}
				s := eval.Share(found, len(c.Log10P[i]))
				curve.Points = append(curve.Points, report.XY{X: x, Y: s.Value, Low: s.Low, High: s.High})
			}
			roc.Curves = append(roc.Curves, curve)
		}
	}
	if at > 0 {
		roc.Y = fmt.Sprintf("share detected, %d tokens", at)
		roc.Caption = "The curve that others call ROC. Rates of false alarms are exact, because p-values are. Further right is stricter."
		charts = append(charts, roc)
	}
	charts = append([]report.Chart{power, quality}, charts...)
	return cutCurves(append(charts, attackCharts(r, source)...))
}

// attackCharts has a chart for each attack of three rates or more.
func attackCharts(r *eval.Result, source string) (charts []report.Chart) {
	tokens := 0
	var attacks []string
	for _, e := range r.Edited {
		if e.Source == source {
			tokens = max(tokens, e.Tokens)
			if !slices.Contains(attacks, e.Attack) {
				attacks = append(attacks, e.Attack)
			}
		}
	}
	for _, attack := range attacks {
		c := report.Chart{
			Title: fmt.Sprintf("Attack: %s, %s", attack, source), Y: fmt.Sprintf("share detected at %g", r.Alphas[last(r)]), YMax: 1,
			Caption: fmt.Sprintf("Share of texts of %d marked tokens that are still detected.", tokens),
		}
		for _, e := range r.Edited {
			if e.Source != source || e.Attack != attack || e.Tokens != tokens || e.Texts == 0 {
				continue
			}
			c.X = e.Unit
			if n := len(c.Curves); n == 0 || c.Curves[n-1].Name != e.Scheme {
				line := report.Line{Name: e.Scheme}
				if attack != "average" { // nothing is asked again without the attack
					line.Points = append(line.Points, cleanAt(r, source, e.Scheme, tokens)...)
				}
				c.Curves = append(c.Curves, line)
			}
			line := &c.Curves[len(c.Curves)-1]
			s := e.Power[last(r)].Share
			line.Points = append(line.Points, report.XY{X: e.Rate, Y: s.Value, Low: s.Low, High: s.High})
		}
		if len(c.Curves) > 0 && len(c.Curves[0].Points) >= 3 {
			charts = append(charts, c)
		}
	}
	return charts
}

// cleanAt is the power without an attack.
func cleanAt(r *eval.Result, source, scheme string, tokens int) []report.XY {
	for _, c := range r.Clean {
		if i := slices.Index(c.Grid, tokens); c.Source == source && c.Scheme == scheme && i >= 0 {
			s := eval.Share(c.Detected[last(r)][i], r.Texts)
			return []report.XY{{X: 0, Y: s.Value, Low: s.Low, High: s.High}}
		}
	}
	return nil
}

// cutCurves divides charts with more curves than can be told apart.
func cutCurves(charts []report.Chart) (out []report.Chart) {
	for _, c := range charts {
		for part := 1; len(c.Curves) > report.MaxCurves; part++ {
			head := c
			head.Title, head.Curves = fmt.Sprintf("%s, part %d", c.Title, part), c.Curves[:report.MaxCurves]
			out = append(out, head)
			c.Curves = c.Curves[report.MaxCurves:]
		}
		out = append(out, c)
	}
	return out
}

func evalTables(r *eval.Result, source string) []report.Table {
	alpha := r.Alphas[last(r)]
	need := report.Table{
		Title: "Tokens and cost, " + source, Words: 1,
		Head:    []string{"scheme", "nats a token", fmt.Sprintf("n50 at %g", alpha), fmt.Sprintf("n90 at %g", alpha), fmt.Sprintf("n50 at %g", r.Alphas[0]), "marked"},
		Caption: "n50 and n90 are the lengths from which on half and nine tenths of the texts are detected, with their intervals. \"more\" is past the longest text. Marked is the share of positions that the mark touched.",
	}
	text := report.Table{
		Title: "The text, " + source, Words: 1,
		Head:    []string{"scheme", "perplexity", "of unmarked", "distinct pairs", "of unmarked", "repeats", "of unmarked", "greedy alike"},
		Caption: "Perplexity is e to the mean surprise of the text under the model without the mark. Distinct pairs are a share of all pairs of neighbours, and repeats the share of four tokens in a row that occurred before. \"Greedy alike\" is the share of greedy texts that the mark leaves as they are.",
	}
	false1 := report.Table{
		Title: "False alarms, " + source, Words: 1, Head: []string{"scheme", "tests"},
		Caption: "Share of tests of unmarked text with a p-value of at most the level. It should not be above the level. The last column is the smallest of all p-values.",
	}
	if slices.ContainsFunc(r.Sources, func(a eval.About) bool { return a.Name == source && a.Given }) {
		false1.Caption = "Share of tests of the marked texts under unrelated keys with a p-value of at most the level. It should not be above the level. The last column is the smallest of all p-values."
	}
	for _, a := range r.Alphas {
		false1.Head = append(false1.Head, fmt.Sprintf("at %g", a))
	}
	false1.Head = append(false1.Head, "smallest, log10")
	for _, c := range r.Clean {
		if c.Source != source {
			continue
		}
		kl := cost(c, func(v eval.Interval) string { return range95(v, "%.3f") })
		need.Rows = append(need.Rows, []string{c.Scheme, kl, needed(c.Needed[last(r)].Half), needed(c.Needed[last(r)].Most), needed(c.Needed[0].Half), value(c.Marked)})
		exp := func(v eval.Interval) string {
			return range95(eval.Interval{Value: math.Exp(v.Value), Low: math.Exp(v.Low), High: math.Exp(v.High)}, "%.2f")
		}
		text.Rows = append(text.Rows, []string{c.Scheme, exp(c.Surprise), exp(c.Unmarked), value(c.Distinct), value(c.PlainPairs),
			value(c.Repeated), value(c.PlainRuns), range95(c.Greedy, "%.2f")})
		if i := len(c.Lengths) - 1; i >= 0 {
			row := []string{c.Scheme, fmt.Sprint(c.Null[0][i].Of)}
			for a := range r.Alphas {
				row = append(row, range95(c.Null[a][i].Share, "%.4f"))
			}
			false1.Rows = append(false1.Rows, append(row, fmt.Sprintf("%.2f", c.NullMin)))
		}
	}
	tables := []report.Table{need, powerTable(r, source), text, answerTable(r, source), editRows(r, source, math.MaxInt), false1}
	return slices.DeleteFunc(tables, func(t report.Table) bool { return len(t.Rows) == 0 })
}

// answerTable has the answers to questions, for a source that can answer.
func answerTable(r *eval.Result, source string) report.Table {
	t := report.Table{
		Title: "Answers to questions, " + source, Words: 1,
		Head:    []string{"scheme", "answers", "right", "of unmarked", "ended by the model", "of unmarked", "tokens", "of unmarked"},
		Caption: "The model answers questions whose right answers are known. An answer is right if it has the known words. An answer that the model does not end is cut off. Marked and unmarked answers have the same questions and ordinary random numbers.",
	}
	for _, c := range r.Clean {
		a, b := c.Answers, c.PlainAnswers
		if c.Source != source || a == nil || b == nil {
			continue
		}
		t.Rows = append(t.Rows, []string{c.Scheme, fmt.Sprint(a.Right.Of), range95(a.Right.Share, "%.2f"), range95(b.Right.Share, "%.2f"),
			range95(a.Ended.Share, "%.2f"), range95(b.Ended.Share, "%.2f"), range95(a.Tokens, "%.1f"), range95(b.Tokens, "%.1f")})
	}
	return t
}

// powerTable has the power at each length and level.
func powerTable(r *eval.Result, source string) report.Table {
	t := report.Table{
		Title: "Power, " + source, Words: 1, Head: []string{"scheme"},
		Caption: "Share of unedited texts that are detected, with intervals of Clopper and Pearson, for each level of false alarms.",
	}
	for _, c := range r.Clean {
		if c.Source != source {
			continue
		}
		row := []string{c.Scheme}
		for i, n := range c.Lengths {
			for a, alpha := range r.Alphas {
				if len(t.Rows) == 0 {
					t.Head = append(t.Head, fmt.Sprintf("%d tokens, %g", n, alpha))
				}
				row = append(row, range95(c.Power[a][i].Share, "%.2f"))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func stolenTable(r *eval.Result) report.Table {
	t := report.Table{
		Title: "Stealing the lists", Words: 2, Head: []string{"source", "scheme", "tokens seen", "forged texts that pass", "median log10 p"},
		Caption: "A forger counts what follows each context in marked answers under one key, compares that with the model's own rows, and writes texts with a bias of its own. Passing is a p-value of at most 1e-6 under the key. The intervals are for texts under these keys.",
	}
	for _, s := range r.Stolen {
		t.Rows = append(t.Rows, []string{s.Source, s.Scheme, fmt.Sprint(s.Seen), range95(s.Passed.Share, "%.2f"), strings.TrimSpace(fmt.Sprintf("%.1f", s.Median))})
	}
	return t
}
