package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/eval"
)

func (c *cli) evalCompareCommand() *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare the JSON of two runs of eval",
		Long: `Compare prints what two runs of eval have in common. A line has a number of A and of B, with
intervals, and the p-value of no difference. The p-value is that of Fisher's exact test for
shares of texts, and of a permutation test for means. It treats the texts of the two runs as
independent, and it is not adjusted for the number of comparisons. The last line says how
many of them chance alone would call different.

Lines whose p-value is above 0.05 have a ~ and are left out, unless --all is given.`,
		Example: `  isotope eval compare before.json after.json
  isotope eval compare --all --json before.json after.json`,
		Args: func(_ *cobra.Command, args []string) error {
			return check([]rule{noSecrets(args...), {len(args) != 2, "compare takes two FILES that 'isotope eval --json' wrote"}})
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var results [2]*eval.Result
			for i, path := range args {
				if err := readWith(path, func(r io.Reader) (err error) {
					results[i], err = eval.ReadResult(r)
					return err
				}); err != nil {
					return err
				}
			}
			list, only := eval.Compare(results[0], results[1])
			if asJSON {
				return writeJSON(c.stdout, compareJSON{newEnvelope("eval compare"), list, only})
			}
			return printComparison(c.stdout, list, only, all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&all, "all", false, "print equal numbers, too")
	return cmd
}

// compareJSON is the JSON object of eval compare, version 1.
type compareJSON struct {
	envelope
	Comparisons []eval.Comparison `json:"comparisons"`
	Only        int               `json:"only_in_one"` // shares of texts that one of the files lacks
}

// differs is the p-value at which two numbers are called different.
const differs = 0.05

func printComparison(w io.Writer, list []eval.Comparison, only int, all bool) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "source\tscheme\tmeasure\tat\tA\tB\tp")
	tests, different := 0, 0
	for _, x := range list {
		p := math.Pow(10, float64(x.Log10P))
		words := "no test"
		if !math.IsNaN(p) {
			tests++
			words = fmt.Sprintf("~ %.2f", p)
			if p <= differs {
				different++
				words = fmt.Sprintf("%.2g", p)
			}
		}
		if !all && !(p <= differs) {
			continue
		}
		measure := x.Measure
		if x.Alpha > 0 {
			measure += fmt.Sprintf(" %g", x.Alpha)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Source, x.Scheme, measure, x.At, range95(x.A, "%.4g"), range95(x.B, "%.4g"), words)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&b, "%d of %d tests have p <= %g; chance alone gives at most about %.0f of them if nothing differs\n", different, tests, differs, math.Ceil(differs*float64(tests)))
	if only > 0 {
		fmt.Fprintf(&b, "%d shares of texts are in one of the files only\n", only)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
