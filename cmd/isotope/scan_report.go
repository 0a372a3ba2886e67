package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/scan"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

const (
	// maxScanShown is the number of tokens that a report shows of a document. Each takes some forty bytes.
	maxScanShown = 1500
	// notListed is how many documents a report shows that are not on the list.
	notListed = 3
	// beforeSpan is how many of them stand before the first part that depends on the key.
	beforeSpan = 100
)

// A scanReport gathers what a page shows of the documents. Its size is fixed.
type scanReport struct {
	histogram report.Histogram
	top       []*scan.Document
}

func (r *scanReport) add(d *scan.Document) {
	r.histogram.Add(d.Log10PDocument)
	r.top = insertDocument(r.top, d, shownDocuments)
}

// controls returns marks like one of the scan's, under control keys.
func (s *scanning) controls(mark int) ([]detect.Scorer, error) {
	if s.flags.decoys == 0 {
		return nil, nil
	}
	var list []detect.Scorer
	from := s.sources[mark]
	_, err := student.NewDecoys(s.options.RunKey, s.flags.decoys, func(k watermark.Key) (detect.Scorer, error) {
		c := from.candidate
		key := interop.AnyKey{Native: k}
		if c.profile.Engine != nil {
			derived, err := interop.DeriveKey(c.profile.Engine, k)
			if err != nil {
				return nil, err
			}
			key = interop.AnyKey{Engine: derived}
		}
		bound, err := c.profile.Bind(key, c.selector...)
		if err != nil {
			return nil, err
		}
		list = append(list, bound[from.variant].Scorer)
		return bound[from.variant].Scorer, nil
	})
	return list, err
}

// markName names a mark of several.
func markName(label, keyID string) string {
	if label == "" {
		return "key " + keyID
	}
	return label + ", key " + keyID
}

// page returns the report of a scan.
func (o *scanOutput) page(ctx context.Context, t *scan.Totals) (*report.Scan, error) {
	p := &report.Scan{
		Title: "Isotope: a corpus", Histogram: o.report.histogram, Listed: t.Listed,
		Lead: fmt.Sprintf("Each of %d distinct documents was tested, and all of them together. They stand in %s of %s.",
			t.Distinct, plural(t.Documents, "1 row", "%d rows"), plural(t.Files, "1 file", "%d files")),
		Found: t.Rows.Found, Tested: t.Rows.Tested, Box: o.box(t), Digest: "sha256:" + t.Manifest, Facts: o.facts(t), Provenance: o.provenance(t),
		Notes: []string{
			noteDetected, noteSilent,
			fmt.Sprintf("Of the documents on the list, on average at most a share of %v is there by chance. A document that is called detected is named with an error rate of at most %v for all of them together.", t.FDR, t.Alpha),
			"A document that is not on the list is not cleared. Most documents are short, and a short text shows nothing.",
			"Colours are for illustration. A passage that was picked by its colours is not evidence: a second test of it would find what was picked.",
		},
	}
	if !t.Complete {
		p.Warnings = append(p.Warnings, sentence("the scan is not complete: "+incompleteWords(t, &o.flags.mark.read)))
	}
	pile := sortedPile(t)
	for _, x := range pile[:min(len(pile), shownDocuments)] {
		row := report.ScanPile{Name: markName(x.Label, x.KeyID), Warnings: x.Warnings, P: "none"}
		if x.Verdict != nil {
			row.Verdict, row.P = string(*x.Verdict), report.Quote(*x.Log10PAdjusted, *x.Log10Floor)
			row.Counts = fmt.Sprintf("%d scored", x.Scored)
			if x.Estimate != nil { // of colours
				row.Counts = fmt.Sprintf("%d of %d green", x.Green, x.Scored)
			}
			if x.Sampled {
				row.Counts += ", a sample"
			}
			row.Estimate = shareWords(&x)
		}
		p.Pile = append(p.Pile, row)
	}
	p.MorePile = int64(len(pile) - len(p.Pile))
	if n := len(t.Controls); n > 0 {
		x := &t.Pile[t.Controlled]
		d := student.DecoyPanel{Log10P: t.Controls, Real: *x.Log10P, Rank: rankOf(*x.Log10P, t.Controls)}
		p.Controls = &report.ScanControls{Name: o.controlledName(t), Log10P: t.Controls, Key: d.Real, Rank: d.Rank, Misfit: d.Log10Misfit()}
		for _, w := range d.Warnings() {
			p.Warnings = append(p.Warnings, sentence(w.Error()))
		}
	}
	for _, s := range t.Sources {
		p.Sources = append(p.Sources, report.ScanSource{Name: s.Name, Documents: s.Documents, Listed: s.Listed})
	}
	for _, s := range t.Hosts {
		p.Hosts = append(p.Hosts, report.ScanSource{Name: s.Name, Listed: s.Listed})
	}
	for _, c := range t.Rows.Reasons {
		p.Skipped = append(p.Skipped, report.AuditCount{Name: c.Name, Count: c.Count})
	}
	for _, s := range t.Rows.First {
		p.FirstSkips = append(p.FirstSkips, skipWords(&s))
	}
	for _, u := range t.Rows.Unread {
		p.Notes = append(p.Notes, fmt.Sprintf("The field %.60q was not read in %s: %s.", u.Field, plural(u.Rows, "1 row", "%d rows"), u.Detail))
	}
	p.Notes = append(p.Notes, t.Notes...)
	return p, o.addDocuments(ctx, p)
}

// controlledName names the mark whose pile was tested under control keys.
func (o *scanOutput) controlledName(t *scan.Totals) string {
	x := &t.Pile[t.Controlled]
	if len(t.Pile) == 1 {
		return markName(x.Label, x.KeyID)
	}
	return fmt.Sprintf("%s, which has the smallest p-value of %d marks", markName(x.Label, x.KeyID), len(t.Pile))
}

// rankOf returns 1 plus the number of control keys whose p-value is at most p.
func rankOf(p float64, controls []float64) int {
	rank := 1
	for _, x := range controls {
		if x <= p {
			rank++
		}
	}
	return rank
}

// box returns the first thing that the page shows.
func (o *scanOutput) box(t *scan.Totals) *report.Box {
	_, says, _ := strings.Cut(o.headline(t), ": ")
	b := &report.Box{Verdict: *t.Verdict, Says: sentence(says)}
	b.Exhibit = []string{
		fmt.Sprintf("%s, %d distinct documents", plural(t.Files, "1 file", "%d files"), t.Distinct), "manifest sha256 " + t.Manifest,
		o.started.UTC().Format("2 Jan 2006 15:04 UTC"),
	}
	if t.Rows.Skipped > 0 {
		b.Exhibit = slices.Insert(b.Exhibit, 1, fmt.Sprintf("%d of %d rows skipped", t.Rows.Skipped, t.Rows.Found))
	}
	b.Fixed = fixedWords(t.Alpha, t.Distinct*t.Tests+int64(len(t.Pile)))
	best, floor := math.Inf(1), 0.0
	if len(o.report.top) > 0 {
		best, floor = o.report.top[0].Log10PAdjusted, o.report.top[0].Log10Floor
	}
	for i := range t.Pile {
		if x := &t.Pile[i]; x.Log10PAdjusted != nil && *x.Log10PAdjusted < best {
			best, floor = *x.Log10PAdjusted, *x.Log10Floor
		}
	}
	switch *t.Verdict {
	case detect.Detected:
		mark := "The mark"
		if len(o.marks) > 1 {
			mark = fmt.Sprintf("One or more of %d marks", len(o.marks))
		}
		b.Says = mark + " was detected in this corpus, as a whole."
		if t.Detected > 0 {
			b.Says = fmt.Sprintf("%s was detected in %s of this corpus. %s on the list.", mark, plural(t.Detected, "1 document", "%d documents"), plural(t.Listed, "1 document is", "%d documents are"))
		}
		b.Odds = report.OddsIn(best, floor, "corpora")
		b.Means = "texts of this corpus depend on the key. They were written with the key, or copied from text that was, or a model wrote them that learned from such text."
		b.Not = "who wrote them, or when. A document that is not on the list may be marked too."
	default:
		b.Not = "that the corpus has no marked text. Short documents, editing, paraphrase and translation hide marks, and a text of another key looks the same."
	}
	return b
}

// facts are those of a call.
func (o *scanOutput) facts(t *scan.Totals) []report.Fact {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	facts := []report.Fact{
		{Name: "scanned", Value: o.started.UTC().Format(time.RFC3339)},
		{Name: "program", Value: toolVersion()},
		{Name: "command", Value: o.command()},
		{Name: "manifest", Value: "sha256:" + t.Manifest},
		{Name: "alpha", Value: number(t.Alpha)},
		{Name: "false discovery rate", Value: number(t.FDR)},
		{Name: "tests of a document", Value: strconv.FormatInt(t.Tests, 10)},
		{Name: "run key", Value: t.RunKey},
		{Name: "largest sample", Value: fmt.Sprintf("%d pairs", t.Sample)},
	}
	facts = append(facts, signedFacts(o.signed, o.flags.mark.evidence.signed)...)
	for i := range o.marks {
		if i == shownDocuments {
			facts = append(facts, report.Fact{Name: "marks", Value: fmt.Sprintf("and %d more; --json has all of them", len(o.marks)-i)})
			break
		}
		m := &o.marks[i]
		tokenizer := "none"
		if m.Tokenizer != nil {
			tokenizer = m.Tokenizer.Name()
		}
		facts = append(facts,
			report.Fact{Name: "mark", Value: m.Bound.Scorer.ID()},
			report.Fact{Name: "its key and profile", Value: fmt.Sprintf("%s; profile %s; scheme %s; tokenizer %s", markName(m.Label, m.KeyID), m.Profile, m.Scheme, tokenizer)})
	}
	return facts
}

// provenance says where each number of the page comes from.
func (o *scanOutput) provenance(t *scan.Totals) []report.Provenance {
	n := func(x int64) string { return strconv.FormatInt(x, 10) }
	list := []report.Provenance{
		{Name: "files", Value: n(t.Files), From: fmt.Sprintf("counted at the end of each file. %d could not be read, and %d changed meanwhile", t.Unreadable, t.Changed)},
		{Name: "bytes of files", Value: n(t.Bytes), From: "as they are stored"},
		{Name: "manifest", Value: "sha256:" + t.Manifest, From: "SHA-256 of a line for each file, in the order of the names: the quoted name, a space, and the SHA-256 of the file"},
		{Name: "rows", Value: n(t.Rows.Found), From: fmt.Sprintf("%d tested and %d skipped", t.Rows.Tested, t.Rows.Skipped)},
		{Name: "distinct documents", Value: n(t.Distinct), From: "rows with the same SHA-256 of texts and prompts are one document"},
		{Name: "tests of a document", Value: n(t.Tests), From: "one for each mark, and one more with --spans"},
		{Name: "p-value of a document", Value: "one each", From: "the exact tail of the score of its distinct pairs, or an upper bound, times the tests of the document"},
		{Name: "adjusted p-value", Value: "one each", From: fmt.Sprintf("the p-value of the document times %d: twice the number of documents", 2*t.Distinct)},
		{Name: "detected", Value: n(t.Detected), From: fmt.Sprintf("documents whose adjusted p-value is at most %v", t.Alpha)},
		{Name: "q", Value: "one each", From: fmt.Sprintf("the rule of Benjamini and Yekutieli over %d documents", t.Distinct)},
		{Name: "listed", Value: n(t.Listed), From: fmt.Sprintf("documents whose q is at most %v. They are %s", t.FDR, plural(t.Same, "1 row", "%d rows"))},
		{Name: "the pile", Value: fmt.Sprintf("%d tests", len(t.Pile)), From: fmt.Sprintf("one for each mark, of up to %d distinct pairs that the run key selects. Contexts of prompts are left out", t.Sample)},
		{Name: "share", Value: "see the pile", From: "the interval of Clopper and Pearson for the green rate, less that of chance, divided by --rate. It is not a test"},
	}
	if len(t.Controls) > 0 {
		list = append(list, report.Provenance{Name: "control keys", Value: fmt.Sprint(len(t.Controls)), From: "derived from the run key, and bound to the profile of the mark. They are not counted as tests"})
	}
	return append(list,
		report.Provenance{Name: "histogram", Value: n(o.report.histogram.Documents), From: "the p-values of all distinct documents"},
		report.Provenance{Name: "colours", Value: "of the shown texts", From: "the files were read again after the scan, and the SHA-256 of each shown document is that of the scan"},
		report.Provenance{Name: "proofs", Value: "docs/statistics.md", From: "sections 3, 5.3 and 6"})
}

// A shownDocument is what a second reading of a document gave.
type shownDocument struct {
	*scan.Shown
	missing string
}

// addDocuments adds the documents with the smallest p-values.
func (o *scanOutput) addDocuments(ctx context.Context, p *report.Scan) error {
	top := o.report.top
	listed := 0
	for _, d := range top {
		if d.Listed {
			listed++
		}
	}
	top = top[:min(listed+notListed, len(top))] // they are in the order of q as well
	shown, err := o.readAgain(ctx, top)
	if err != nil {
		return err
	}
	for i, d := range top {
		x := report.ScanDocument{
			Rank: i + 1, Place: placeOf(&d.Place), Rows: d.Count, Listed: d.Listed, Detected: d.Detected, Log10Q: quoteP(d.Log10Q, d.Log10Floor),
			P: cmp.Or(report.Quote(d.Log10PAdjusted, d.Log10Floor), "none"),
		}
		if len(o.marks) > 1 {
			x.Key = markName(d.Label, d.KeyID)
		}
		x.Facts = o.documentFacts(d, shown[i].Shown)
		if shown[i].Shown == nil {
			x.Missing = shown[i].missing
		} else {
			x.Passage = o.passage(d, shown[i].Shown, fmt.Sprintf("%d. %s", x.Rank, x.Place))
			if n := len(shown[i].Tokens); n > maxScanShown {
				x.Facts = append(x.Facts, report.Fact{Name: "shown", Value: fmt.Sprintf("%d of %d tokens; all were tested", maxScanShown, n)})
			}
		}
		p.Documents = append(p.Documents, x)
	}
	return nil
}

// documentFacts are the place and the numbers of a document.
func (o *scanOutput) documentFacts(d *scan.Document, shown *scan.Shown) []report.Fact {
	var facts []report.Fact
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, report.Fact{Name: name, Value: value})
		}
	}
	number := func(name string, n *int64) {
		if n != nil {
			add(name, strconv.FormatInt(*n, 10))
		}
	}
	add("file", d.File)
	add("member", strings.Join(d.Members, " ! "))
	number("row", &d.Row)
	if d.Line > 0 {
		number("line", &d.Line)
	}
	add("field", strings.Join(d.Fields, ", "))
	number("offset in bytes", d.Offset)
	number("offset of the compressed record", d.Stored)
	if d.RowGroup != nil {
		add("row group", strconv.Itoa(*d.RowGroup))
	}
	add("URL", d.URL)
	add("record", d.RecordID)
	add("sha256", d.SHA256)
	add("equal rows", strconv.FormatInt(d.Count, 10))
	add("key id", d.KeyID)
	counts := fmt.Sprintf("%d scored of %d tokens", d.Scored, d.Tokens)
	if _, colours := o.marks[d.Mark].Bound.Scorer.Law().(watermark.Bernoulli); colours {
		counts = fmt.Sprintf("%d green of %d scored, of %d tokens", d.Green, d.Scored, d.Tokens)
	}
	add("counts", counts)
	add("log10 p", fmt.Sprintf("%s of this mark alone, %s for the document, %s adjusted for all; log10 q %s",
		quoteP(d.Log10P, d.Log10Floor), quoteP(d.Log10PDocument, d.Log10Floor), quoteP(d.Log10PAdjusted, d.Log10Floor), quoteP(d.Log10Q, d.Log10Floor)))
	if shown != nil && len(shown.Control) > 0 {
		add("control keys", fmt.Sprintf("smallest log10 p of %d: %s; rank of the key %d", len(shown.Control), report.Decimal("%.2f", shown.Control[0]), rankOf(d.Log10P, shown.Control)))
	}
	for _, n := range d.Notes {
		add("note", n)
	}
	return facts
}

// passage returns the text of a document in colours.
func (o *scanOutput) passage(d *scan.Document, s *scan.Shown, title string) *report.Passage {
	p := &report.Passage{Title: title}
	from := 0
	if len(d.Spans) > 0 {
		from = max(d.Spans[0].Start-beforeSpan, 0)
	}
	to := min(from+maxScanShown, len(s.Tokens))
	from = max(to-maxScanShown, 0)
	var spans []detect.Span
	for _, x := range d.Spans {
		p.Parts = append(p.Parts, fmt.Sprintf("tokens %d to %d%s, log10 p %s", x.Start, x.End, bytesWords(&x), logP(x.Log10PAdjusted)))
		spans = append(spans, detect.Span{DisplayStart: x.Start, DisplayEnd: x.End})
	}
	for i, start := range s.Starts {
		end := len(s.Tokens)
		if i+1 < len(s.Starts) {
			end = s.Starts[i+1]
		}
		a, b := max(start, from), min(end, to)
		if a >= b {
			continue
		}
		shifted := slices.Clone(spans)
		for k := range shifted {
			shifted[k].DisplayStart -= a
			shifted[k].DisplayEnd -= a
		}
		if len(p.Tokens) > 0 { // another text of the document
			p.Tokens = append(p.Tokens, report.Token{Text: "\n\n", Colour: report.Unscored})
		}
		p.Tokens = append(p.Tokens, colourTokens(o.marks[d.Mark].Tokenizer, s.Tokens[a:b], s.Colours[a:b], shifted)...)
	}
	return p
}

// readAgain reads documents a second time, for display.
func (o *scanOutput) readAgain(ctx context.Context, list []*scan.Document) ([]shownDocument, error) {
	reader, err := corpus.New(o.flags.corpusOptions())
	if err != nil {
		return nil, usageError{err}
	}
	out := make([]shownDocument, len(list))
	byFile := map[string][]int{}
	for i, d := range list {
		byFile[d.File] = append(byFile[d.File], i)
	}
	for file, wanted := range byFile {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		missing := "its file was read again, and does not have this document now"
		path := o.pathOf(file)
		info, err := os.Stat(path)
		switch {
		case file == inputs.Stdin || file == o.flags.stdinName:
			missing = "it came through standard input, which cannot be read a second time"
		case err != nil:
			missing = "its file cannot be read here"
		case !info.Mode().IsRegular():
			missing = "its file cannot be read a second time"
		default:
			if err := o.readFileAgain(ctx, reader, path, wanted, list, out); err != nil {
				return nil, err
			}
		}
		for _, i := range wanted {
			if out[i].Shown == nil && out[i].missing == "" {
				out[i].missing = missing
			}
		}
	}
	return out, nil
}

// pathOf returns where a file is whose name need not be its path. Reduce alone knows no paths.
func (s *scanning) pathOf(file string) string {
	if s.input != nil {
		if path, ok := s.input.Paths[file]; ok {
			return path
		}
	}
	return file
}

// readFileAgain reads the documents of one file, up to the last one that is wanted.
func (o *scanOutput) readFileAgain(ctx context.Context, reader *corpus.Corpus, file string, wanted []int, list []*scan.Document, out []shownDocument) error {
	left := len(wanted)
	for item := range reader.Path(ctx, file) {
		doc, ok := item.(*corpus.Document)
		if !ok {
			continue
		}
		for _, i := range wanted {
			d := list[i]
			if doc.Place.Row != d.Row || !slices.Equal(doc.Place.Members, d.Members) || out[i].Shown != nil || out[i].missing != "" {
				continue
			}
			left--
			if scan.Digest(doc) != d.SHA256 {
				out[i].missing = "its file changed since the scan"
				continue
			}
			controls, err := o.controls(d.Mark)
			if err != nil {
				return err
			}
			s, ok, err := scan.Show(doc, o.marks[d.Mark], o.options, controls)
			switch {
			case err != nil:
				return err
			case !ok:
				out[i].missing = "the mark has no tokenizer for it"
			case s.Scored != d.Scored || s.Sum != d.Sum:
				return fmt.Errorf("%s: a second test gave another score; this is a fault of the program", placeOf(&d.Place))
			default:
				out[i].Shown = s
			}
		}
		if left == 0 {
			return nil
		}
	}
	return nil
}
