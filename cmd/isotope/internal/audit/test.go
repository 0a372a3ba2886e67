package audit

import (
	"math"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A finding is the result of the declared tests together.
type finding struct {
	fixed      *student.Result
	trace      *student.TraceResult // with accounts
	sequential *student.SequentialResult
	provenance *bandFinding // if it is declared, once everything is collected
	stopped    bool         // the sequential test detected and ended the collection, so no fixed test was made
	log10P     float64      // of the declared statistics, not adjusted for Plan.Tests and families; not of the provenance band
	adjusted   float64      // log10P, adjusted for all tests
	families   int64
	master     bool // adjusted is at most alpha
	verdict    detect.Verdict
}

// test makes the tests of the plan.
//
// The fixed test and the sequential one count as two tests. The fixed one is made only if the other
// one did not detect. This is valid. Imagine that every collection ran to the end
// that the budget, the questions and the futility bound set. Both would then be tests at half
// of alpha each, and whatever is detected here would be detected there.
func (a *Audit) test(end collect.End) (*finding, error) {
	p := &a.config.Declared.Plan
	f := &finding{verdict: detect.Inconclusive, families: a.config.families()}
	if a.sequential != nil {
		r := a.sequential.Result()
		f.sequential, f.log10P, f.adjusted = &r, r.Log10P, r.Log10PAdjusted
		f.stopped = r.Verdict == detect.Detected
	}
	resumable := end == collect.Interrupted || end == collect.Failing
	if resumable && !f.stopped {
		f.adjust()
		return f, nil // nobody looks before the end
	}
	if err := a.testFixed(f); err != nil {
		return nil, err
	}
	if f.fixed.Refused {
		f.log10P, f.adjusted = 0, 0
		return f, nil
	}
	f.adjust()
	f.adjusted = max(f.adjusted, a.config.floor())
	f.master = f.adjusted <= tail.Log10(p.Alpha)
	if f.trace != nil {
		// The trace knows the fixed test of the master alone, and the finding is what counts.
		f.trace.MasterLog10P, f.trace.MasterDetected = f.adjusted, f.master
	}
	if a.provenance != nil {
		// This test is valid even if the sequential one ended the collection, which does not
		// depend on the key of the band.
		f.provenance = a.provenance.test(f.fixed.PairsDecoys.RunKey, p.Alpha, p.Tests*p.bundles())
	}
	switch {
	case f.master || f.named() || f.provenance != nil && f.provenance.detected:
		f.verdict = detect.Detected
	case a.wouldHaveDetected(f.fixed.Pairs.Scored):
		f.verdict = detect.NotDetected
	}
	return f, nil
}

// testFixed makes the fixed test, with accounts if there are any. Its p-value is the finding's
// if it is smaller than that of the sequential test, which then did not stop the collection.
func (a *Audit) testFixed(f *finding) error {
	if f.families > 1 {
		t, err := a.student.Trace(a.config.Cohorts, a.config.Tenants, &student.TraceOptions{Alpha: a.config.Declared.Plan.Alpha})
		if err != nil {
			return err
		}
		f.trace, f.fixed = &t, &t.Master
	} else {
		r := a.student.Result()
		f.fixed = &r
	}
	if !f.stopped && (f.sequential == nil || f.fixed.Log10PAdjusted < f.adjusted) {
		f.log10P, f.adjusted = f.fixed.Log10P, f.fixed.Log10PAdjusted
	}
	return nil
}

// wouldHaveDetected reports whether the share of interest would have been detected with
// probability 0.9 in so many scored pairs, by the stated c1. A c1 holds for as many pairs as it was
// measured at.
func (a *Audit) wouldHaveDetected(scored int64) bool {
	p := &a.config.Declared.Plan
	return p.C1 > 0 && scored > 0 && scored <= p.C1Pairs && p.smallestShare(a.config.Scorer, scored) <= p.Share
}

// named reports whether the trace names an account or a cohort, or finds a lane. Its error rate is part of that of
// the trace, so what is named is detected, with the master or without it.
func (f *finding) named() bool {
	if f.trace == nil {
		return false
	}
	if len(f.trace.Lanes()) > 0 {
		return true // no account, and yet a key of ours
	}
	for _, family := range []*student.FamilyResult{f.trace.Cohorts, f.trace.Tenants} {
		if family != nil && family.Named > family.DecoysNamed {
			return true
		}
	}
	return false
}

// namedP returns log10 of the smallest p-value of a named account or cohort, alone and adjusted.
func (f *finding) namedP() (log10P, adjusted float64) {
	for _, family := range []*student.FamilyResult{f.trace.Cohorts, f.trace.Tenants} {
		if family == nil {
			continue
		}
		for _, x := range family.Accounts {
			found := x.Named || x.Lane && x.Log10PHolm <= tail.Log10(f.trace.Alpha)
			if found && !x.Decoy && x.Log10PHolm < adjusted {
				log10P, adjusted = x.Log10P, x.Log10PHolm
			}
		}
	}
	return log10P, adjusted
}

// adjust adjusts the p-value for the families of a trace.
func (f *finding) adjust() {
	f.adjusted = min(f.adjusted+tail.Log10(float64(f.families)), 0)
}

// pairs returns the green and the scored pairs of the test that was made. ok is false if none
// was made.
func (f *finding) pairs() (green, scored int64, ok bool) {
	switch {
	case f.fixed != nil && !f.fixed.Refused && !f.stopped:
		return f.fixed.Pairs.Green, f.fixed.Pairs.Scored, true
	case f.sequential != nil && (f.fixed == nil || !f.fixed.Refused):
		return f.sequential.Green, f.sequential.Scored, true
	}
	return 0, 0, false
}

// skipped returns the skipped positions of the test that was made.
func (f *finding) skipped() detect.Skipped {
	if f.fixed == nil || f.stopped {
		return f.sequential.Skipped
	}
	return f.fixed.Pairs.Skipped
}

// zOf returns the z-score of a number of green pairs, or NaN if nothing was scored.
func zOf(green, n int64, gamma float64) float64 {
	return (float64(green) - float64(float64(n)*gamma)) / math.Sqrt(float64(n)*gamma*(1-gamma))
}
