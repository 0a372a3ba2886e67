package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/scan"
)

// shownDocuments is the number of documents that a table shows.
const shownDocuments = 20

// A scanOutput prints the result of a scan.
type scanOutput struct {
	*scanning
	sidecar *os.File
	shown   []*scan.Document // with the smallest p-values
	report  *scanReport      // nil: there is none
	table   *scanTable       // nil: there is none
	digests *scanDigests     // nil: the test is not of a plan
}

// close removes a table that was not finished.
func (o *scanOutput) close() {
	if o.table != nil {
		o.table.remove()
	}
}

// openSidecar opens the file of --skipped.
func (o *scanOutput) openSidecar() (done func() error, err error) {
	var l inputs.Ledger
	done, err = o.flags.mark.read.openSidecar(&l)
	if f, ok := l.Sidecar.(*os.File); ok {
		o.sidecar = f
	}
	return done, err
}

// Document implements scan.Sink.
func (o *scanOutput) Document(d *scan.Document) error {
	if o.report != nil {
		o.report.add(d)
	}
	if o.table != nil {
		if err := o.table.add(d); err != nil {
			return err
		}
	}
	if o.digests != nil {
		if err := o.digests.document(d); err != nil {
			return err
		}
	}
	if o.flags.json {
		return writeJSON(o.stdout, d)
	}
	if d.Listed {
		o.shown = insertDocument(o.shown, d, shownDocuments)
	}
	return nil
}

// insertDocument keeps so many documents with the smallest p-values.
func insertDocument(list []*scan.Document, d *scan.Document, most int) []*scan.Document {
	at, _ := slices.BinarySearchFunc(list, d, compareDocuments)
	if at == most {
		return list
	}
	list = slices.Insert(list, at, d)
	return list[:min(len(list), most)]
}

// endFiles writes the page and the table.
func (o *scanOutput) endFiles(ctx context.Context, t *scan.Totals) error {
	if o.table != nil {
		if err := o.table.finish(t); err != nil {
			return err
		}
	}
	if o.report == nil || t.Verdict == nil {
		return nil
	}
	page, err := o.page(ctx, t)
	if err != nil {
		return err
	}
	return writePage(page.KeepColours(!o.noColours), o.flags.report)
}

// compareDocuments orders by p-value. Documents come in the order of their places, so equal ones stay
// in that order.
func compareDocuments(a, b *scan.Document) int {
	return cmp.Or(cmp.Compare(a.Log10PDocument, b.Log10PDocument), -1)
}

// Skip implements scan.Sink.
func (o *scanOutput) Skip(s *scan.Skip) error {
	if o.sidecar == nil && o.digests == nil {
		return nil
	}
	text, err := json.Marshal(inputs.SkipLine{
		File: s.File, Members: s.Members, Row: s.Row, Line: s.Line, Offset: s.Offset, Reason: s.Reason, Detail: s.Detail, Fields: s.Fields, Rest: s.Rest,
	})
	if err == nil && o.digests != nil {
		o.digests.skip(text)
	}
	if err == nil && o.sidecar != nil {
		_, err = o.sidecar.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("the list of skipped rows cannot be written: %w", err)
	}
	return nil
}

// A scanJSON is the last line of a scan in JSON.
type scanJSON struct {
	envelope
	*scan.Totals
}

// end prints the totals.
func (o *scanOutput) end(t *scan.Totals) error {
	if o.flags.json {
		return writeJSON(o.stdout, scanJSON{newEnvelope("scan"), t})
	}
	if t.Verdict == nil {
		return nil
	}
	var b strings.Builder
	o.print(&b, t)
	_, err := fmt.Fprint(o.stdout, b.String())
	return err
}

// print prints the totals for people.
func (o *scanOutput) print(b *strings.Builder, t *scan.Totals) {
	fmt.Fprintf(b, "%s\n", o.headline(t))
	fmt.Fprintf(b, "  documents %s in %s, %d of them distinct\n", plural(t.Documents, "1 row", "%d rows"), plural(t.Files, "1 file", "%d files"), t.Distinct)
	tests := ""
	if t.Tests > 1 {
		tests = fmt.Sprintf(", each tested %d times", t.Tests)
	}
	fmt.Fprintf(b, "  listed    %s (%s) at a false discovery rate of %v%s\n", plural(t.Listed, "1 document", "%d documents"), plural(t.Same, "1 row", "%d rows"), t.FDR, tests)
	fmt.Fprintf(b, "  detected  %s at %v, counting every test of every document and of the pile\n", plural(t.Detected, "1 document", "%d documents"), t.Alpha)
	o.printPile(b, t)
	if len(o.shown) > 0 {
		b.WriteString("\n  log10 p  log10 q    rows  place\n")
		for _, d := range o.shown {
			name := ""
			if len(o.marks) > 1 {
				name = "  (" + cmp.Or(d.Label, d.KeyID) + ")"
			}
			fmt.Fprintf(b, "%9s%9s%8d  %s%s\n", quoteP(d.Log10PAdjusted, d.Log10Floor), quoteP(d.Log10Q, d.Log10Floor), d.Count, placeOf(&d.Place), name)
			for _, s := range d.Spans {
				fmt.Fprintf(b, "%28stokens %d to %d%s, log10 p %s\n", "", s.Start, s.End, bytesWords(&s), logP(s.Log10PAdjusted))
			}
		}
		if more := t.Listed - int64(len(o.shown)); more > 0 {
			fmt.Fprintf(b, "%28sand %d more; --json prints all of them\n", "", more)
		}
		b.WriteString("\n")
	}
	for _, list := range []struct {
		what    string
		sources []scan.Source
	}{{"source", t.Sources}, {"host", t.Hosts}} {
		if len(list.sources) < 2 && list.what == "source" {
			continue // the table says it
		}
		for _, s := range list.sources[:min(len(list.sources), 5)] {
			fmt.Fprintf(b, "  %-9s %s: %s listed\n", list.what, placeOf(&scan.Place{File: s.Name}), plural(s.Listed, "1 document", "%d documents"))
		}
	}
	if t.Rows.Skipped > 0 {
		fmt.Fprintf(b, "  skipped   %s of %d: %s\n", plural(t.Rows.Skipped, "1 row", "%d rows"), t.Rows.Found, countWords(t.Rows.Reasons))
		for _, s := range t.Rows.First {
			fmt.Fprintf(b, "  skipped   %s\n", skipWords(&s))
		}
		if more := t.Rows.Skipped - int64(len(t.Rows.First)); more > 0 {
			fmt.Fprintf(b, "  skipped   and %d more; --skipped FILE lists all of them\n", more)
		}
	}
	for _, n := range t.Notes {
		fmt.Fprintf(b, "  note      %s\n", n)
	}
	for _, u := range t.Rows.Unread {
		fmt.Fprintf(b, "  note      field %.60q was not read in %s: %s\n", u.Field, plural(u.Rows, "1 row", "%d rows"), u.Detail)
	}
}

func bytesWords(s *scan.Span) string {
	if s.ByteStart == nil || s.ByteEnd == nil {
		return ""
	}
	words := fmt.Sprintf(", bytes %d to %d", *s.ByteStart, *s.ByteEnd)
	if s.Field != "" {
		words += " of " + s.Field
	}
	return words
}

// quoteP prints a p-value, or the floor under which none is claimed.
func quoteP(p, floor float64) string {
	if p < floor {
		return "<" + report.Decimal("%.1f", floor)
	}
	return report.Decimal("%.2f", p)
}

// headline words the verdict of all documents together.
func (o *scanOutput) headline(t *scan.Totals) string {
	switch *t.Verdict {
	case detect.Detected:
		if t.Detected > 0 {
			return "detected: documents of this corpus depend on the key"
		}
		return "detected: this corpus depends on the key, as a whole"
	case detect.NotDetected:
		return "not_detected: neither a document nor the pile shows the mark, and the pile would have shown a share of " + fmt.Sprint(o.options.MinShare)
	}
	why := "and the silence of the pile says nothing"
	switch {
	case t.Rows.Skipped > 0:
		why = "and a part was not tested"
	case len(o.flags.mark.rates) == 0:
		why = "and no --rate says how much marked text would show"
	}
	return "inconclusive: nothing was detected, " + why
}

// sortedPile returns the tests of the pile, the smallest p-value first.
func sortedPile(t *scan.Totals) []scan.PileTotals {
	list := slices.Clone(t.Pile)
	p := func(x *scan.PileTotals) float64 {
		if x.Log10P == nil {
			return math.Inf(1)
		}
		return *x.Log10P
	}
	slices.SortStableFunc(list, func(x, y scan.PileTotals) int { return cmp.Compare(p(&x), p(&y)) })
	return list
}

// printPile prints the test of the pile for the marks with the smallest p-values.
func (o *scanOutput) printPile(b *strings.Builder, t *scan.Totals) {
	list := sortedPile(t)
	for _, x := range list[:min(len(list), 5)] {
		name := ""
		if len(list) > 1 {
			name = " (" + cmp.Or(x.Label, x.KeyID) + ")"
		}
		if x.Verdict == nil {
			fmt.Fprintf(b, "  pile      no test%s: %s\n", name, strings.Join(x.Warnings, "; "))
			continue
		}
		fmt.Fprintf(b, "  pile      %s%s, log10 p %s, %d distinct pairs", *x.Verdict, name, quoteP(*x.Log10PAdjusted, *x.Log10Floor), x.Scored)
		if x.Sampled {
			b.WriteString(", a sample")
		}
		b.WriteString("\n")
		if words := shareWords(&x); words != "" {
			fmt.Fprintf(b, "  share     %s\n", words)
		}
		for _, w := range x.Warnings {
			fmt.Fprintf(b, "  note      %s\n", w)
		}
	}
	if more := len(list) - 5; more > 0 {
		fmt.Fprintf(b, "  pile      and %d more marks, whose p-values are larger; --json prints all of them\n", more)
	}
}

// shareWords says how much of the distinct text is marked, or why that is not known. It says nothing
// where nobody would ask.
func shareWords(x *scan.PileTotals) string {
	switch e := x.Estimate; {
	case *x.Verdict != detect.Detected && x.Rate == nil:
		return ""
	case e != nil:
		return estimateWords(e)
	case x.Scored == 0:
		return ""
	}
	return "not estimated: the interval is one of colours, and scores of the scheme " + x.Scheme + " are not colours"
}

// estimateWords says how much of the distinct text is marked.
func estimateWords(e *scan.Estimate) string {
	if e.Share == nil {
		return fmt.Sprintf("at least %.2g of the distinct pairs are marked, with a confidence of %v; --rate gives an estimate", e.ShareLow, e.Confidence)
	}
	return fmt.Sprintf("%.2g of the distinct pairs are marked by the stated rate, between %.2g and %.2g with a confidence of %v", *e.Share, e.ShareLow, *e.ShareHigh, e.Confidence)
}
