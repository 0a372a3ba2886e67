package student

import (
	"fmt"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// The patterns of a trace.
const (
	// PatternNothing means that neither the master nor any account or cohort is shown.
	PatternNothing detect.Pattern = "nothing"
	// PatternConcentrated means that the master is detected and accounts are named.
	PatternConcentrated detect.Pattern = "concentrated"
	// PatternCohort means that the master is detected and cohorts are named, but no account is.
	PatternCohort detect.Pattern = "cohort"
	// PatternLane means that the master is detected, that no account or cohort is named, and that the
	// adjusted p-value of a lane is at most Alpha. Lanes are never named, because the lanes of a
	// group share one secret.
	PatternLane detect.Pattern = "lane"
	// PatternFlat means that the master is detected and no few accounts are seen to carry the effect.
	// No account or cohort is named and no lane is found, although an account that carried a tenth
	// of the effect, as it is estimated, would have been. Or more than half of the accounts are
	// named.
	PatternFlat detect.Pattern = "flat"
	// PatternUnresolved means that the master is detected, and that there are too few tokens to
	// tell concentrated from flat.
	PatternUnresolved detect.Pattern = "unresolved"
	// PatternProxy means that both bands are at least FullStrength times as strong as in text of
	// the marked model itself.
	PatternProxy detect.Pattern = "proxy"
	// PatternProvenance means that the provenance band is detected, and neither the master nor any
	// account is.
	PatternProvenance detect.Pattern = "provenance"
	// PatternContradiction means that an account or cohort is named and the master is not detected,
	// although the master marks whatever they mark.
	PatternContradiction detect.Pattern = "contradiction"
	// PatternBroken means that the controls of the test failed: control accounts are named, control
	// keys do not look like chance, or the test was refused.
	PatternBroken detect.Pattern = "broken"
)

// The rules of Conclude. They choose words. They do not affect error rates, which are those of
// "detected" and "named".
const (
	// FlatResolution is the share of the master's effect that decides between flat and unresolved.
	// A trace is flat if it would have named an account that carries this share.
	FlatResolution = 0.1
	// FlatShare is the share of accounts that must be named for a trace to be called flat, if there
	// are FlatAccounts of them.
	FlatShare    = 0.5
	FlatAccounts = 4
	// FullStrength is the part of the live model's own excess that counts as full strength.
	FullStrength = 0.5
)

// A BandStrength says how strongly a band's mark shows in the outputs.
type BandStrength struct {
	Detected bool    // by a test that is adjusted for all others
	Excess   float64 // mean score less that of the null, in any unit
	// Live is the excess, in the same unit, of text that the marked model itself wrote to such
	// prompts. It is 0 if it was not measured.
	Live float64
}

// full reports whether the band shows at full strength. b may be nil.
func (b *BandStrength) full() bool {
	return b != nil && b.Detected && b.Live > 0 && b.Excess >= FullStrength*b.Live
}

// Findings are what a Conclusion is drawn from.
type Findings struct {
	Trace TraceResult // result of Test.Trace
	// LiveExcess is the excess of the green rate over gamma that the marked model's own text shows
	// in the master's contexts. It is 0 if it was not measured.
	LiveExcess float64
	// Provenance is the band that training is not known to carry over (a keyed draw with a long
	// context). It is nil if it was not tested.
	Provenance *BandStrength
}

// A Conclusion is everything that may be concluded.
type Conclusion struct {
	Pattern detect.Pattern // one of the patterns of this package
	// Claim is what the tests show. It speaks of keys and of text, and never of what anybody did.
	Claim string
	// Rule is the rule that led to the pattern.
	Rule     string   // rule that led to the pattern
	Accounts []string // IDs of named tenants, without control accounts
	Cohorts  []string // IDs of named cohorts, without control accounts
	// Explanations are ways in which the finding can have come about. The tests do not choose
	// between them.
	Explanations []string
	// NotShown is what a reader might conclude and must not.
	NotShown []string
}

// Conclude puts results into words. It is a pure function. The first rule that applies decides:
//
//	broken         a control account is named, control keys do not look like chance, or the test was refused
//	proxy          both bands are detected, each with at least half the excess of the live model
//	contradiction  an account or cohort is named, or a lane is found, and the master is not detected
//	provenance     the provenance band is detected and the master is not
//	nothing        the master is not detected
//	flat           at least 4 tenants, and more than half of them are named
//	concentrated   a tenant is named
//	cohort         a cohort is named
//	lane           the adjusted p-value of a lane is at most Alpha
//	flat           the trace would name a tenant that carries a tenth of the effect
//	unresolved     otherwise
//
// Three facts show that text served to an account was used. The account's key is found. The record
// says that this key marked only what was served to that account. The key was kept secret. Nothing
// here shows who used the text.
func Conclude(f Findings) Conclusion {
	t := &f.Trace
	c := Conclusion{Accounts: named(t.Tenants), Cohorts: named(t.Cohorts)}
	trace := &BandStrength{Detected: t.MasterDetected, Excess: masterExcess(&t.Master), Live: f.LiveExcess}
	switch {
	case broken(t):
		c.Pattern = PatternBroken
		c.Rule = "control keys are named or do not behave like chance, although they never marked any text, " +
			"or prompts that were declared unmarked carry the mark"
		c.Claim = "Nothing may be concluded: the controls of this test failed."
		c.Accounts, c.Cohorts = nil, nil
		c.Explanations = []string{
			"an error in the preparation of the outputs or of the keys",
			"keys that were issued to customers are listed as control keys",
			"prompts that quote the marked model",
		}
	case trace.full() && f.Provenance.full():
		c.Pattern = PatternProxy
		c.Rule = fmt.Sprintf("both bands are detected, each with at least %v of the excess "+
			"that the live model shows", FullStrength)
		c.Claim = fmt.Sprintf("The outputs depend on our keys, in both bands at least %v times as strongly "+
			"as text that the marked model writes. Training is not known to carry the provenance band over.",
			FullStrength)
		c.Explanations = []string{
			"the suspect forwards requests to the marked model",
			"the suspect replays stored outputs of the marked model",
		}
	case !t.MasterDetected && len(c.Accounts)+len(c.Cohorts) > 0:
		c.Pattern = PatternContradiction
		c.Rule = "a tenant or cohort is named and the master is not detected, " +
			"although every marked request carries the master"
		ids := slices.Concat(c.Accounts, c.Cohorts)
		c.Claim = fmt.Sprintf("The outputs depend on the %s of %s and do not show that of the master. "+
			"Text that was served carries that of the master too, so this finding does not fit such text.",
			these(len(ids), "key", "keys"), quoted(ids))
		c.Explanations = []string{
			"a forged mark", "a leaked key", "requests that were marked without the master",
			"keys or records that are mixed up",
		}
	case !t.MasterDetected && len(t.Lanes()) > 0:
		c.Pattern = PatternContradiction
		c.Rule = "by Holm's rule the p-value of a lane is at most alpha and the master is not detected, " +
			"although every marked request carries the master"
		ids := t.Lanes()
		c.Claim = fmt.Sprintf("The outputs depend on the %s of %s and do not show that of the master. "+
			"The lanes of a group share one secret, so this does not name an account. "+
			"Text that was served carries that of the master too, so this finding does not fit such text.",
			these(len(ids), "list of the lane", "lists of the lanes"), quoted(ids))
		c.Explanations = []string{
			"a forged mark", "a leaked key", "requests that were marked without the master",
			"keys or records that are mixed up",
		}
	case !t.MasterDetected && f.Provenance != nil && f.Provenance.Detected:
		c.Pattern = PatternProvenance
		c.Rule = "the provenance band is detected and the master is not"
		c.Claim = "The outputs depend on our key of the provenance band and do not show that of the master. " +
			"Training is not known to carry the provenance band over."
		c.Explanations = []string{
			"the suspect forwards requests to the marked model, or quotes or replays its text, " +
				"with the master off or under other keys",
			"too few tokens for the master, which needs more of them than the provenance band",
			"a forged mark", "a leaked key", "records of keys that are mixed up",
		}
	case !t.MasterDetected:
		c.Pattern = PatternNothing
		c.Rule = "no key is detected"
		c.Claim = "The outputs do not show that they depend on our keys. Silence does not exonerate."
		c.Explanations = []string{
			"marked text was not used",
			"the share of marked text is below what this number of tokens can show",
			"marked text was paraphrased, its mark was neutralised, or it served as a reward only",
		}
	case flatByNames(t.Tenants, len(c.Accounts)):
		c.Pattern = PatternFlat
		c.Rule = fmt.Sprintf("more than %v of the tenants are named", FlatShare)
		c.flat("The outputs depend on the keys of more than half of the accounts.")
	case len(c.Accounts) > 0:
		c.Pattern = PatternConcentrated
		c.Rule = "the master is detected and tenants are named by Holm's rule"
		n := len(c.Accounts)
		c.Claim = fmt.Sprintf("The outputs depend on the %s of %s. Text that was served to %s%s",
			these(n, "key", "keys"), quoted(c.Accounts), these(n, "this account", "these accounts"), wasUsed)
		c.Explanations = []string{
			"training on answers that were collected through these accounts",
			"training on what the accounts' holders passed on or published",
			"a deliberate trail: anybody who has the text served to an account can train on it",
			leaked,
		}
	case len(c.Cohorts) > 0:
		c.Pattern = PatternCohort
		c.Rule = "the master is detected, cohorts are named by Holm's rule, and no tenant is"
		n := len(c.Cohorts)
		c.Claim = fmt.Sprintf("The outputs depend on the %s %s. "+
			"Text that was served to accounts of %s%s The test does not name a single account.",
			these(n, "key of the cohort", "keys of the cohorts"), quoted(c.Cohorts), these(n, "it", "them"), wasUsed)
		c.Explanations = []string{
			"training on answers that were collected through many accounts of the cohort",
			"training on text that customers of the cohort published",
			leaked,
		}
	case len(t.Lanes()) > 0:
		c.Pattern = PatternLane
		ids := t.Lanes()
		c.Rule = "the master is detected, nobody is named, and by Holm's rule the p-value of a lane is at most alpha"
		c.Claim = fmt.Sprintf("The outputs depend on our key and on the %s of %s. "+
			"The lanes of a group share one secret, so this does not name an account. Text of the marked model%s",
			these(len(ids), "list of the lane", "lists of the lanes"), quoted(ids), wasUsed)
		c.Explanations = []string{
			"training on answers that were collected through the account of the lane",
			"training on what the account's holder passed on or published",
			"text that somebody marked who knows the lists of another lane of the group",
			leaked,
		}
	case t.Tenants != nil && t.Tenants.Resolution <= FlatResolution:
		c.Pattern = PatternFlat
		c.Rule = fmt.Sprintf("the master is detected and nobody is named, although a tenant of the registry that carries "+
			"%.2g of the effect would have been named with probability 0.9, if the effect is as large as it is estimated",
			t.Tenants.Resolution)
		c.flat(fmt.Sprintf("The outputs depend on our key. No account with %.2g or more of the effect was seen.",
			t.Tenants.Resolution))
		c.Explanations = append(c.Explanations, "training on text that was served to an account without a key of its own, "+
			"or to one that is not in the registry")
	default:
		c.Pattern = PatternUnresolved
		c.Rule = "the master is detected, nobody is named, and a tenant that carries a tenth of the effect " +
			"could have stayed unnamed"
		c.Claim = "The outputs depend on our key. Text of the marked model" + wasUsed +
			" The test does not show through which accounts."
		c.Explanations = []string{
			"training on answers that were collected through few accounts or many",
			"training on text that customers published",
			leaked,
		}
	}
	c.notShown(f)
	return c
}

// wasUsed ends the sentence about text whose key the outputs depend on. The tests show the
// dependence, and records say the rest.
const wasUsed = " was used, directly or through others, in making the model or its outputs, " +
	"if the keys were secret and the records of them are right."

// leaked is an explanation of every dependence.
const leaked = "a leaked key, or lists that somebody learned from enough marked text"

// flat sets the words for an effect that no few accounts are seen to carry.
func (c *Conclusion) flat(shown string) {
	c.Claim = shown + " Text of the marked model" + wasUsed
	c.Explanations = []string{
		"training on public text in which customers posted answers",
		"training on answers that were collected through very many accounts, each below what can be resolved",
		"training on another model that was trained on marked text",
		leaked,
	}
}

// notShown lists what does not follow.
func (c *Conclusion) notShown(f Findings) {
	c.NotShown = []string{"who trained the suspect model, and whether anybody meant to use marked text"}
	if len(c.Accounts) > 0 {
		c.NotShown = append(c.NotShown, "that the holders of the accounts did it: "+
			"the keys tell what was served to whom, not what was done with it")
	}
	if c.Pattern != PatternProxy && c.Pattern != PatternNothing && c.Pattern != PatternBroken {
		switch {
		case f.Provenance == nil:
			c.NotShown = append(c.NotShown, "that the suspect was trained on marked text "+
				"and does not just quote or forward it: the provenance band was not tested")
		case f.Provenance.Detected:
			c.NotShown = append(c.NotShown, "that the suspect was trained on marked text: "+
				"the provenance band shows, as in text that the marked model wrote itself")
		case !(f.Provenance.Live > 0):
			c.NotShown = append(c.NotShown, "that the suspect was trained on marked text "+
				"and does not just quote or forward it: the provenance band is silent, "+
				"and nobody has shown that text of this kind from the marked model itself carries it")
		}
	}
	if f.Trace.Tenants != nil && lanesFound(f.Trace.Tenants) {
		c.NotShown = append(c.NotShown, "anything about a single tenant lane: "+
			"the lanes of a group share one secret and are for triage")
	}
}

// named returns the IDs of the named accounts of a family, without control accounts.
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

// broken reports whether the controls of a trace failed.
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

// flatByNames reports whether there are at least FlatAccounts tenants, and more than half of them
// are named.
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

// Lanes returns the IDs of the lanes whose adjusted p-value is at most Alpha, without control accounts.
// The outputs depend on their group's key, and no account is named by that.
func (t *TraceResult) Lanes() []string {
	var ids []string
	for _, f := range []*FamilyResult{t.Cohorts, t.Tenants} {
		if f == nil {
			continue
		}
		for _, a := range f.Accounts {
			if a.Lane && !a.Decoy && a.Log10PHolm <= tail.Log10(t.Alpha)+null.LevelSlack {
				ids = append(ids, a.ID)
			}
		}
	}
	return ids
}

// lanesFound reports whether a lane is on the list for triage.
func lanesFound(f *FamilyResult) bool {
	for _, a := range f.Accounts {
		if a.Lane && a.Triage {
			return true
		}
	}
	return false
}

// masterExcess returns the excess of the green rate over gamma.
func masterExcess(r *Result) float64 {
	if r.Pairs.Scored == 0 {
		return 0
	}
	return float64(r.Pairs.Green)/float64(r.Pairs.Scored) - r.Gamma
}

// quoted lists ids in quotes.
func quoted(ids []string) string {
	q := make([]string, len(ids))
	for i, id := range ids {
		q[i] = fmt.Sprintf("%q", id)
	}
	return strings.Join(q, ", ")
}

// these chooses the word for one or for many.
func these(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
