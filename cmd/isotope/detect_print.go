package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// printResult prints an outcome for people.
func printResult(w io.Writer, o *outcome, keyID string) error {
	r := o.result
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  key       %s\n", verdictWords[r.Verdict], keyID)
	fmt.Fprintf(&b, "  log10 p   %s", logP(r.Log10PAdjusted))
	switch {
	case o.message != nil:
		fmt.Fprintf(&b, " (before adjusting for %d tests: %s for the mark%s, %s for the best of %d messages)",
			r.Tests, logP(r.Log10P), partsWords(o.scan), logP(bestMessage(o.message)), 1<<o.message.Bits)
	case o.scan.Intervals > 0:
		fmt.Fprintf(&b, " (before adjusting for %d tests: %s for the whole text, %s for the best of %d parts)", r.Tests, logP(r.Log10P), logP(o.scan.Log10P), o.scan.Intervals)
	case r.Tests > 1:
		fmt.Fprintf(&b, " (%s before adjusting for %d tests)", logP(r.Log10P), r.Tests)
	}
	fmt.Fprintf(&b, "\n  %s", evidenceWords(o.mark.Law(), r))
	if r.Scored > 0 {
		fmt.Fprintf(&b, " (z %s)", report.Decimal("%.2f", r.Z))
	}
	s := r.Skipped
	fmt.Fprintf(&b, "\n  skipped   %d of %d tokens: %d outside the vocabulary, %d at the start, %d outside the band, ",
		s.Total(), r.Tokens, s.Vocab, s.ShortContext, s.Band)
	if o.message != nil {
		fmt.Fprintf(&b, "%d that carry a message, ", s.Payload)
	}
	fmt.Fprintf(&b, "%d from prompts, %d repeated\n", s.Excluded, s.Duplicate)
	if o.message != nil {
		fmt.Fprintf(&b, "  message   %s\n", messageWords(o.message))
	}
	for _, s := range o.spans {
		fmt.Fprintf(&b, "  part      %s\n", s)
	}
	if r.Verdict != detect.Detected {
		fmt.Fprintf(&b, "  power     %s\n", powerWords(o.mark.Law(), r))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "  note      %v\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
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
	case watermark.Exponential:
		return fmt.Sprintf("score     mean %s over %d scored, %.3g by chance", mean(watermark.ScoreUnit), r.Scored, law.First+law.Second)
	case watermark.Layers:
		var total int64
		for _, w := range law.Weights() {
			total += w
		}
		return fmt.Sprintf("bits      mean %s over %d scored, 0.5 by chance", mean(float64(total)), r.Scored)
	case watermark.Bernoulli:
		return fmt.Sprintf("green     %d of %d scored", r.Green, r.Scored)
	}
	panic(fmt.Sprintf("isotope: no words for the law %T", law))
}

// powerWords says which mark the test would have detected.
func powerWords(law watermark.Law, r detect.Result) string {
	p := r.Power
	_, colours := law.(watermark.Bernoulli)
	switch {
	case p.MinShare > 1 && colours:
		return fmt.Sprintf("%d scored tokens are too few to detect even a text that is marked throughout (alpha %g)", r.Scored, p.Alpha)
	case p.MinShare > 1:
		return fmt.Sprintf("%d scored tokens are too few to detect even a text that is marked throughout at one bit of choice a token (alpha %g)", r.Scored, p.Alpha)
	case !colours:
		return fmt.Sprintf("a mean higher by %.3f would have been detected with probability 0.9 (alpha %g)", p.MinExcess, p.Alpha)
	}
	return fmt.Sprintf("in the best case, a text of which %.3g %% is marked would have been detected with probability 0.9 (green rate higher by %.3f, alpha %g)", 100*p.MinShare, p.MinExcess, p.Alpha)
}
