package detect

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// A BandPattern is which bands of a text were detected.
type BandPattern string

const (
	// NoBand: nothing was detected in any band.
	NoBand BandPattern = "none"
	// TraceAndProvenance: both kinds of band were detected.
	TraceAndProvenance BandPattern = "trace_and_provenance"
	// TraceAlone: the trace band was detected, and the provenance band was not although
	// it could have been.
	TraceAlone BandPattern = "trace_alone"
	// ProvenanceAlone: the provenance band was detected, and the trace band was not
	// although it could have been.
	ProvenanceAlone BandPattern = "provenance_alone"
	// PartWithoutMaster: a cohort's or a tenant's band was detected, and the master's was
	// not although it could have been.
	PartWithoutMaster BandPattern = "part_without_master"
	// Open: some band was detected, and what the others would add is not known: they
	// were not tested, or there was too little text to tell.
	Open BandPattern = "open"
)

// A BandReading is what the verdicts of several bands say together. Nothing in it goes beyond
// the verdicts, whose error rates are those of their tests.
type BandReading struct {
	Pattern BandPattern
	// Found says what was detected and what was not.
	Found []string
	// Consistent lists explanations under which such verdicts are expected. The tests do
	// not choose between them, and there may be others.
	Consistent []string
	// Cannot says what does not follow.
	Cannot []string
}

// longContext is the width from which no mark is known to survive training.
const longContext = 4

// ReadBands says what results mean together, for the live forwarding of requests, for
// training on marked text and for forged or mistaken tenants.
func ReadBands(results []BandResult) BandReading {
	var r BandReading
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
	r.Cannot = append(r.Cannot, "who wrote the text, or on whose behalf: a detected band says that the text depends on its key, and whoever holds the key, or has learned its lists from enough marked text, can bring that about")
	switch {
	case part.detected && master.silent():
		r.Pattern = PartWithoutMaster
		r.Consistent = []string{
			"keys, profiles or selectors that do not belong together",
			"a mark forged with the cohort's or tenant's lists, by someone who does not have the master's",
			"a service that marks with the cohort's or tenant's key alone",
		}
		r.Cannot = append(r.Cannot, "that the cohort or tenant is the source: text of a service that has both bands shows the master's too")
	case trace.detected && provenance.detected:
		r.Pattern = TraceAndProvenance
		r.Consistent = []string{
			"output of the marked service as it was sampled: requests forwarded to it, or text copied or quoted from it",
			"parts of the text from the marked service, and parts from a model trained on its output",
		}
		r.Cannot = append(r.Cannot, "whether a model was trained on marked text: the service's own output shows both bands without any training")
	case trace.detected && provenance.silent():
		r.Pattern = TraceAlone
		r.Consistent = []string{
			"a model that was trained on marked output" + ifShort(long),
			"output of the marked service that carried no keyed draw: greedy decoding, or the provenance band was off",
			"output of the marked service, edited so that few runs of so many tokens are left",
		}
		r.Cannot = append(r.Cannot, "which of these it is")
	case provenance.detected && trace.silent():
		r.Pattern = ProvenanceAlone
		r.Consistent = []string{
			"output of the marked service as it was sampled, while its trace band was off or tested under other keys",
		}
		r.Cannot = append(r.Cannot, "whether a model was trained on marked text")
	case trace.detected || provenance.detected:
		r.Pattern = Open
		r.Cannot = append(r.Cannot, "which explanation holds: a band that would tell them apart was not tested, or had too little text")
	default:
		r.Pattern = NoBand
		r.Cannot = append(r.Cannot, "that the text is unmarked: marks that were removed or learned weakly stay silent too")
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
