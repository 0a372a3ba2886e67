package student

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/detect"
)

// The patterns of a trace.
const (
	// PatternNothing: neither master nor any account or cohort is shown.
	PatternNothing detect.Pattern = "nothing"
	// PatternConcentrated: the master, and accounts by name.
	PatternConcentrated detect.Pattern = "concentrated"
	// PatternCohort: the master and cohorts by name, and no account.
	PatternCohort detect.Pattern = "cohort"
	// PatternFlat: the master, and no account or cohort although one that carried a tenth
	// of the effect would have been named; or more than half of the accounts.
	PatternFlat detect.Pattern = "flat"
	// PatternUnresolved: the master, and too few tokens to tell concentrated from flat.
	PatternUnresolved detect.Pattern = "unresolved"
	// PatternProxy: both bands at least FullStrength times as strong as in text of the marked
	// model itself.
	PatternProxy detect.Pattern = "proxy"
	// PatternProvenance: the provenance band, and not the master or any account.
	PatternProvenance detect.Pattern = "provenance"
	// PatternContradiction: an account or cohort and not the master, which marks whatever
	// they mark.
	PatternContradiction detect.Pattern = "contradiction"
	// PatternBroken: decoys that marked nothing are named or do not look like chance, or the
	// prompts carry the mark.
	PatternBroken detect.Pattern = "broken"
)

// The rules of Conclude. They are about words, not about error rates: those are
// in what is detected and named.
const (
	// FlatResolution is the share of the master's effect that an account must be able to
	// carry unnamed for a trace to be called unresolved rather than flat.
	FlatResolution = 0.1
	// FlatShare is the share of accounts that must be named for a trace to be called
	// flat, if there are FlatAccounts of them.
	FlatShare    = 0.5
	FlatAccounts = 4
	// FullStrength is the part of the live model's own excess that counts as full strength.
	FullStrength = 0.5
)

// A BandStrength is how strongly a band's mark shows in the outputs.
type BandStrength struct {
	Detected bool    // by a test that counts all others
	Excess   float64 // mean score above that of the null, in any unit
	// Live is the excess, in the same unit, in text that the marked model itself wrote to
	// such prompts; 0 when it was not measured.
	Live float64
}

func (b *BandStrength) full() bool {
	return b != nil && b.Detected && b.Live > 0 && b.Excess >= FullStrength*b.Live
}

// Findings are what a Conclusion is drawn from.
type Findings struct {
	Trace TraceResult
	// LiveExcess is the excess of the green rate over gamma that the marked model's own text
	// shows in the master's contexts; 0 when it was not measured.
	LiveExcess float64
	// Provenance is the band that training does not carry over (a keyed draw with a
	// long context); nil when it was not tested.
	Provenance *BandStrength
}

// A Conclusion is what may be said, and no more.
type Conclusion struct {
	Pattern detect.Pattern
	// Claim is what the tests show. It speaks of keys and of text, never of what anybody
	// did.
	Claim string
	// Rule is the rule that led to the pattern.
	Rule     string
	Accounts []string // named tenants
	Cohorts  []string // named cohorts
	// Explanations are ways in which the finding can have come about; the tests do not
	// choose between them.
	Explanations []string
	// NotShown is what a reader might conclude and must not.
	NotShown []string
}

// Conclude puts results in words. It is a pure function: the first rule that applies
// decides.
//
//	broken         a decoy is named, decoys do not look like chance, or the test was refused
//	proxy          both bands detected, each with at least half the excess of the live model
//	contradiction  an account or cohort is named and the master is not detected
//	provenance     the provenance band is detected and the master is not
//	nothing        the master is not detected
//	flat           at least 4 tenants, and more than half of them are named
//	concentrated   a tenant is named
//	cohort         a cohort is named
//	flat           the trace would name a tenant that carries a tenth of the effect
//	unresolved     otherwise
//
// That text served to an account was used is concluded from its key being found, from the
// record that the key marked what was served to that account alone, and from the key having
// been kept secret. Who used it is not concluded from anything here.
func Conclude(f Findings) Conclusion {
	t := &f.Trace
	c := Conclusion{Accounts: named(t.Tenants), Cohorts: named(t.Cohorts)}
	trace := &BandStrength{Detected: t.MasterDetected, Excess: masterExcess(&t.Master), Live: f.LiveExcess}
	switch {
	case broken(t):
		c.Pattern = PatternBroken
		c.Rule = "decoy keys, which marked nothing, are named or do not behave like chance, or prompts declared unmarked carry the mark"
		c.Claim = "Nothing may be concluded: the controls of this test failed."
		c.Accounts, c.Cohorts = nil, nil
		c.Explanations = []string{"an error in the preparation of the outputs or of the keys", "keys assigned to customers are listed as decoys", "prompts that quote the marked model"}
	case trace.full() && f.Provenance.full():
		c.Pattern = PatternProxy
		c.Rule = fmt.Sprintf("both bands are detected with at least %v of the excess that the live model shows", FullStrength)
		c.Claim = fmt.Sprintf("The outputs depend on our keys, in both bands at least %v times as strongly as text that the marked model writes. Training is not known to carry the provenance band over.", FullStrength)
		c.Explanations = []string{"the suspect forwards requests to the marked model", "the suspect replays stored outputs of the marked model"}
	case !t.MasterDetected && len(c.Accounts)+len(c.Cohorts) > 0:
		c.Pattern = PatternContradiction
		c.Rule = "a tenant or cohort is named and the master is not detected, although every marked request carries the master"
		c.Claim = fmt.Sprintf("The outputs depend on the key of %s and do not show that of the master. What was served carries both, so the finding does not fit what was served.", quoted(append(c.Accounts, c.Cohorts...)))
		c.Explanations = []string{"a forged mark", "a leaked key", "requests that were marked without the master", "keys or records that are mixed up"}
	case !t.MasterDetected && f.Provenance != nil && f.Provenance.Detected:
		c.Pattern = PatternProvenance
		c.Rule = "the provenance band is detected and the master is not"
		c.Claim = "The outputs depend on our key of the provenance band and do not show that of the master. Training is not known to carry the provenance band over."
		c.Explanations = []string{
			"the suspect forwards requests to the marked model, or quotes or replays its text, with the master off or under other keys",
			"too few tokens for the master, which takes more of them to show than the provenance band",
			"a forged mark", "a leaked key", "records of keys that are mixed up",
		}
	case !t.MasterDetected:
		c.Pattern = PatternNothing
		c.Rule = "no key is detected"
		c.Claim = "The outputs show no dependence on our keys. Silence is no exoneration."
		c.Explanations = []string{"no use of marked text", "a share of marked text below what this many tokens can show", "paraphrase, neutralisation, or use as a reward only"}
	case flatByNames(t.Tenants, len(c.Accounts)):
		c.Pattern = PatternFlat
		c.Rule = fmt.Sprintf("more than %v of the tenants are named", FlatShare)
		c.flat()
	case len(c.Accounts) > 0:
		c.Pattern = PatternConcentrated
		c.Rule = "the master is detected and tenants are named by Holm's rule"
		c.Claim = fmt.Sprintf("The outputs depend on the key of %s. Text that was served to %s was used, directly or through others, in making the model or its outputs.",
			quoted(c.Accounts), these(len(c.Accounts), "this account", "these accounts"))
		c.Explanations = []string{"training on answers collected through these accounts", "training on what the accounts' holders passed on or published", "a deliberate trail: anybody with the text served to an account can train on it"}
	case len(c.Cohorts) > 0:
		c.Pattern = PatternCohort
		c.Rule = "the master is detected, cohorts are named by Holm's rule, and no tenant is"
		c.Claim = fmt.Sprintf("The outputs depend on the key of the %s %s. Text that was served to accounts of %s was used, directly or through others, in making the model or its outputs. No single account is shown.",
			these(len(c.Cohorts), "cohort", "cohorts"), quoted(c.Cohorts), these(len(c.Cohorts), "it", "them"))
		c.Explanations = []string{"training on answers collected through many accounts of the cohort", "text that customers of the cohort published"}
	case t.Tenants != nil && t.Tenants.Resolution <= FlatResolution:
		c.Pattern = PatternFlat
		c.Rule = fmt.Sprintf("the master is detected and nobody is named, although a tenant with a share of %.2g of the effect would have been, with probability 0.9", t.Tenants.Resolution)
		c.flat()
	default:
		c.Pattern = PatternUnresolved
		c.Rule = "the master is detected, nobody is named, and a tenant that carries a tenth of the effect could have stayed unnamed"
		c.Claim = "The outputs depend on our key: text of the marked model was used, directly or through others, in making the model or its outputs. Through whom is not shown."
		c.Explanations = []string{"training on answers collected through few accounts or many", "text that customers published"}
	}
	c.notShown(f)
	return c
}

// flat has the words for an effect that is spread.
func (c *Conclusion) flat() {
	c.Claim = "The outputs depend on our key, and the effect is spread over accounts: no few of them carry it. Text of the marked model was used, directly or through others, in making the model or its outputs."
	c.Explanations = []string{"training on public text in which customers posted answers", "training on answers collected through very many accounts, each below what can be resolved", "training on another model that was trained on marked text"}
}

// notShown lists what does not follow.
func (c *Conclusion) notShown(f Findings) {
	c.NotShown = []string{"who trained the suspect model, and whether anybody meant to use marked text"}
	if len(c.Accounts) > 0 {
		c.NotShown = append(c.NotShown, "that the holders of the accounts did it: the keys tell what was served to whom, not what became of it")
	}
	if c.Pattern != PatternProxy && c.Pattern != PatternNothing && c.Pattern != PatternBroken {
		switch {
		case f.Provenance == nil:
			c.NotShown = append(c.NotShown, "that the suspect was trained on marked text rather than quotes or forwards it: the provenance band was not tested")
		case f.Provenance.Detected:
			c.NotShown = append(c.NotShown, "that the suspect was trained on marked text: the provenance band shows, as in text that the marked model wrote itself")
		}
	}
	if f.Trace.Tenants != nil && lanesFound(f.Trace.Tenants) {
		c.NotShown = append(c.NotShown, "anything about a single tenant lane: the lanes of a group share one secret and are for triage")
	}
}

// named returns the names of a family that are not decoys.
func named(f *FamilyResult) []string {
	var ids []string
	if f != nil {
		for _, a := range f.Accounts {
			if a.Named && !a.Decoy {
				ids = append(ids, a.ID)
			}
		}
	}
	return ids
}

func broken(t *TraceResult) bool {
	if t.Master.Refused {
		return true
	}
	for _, f := range []*FamilyResult{t.Cohorts, t.Tenants} {
		if f != nil && f.DecoysNamed > 0 {
			return true
		}
	}
	for _, warnings := range [][]error{t.Warnings, t.Master.Warnings} {
		for _, w := range warnings {
			if w == ErrDecoys {
				return true
			}
		}
	}
	return false
}

// flatByNames reports whether more than half of at least FlatAccounts tenants are named.
func flatByNames(f *FamilyResult, names int) bool {
	if f == nil {
		return false
	}
	tenants := 0
	for _, a := range f.Accounts {
		if !a.Decoy {
			tenants++
		}
	}
	return tenants >= FlatAccounts && float64(names) > FlatShare*float64(tenants)
}

func lanesFound(f *FamilyResult) bool {
	for _, a := range f.Accounts {
		if a.Lane && a.Triage {
			return true
		}
	}
	return false
}

// masterExcess is the excess of the green rate over gamma.
func masterExcess(r *Result) float64 {
	if r.Pairs.Scored == 0 {
		return 0
	}
	return float64(r.Pairs.Green)/float64(r.Pairs.Scored) - r.Gamma
}

func quoted(ids []string) string {
	q := make([]string, len(ids))
	for i, id := range ids {
		q[i] = fmt.Sprintf("%q", id)
	}
	return strings.Join(q, ", ")
}

func these(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
