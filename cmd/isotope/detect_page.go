package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// detectNotes say what a test of one text shows.
var detectNotes = []string{
	noteDetected,
	noteSilent,
	"Colours are for illustration. A passage that was picked by its colours is not evidence: a second test of it would find what was picked.",
}

// What the box of a page says of a verdict.
const (
	boxMeans = "the text depends on the key. It was written with the key, or copied from text that was, or a model wrote it that learned from such text."
	boxNot   = "who wrote it, or when."
)

const (
	// maxShown is the largest number of tokens on a page. Each takes some forty bytes.
	maxShown = 200_000
	// maxPages is the largest number of pages of texts that an index has, in the order of the texts.
	// It bounds the memory that their colours take.
	maxPages = 500
)

// writePages writes the report of a call: a page, or for several texts an index with a page a text
// in a directory next to it.
func (d *detection) writePages(path string) error {
	if len(d.findings) == 1 {
		return writePage(d.page(d.findings[0]).KeepColours(!d.noColours), path)
	}
	dir := strings.TrimSuffix(path, filepath.Ext(path)) + ".texts"
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("the pages of the texts cannot be written: %w", err)
	}
	index := d.index()
	for i, f := range ranked(d.findings) {
		row := &index.Index[i]
		if f.strongest().shown == nil {
			continue
		}
		name := fmt.Sprintf("text-%05d.html", row.Rank)
		if err := writePage(d.page(f).KeepColours(!d.noColours), filepath.Join(dir, name)); err != nil {
			return err
		}
		row.Page = filepath.Base(dir) + "/" + name
	}
	return writePage(index, path)
}

// index returns the page that lists several texts.
func (d *detection) index() *report.Page {
	found := 0
	for _, f := range d.findings {
		if f.verdict == detect.Detected {
			found++
		}
	}
	n := len(d.findings)
	box := d.box(d.verdict(), "", fmt.Sprintf("The mark was detected in %d of %d texts.", found, n))
	best := ranked(d.findings)[0].strongest()
	box.Fixed = fixedWords(d.flags.alpha, best.result.Tests)
	if found > 0 {
		box.Odds = "For the first text of the list: " + report.Odds(best.result.Log10PAdjusted, best.result.Log10Floor)
		box.Means, box.Not = "each text that is called detected depends on its key. It was written with the key, or copied from text that was, or a model wrote it that learned from such text.", boxNot
	} else {
		box.Says = fmt.Sprintf("Nothing was detected in %d texts.", n)
	}
	p := &report.Page{
		Title: "Isotope: several texts", Box: box,
		Lead:  fmt.Sprintf("Each of %d texts was tested. The p-values are adjusted for all of them, so that the texts that are called detected hold together.", n),
		Notes: slices.Concat(detectNotes[:2], d.warnings()),
		Facts: d.facts(),
	}
	for i, f := range ranked(d.findings) {
		o := f.strongest()
		_, evidence := evidenceColumn(o.scorer.Law(), o.result)
		row := report.IndexRow{Rank: i + 1, Verdict: f.verdict, Log10P: o.result.Log10PAdjusted, Evidence: evidence, Name: placeName(f)}
		if len(d.set.list) > 1 {
			row.Key = o.candidate.name()
		}
		p.Index = append(p.Index, row)
	}
	p.Notes = append(p.Notes, d.skipNotes()...)
	return p
}

// skipNotes lists the rows that were skipped.
func (d *detection) skipNotes() []string {
	var notes []string
	for _, words := range d.ledger.SkipWords() {
		notes = append(notes, "Skipped: "+words)
	}
	return notes
}

// box returns the box of a page without what only a detected text has.
func (d *detection) box(v detect.Verdict, exhibit, says string) *report.Box {
	b := &report.Box{Verdict: v, Says: says}
	if exhibit != "" {
		b.Exhibit = append(b.Exhibit, exhibit)
	}
	if rows := d.ledger.Rows(); rows != "" {
		b.Exhibit = append(b.Exhibit, rows)
	}
	b.Exhibit = append(b.Exhibit, d.started.UTC().Format("2 Jan 2006 15:04 UTC"))
	return b
}

// facts are those of a call, whatever the text.
func (d *detection) facts() []report.Fact {
	facts := []report.Fact{
		{Name: "tested", Value: d.started.UTC().Format(time.RFC3339)},
		{Name: "program", Value: toolVersion()},
		{Name: "command", Value: d.command()},
		{Name: "alpha", Value: strconv.FormatFloat(d.flags.alpha, 'g', -1, 64)},
	}
	if d.probs != nil {
		facts = append(facts, report.Fact{Name: "model of the probabilities", Value: fmt.Sprintf("%s at temperature %g", d.probs.name, d.probs.temperature)})
	}
	facts = append(facts, signedFacts(d.signed, d.flags.evidence.signed)...)
	for i := range d.ledger.Files {
		if f := &d.ledger.Files[i]; i < 20 {
			facts = append(facts, report.Fact{Name: "file", Value: fmt.Sprintf("%s, %d bytes, sha256:%s, %s", f.Name, f.Bytes, f.SHA256, f.Taken())})
		}
	}
	if more := len(d.ledger.Files) - 20; more > 0 {
		facts = append(facts, report.Fact{Name: "file", Value: fmt.Sprintf("and %d more; --json has all of them", more)})
	}
	return facts
}

// signedFacts say which signed report a page is of, and how to check it.
func signedFacts(digest, file string) []report.Fact {
	if digest == "" {
		return nil
	}
	return []report.Fact{
		{Name: "signed report", Value: digest},
		{Name: "how to check it", Value: fmt.Sprintf("isotope verify %s prints this digest, and checks signatures, proofs and their order; this page is not evidence, and the signed report is", filepath.Base(file))},
	}
}

// command returns the call as somebody would repeat it.
func (c *cli) command() string {
	words := []string{"isotope"}
	for _, arg := range c.args {
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"$&|;<>()*?[#~=%\\`") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// fixedWords says which threshold and how many tests a result has.
func fixedWords(alpha float64, tests int64) string {
	counted := "1 test counted"
	if tests != 1 {
		counted = fmt.Sprintf("%d tests counted", tests)
	}
	return fmt.Sprintf("Threshold, to be fixed before the test: %s. %s.", oneIn(alpha), counted)
}

// oneIn writes a small probability: "1 in 1,000,000".
func oneIn(p float64) string {
	if p > 0.1 {
		return strconv.FormatFloat(p, 'g', 3, 64)
	}
	s := strconv.FormatFloat(1/p, 'f', 0, 64)
	if len(s) > 15 {
		return fmt.Sprintf("%.3g", p)
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return "1 in " + s
}

// resultBox returns the box of one text for one mark.
func (d *detection) resultBox(f *finding) *report.Box {
	o := f.best()
	r := o.result
	says := ""
	switch f.verdict {
	case detect.Detected:
		says = fmt.Sprintf("This text carries the mark of key %s.", o.candidate.name())
	case detect.NotDetected:
		says = fmt.Sprintf("The mark of key %s was not found.", o.candidate.name())
		if len(d.set.list) > 1 {
			says = fmt.Sprintf("None of %d marks was found.", f.tested)
		}
	default:
		says = "There is too little to tell whether this text carries the mark."
		if !f.tooLittle() {
			says = "The test does not tell whether this text carries the mark: " + o.silence() + "."
		}
	}
	b := d.box(f.verdict, "Exhibit: "+shortName(f), says)
	b.Fixed = fixedWords(r.Power.Alpha, r.Tests)
	file := &d.ledger.Files[f.file]
	if file.SHA256 != "" {
		b.Exhibit = slices.Insert(b.Exhibit, 1, "sha256 "+file.SHA256)
	}
	switch f.verdict {
	case detect.Detected:
		b.Odds, b.Means, b.Not = report.Odds(r.Log10PAdjusted, r.Log10Floor), boxMeans, boxNot
	case detect.NotDetected:
		b.Odds = sentence(o.powerWords())
		if x := o.informed; x != nil && x.result.Simulated > 0 {
			b.Odds = sentence(x.simulated())
		}
		b.Not = "that the text is unmarked. Editing, paraphrase and translation remove marks, and a text of another key looks the same."
	default:
		b.Not = "that the text is unmarked."
	}
	if law, ok := o.scorer.Law().(watermark.Bernoulli); ok && r.Scored > 0 {
		b.Bar = &report.Bar{Rate: float64(r.Green) / float64(r.Scored), Chance: law.P, Scored: r.Scored}
	}
	return b
}

// shortName returns the place of a text without the directories of its file, which the facts have.
func shortName(f *finding) string {
	p := f.place
	if p.File != inputs.Stdin {
		p.File = filepath.Base(p.File)
	}
	return inputs.PlaceWords(p)
}

// sentence writes words as a sentence.
func sentence(words string) string { return strings.ToUpper(words[:1]) + words[1:] + "." }

// page returns the report of one text.
func (d *detection) page(f *finding) *report.Page {
	if d.set.bands {
		return d.bandsPage(f)
	}
	o := f.best()
	r := o.result
	p := &report.Page{
		Title:  "Isotope: " + shortName(f),
		Box:    d.resultBox(f),
		Lead:   fmt.Sprintf("The text was tested for %v.", o.candidate),
		Rows:   []report.Row{{Name: "the text", OneLine: "p-value adjusted for tests: " + strconv.FormatInt(r.Tests, 10), Result: r, Draw: o.candidate.isDraw()}},
		Notes:  slices.Clone(detectNotes),
		Digest: d.digest(f),
	}
	if len(d.set.list) > 1 {
		p.Lead = fmt.Sprintf("The text was tested for %d marks, and every test is counted. The page shows it under the one with the smallest p-value: %v.", f.tested, o.candidate)
	}
	p.Facts = append([]report.Fact{
		{Name: "key id", Value: o.keyID()},
		{Name: "mark", Value: o.scorer.ID()},
		{Name: "profile", Value: o.candidate.profile.ID()},
	}, d.facts()...)
	if o.form != "" {
		p.Facts = append(p.Facts, report.Fact{Name: "form of the text", Value: o.form})
	}
	if r.Verdict != detect.Detected && o.candidate.tests() {
		p.Notes = append(p.Notes, "Power of the test: "+o.powerWords()+".")
	}
	if o.informed != nil {
		p.Notes = append(p.Notes, "A second test knows the probabilities of the tokens: "+o.informed.words()+".")
	}
	if o.message != nil {
		p.Facts = append(p.Facts, report.Fact{Name: "message", Value: messageWords(o.message)})
	}
	for _, w := range o.allWarnings() {
		p.Notes = append(p.Notes, w.Error())
	}
	p.Notes = slices.Concat(p.Notes, f.words())
	if len(d.findings) == 1 {
		p.Notes = slices.Concat(p.Notes, d.warnings(), d.skipNotes())
	}
	p.Evidence = evidenceCurve(o)
	passage := report.Passage{Title: "The text"}
	passage.Tokens = d.shown(p, o, maxShown)
	for _, s := range o.spans {
		passage.Parts = append(passage.Parts, s.String())
	}
	p.Passages = append(p.Passages, passage)
	return p
}

// evidenceCurve returns how the evidence of a green list grows, or nil. The colours must have the counts of
// the result: a test of other units, such as contexts, has none to show.
func evidenceCurve(o *outcome) *report.Evidence {
	law, ok := o.scorer.Law().(watermark.Bernoulli)
	if !ok || o.shown == nil {
		return nil
	}
	r := o.result
	colours := make([]report.Colour, len(o.shown.colours))
	var scored, green int64
	for i, c := range o.shown.colours {
		if colours[i] = colourOf[c]; c != detect.Unscored {
			scored++
		}
		if c == detect.Green {
			green++
		}
	}
	if scored != r.Scored || green != r.Green {
		return nil
	}
	return report.EvidenceOf(colours, law.P, tail.Log10(float64(r.Tests))-tail.Log10(r.Power.Alpha))
}

// digest returns the digest of the file of a text, for the footer.
func (d *detection) digest(f *finding) string {
	if sum := d.ledger.Files[f.file].SHA256; sum != "" {
		return "sha256:" + sum
	}
	return ""
}

// shown returns the tokens of a text that a page shows, and notes if these are not all.
func (d *detection) shown(p *report.Page, o *outcome, most int) []report.Token {
	x := o.shown
	n := min(len(x.tokens), most)
	if n < len(x.tokens) {
		p.Notes = append(p.Notes, fmt.Sprintf("The page shows the first %d of %d tokens; all were tested.", n, len(x.tokens)))
	}
	return colourTokens(x.reader.tokenizer, x.tokens[:n], x.colours, x.spans)
}

// bandsPage returns the report of one text under several marks.
func (d *detection) bandsPage(f *finding) *report.Page {
	best := f.strongest().result
	p := &report.Page{
		Title:  "Isotope: one text and several marks",
		Box:    d.box(f.verdict, "Exhibit: "+shortName(f), sentence(patternWords[f.pattern.Pattern])),
		Lead:   fmt.Sprintf("The text was tested for %d marks together.", len(f.outcomes)),
		Notes:  slices.Clone(detectNotes),
		Digest: d.digest(f),
	}
	p.Box.Fixed = fixedWords(best.Power.Alpha, best.Tests)
	if f.verdict == detect.Detected {
		p.Box.Odds = "For the strongest band: " + report.Odds(best.Log10PAdjusted, best.Log10Floor)
		p.Box.Not = "who wrote it, or whether a model was trained on marked text."
	}
	for _, line := range f.pattern.Explanations {
		p.Notes = append(p.Notes, "Consistent with this, among other explanations: "+line+".")
	}
	for _, line := range f.pattern.NotShown {
		p.Notes = append(p.Notes, "Not shown: "+line+".")
	}
	for i, o := range f.outcomes {
		name := string(o.candidate.role) + " band"
		p.Rows = append(p.Rows, report.Row{Name: name, OneLine: strings.TrimPrefix(f.pattern.Found[i], name+": "), Result: o.result, Draw: o.candidate.isDraw()})
		p.Facts = append(p.Facts,
			report.Fact{Name: name + ": key id", Value: o.keyID()},
			report.Fact{Name: name + ": mark", Value: o.scorer.ID()},
			report.Fact{Name: name + ": profile", Value: o.candidate.profile.ID()})
		for _, w := range o.allWarnings() {
			p.Notes = append(p.Notes, name+": "+w.Error())
		}
		p.Passages = append(p.Passages, report.Passage{Title: "The text in the " + name, Tokens: d.shown(p, o, maxShown/len(f.outcomes))})
	}
	p.Facts = append(p.Facts, d.facts()...)
	p.Notes = slices.Concat(p.Notes, d.warnings(), d.skipNotes())
	return p
}
