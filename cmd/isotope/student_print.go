package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/isotope-wm/isotope/internal/report"
)

// printAudit prints a report for people.
func printAudit(w io.Writer, r *report.Audit) error {
	a := &r.Canonical
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", wrap(a.Question, ""), wrap(strings.ReplaceAll(string(a.Verdict), "_", " ")+". "+a.Claim, ""))
	fmt.Fprintf(&b, "\nlog10 p   %.3f, with all %d tests counted\n", float64(a.Log10PAdjusted), a.Tests)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nstatistic\tlog10 p\tz\tgreen\tdecoys")
	for _, s := range a.Statistics {
		fmt.Fprintf(t, "%s\t%.3f\t%.2f\t%d of %d\trank %d of %d\n", s.Name, float64(s.Log10P), float64(s.Z), s.Green, s.Scored, s.Decoys.Rank, len(s.Decoys.Log10P)+1)
	}
	t.Flush()
	for _, f := range a.Families {
		fmt.Fprintf(&b, "\n%s: %d tested, %d named, %d on the list for triage\n", f.Name, len(f.Accounts), f.Named, f.Triage)
		for _, x := range f.Accounts {
			if x.Named && !x.Decoy {
				fmt.Fprintf(&b, "  %s: log10 p %.3f, %.3f by Holm, %d of %d green\n", x.ID, float64(x.Log10P), float64(x.Holm), x.Green, x.Scored)
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
