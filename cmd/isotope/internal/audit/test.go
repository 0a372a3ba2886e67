package audit

import (
	"math"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/detect"
)

// finding is what the declared tests say together.
type finding struct {
	fixed      *detect.StudentResult
	trace      *detect.TraceResult // with accounts
	sequential *detect.StudentSequentialResult
	provenance *bandFinding // where it is declared, once everything is collected
	// stopped says that the sequential test ended the collection by what it showed, so that
	// no fixed test was made.
	stopped  bool
	log10P   float64 // of the declared statistics, before Plan.Tests and families; not of the provenance band
	adjusted float64
	families int64
	master   bool // adjusted is at most alpha
	verdict  detect.Verdict
}

// test makes the tests.
//
// The fixed test and the sequential one are counted as two. That is right although the
// fixed one is made only where the other did not detect: if collection had always gone on
// to the end that the budget, the questions and the futility bound set, both would be
// tests at a level of half alpha each, and what is detected here would be there.
func (a *Audit) test(end collect.End) *finding {
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
		return f // no look before the end
	}
	if f.families > 1 {
		t := a.student.Trace(a.config.Cohorts, a.config.Tenants, &detect.AccountOptions{Alpha: p.Alpha})
		f.trace, f.fixed = &t, &t.Master
	} else {
		r := a.student.Result()
		f.fixed = &r
	}
	if f.fixed.Refused {
		f.log10P, f.adjusted = 0, 0
		return f
	}
	if !f.stopped {
		if f.sequential == nil || f.fixed.Log10PAdjusted < f.adjusted {
			f.log10P, f.adjusted = f.fixed.Log10P, f.fixed.Log10PAdjusted
		}
	}
	f.adjust()
	f.master = f.adjusted <= math.Log10(p.Alpha)
	if f.trace != nil {
		// What the trace says of the master is the fixed test; the finding counts.
		f.trace.MasterLog10P, f.trace.MasterDetected = f.adjusted, f.master
	}
	if a.provenance != nil {
		// Where the sequential test ended the collection this one holds: what has ended it
		// does not depend on the key of the band.
		f.provenance = a.provenance.test(f.fixed.PairsDecoys.RunKey, p.Alpha, p.Tests*p.bundles())
	}
	switch {
	case f.master || f.provenance != nil && f.provenance.detected:
		f.verdict = detect.Detected
	case p.C1 > 0 && f.fixed.Pairs.Scored > 0 && p.shown(f.fixed.Pairs.Scored) <= p.Share:
		f.verdict = detect.NotDetected // silence, with every test counted
	}
	return f
}

// adjust counts the families of a trace.
func (f *finding) adjust() {
	f.adjusted = min(f.adjusted+math.Log10(float64(f.families)), 0)
}

// counted returns the green and scored pairs of the test that was made.
func (f *finding) counted() (green, scored int64, ok bool) {
	switch {
	case f.fixed != nil && !f.fixed.Refused && !f.stopped:
		return f.fixed.Pairs.Green, f.fixed.Pairs.Scored, true
	case f.sequential != nil && (f.fixed == nil || !f.fixed.Refused):
		return f.sequential.Green, f.sequential.Scored, true
	}
	return 0, 0, false
}

func (f *finding) skipped(stopped bool) detect.Skipped {
	if f.fixed == nil || stopped {
		return f.sequential.Skipped
	}
	return f.fixed.Pairs.Skipped
}

func zOf(green, n int64, gamma float64) float64 {
	return (float64(green) - float64(n)*gamma) / math.Sqrt(float64(n)*gamma*(1-gamma))
}
