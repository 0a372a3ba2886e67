package detect

import (
	"fmt"
	"math"
	"strings"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A Pattern names what several verdicts look like together. [Conclude] returns one of the constants
// below. Package student has more, for traces.
type Pattern string

// The patterns of the bands of a text.
const (
	// PatternNone means that no band was detected.
	PatternNone Pattern = "none"
	// PatternTraceAndProvenance means that both kinds of band were detected.
	PatternTraceAndProvenance Pattern = "trace_and_provenance"
	// PatternTraceAlone means that the trace band was detected, and that the provenance band was
	// not, although it could have been.
	PatternTraceAlone Pattern = "trace_alone"
	// PatternProvenanceAlone means that the provenance band was detected, and that the trace band
	// was not, although it could have been.
	PatternProvenanceAlone Pattern = "provenance_alone"
	// PatternPartWithoutMaster means that a cohort's or a tenant's band was detected, and that the
	// master's was not, although it could have been.
	PatternPartWithoutMaster Pattern = "part_without_master"
	// PatternOpen means that a band was detected, and that the other bands do not tell the
	// explanations apart. They were not tested, or their silence says nothing.
	PatternOpen Pattern = "open"
)

// A Conclusion is what the verdicts of several bands mean together. It does not go beyond the
// verdicts, and has the error rates of their tests.
type Conclusion struct {
	Pattern Pattern
	Found   []string // what was detected and what was not, one sentence for each band
	// Explanations lists causes under which such verdicts are expected. The tests do not choose
	// between them, and there may be others.
	Explanations []string
	NotShown     []string // conclusions that do not follow
}

// longContext is the context width from which no mark is known to survive training.
const longContext = 4

// Conclude says what the results of [Bands.Results] mean together. It tells apart the live
// forwarding of requests, training on marked text, and forged or mistaken tenants, as far as the
// verdicts do.
func Conclude(results []BandResult) Conclusion {
	var r Conclusion
	trace, provenance, master, part := bandGroup{}, bandGroup{}, bandGroup{}, bandGroup{}
	long := true
	for _, b := range results {
		r.Found = append(r.Found, found(b))
		switch {
		case b.Role == RoleProvenance:
			provenance.add(b.Result.Verdict)
			long = long && b.Width >= longContext
			continue
		case b.Role == RoleMaster:
			master.add(b.Result.Verdict)
		default:
			part.add(b.Result.Verdict)
		}
		trace.add(b.Result.Verdict)
	}
	r.NotShown = append(r.NotShown, "who wrote the text, or on whose behalf: a detected band means that "+
		"the text depends on its key, and anybody can write such text who holds the key or has learned "+
		"its lists from enough marked text")
	switch {
	case part.detected && master.silent():
		r.Pattern = PatternPartWithoutMaster
		r.Explanations = []string{
			"keys, profiles or selectors that do not belong together",
			"a mark that somebody forged with the cohort's or tenant's lists, without the master's",
			"a service that marks with the cohort's or tenant's key alone",
		}
		r.NotShown = append(r.NotShown, "that the cohort or tenant is the source: "+
			"text of a service that marks both bands also shows the master's")
	case trace.detected && provenance.detected:
		r.Pattern = PatternTraceAndProvenance
		r.Explanations = []string{
			"output of the marked service as it was sampled: the writer forwarded requests to it, " +
				"or copied or quoted its text",
			"a text of which parts come from the marked service, and parts from a model trained on its output",
		}
		r.NotShown = append(r.NotShown, "whether a model was trained on marked text: "+
			"the service's own output shows both bands without any training")
	case trace.detected && provenance.silent():
		r.Pattern = PatternTraceAlone
		r.Explanations = []string{
			"a model that was trained on marked output" + ifShort(long),
			"output of the marked service without a keyed draw: decoding was greedy, or the provenance band was off",
			"output of the marked service, edited so much that few contexts of the provenance band are left",
		}
		r.NotShown = append(r.NotShown, "which of these it is")
	case provenance.detected && trace.silent():
		r.Pattern = PatternProvenanceAlone
		r.Explanations = []string{
			"output of the marked service as it was sampled, while its trace band was off " +
				"or had other keys than were tested",
		}
		r.NotShown = append(r.NotShown, "whether a model was trained on marked text")
	case trace.detected || provenance.detected:
		r.Pattern = PatternOpen
		r.NotShown = append(r.NotShown, "which explanation holds: a band that would tell them apart "+
			"was not tested, or its silence says nothing")
	default:
		r.Pattern = PatternNone
		r.NotShown = append(r.NotShown, "that the text is unmarked: "+
			"marks that were removed or learned weakly stay silent too")
	}
	return r
}

// ifShort returns a warning for a provenance band whose silence says less about training.
func ifShort(long bool) string {
	if long {
		return ""
	}
	return fmt.Sprintf(" (with less weight: the provenance band has a context of fewer than %d tokens, "+
		"and training can carry that over too)", longContext)
}

// A bandGroup holds the verdicts of several bands together. open means that one is inconclusive.
type bandGroup struct{ tested, detected, open bool }

func (s *bandGroup) add(v Verdict) {
	s.tested = true
	s.detected = s.detected || v == Detected
	s.open = s.open || v == Inconclusive
}

// silent reports whether bands of the group were tested and could have been detected, but none was.
func (s *bandGroup) silent() bool { return s.tested && !s.detected && !s.open }

// found returns a sentence about the result of one band.
func found(b BandResult) string {
	r := b.Result
	text := fmt.Sprintf("%s band: %s, adjusted log10 p %s",
		b.Role, strings.ReplaceAll(string(r.Verdict), "_", " "), evidence.Rounded(r.Log10PAdjusted, 1))
	switch {
	case r.Scored == 0:
		return text + "; nothing was scored"
	case r.Verdict == Detected && b.Share >= 1:
		return text + ", at least as strong as in a text that is marked throughout" + byReference
	case r.Verdict == Detected:
		return fmt.Sprintf("%s, about as strong as in a text of which %s is marked%s",
			text, percent(b.Share), byReference)
	case r.Power.Rate == 0:
		return text + "; silence says nothing, because no rate was stated for text like this one"
	case r.Power.RateShare <= 1:
		return fmt.Sprintf("%s; a text of the stated rate of which %s is marked would be detected at least "+
			"9 times in 10", text, percent(upward(r.Power.RateShare)))
	}
	return text + "; the test cannot promise to detect a text of this length and of the stated rate, " +
		"even if all of it is marked"
}

// byReference says what a share is measured by.
const byReference = ", by the reference that power is stated for"

// percent formats a share without an exponent: 0.042 %, 9.1 %, 100 %, 2000 %.
func percent(share float64) string {
	if p := 100 * share; p < 9.95 {
		return fmt.Sprintf("%.2g %%", p)
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// upward returns the next share that percent writes exactly: a text of which less is marked is not
// detected as often as the sentence says.
func upward(share float64) float64 {
	unit := 0.01
	if 100*share < 9.95 {
		unit = math.Pow10(int(math.Floor(tail.Log10(share))) - 1)
	}
	return math.Ceil(share/unit) * unit
}
