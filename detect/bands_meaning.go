package detect

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// A Pattern names what several verdicts look like together. [Conclude] uses the constants below,
// and package student has more for traces.
type Pattern string

// The patterns of the bands of a text.
const (
	// PatternNone: no band was detected.
	PatternNone Pattern = "none"
	// PatternTraceAndProvenance: both kinds of band were detected.
	PatternTraceAndProvenance Pattern = "trace_and_provenance"
	// PatternTraceAlone: the trace band was detected. The provenance band was not, although it
	// could have been.
	PatternTraceAlone Pattern = "trace_alone"
	// PatternProvenanceAlone: the provenance band was detected. The trace band was not, although
	// it could have been.
	PatternProvenanceAlone Pattern = "provenance_alone"
	// PatternPartWithoutMaster: a cohort's or a tenant's band was detected. The master's was not,
	// although it could have been.
	PatternPartWithoutMaster Pattern = "part_without_master"
	// PatternOpen: a band was detected, and nobody knows what the others would add. They were not
	// tested, or the text was too short to tell.
	PatternOpen Pattern = "open"
)

// A Conclusion is what the verdicts of several bands mean together. It does not go beyond the
// verdicts, and their error rates are those of their tests.
type Conclusion struct {
	Pattern Pattern
	Found   []string // what was detected and what was not
	// Explanations lists causes under which such verdicts are expected. The tests do not choose
	// between them, and there may be others.
	Explanations []string
	NotShown     []string // what does not follow
}

// longContext is the width from which no mark is known to survive training.
const longContext = 4

// Conclude says what the results of [Bands.Results] mean together: for the live forwarding of
// requests, for training on marked text, and for forged or mistaken tenants.
func Conclude(results []BandResult) Conclusion {
	var r Conclusion
	trace, provenance, master, part := standing{}, standing{}, standing{}, standing{}
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
	r.NotShown = append(r.NotShown, "who wrote the text, or on whose behalf: a detected band says that the text depends on its key, and whoever holds the key, or has learned its lists from enough marked text, can bring that about")
	switch {
	case part.detected && master.silent():
		r.Pattern = PatternPartWithoutMaster
		r.Explanations = []string{
			"keys, profiles or selectors that do not belong together",
			"a mark forged with the cohort's or tenant's lists, by someone who does not have the master's",
			"a service that marks with the cohort's or tenant's key alone",
		}
		r.NotShown = append(r.NotShown, "that the cohort or tenant is the source: text of a service that has both bands shows the master's too")
	case trace.detected && provenance.detected:
		r.Pattern = PatternTraceAndProvenance
		r.Explanations = []string{
			"output of the marked service as it was sampled: requests forwarded to it, or text copied or quoted from it",
			"parts of the text from the marked service, and parts from a model trained on its output",
		}
		r.NotShown = append(r.NotShown, "whether a model was trained on marked text: the service's own output shows both bands without any training")
	case trace.detected && provenance.silent():
		r.Pattern = PatternTraceAlone
		r.Explanations = []string{
			"a model that was trained on marked output" + ifShort(long),
			"output of the marked service that carried no keyed draw: greedy decoding, or the provenance band was off",
			"output of the marked service, edited so that few runs of so many tokens are left",
		}
		r.NotShown = append(r.NotShown, "which of these it is")
	case provenance.detected && trace.silent():
		r.Pattern = PatternProvenanceAlone
		r.Explanations = []string{
			"output of the marked service as it was sampled, while its trace band was off or tested under other keys",
		}
		r.NotShown = append(r.NotShown, "whether a model was trained on marked text")
	case trace.detected || provenance.detected:
		r.Pattern = PatternOpen
		r.NotShown = append(r.NotShown, "which explanation holds: a band that would tell them apart was not tested, or had too little text")
	default:
		r.Pattern = PatternNone
		r.NotShown = append(r.NotShown, "that the text is unmarked: marks that were removed or learned weakly stay silent too")
	}
	return r
}

// ifShort warns of a provenance band whose silence says less about training.
func ifShort(long bool) string {
	if long {
		return ""
	}
	return fmt.Sprintf(" (with less weight: the provenance band has a context of fewer than %d tokens, which training can carry over too)", longContext)
}

// standing is the verdicts of the bands of a kind together.
type standing struct{ tested, detected, open bool }

func (s *standing) add(v Verdict) {
	s.tested = true
	s.detected = s.detected || v == Detected
	s.open = s.open || v == Inconclusive
}

// silent reports that bands were tested, could have been detected, and were not.
func (s *standing) silent() bool { return s.tested && !s.detected && !s.open }

// found says what became of one band.
func found(b BandResult) string {
	r := b.Result
	text := fmt.Sprintf("%s band: %s, log10 p %s (all tests counted)", b.Role, strings.ReplaceAll(string(r.Verdict), "_", " "), evidence.Rounded(r.Log10PAdjusted, 1))
	switch {
	case r.Scored == 0:
		return text + "; nothing was scored"
	case r.Verdict == Detected && b.Share >= 1:
		return text + ", at least as in a text that is marked throughout, by the reference that power is stated for"
	case r.Verdict == Detected:
		return fmt.Sprintf("%s, about as in a text of which %s is marked, by the reference that power is stated for", text, percent(b.Share))
	case r.Power.MinShare <= 1:
		return fmt.Sprintf("%s; a share of %s, by the reference that power is stated for, is detected 9 times in 10", text, percent(r.Power.MinShare))
	}
	return text + "; a text of this length is not expected to be detected even if all of it is marked, by the reference that power is stated for"
}

// percent writes a share without an exponent: 0.042 %, 9.1 %, 100 %, 2000 %.
func percent(share float64) string {
	if p := 100 * share; p < 9.95 {
		return fmt.Sprintf("%.2g %%", p)
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
