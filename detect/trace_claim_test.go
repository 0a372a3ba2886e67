package detect_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect"
)

// family makes a FamilyResult of n accounts, of which named are named.
func family(kind string, n int, resolution float64, named ...int) *detect.FamilyResult {
	f := &detect.FamilyResult{Resolution: resolution}
	for i := range n {
		f.Accounts = append(f.Accounts, detect.AccountResult{ID: fmt.Sprintf("%s-%d", kind, i)})
	}
	for _, i := range named {
		f.Accounts[i].Named, f.Accounts[i].Triage = true, true
		f.Named++
	}
	return f
}

func TestConclude(t *testing.T) {
	master := func(detected bool) detect.TraceResult {
		r := detect.TraceResult{MasterDetected: detected}
		r.Master.Gamma = 0.5
		r.Master.Pairs.Scored, r.Master.Pairs.Green = 1000, 620
		return r
	}
	with := func(r detect.TraceResult, cohorts, tenants *detect.FamilyResult) detect.TraceResult {
		r.Cohorts, r.Tenants = cohorts, tenants
		return r
	}
	decoyNamed := family("tenant", 10, 0.1, 3)
	decoyNamed.Accounts[3].Decoy, decoyNamed.DecoysNamed = true, 1
	refused := master(false)
	refused.Master.Refused = true
	oddDecoys := master(true)
	oddDecoys.Warnings = []error{detect.ErrDecoys}
	oddMaster := master(true)
	oddMaster.Master.Warnings = []error{detect.ErrDecoys}
	full := &detect.BandStrength{Detected: true, Excess: 0.3, Live: 0.4}
	weak := &detect.BandStrength{Detected: true, Excess: 0.1, Live: 0.4}
	silent := &detect.BandStrength{Excess: 0.4, Live: 0.4}
	inf := math.Inf(1)
	for _, c := range []struct {
		name string
		f    detect.Findings
		want detect.TracePattern
	}{
		{"no key", detect.Findings{Trace: with(master(false), family("cohort", 5, inf), family("tenant", 100, inf))}, detect.PatternNothing},
		{"no families, no master", detect.Findings{Trace: master(false)}, detect.PatternNothing},
		{"the master alone", detect.Findings{Trace: master(true)}, detect.PatternUnresolved},
		{"nobody, and little resolution", detect.Findings{Trace: with(master(true), nil, family("tenant", 100, 0.11))}, detect.PatternUnresolved},
		{"nobody, and much resolution", detect.Findings{Trace: with(master(true), nil, family("tenant", 100, 0.1))}, detect.PatternFlat},
		{"two of many", detect.Findings{Trace: with(master(true), family("cohort", 5, 0.1), family("tenant", 100, 0.05, 3, 8))}, detect.PatternConcentrated},
		{"a cohort", detect.Findings{Trace: with(master(true), family("cohort", 5, 0.1, 2), family("tenant", 100, 0.05))}, detect.PatternCohort},
		{"half of four", detect.Findings{Trace: with(master(true), nil, family("tenant", 4, 0.05, 0, 1))}, detect.PatternConcentrated},
		{"three of four", detect.Findings{Trace: with(master(true), nil, family("tenant", 4, 0.05, 0, 1, 2))}, detect.PatternFlat},
		{"three of three", detect.Findings{Trace: with(master(true), nil, family("tenant", 3, 0.05, 0, 1, 2))}, detect.PatternConcentrated},
		{"a tenant without master", detect.Findings{Trace: with(master(false), nil, family("tenant", 100, inf, 7))}, detect.PatternContradiction},
		{"a cohort without master", detect.Findings{Trace: with(master(false), family("cohort", 5, inf, 1), nil)}, detect.PatternContradiction},
		{"a decoy", detect.Findings{Trace: with(master(true), nil, decoyNamed)}, detect.PatternBroken},
		{"odd decoys of a family", detect.Findings{Trace: oddDecoys}, detect.PatternBroken},
		{"odd decoys of the master", detect.Findings{Trace: oddMaster}, detect.PatternBroken},
		{"refused", detect.Findings{Trace: refused}, detect.PatternBroken},
		{"both bands full", detect.Findings{Trace: with(master(true), nil, family("tenant", 100, 0.05, 3)), LiveExcess: 0.2, Provenance: full}, detect.PatternProxy},
		{"the trace band weak", detect.Findings{Trace: master(true), LiveExcess: 0.3, Provenance: full}, detect.PatternUnresolved},
		{"the provenance band weak", detect.Findings{Trace: master(true), LiveExcess: 0.2, Provenance: weak}, detect.PatternUnresolved},
		{"the provenance band silent", detect.Findings{Trace: master(true), LiveExcess: 0.2, Provenance: silent}, detect.PatternUnresolved},
		{"live strength not measured", detect.Findings{Trace: master(true), Provenance: full}, detect.PatternUnresolved},
		{"live strength of provenance not measured", detect.Findings{Trace: master(true), LiveExcess: 0.2, Provenance: &detect.BandStrength{Detected: true, Excess: 1}}, detect.PatternUnresolved},
		{"provenance full, no master", detect.Findings{Trace: master(false), LiveExcess: 0.2, Provenance: full}, detect.PatternProvenance},
		{"provenance silent, no master", detect.Findings{Trace: master(false), LiveExcess: 0.2, Provenance: silent}, detect.PatternNothing},
		{"provenance and a tenant, no master", detect.Findings{Trace: with(master(false), nil, family("tenant", 100, inf, 7)), Provenance: full}, detect.PatternContradiction},
	} {
		got := detect.Conclude(c.f)
		assert.Equal(t, c.want, got.Pattern, c.name)
		assert.NotEmpty(t, got.Claim, c.name)
		assert.NotEmpty(t, got.Rule, c.name)
		assert.NotEmpty(t, got.Explanations, c.name)
		assert.NotEmpty(t, got.NotShown, c.name)
		assert.Equal(t, got, detect.Conclude(c.f), "a pure function")
		for _, id := range append(got.Accounts, got.Cohorts...) {
			if got.Pattern == detect.PatternConcentrated || got.Pattern == detect.PatternContradiction {
				assert.Contains(t, got.Claim+fmt.Sprint(got.Cohorts), id, c.name)
			}
		}
		if c.want == detect.PatternBroken {
			assert.Empty(t, got.Accounts, c.name)
		}
	}
	// The claim stops at what is proven, whoever is named.
	got := detect.Conclude(detect.Findings{Trace: with(master(true), nil, family("tenant", 100, 0.05, 3))})
	assert.Equal(t, `The outputs depend on the key of "tenant-3". Text that was served to this account was used, directly or through others, in making the model or its outputs.`, got.Claim)
	assert.Contains(t, fmt.Sprint(got.NotShown), "holders of the accounts")
	assert.Contains(t, fmt.Sprint(got.NotShown), "provenance band was not tested")
	half := &detect.BandStrength{Detected: true, Excess: 0.5, Live: 1}
	got = detect.Conclude(detect.Findings{Trace: master(true), LiveExcess: 0.2, Provenance: half})
	assert.Contains(t, got.Claim, "in both bands at least 0.5 times as strongly")
	got = detect.Conclude(detect.Findings{Trace: master(false), Provenance: half})
	assert.Contains(t, got.Explanations, "a forged mark")
}

func TestImpliedShare(t *testing.T) {
	p := detect.StudentPlan{C1: 0.5}
	share, low, high := p.Implied(10, 10_000, 0.95)
	assert.InDelta(t, 0.2, share, 1e-12)
	assert.InDelta(t, (10-1.959963985)/50, low, 1e-9)
	assert.InDelta(t, (10+1.959963985)/50, high, 1e-9)
	share, low, high = p.Implied(-1, 100, 0.5)
	assert.Zero(t, share+low)
	assert.Equal(t, 0.0, high, "-1 + 0.67 is below 0")
	share, _, high = p.Implied(1000, 100, 0.95)
	assert.Equal(t, 2.0, share+high)
	for _, bad := range []func(){
		func() { p.Implied(1, 0, 0.9) }, func() { p.Implied(math.NaN(), 1, 0.9) }, func() { p.Implied(1, 1, 1) },
		func() { detect.StudentPlan{}.Implied(1, 1, 0.9) },
	} {
		assert.Panics(t, bad)
	}
}
