package student

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// MinDecoyAccounts is the least number of decoys in a family of accounts.
const MinDecoyAccounts = 100

// An Account is whoever has a key of its own: a tenant, or a cohort of tenants.
type Account struct {
	ID     string
	Cohort string        // of a tenant; empty for a cohort
	Scorer detect.Scorer // its mark, with its band
	// Lane says that the key is a tenant lane, whose group shares one secret: whoever knows
	// one lane's lists knows them all, so a lane is found for triage and never named.
	Lane bool
	// Decoy says that the key was derived as the others and never given to anybody.
	Decoy bool
}

// TraceOptions declares a trace; nil means the zero TraceOptions, which is sound.
type TraceOptions struct {
	// Alpha bounds the probability that the trace names a single account or cohort wrongly, or
	// calls the master detected wrongly, in (0,1). 0 means 1e-6.
	Alpha float64
	// Q is the false discovery rate of the list for triage, in (0,1). 0 means 0.05.
	Q float64
}

// An AccountResult is the test of one account's key by the statistics of the Student.
type AccountResult struct {
	ID, Cohort, Mark string
	Lane, Decoy      bool

	Scored, Green int64   // distinct pairs in the account's contexts
	Z             float64 // of distinct pairs; NaN when nothing was scored
	ResidualZ     float64 // of the residual; NaN without one
	// Log10P is the p-value of this account's bundle of statistics alone.
	Log10P float64
	// Log10PHolm is adjusted for all accounts of the family, decoys and lanes among them,
	// for the families of the trace and for the Tests of the Student: the account is named
	// when it is at most log10 of Alpha.
	Log10PHolm float64
	// Log10Q is the smallest false discovery rate at which the account is on the list for
	// triage (Benjamini and Hochberg, over the family).
	Log10Q float64
	Named  bool // by Log10PHolm; never a lane
	Triage bool // by Log10Q
}

// A FamilyResult is the accounts of one kind.
type FamilyResult struct {
	Accounts []AccountResult // in the order they were given
	Named    int             // accounts named, decoys among them
	Triage   int             // accounts on the list for triage
	// DecoysNamed is the number of decoys among the named: anything but 0 says that the
	// trace is broken.
	DecoysNamed int
	// Decoys are the p-values of the decoy accounts' bundles, beside the smallest one of
	// the others.
	Decoys DecoyPanel
	// Resolution is the smallest share of the master's effect that one account must carry
	// to be named with probability 0.9, by the law z = c1 share sqrt(n) of [plan.Student],
	// in which c1 cancels; +Inf where the master shows nothing.
	Resolution float64
}

// A TraceResult tests under the master's key and under those of the accounts.
type TraceResult struct {
	// Master is the test of the Student, not counting the families.
	Master Result
	// MasterLog10P counts the families of the trace, too.
	MasterLog10P     float64
	MasterDetected   bool
	Cohorts, Tenants *FamilyResult // nil where none were given
	Families         int64         // master, and those given
	Alpha, Q         float64
	Warnings         []error
}

// Trace tests the outputs under the Student's own mark, that of the master, and under the
// keys of cohorts and tenants, each by the statistics the Student declares. The pairs are
// found and weighed once. Given the outputs, tests under independent keys are independent;
// the rules used here need not even that.
//
// The error rate of everything named, and of the master, is bounded by Alpha together:
// Bonferroni over master, cohorts and tenants, and Holm within each family. Every family
// needs [MinDecoyAccounts] decoys among its accounts, which cohorts may do without, being
// few. The error says that there are fewer, that IDs or keys repeat, or that a mark differs in
// width or vocabulary.
//
// Time is the number of accounts times that of pairs in their band, spread over processors.
func (s *Test) Trace(cohorts, tenants []Account, o *TraceOptions) (TraceResult, error) {
	var c TraceOptions
	if o != nil {
		c = *o
	}
	if c.Q == 0 {
		c.Q = 0.05
	}
	if !(c.Q > 0 && c.Q < 1) {
		return TraceResult{}, errors.New("student: Q is outside (0,1)")
	}
	if c.Alpha == 0 {
		c.Alpha = 1e-6
	}
	if !(c.Alpha > 0 && c.Alpha < 1) {
		return TraceResult{}, errors.New("student: Alpha is outside (0,1)")
	}
	if err := s.checkAccounts(cohorts, false); err != nil {
		return TraceResult{}, err
	}
	if err := s.checkAccounts(tenants, true); err != nil {
		return TraceResult{}, err
	}
	r := TraceResult{Families: 1, Alpha: c.Alpha, Q: c.Q}
	var sub *subject
	r.Master, sub = s.test()
	for _, family := range [][]Account{cohorts, tenants} {
		if len(family) > 0 {
			r.Families++
		}
	}
	r.MasterLog10P = tail.Bonferroni(r.Master.Log10PAdjusted, r.Families)
	r.MasterDetected = r.MasterLog10P <= math.Log10(c.Alpha)+null.LevelSlack
	r.Cohorts = s.family(sub, cohorts, &r)
	r.Tenants = s.family(sub, tenants, &r)
	return r, nil
}

// checkAccounts returns an error about a family that cannot be tested.
func (s *Test) checkAccounts(family []Account, needDecoys bool) error {
	ids, marks := make(map[string]bool), map[string]bool{s.scorer.ID(): true}
	decoys := 0
	for _, a := range family {
		switch {
		case a.ID == "" || ids[a.ID]:
			return fmt.Errorf("student: the account ID %q is empty or occurs twice", a.ID)
		case marks[a.Scorer.ID()]:
			return fmt.Errorf("student: the account %q shares its key with another", a.ID)
		case a.Scorer.Width() != s.scorer.Width() || a.Scorer.Vocab() != s.scorer.Vocab():
			return fmt.Errorf("student: the mark of account %q has another width or vocabulary", a.ID)
		}
		if _, err := greenLawOf(a.Scorer); err != nil {
			return err
		}
		ids[a.ID], marks[a.Scorer.ID()] = true, true
		if a.Decoy {
			decoys++
		}
	}
	if needDecoys && len(family) > 0 && decoys < MinDecoyAccounts {
		return fmt.Errorf("student: the tenants need at least %d control accounts, and have %d", MinDecoyAccounts, decoys)
	}
	return nil
}

// family tests the accounts of one kind.
func (s *Test) family(sub *subject, accounts []Account, r *TraceResult) *FamilyResult {
	if len(accounts) == 0 {
		return nil
	}
	scorers := make([]detect.Scorer, len(accounts))
	for i, a := range accounts {
		scorers[i] = a.Scorer
	}
	tests := sub.scan(scorers)
	statistics := s.options.statistics()
	f := &FamilyResult{Accounts: make([]AccountResult, len(accounts))}
	log10P := make([]float64, len(accounts))
	best := 0.0
	var decoys []float64
	for i, a := range accounts {
		t := &tests[i]
		law := greenLaw(a.Scorer)
		if log10P[i] = t.best(statistics); r.Master.Refused {
			log10P[i] = 0
		}
		x := AccountResult{
			ID: a.ID, Cohort: a.Cohort, Mark: a.Scorer.ID(), Lane: a.Lane, Decoy: a.Decoy,
			Scored: t.scored, Green: t.green, Z: zOf(t.green, t.scored, law.P), ResidualZ: math.NaN(), Log10P: log10P[i],
		}
		if sub.weighted != nil {
			mean, variance, _ := t.weighted.moments(law.P)
			x.ResidualZ = (float64(t.weighted.sum()) - mean) / math.Sqrt(variance)
		}
		f.Accounts[i] = x
		if a.Decoy {
			decoys = append(decoys, log10P[i])
		} else {
			best = min(best, log10P[i])
		}
	}
	factor := math.Log10(float64(s.options.Tests)) + math.Log10(float64(r.Families))
	holm, bh := detect.Holm(log10P, r.Alpha), detect.BenjaminiHochberg(log10P, r.Q)
	for i := range f.Accounts {
		x := &f.Accounts[i]
		x.Log10PHolm = min(holm.Log10Adjusted[i]+factor, 0)
		x.Log10Q = bh.Log10Adjusted[i]
		x.Named = !x.Lane && x.Log10PHolm <= math.Log10(r.Alpha)+null.LevelSlack
		x.Triage = bh.Rejected[i]
		if x.Named {
			f.Named++
			if x.Decoy {
				f.DecoysNamed++
			}
		}
		if x.Triage {
			f.Triage++
		}
	}
	f.Decoys = newDecoyPanel([16]byte{}, best, best, decoys)
	f.Resolution = s.resolution(r, f, factor)
	if len(decoys) > 0 {
		r.Warnings = append(r.Warnings, f.Decoys.Warnings()...)
	}
	return f
}

// resolution compares what naming asks of an account's z with the master's.
func (s *Test) resolution(r *TraceResult, f *FamilyResult, factor float64) float64 {
	master := r.Master.z()
	var units float64
	for i := range f.Accounts {
		units += float64(f.Accounts[i].Scored)
	}
	units /= float64(len(f.Accounts))
	if !(master > 0) || units == 0 {
		return math.Inf(1)
	}
	// Holm's rule is at its strictest for the first account, Bonferroni's.
	level := math.Log10(r.Alpha) - factor - math.Log10(float64(s.options.statistics())) - math.Log10(float64(len(f.Accounts)))
	need := tail.NormalQuantile(level) - tail.NormalQuantile(math.Log10(null.TargetPower))
	return need / (master * math.Sqrt(units/float64(r.Master.Pairs.Scored)))
}

// z is the z-score of the statistic with the smaller p-value.
func (r *Result) z() float64 {
	if r.Residual != nil && r.Residual.Log10P < r.Pairs.Log10P {
		return r.Residual.Z
	}
	return r.Pairs.Z
}
