package student_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
)

// family makes a FamilyResult of n accounts, of which named are named.
func family(kind string, n int, resolution float64, named ...int) *student.FamilyResult {
	f := &student.FamilyResult{Resolution: resolution}
	for i := range n {
		f.Accounts = append(f.Accounts, student.AccountResult{ID: fmt.Sprintf("%s-%d", kind, i)})
	}
	for _, i := range named {
		f.Accounts[i].Named, f.Accounts[i].Triage = true, true
		f.Named++
	}
	return f
}

func TestConclude(t *testing.T) {
	master := func(detected bool) student.TraceResult {
		r := student.TraceResult{MasterDetected: detected}
		r.Master.Gamma = 0.5
		r.Master.Pairs.Scored, r.Master.Pairs.Green = 1000, 620
		return r
	}
	with := func(r student.TraceResult, cohorts, tenants *student.FamilyResult) student.TraceResult {
		r.Cohorts, r.Tenants = cohorts, tenants
		return r
	}
	decoyNamed := family("tenant", 10, 0.1, 3)
	decoyNamed.Accounts[3].Decoy, decoyNamed.DecoysNamed = true, 1
	refused := master(false)
	refused.Master.Refused = true
	oddDecoys := master(true)
	oddDecoys.Warnings = []error{student.ErrDecoys}
	oddMaster := master(true)
	oddMaster.Master.Warnings = []error{student.ErrDecoys}
	full := &student.BandStrength{Detected: true, Excess: 0.3, Live: 0.4}
	weak := &student.BandStrength{Detected: true, Excess: 0.1, Live: 0.4}
	silent := &student.BandStrength{Excess: 0.4, Live: 0.4}
	inf := math.Inf(1)
	// Finding 3 of the review of 2026-11-30: one lane carries everything, and the claim was that no
	// few accounts do.
	lane := func(log10P float64) student.TraceResult {
		f := family("lane", 40, 0.061)
		for i := range f.Accounts {
			f.Accounts[i].Lane = i < 20
		}
		f.Accounts[3].Log10PHolm = log10P
		r := with(master(true), nil, f)
		r.Alpha = 1e-6
		return r
	}
	unheard := func(r student.TraceResult) student.TraceResult {
		r.MasterDetected = false
		return r
	}
	for _, c := range []struct {
		name string
		f    student.Findings
		want detect.Pattern
	}{
		{"a lane carries the effect", student.Findings{Trace: lane(-3037)}, student.PatternLane},
		{"a lane at alpha", student.Findings{Trace: lane(-6)}, student.PatternLane},
		{"a lane above alpha", student.Findings{Trace: lane(-5.9)}, student.PatternFlat},
		{"a lane without master", student.Findings{Trace: unheard(lane(-3138))}, student.PatternContradiction},
		{"a lane above alpha without master", student.Findings{Trace: unheard(lane(-5.9))}, student.PatternNothing},
		{"no key", student.Findings{Trace: with(master(false), family("cohort", 5, inf), family("tenant", 100, inf))}, student.PatternNothing},
		{"no families, no master", student.Findings{Trace: master(false)}, student.PatternNothing},
		{"the master alone", student.Findings{Trace: master(true)}, student.PatternUnresolved},
		{"nobody, and little resolution", student.Findings{Trace: with(master(true), nil, family("tenant", 100, 0.11))}, student.PatternUnresolved},
		{"nobody, and much resolution", student.Findings{Trace: with(master(true), nil, family("tenant", 100, 0.1))}, student.PatternFlat},
		{"two of many", student.Findings{Trace: with(master(true), family("cohort", 5, 0.1), family("tenant", 100, 0.05, 3, 8))}, student.PatternConcentrated},
		{"a cohort", student.Findings{Trace: with(master(true), family("cohort", 5, 0.1, 2), family("tenant", 100, 0.05))}, student.PatternCohort},
		{"half of four", student.Findings{Trace: with(master(true), nil, family("tenant", 4, 0.05, 0, 1))}, student.PatternConcentrated},
		{"three of four", student.Findings{Trace: with(master(true), nil, family("tenant", 4, 0.05, 0, 1, 2))}, student.PatternFlat},
		{"three of three", student.Findings{Trace: with(master(true), nil, family("tenant", 3, 0.05, 0, 1, 2))}, student.PatternConcentrated},
		{"a tenant without master", student.Findings{Trace: with(master(false), nil, family("tenant", 100, inf, 7))}, student.PatternContradiction},
		{"a cohort without master", student.Findings{Trace: with(master(false), family("cohort", 5, inf, 1), nil)}, student.PatternContradiction},
		{"a decoy", student.Findings{Trace: with(master(true), nil, decoyNamed)}, student.PatternBroken},
		{"odd decoys of a family", student.Findings{Trace: oddDecoys}, student.PatternBroken},
		{"odd decoys of the master", student.Findings{Trace: oddMaster}, student.PatternBroken},
		{"refused", student.Findings{Trace: refused}, student.PatternBroken},
		{"both bands full", student.Findings{Trace: with(master(true), nil, family("tenant", 100, 0.05, 3)), LiveExcess: 0.2, Provenance: full}, student.PatternProxy},
		{"the trace band weak", student.Findings{Trace: master(true), LiveExcess: 0.3, Provenance: full}, student.PatternUnresolved},
		{"the provenance band weak", student.Findings{Trace: master(true), LiveExcess: 0.2, Provenance: weak}, student.PatternUnresolved},
		{"the provenance band silent", student.Findings{Trace: master(true), LiveExcess: 0.2, Provenance: silent}, student.PatternUnresolved},
		{"live strength not measured", student.Findings{Trace: master(true), Provenance: full}, student.PatternUnresolved},
		{"live strength of provenance not measured", student.Findings{Trace: master(true), LiveExcess: 0.2, Provenance: &student.BandStrength{Detected: true, Excess: 1}}, student.PatternUnresolved},
		{"provenance full, no master", student.Findings{Trace: master(false), LiveExcess: 0.2, Provenance: full}, student.PatternProvenance},
		{"provenance silent, no master", student.Findings{Trace: master(false), LiveExcess: 0.2, Provenance: silent}, student.PatternNothing},
		{"provenance and a tenant, no master", student.Findings{Trace: with(master(false), nil, family("tenant", 100, inf, 7)), Provenance: full}, student.PatternContradiction},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := student.Conclude(c.f)
			assert.Equal(t, c.want, got.Pattern)
			assert.NotEmpty(t, got.Claim)
			assert.NotEmpty(t, got.Rule)
			assert.NotEmpty(t, got.Explanations)
			assert.NotEmpty(t, got.NotShown)
			assert.Equal(t, got, student.Conclude(c.f), "Conclude is a pure function")
			for _, id := range append(got.Accounts, got.Cohorts...) {
				if got.Pattern == student.PatternConcentrated || got.Pattern == student.PatternContradiction {
					assert.Contains(t, got.Claim+fmt.Sprint(got.Cohorts), id)
				}
			}
			if c.want == student.PatternBroken {
				assert.Empty(t, got.Accounts)
			}
		})
	}
	// The claim stops at what is proven.
	const used = " was used, directly or through others, in making the model or its outputs, " +
		"if the keys were secret and the records of them are right."
	for _, c := range []struct {
		name  string
		trace student.TraceResult
		want  string
	}{
		{
			"one account", with(master(true), nil, family("tenant", 100, 0.05, 3)),
			`The outputs depend on the key of "tenant-3". Text that was served to this account` + used,
		},
		{
			"two accounts", with(master(true), nil, family("tenant", 100, 0.05, 3, 8)),
			`The outputs depend on the keys of "tenant-3", "tenant-8". Text that was served to these accounts` + used,
		},
		{
			"one cohort", with(master(true), family("cohort", 5, 0.1, 2), nil),
			`The outputs depend on the key of the cohort "cohort-2". Text that was served to accounts of it` + used +
				" The test does not name a single account.",
		},
		{
			"two cohorts", with(master(true), family("cohort", 5, 0.1, 2, 3), nil),
			`The outputs depend on the keys of the cohorts "cohort-2", "cohort-3". Text that was served to accounts of them` + used +
				" The test does not name a single account.",
		},
		{
			"nobody", master(true),
			"The outputs depend on our key. Text of the marked model" + used + " The test does not show through which accounts.",
		},
		{
			"a lane", lane(-3037),
			`The outputs depend on our key and on the list of the lane of "lane-3". The lanes of a group share one secret, ` +
				"so this does not name an account. Text of the marked model" + used,
		},
		{
			"nobody with much", with(master(true), nil, family("tenant", 100, 0.061)),
			"The outputs depend on our key. No account with 0.061 or more of the effect was seen. Text of the marked model" + used,
		},
		{
			"a contradiction", with(master(false), nil, family("tenant", 100, inf, 7)),
			`The outputs depend on the key of "tenant-7" and do not show that of the master. ` +
				"Text that was served carries that of the master too, so this finding does not fit such text.",
		},
		{
			"silence", master(false),
			"The outputs do not show that they depend on our keys. Silence does not exonerate.",
		},
	} {
		t.Run("claim of "+c.name, func(t *testing.T) {
			assert.Equal(t, c.want, student.Conclude(student.Findings{Trace: c.trace}).Claim)
		})
	}
	got := student.Conclude(student.Findings{Trace: with(master(true), nil, family("tenant", 100, 0.05, 3))})
	assert.Contains(t, fmt.Sprint(got.NotShown), "holders of the accounts")
	assert.Contains(t, fmt.Sprint(got.NotShown), "provenance band was not tested")
	// A silent provenance band is a finding only where it was shown to be audible.
	const quotes = "does not just quote or forward it"
	for _, c := range []struct {
		name string
		band *student.BandStrength
		want bool
	}{
		{"not tested", nil, true},
		{"silent", &student.BandStrength{}, true},
		{"silent, and audible in the marked model's own text", &student.BandStrength{Live: 0.4}, false},
	} {
		t.Run("training with a provenance band "+c.name, func(t *testing.T) {
			got := student.Conclude(student.Findings{Trace: master(true), Provenance: c.band})
			assert.Equal(t, c.want, strings.Contains(fmt.Sprint(got.NotShown), quotes), got.NotShown)
		})
	}
	half := &student.BandStrength{Detected: true, Excess: 0.5, Live: 1}
	got = student.Conclude(student.Findings{Trace: master(true), LiveExcess: 0.2, Provenance: half})
	assert.Contains(t, got.Claim, "in both bands at least 0.5 times as strongly")
	got = student.Conclude(student.Findings{Trace: master(false), Provenance: half})
	assert.Contains(t, got.Explanations, "a forged mark")
}
