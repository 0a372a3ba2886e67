package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// placeName returns where the text of a finding stands, in one line.
func placeName(f *finding) string { return inputs.PlaceWords(f.place) }

// print prints the results of a call for people.
func (d *detection) print(w io.Writer) error {
	var b strings.Builder
	switch {
	case len(d.findings) > 1:
		d.printTable(&b)
	case d.set.bands:
		d.printBands(&b, d.findings[0])
	case len(d.set.list) > 1:
		d.printRanking(&b, d.findings[0])
	default:
		d.printOne(&b, d.findings[0])
	}
	for _, words := range d.ledger.SkipWords() {
		fmt.Fprintf(&b, "  skipped   %s\n", words)
	}
	for _, words := range slices.Concat(d.alike.words(), d.left, d.ledger.NoteWords()) {
		fmt.Fprintf(&b, "  note      %s\n", words)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// headline adds to the words of a verdict that rows were skipped.
func (d *detection) headline(words string) string {
	if rows := d.ledger.Rows(); rows != "" {
		return words + " (" + rows + ")"
	}
	return words
}

// tooLittle reports whether a text has too few tokens for silence to mean anything.
func (f *finding) tooLittle() bool {
	o := f.best()
	return !o.withheld && !(o.result.Power.MinShare <= o.candidate.options.MinShare)
}

// verdictWords says what the verdict of one text is, and for one that does not tell why.
func (d *detection) verdictWords(f *finding) string {
	v := d.verdict()
	switch o := f.best(); {
	case v == detect.Inconclusive && o.capped:
		return "inconclusive: p is small, but nothing smaller is claimed for this engine, and the notes say why"
	case v == detect.Inconclusive && !o.candidate.tests():
		return "inconclusive: the notes say why"
	case v != detect.Inconclusive || f.tooLittle():
		return verdictWords[v]
	case f.verdict == detect.NotDetected:
		return "inconclusive: nothing was detected, and a part was not tested"
	}
	return "inconclusive: " + f.best().silence()
}

// silence says why a test that detected nothing does not tell.
func (o *outcome) silence() string {
	switch {
	case len(o.allWarnings()) > 0 || !o.candidate.tests():
		return "the notes say why"
	case o.informed != nil:
		return o.informed.silence()
	case o.result.Power.Rate == 0:
		return "nothing was detected, and no --rate says how much a marked text like this one would show"
	}
	return "nothing was detected, and a marked text like this one might not have been"
}

// printOne prints the result of one text for one mark.
func (d *detection) printOne(b *strings.Builder, f *finding) {
	o := f.best()
	r := o.result
	fmt.Fprintf(b, "%s\n", d.headline(d.verdictWords(f)))
	d.printInput(b, f)
	o.print(b)
	if r.Verdict != detect.Detected {
		fmt.Fprintf(b, "  tested    %v; a text of another key, width or tokenizer looks the same\n", o.candidate)
	}
	for _, warning := range o.allWarnings() {
		fmt.Fprintf(b, "  note      %v\n", warning)
	}
	for _, warning := range f.warnings {
		fmt.Fprintf(b, "  note      %s\n", warning)
	}
}

// printInput says what was read.
func (d *detection) printInput(b *strings.Builder, f *finding) {
	file := &d.ledger.Files[f.file]
	if f.place.Row == 0 && len(f.place.Members) == 0 && file.Plain() {
		return // there is nothing to say about a plain text
	}
	fmt.Fprintf(b, "  text      %s, %s\n", placeName(f), file.Taken())
}

// print prints the numbers of an outcome.
func (o *outcome) print(b *strings.Builder) {
	r := o.result
	law := o.scorer.Law()
	fmt.Fprintf(b, "  key       %s\n  log10 p   %s", o.keyID(), logP(r.Log10PAdjusted))
	switch {
	case o.informed != nil:
		fmt.Fprintf(b, " (before adjusting for %d tests: %s for the text without probabilities%s, %s with them)", r.Tests, logP(r.Log10P), partsWords(o.scan), logP(o.informed.result.Log10P))
	case o.message != nil:
		fmt.Fprintf(b, " (before adjusting for %d tests: %s for the mark%s, %s for the best of %d messages)",
			r.Tests, logP(r.Log10P), partsWords(o.scan), logP(bestMessage(o.message)), 1<<o.message.Bits)
	case o.scan.Intervals > 0:
		fmt.Fprintf(b, " (before adjusting for %d tests: %s for the whole text, %s for the best of %d parts)", r.Tests, logP(r.Log10P), logP(o.scan.Log10P), o.scan.Intervals)
	case r.Tests > 1 && o.candidate.tests():
		fmt.Fprintf(b, " (%s before adjusting for %d tests)", logP(r.Log10P), r.Tests)
	}
	if r.Verdict == detect.Detected {
		fmt.Fprintf(b, "\n  odds      %s", report.Odds(r.Log10PAdjusted, r.Log10Floor))
	}
	fmt.Fprintf(b, "\n  %s", evidenceWords(law, r))
	if r.Scored > 0 {
		fmt.Fprintf(b, " (z %s)", report.Decimal("%.2f", r.Z))
	}
	s := r.Skipped
	fmt.Fprintf(b, "\n  skipped   %d of %d tokens: %d outside the vocabulary, %d at the start, %d outside the band, ",
		s.Total(), r.Tokens, s.Vocab, s.ShortContext, s.Band)
	if o.message != nil {
		fmt.Fprintf(b, "%d that carry a message, ", s.Payload)
	}
	fmt.Fprintf(b, "%d from prompts, %d repeated\n", s.Excluded, s.Duplicate)
	if o.message != nil {
		fmt.Fprintf(b, "  message   %s\n", messageWords(o.message))
	}
	if v := o.settled(); v != nil {
		fmt.Fprintf(b, "  variant   %s\n", v.words())
	}
	if o.informed != nil {
		fmt.Fprintf(b, "  informed  %s\n", o.informed.words())
	}
	for _, s := range o.spans {
		fmt.Fprintf(b, "  part      %s\n", s)
	}
	if r.Verdict != detect.Detected && o.candidate.tests() {
		fmt.Fprintf(b, "  power     %s\n", o.powerWords())
	}
}

var verdictWords = map[detect.Verdict]string{
	detect.Detected:     "detected: this text depends on the key",
	detect.NotDetected:  "not detected",
	detect.Inconclusive: "inconclusive: too little text to tell",
}

// evidenceWords says what was scored, and for a keyed draw which mean chance gives.
func evidenceWords(law watermark.Law, r detect.Result) string {
	mean := func(unit float64) string { // of the scores, in a unit
		if r.Scored == 0 {
			return "-"
		}
		return fmt.Sprintf("%.3f", float64(r.Sum)/unit/float64(r.Scored))
	}
	switch law := law.(type) {
	case watermark.Bernoulli:
		return fmt.Sprintf("green     %d of %d scored", r.Green, r.Scored)
	case watermark.Exponential:
		return fmt.Sprintf("score     mean %s over %d scored, %.3g by chance", mean(watermark.ScoreUnit), r.Scored, law.First+law.Second)
	case watermark.Layers:
		var total int64
		for _, w := range law.Weights() {
			total += w
		}
		return fmt.Sprintf("bits      mean %s over %d scored, 0.5 by chance", mean(float64(total)), r.Scored)
	}
	return fmt.Sprintf("score     sum %d over %d scored", r.Sum, r.Scored)
}

// powerWords says which mark the test would have detected.
func powerWords(law watermark.Law, r detect.Result) string {
	p := r.Power
	_, colours := law.(watermark.Bernoulli)
	switch {
	case p.Rate > 0 && p.RateShare <= 1:
		return fmt.Sprintf("a text like this one of which %s %% is marked would have been detected with probability 0.9, if the mark raises the mean score by %.3g (alpha %g)", upward(100*p.RateShare), p.Rate, p.Alpha)
	case p.MinShare > 1 && colours:
		return fmt.Sprintf("%d scored tokens are too few to detect even a text that is marked throughout with probability 0.9 (alpha %g)", r.Scored, p.Alpha)
	case p.MinShare > 1:
		return fmt.Sprintf("%d scored tokens are too few to promise that even a text is detected that is marked throughout at one bit of choice a token (alpha %g)", r.Scored, p.Alpha)
	case !colours:
		return fmt.Sprintf("a mean higher by %s would have been detected with probability 0.9 (alpha %g)", upward(p.MinExcess), p.Alpha)
	}
	return fmt.Sprintf("in the best case, a text of which %s %% is marked would have been detected with probability 0.9 (green rate higher by %s, alpha %g)", upward(100*p.MinShare), upward(p.MinExcess), p.Alpha)
}

// upward writes a positive number with three digits that count, rounded up: a sentence about what would
// have been detected is not true of a smaller number.
func upward(x float64) string {
	s := strconv.FormatFloat(x, 'g', 3, 64)
	if v, err := strconv.ParseFloat(s, 64); err == nil && v < x {
		unit := math.Pow(10, math.Floor(math.Log10(x))-2)
		s = strconv.FormatFloat(x+unit/2, 'g', 3, 64)
	}
	return s
}

// evidenceColumn returns the title of a column of evidence, and the evidence of a result in
// few words.
func evidenceColumn(law watermark.Law, r detect.Result) (what, evidence string) {
	words := strings.Fields(evidenceWords(law, r)) // score mean 1.019 over 396 scored, ..
	switch law.(type) {
	case watermark.Bernoulli:
		return "green", fmt.Sprintf("%d of %d", r.Green, r.Scored)
	case watermark.Exponential, watermark.Layers:
		return "mean " + words[0], fmt.Sprintf("%s over %d", words[2], r.Scored)
	}
	return words[0], fmt.Sprintf("%s over %d", words[2], r.Scored)
}

// columnOf returns the title of the column of evidence of candidates.
func columnOf(list []*candidate) string {
	title := ""
	for _, c := range list {
		what, _ := evidenceColumn(c.bound[0].Scorer.Law(), detect.Result{})
		if title != "" && what != title {
			return "evidence"
		}
		title = what
	}
	return title
}

// shownKeys is how many keys a table for people shows.
const shownKeys = 20

// printRanking prints one text under several candidates.
func (d *detection) printRanking(b *strings.Builder, f *finding) {
	best := f.best()
	words := d.verdictWords(f)
	if d.verdict() == detect.Detected {
		words = fmt.Sprintf("detected: this text depends on the key %s", best.candidate.name())
	}
	fmt.Fprintf(b, "%s\n", d.headline(words))
	d.printInput(b, f)
	rankingTable(b, f.outcomes, int(f.tested), columnOf(d.set.list))
	if best.result.Verdict == detect.Detected {
		fmt.Fprintf(b, "  odds      %s\n", report.Odds(best.result.Log10PAdjusted, best.result.Log10Floor))
	} else {
		fmt.Fprintf(b, "  tested    %d marks, the best of them %v; a text of another key, width or tokenizer looks the same\n", f.tested, best.candidate)
	}
	for _, s := range best.spans {
		fmt.Fprintf(b, "  part      %s\n", s)
	}
	for _, warning := range best.allWarnings() {
		fmt.Fprintf(b, "  note      %s: %v\n", best.candidate.name(), warning)
	}
	for _, warning := range f.warnings {
		fmt.Fprintf(b, "  note      %s\n", warning)
	}
}

// rankingTable prints outcomes of one text, the smallest p-value first.
func rankingTable(b *strings.Builder, outcomes []*outcome, tested int, what string) {
	if tested == 1 {
		b.WriteString("1 key\n")
	} else {
		fmt.Fprintf(b, "%d keys; p-values are adjusted for all of them\n", tested)
	}
	fmt.Fprintf(b, "%5s  %-16s %-14s %12s %10s %15s  %s\n", "rank", "key", "verdict", "log10 p adj.", "log10 p", what, "name")
	shown := min(shownKeys, len(outcomes))
	for i, o := range outcomes[:shown] {
		_, evidence := evidenceColumn(o.scorer.Law(), o.result)
		fmt.Fprintf(b, "%5d  %-16s %-14s %12s %10s %15s  %s\n", i+1, o.keyID(), o.result.Verdict,
			logP(o.result.Log10PAdjusted), logP(o.result.Log10P), evidence, o.candidate.name())
	}
	if more := tested - shown; more > 0 {
		fmt.Fprintf(b, "and %d more\n", more)
	}
}

// printTable prints one line for each of several texts, the smallest p-value first.
func (d *detection) printTable(b *strings.Builder) {
	n := len(d.findings)
	found, triage := 0, 0
	for _, f := range d.findings {
		if f.verdict == detect.Detected {
			found++
		}
		if f.triage {
			triage++
		}
	}
	words := fmt.Sprintf("detected in %d of %d texts", found, n)
	if found == 0 {
		words = fmt.Sprintf("%s: nothing was detected in %d texts", strings.ReplaceAll(string(d.verdict()), "_", " "), n)
	}
	fmt.Fprintf(b, "%s\n", d.headline(words))
	rule := "Holm's rule"
	if d.set.bands {
		rule = "Bonferroni's rule"
	}
	fmt.Fprintf(b, "p-values are adjusted for all %d texts (%s)", n, rule)
	if several := len(d.set.list) > 1; several && !d.set.bands {
		fmt.Fprintf(b, " and %d keys", len(d.set.list))
	}
	if d.probs != nil {
		fmt.Fprintf(b, ", and two tests of each, one of which knows the probabilities of %s", d.probs.name)
	}
	if d.flags.fdr > 0 {
		fmt.Fprintf(b, "; %d are on the list for triage, of which a share of %g may be there by chance", triage, d.flags.fdr)
	}
	b.WriteString("\n")
	labels := len(d.set.list) > 1
	fmt.Fprintf(b, "%5s  %-12s %12s %10s", "rank", "verdict", "log10 p adj.", "log10 p")
	if d.flags.fdr > 0 {
		fmt.Fprintf(b, " %10s %-7s", "log10 q", "triage")
	}
	fmt.Fprintf(b, " %15s", columnOf(d.set.list))
	if labels {
		fmt.Fprintf(b, "  %-20s", "key")
	}
	b.WriteString("  text\n")
	for i, f := range ranked(d.findings) {
		o := f.strongest()
		_, evidence := evidenceColumn(o.scorer.Law(), o.result)
		fmt.Fprintf(b, "%5d  %-12s %12s %10s", i+1, f.verdict, logP(o.result.Log10PAdjusted), logP(o.result.Log10P))
		if d.flags.fdr > 0 {
			fmt.Fprintf(b, " %10s %-7s", logP(f.q), map[bool]string{true: "yes"}[f.triage])
		}
		fmt.Fprintf(b, " %15s", evidence)
		if labels {
			fmt.Fprintf(b, "  %-20s", o.candidate.name())
		}
		fmt.Fprintf(b, "  %s\n", placeName(f))
		for _, s := range o.spans {
			fmt.Fprintf(b, "         part: %s\n", s)
		}
	}
	if d.verdict() != detect.Detected && len(d.set.list) == 1 {
		fmt.Fprintf(b, "  tested    %v; texts of another key, width or tokenizer look the same\n", d.set.list[0])
	}
	d.printCommonWarnings(b)
}

// printCommonWarnings prints the warnings of several texts, each once with how often it occurs.
func (d *detection) printCommonWarnings(b *strings.Builder) {
	count := map[string]int{}
	var order []string
	for _, f := range d.findings {
		words := slices.Clone(f.warnings)
		for _, w := range f.strongest().allWarnings() {
			words = append(words, w.Error())
		}
		for _, w := range words {
			if count[w]++; count[w] == 1 {
				order = append(order, w)
			}
		}
	}
	const shown = 10
	for _, w := range order[:min(shown, len(order))] {
		fmt.Fprintf(b, "  note      of %s: %s\n", map[bool]string{true: "1 text", false: fmt.Sprintf("%d texts", count[w])}[count[w] == 1], w)
	}
	if more := len(order) - shown; more > 0 {
		fmt.Fprintf(b, "  note      and %d more; --json has all of them\n", more)
	}
}

var patternWords = map[detect.Pattern]string{
	detect.PatternNone:               "no band was detected",
	detect.PatternTraceAndProvenance: "the trace band and the provenance band were detected",
	detect.PatternTraceAlone:         "the trace band was detected, and the provenance band was not although it could have been",
	detect.PatternProvenanceAlone:    "the provenance band was detected, and the trace band was not although it could have been",
	detect.PatternPartWithoutMaster:  "a cohort's or tenant's band was detected, and the master's was not although it could have been",
	detect.PatternOpen:               "a band was detected, and the others were not tested, or their silence says nothing",
}

// bandLine returns the result of a band in one line.
func (o *outcome) bandLine() string {
	r := o.result
	evidence := strings.Join(strings.Fields(evidenceWords(o.scorer.Law(), r)), " ")
	return fmt.Sprintf("%s, log10 p %s (%s before adjusting for %d tests), %s, key %s",
		strings.ReplaceAll(string(r.Verdict), "_", " "), logP(r.Log10PAdjusted), logP(r.Log10P), r.Tests, evidence, o.keyID())
}

// printBands prints the results of several marks of one text, and their meaning together.
func (d *detection) printBands(b *strings.Builder, f *finding) {
	fmt.Fprintln(b, d.headline(patternWords[f.pattern.Pattern]))
	d.printInput(b, f)
	for _, o := range f.outcomes {
		fmt.Fprintf(b, "  %-10s  %s\n", o.candidate.role, o.bandLine())
	}
	for _, list := range []struct {
		title string
		lines []string
	}{
		{"found", f.pattern.Found},
		{"consistent with, among other explanations", f.pattern.Explanations},
		{"not shown", f.pattern.NotShown},
	} {
		if len(list.lines) > 0 {
			fmt.Fprintf(b, "%s\n", list.title)
		}
		for _, line := range list.lines {
			fmt.Fprintf(b, "  - %s\n", line)
		}
	}
	for _, o := range f.outcomes {
		for _, warning := range o.allWarnings() {
			fmt.Fprintf(b, "  note      %s: %v\n", o.candidate.role, warning)
		}
	}
}
