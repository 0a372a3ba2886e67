package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
)

// printAudit prints a report for people.
// rows accounts for outputs in files, or is nil.
func printAudit(w io.Writer, r *report.Audit, rows *outputRows) error {
	a := &r.Canonical
	var b strings.Builder
	printVerdict(&b, a)
	printStatistics(&b, a.Statistics)
	printFamilies(&b, a.Families)
	printCounts(&b, a)
	if rows != nil {
		for _, words := range rows.SkipWords() {
			fmt.Fprintf(&b, "skipped   %s\n", words)
		}
		for _, words := range append(slices.Clone(rows.left), rows.NoteWords()...) {
			fmt.Fprintf(&b, "note      %s\n", words)
		}
	}
	if len(a.Power) > 0 {
		b.WriteString(wrap("The test would have detected "+strings.Join(a.Power, "; ")+".", "") + "\n")
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

// printVerdict prints the question, the verdict and how strong the mark is.
func printVerdict(b *strings.Builder, a *report.AuditCanonical) {
	fmt.Fprintf(b, "%s\n%s\n", wrap(a.Question, ""), wrap(strings.ReplaceAll(string(a.Verdict), "_", " ")+a.Partial()+". "+a.Claim, ""))
	tests := fmt.Sprintf("adjusted for %d tests", a.Tests)
	if a.Tests == 1 {
		tests = "of one test"
	}
	fmt.Fprintf(b, "\nlog10 p   %s, %s\n", decimals(3, a.Log10PAdjusted), tests)
	if a.Pattern != "" {
		b.WriteString(wrap("pattern   "+a.Pattern+": "+a.Rule, "          ") + "\n")
	}
	if e := a.Effect.Provenance; e != nil {
		fmt.Fprintf(b, "strength  excess of green %s, provenance band %s standard deviations per score\n", decimals(3, a.Effect.Excess), decimals(3, e.Excess))
		if e.Live != 0 {
			fmt.Fprintf(b, "live      excess of green %s, provenance band %s\n", decimals(3, e.LiveTrace), decimals(3, e.Live))
		}
	}
}

// printStatistics prints the result of each statistic under the key and among the control keys.
func printStatistics(b *strings.Builder, statistics []report.AuditStatistic) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nstatistic\tlog10 p\tz\tgreen\tcontrol keys")
	for _, s := range statistics {
		scored := fmt.Sprintf("%d of %d", s.Green, s.Scored)
		if s.KeyedDraw {
			scored = fmt.Sprintf("%d scored", s.Scored)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\trank %d of %d\n", s.Name, decimals(3, s.Log10P), decimals(2, s.Z), scored, s.Decoys.Rank, len(s.Decoys.Log10P)+1)
	}
	t.Flush() // a strings.Builder takes everything
}

// printFamilies prints the accounts that are named.
func printFamilies(b *strings.Builder, families []report.AuditFamily) {
	for _, f := range families {
		fmt.Fprintf(b, "\n%s: %d tested, %d named, %d on the list for triage\n", f.Name, len(f.Accounts), f.Named, f.Triage)
		for _, x := range f.Accounts {
			if x.Named && !x.Decoy {
				fmt.Fprintf(b, "  %s: log10 p %s, %s by Holm, %d of %d green\n", x.ID, decimals(3, x.Log10P), decimals(3, x.Holm), x.Green, x.Scored)
			}
		}
	}
}

// printCounts prints how many responses and tokens were tested and skipped.
func printCounts(b *strings.Builder, a *report.AuditCanonical) {
	fmt.Fprintf(b, "\nresponses %d: %d tested", a.Outputs.In, a.Outputs.Tested)
	for _, s := range a.Outputs.Skipped {
		fmt.Fprintf(b, ", %d skipped (%s)", s.Count, s.Name)
	}
	fmt.Fprintf(b, "\ntokens    %d", a.Outputs.Tokens)
	for _, p := range a.Positions {
		fmt.Fprintf(b, ", %d %s", p.Count, p.Name)
	}
	b.WriteString("\n")
}

// decimals returns a number with n decimals, or "none".
func decimals(n int, x report.Number) string {
	return report.Decimal(fmt.Sprintf("%%.%df", n), float64(x))
}
