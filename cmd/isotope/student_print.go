package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
)

// printAudit prints a report for people.
func printAudit(w io.Writer, r *report.Audit) error {
	a := &r.Canonical
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", wrap(a.Question, ""), wrap(strings.ReplaceAll(string(a.Verdict), "_", " ")+". "+a.Claim, ""))
	counted := fmt.Sprintf("with all %d tests counted", a.Tests)
	if a.Tests == 1 {
		counted = "of the one test"
	}
	fmt.Fprintf(&b, "\nlog10 p   %s, %s\n", logOf(a.Log10PAdjusted), counted)
	if a.Pattern != "" {
		b.WriteString(wrap("pattern   "+a.Pattern+": "+a.Rule, "          ") + "\n")
	}
	if e := a.Effect.Provenance; e != nil {
		fmt.Fprintf(&b, "strength  green in excess %s, provenance band %s standard deviations a score\n", decimal("%.3f", float64(a.Effect.Excess)), decimal("%.3f", float64(e.Excess)))
		if e.Live != 0 {
			fmt.Fprintf(&b, "live      green in excess %s, provenance band %s\n", decimal("%.3f", float64(e.LiveTrace)), decimal("%.3f", float64(e.Live)))
		}
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nstatistic\tlog10 p\tz\tgreen\tdecoys")
	for _, s := range a.Statistics {
		counted := fmt.Sprintf("%d of %d", s.Green, s.Scored)
		if s.KeyedDraw {
			counted = fmt.Sprintf("%d scored", s.Scored)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\trank %d of %d\n", s.Name, logOf(s.Log10P), zOf(s.Z), counted, s.Decoys.Rank, len(s.Decoys.Log10P)+1)
	}
	t.Flush()
	for _, f := range a.Families {
		fmt.Fprintf(&b, "\n%s: %d tested, %d named, %d on the list for triage\n", f.Name, len(f.Accounts), f.Named, f.Triage)
		for _, x := range f.Accounts {
			if x.Named && !x.Decoy {
				fmt.Fprintf(&b, "  %s: log10 p %s, %s by Holm, %d of %d green\n", x.ID, logOf(x.Log10P), logOf(x.Holm), x.Green, x.Scored)
			}
		}
	}
	fmt.Fprintf(&b, "\nresponses %d: %d tested", a.Outputs.In, a.Outputs.Tested)
	for _, s := range a.Outputs.Skipped {
		fmt.Fprintf(&b, ", %d skipped (%s)", s.Count, s.Name)
	}
	fmt.Fprintf(&b, "\ntokens    %d", a.Outputs.Tokens)
	for _, p := range a.Positions {
		fmt.Fprintf(&b, ", %d %s", p.Count, p.Name)
	}
	b.WriteString("\n")
	if len(a.Power) > 0 {
		b.WriteString(wrap("This test could have shown "+strings.Join(a.Power, "; ")+".", "") + "\n")
	}
	for _, warning := range a.Warnings {
		b.WriteString(wrap("warning: "+warning, "") + "\n")
	}
	if len(a.NotShown) > 0 {
		b.WriteString(wrap("Not shown: "+strings.Join(a.NotShown, "; ")+".", "") + "\n")
	}
	fmt.Fprintf(&b, "plan      %s\nreport    %s\n", a.Plan, r.Digest)
	_, err := io.WriteString(w, b.String())
	return err
}

// logOf writes log10 of a p-value.
func logOf(n report.Number) string { return decimal("%.3f", float64(n)) }

// zOf writes a z-score, which there is none of where nothing was scored.
func zOf(n report.Number) string { return decimal("%.2f", float64(n)) }
