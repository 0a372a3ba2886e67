package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/internal/eval"
)

// last is the index of the strictest level.
func last(r *eval.Result) int { return len(r.Alphas) - 1 }

// range95 writes an interval.
func range95(v eval.Interval, verb string) string {
	if math.IsNaN(v.Value) {
		return "-"
	}
	return fmt.Sprintf(verb+" ["+verb+", "+verb+"]", v.Value, v.Low, v.High)
}

func needed(n eval.Needed) string {
	of := func(x int) string {
		if x == 0 {
			return "more"
		}
		return fmt.Sprint(x)
	}
	return fmt.Sprintf("%s [%s, %s]", of(n.Tokens), of(n.Low), of(n.High))
}

// cost writes the divergence of a mark. Of a text without rows it is not known.
func cost(c eval.Clean, verb func(v eval.Interval) string) string {
	switch {
	case !math.IsNaN(c.KL.Value):
		return verb(c.KL)
	case math.IsNaN(c.Entropy.Value):
		return "-"
	}
	return "changed"
}

// value writes a number, or a dash for one that is not known.
func value(v eval.Interval) string {
	if math.IsNaN(v.Value) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v.Value)
}

// printEval prints the main numbers for people.
func printEval(w io.Writer, r *eval.Result, times []eval.Time) error {
	var b strings.Builder
	for _, src := range r.Sources {
		fmt.Fprintf(&b, "%s: %d texts of each scheme; tokens until half and nine tenths of them are detected at %g, with intervals of 95 %%\n", src.Name, r.Texts, r.Alphas[last(r)])
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "scheme\tnats a token\tn50\tn90\tfalse alarms at 0.01")
		for _, c := range r.Clean {
			if c.Source != src.Name {
				continue
			}
			n := c.Needed[last(r)]
			i := len(c.Lengths) - 1
			false1 := "-"
			if i >= 0 {
				false1 = range95(c.Null[0][i].Share, "%.3f")
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.Scheme, cost(c, value), needed(n.Half), needed(n.Most), false1)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		printTable(&b, answerTable(r, src.Name))
		printTable(&b, editRows(r, src.Name, 12))
	}
	if len(times) > 0 {
		b.WriteString("time, on this machine: nanoseconds for one step, and for each token of a test\n")
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, x := range times {
			fmt.Fprintf(t, "%s\t%d\t%d\n", x.Scheme, x.Step, x.Test)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printTable prints a table of the page, if it has rows.
func printTable(b *strings.Builder, rows report.Table) {
	if len(rows.Rows) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n", rows.Caption)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(rows.Head, "\t"))
	for _, row := range rows.Rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	t.Flush() // into memory
	b.WriteString("\n")
}

// editRows is the table of attacks: a row for each attack and rate, and a column for each scheme.
func editRows(r *eval.Result, source string, most int) report.Table {
	tokens := 0
	var schemes []string
	for _, e := range r.Edited {
		if e.Source == source {
			tokens = max(tokens, e.Tokens)
			if !slices.Contains(schemes, e.Scheme) {
				schemes = append(schemes, e.Scheme)
			}
		}
	}
	schemes = schemes[:min(len(schemes), most)]
	type cell struct {
		attack string
		rate   float64
	}
	var order []cell
	found := map[cell]map[string]string{}
	for _, e := range r.Edited {
		if e.Source != source || e.Tokens != tokens {
			continue
		}
		at := cell{e.Attack, e.Rate}
		if found[at] == nil {
			found[at] = map[string]string{}
			order = append(order, at)
		}
		words := "-"
		if e.Texts > 0 {
			words = fmt.Sprintf("%.2f", e.Power[last(r)].Share.Value)
		}
		found[at][e.Scheme] = words
	}
	t := report.Table{
		Title:   "What edits leave, " + source,
		Caption: fmt.Sprintf("Share of %d texts of %d marked tokens that are detected at %g after an attack. A dash: not measured, because the attack leaves no rows for a test that needs them, or because the source has no characters.", r.Texts, tokens, r.Alphas[last(r)]),
		Words:   1, Head: append([]string{"attack"}, schemes...),
	}
	for _, at := range order {
		row := []string{fmt.Sprintf("%s %v", at.attack, at.rate)}
		for _, s := range schemes {
			row = append(row, cmp.Or(found[at][s], "-"))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
