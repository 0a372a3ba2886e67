package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// planJSON is the JSON object of a plan, version 1: rows, or a student.
type planJSON struct {
	Version     int           `json:"version"`
	Alpha       float64       `json:"alpha"`
	Tests       int64         `json:"tests"`
	Scheme      string        `json:"scheme,omitempty"` // of a keyed draw
	Gamma       *float64      `json:"gamma,omitempty"`
	Temperature *float64      `json:"temperature,omitempty"`
	Share       *float64      `json:"share,omitempty"`
	Measured    *planMeasured `json:"measured,omitempty"` // where the law of --kind is from
	Rows        []planRow     `json:"rows,omitempty"`
	Student     *planStudent  `json:"student,omitempty"`
}

// planMeasured says where a kind of real text was measured.
type planMeasured struct {
	Model       string  `json:"model"`
	Temperature float64 `json:"temperature"`
	Steps       int64   `json:"steps"`
}

// planRow is the plan for one kind of text.
type planRow struct {
	Text       string   `json:"text"`
	Delta      *float64 `json:"delta"`
	Green      *float64 `json:"green"` // of marked tokens; null for a keyed draw
	Rate       *float64 `json:"rate"`  // of scored tokens, marked or not; null for a keyed draw
	KL         *float64 `json:"kl"`
	Tokens     int64    `json:"tokens"`
	Power      float64  `json:"power"`
	Sequential *float64 `json:"sequential_mean"`
}

// planStudent is the plan for a student.
type planStudent struct {
	C1     float64 `json:"c1"`
	Share  float64 `json:"share"`
	Tokens float64 `json:"tokens"`
	Power  float64 `json:"power"`
}

// print prints a plan for people.
func (p *planJSON) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "detected at p <= %g", p.Alpha)
	if p.Tests > 1 {
		fmt.Fprintf(&b, ", adjusted for %d tests", p.Tests)
	}
	if s := p.Student; s != nil {
		fmt.Fprintf(&b, "\nstudent: %.0f scored tokens show a share of %.3g of marked training text with a probability of about %.3g\n", s.Tokens, s.Share, s.Power)
		if s.Share > 1 {
			b.WriteString("No share is above 1, so this many tokens show nothing.\n")
		}
		fmt.Fprintf(&b, "This assumes c1 = %g, the normal law, and that every pair is new. Repeated answers show less.\n", s.C1)
		_, err := io.WriteString(w, b.String())
		return err
	}
	if p.Scheme != "" {
		fmt.Fprintf(&b, "; %s", p.Scheme)
	} else {
		fmt.Fprintf(&b, "; gamma %g", *p.Gamma)
	}
	if p.Temperature != nil && *p.Temperature != 1 {
		fmt.Fprintf(&b, ", temperature %g", *p.Temperature)
	}
	if *p.Share != 1 {
		fmt.Fprintf(&b, ", %.3g %% of the text marked", 100**p.Share)
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "text\tdelta\tgreen\tnats\tperplexity\tscored tokens\tpower\tuntil detected\t")
	for _, r := range p.Rows {
		delta, nats, ppl, until, green := "-", "-", "-", "never", "-"
		if r.Green != nil {
			green = fmt.Sprintf("%.4f", *r.Green)
		} else {
			until = "-"
		}
		if r.Delta != nil {
			delta = fmt.Sprintf("%.3g", *r.Delta)
		}
		if r.KL != nil {
			nats, ppl = fmt.Sprintf("%.4f", *r.KL), fmt.Sprintf("x%.3f", math.Exp(*r.KL))
		}
		if r.Sequential != nil {
			until = fmt.Sprintf("%.0f", *r.Sequential)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%.4f\t%s\t\n", r.Text, delta, green, nats, ppl, r.Tokens, r.Power, until)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if m := p.Measured; m != nil {
		fmt.Fprintf(&b, "Measured on %s at temperature %g, over %d steps of unmarked text. A larger\nmodel has less choice, and needs more tokens.\n",
			m.Model, m.Temperature, m.Steps)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
