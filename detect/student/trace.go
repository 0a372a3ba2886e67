package student

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/internal/tail"
)

// MinDecoyAccounts is the smallest number of control accounts in a family of tenants.
const MinDecoyAccounts = 100

// An Account has a key of its own. It is a tenant, or a cohort of tenants.
type Account struct {
	ID     string        // unique in its family, not empty
	Cohort string        // cohort of a tenant; empty for a cohort
	Scorer detect.Scorer // the account's mark, with its band
	// Lane says that the key is a tenant lane. The lanes of a group share one secret: whoever knows
	// the lists of one lane knows those of all. So a lane is listed for triage, and never named.
	Lane bool
	// Decoy marks an account whose key was derived but never issued. It is a control key, see
	// [Decoys].
	Decoy bool
}

// TraceOptions declares a trace. nil means the zero TraceOptions, which is sound.
type TraceOptions struct {
	// Alpha bounds the probability that the trace names an account or a cohort wrongly, or calls
	// the master detected wrongly. It is in (0,1). 0 means 1e-6.
	Alpha float64
	// Q is the false discovery rate of the list for triage, in (0,1). 0 means 0.05.
	Q float64
}

// An AccountResult is the test of one account's key, by the statistics of the Test.
type AccountResult struct {
	ID, Cohort    string  // those of the Account
	Mark          string  // ID of its Scorer
	Lane, Decoy   bool    // those of the Account
	Scored, Green int64   // distinct pairs in the account's contexts, and the green ones
	Z             float64 // z-score of distinct pairs; NaN if nothing was scored
	ResidualZ     float64 // z-score of the residual; NaN without one
	// Log10P is log10 of the p-value of this account's statistics alone, at most 0.
	Log10P float64
	// Log10PHolm is Log10P adjusted for all accounts of the family, for the families of the trace,
	// and for the Tests of Options, at most 0. Control accounts and lanes count. The account is
	// named if it is at most log10 of Alpha.
	Log10PHolm float64
	// Log10Q is log10 of the smallest false discovery rate at which the account is on the list for
	// triage, at most 0. The rule is Benjamini and Hochberg's, over the family.
	Log10Q float64
	Named  bool // by Log10PHolm; never a lane
	Triage bool // on the list for triage, by Log10Q
}

// A FamilyResult is the accounts of one kind.
type FamilyResult struct {
	Accounts []AccountResult // in the given order
	Named    int             // accounts that are named, with control accounts
	Triage   int             // accounts on the list for triage
	// DecoysNamed is the number of named control accounts. If it is not 0, the trace is broken.
	DecoysNamed int
	// Decoys has the p-values of the control accounts, and the smallest p-value of the other
	// accounts.
	Decoys DecoyPanel
	// Resolution is the smallest share of the master's effect, above 0, that one account must carry
	// to be named with probability 0.9. It follows from the law z = c1 share sqrt(n) of
	// [plan.Student], in which c1 cancels. It is +Inf if the master shows nothing.
	Resolution float64
}

// A TraceResult is a test under the master's key and under those of the accounts.
type TraceResult struct {
	// Master is the result of the Test. It is not adjusted for the families.
	Master Result
	// MasterLog10P is the master's adjusted log10 p, adjusted for the families of the trace too, at
	// most 0.
	MasterLog10P     float64
	MasterDetected   bool          // MasterLog10P is at most log10 of Alpha
	Cohorts, Tenants *FamilyResult // nil without such accounts
	Families         int64         // number of families: the master, and those given; 1 to 3
	Alpha, Q         float64       // those of the options
	Warnings         []error       // reasons not to trust the families
}

// Trace tests the outputs under the Test's own mark, which is that of the master, and under the
// keys of cohorts and tenants. It uses the statistics that the Test declares for each. It finds and
// weighs the pairs once. Given the outputs, tests under independent keys are independent. The rules
// used here do not even need that.
//
// Alpha bounds the error rate of the master and of everything that is named, together. The
// adjustment is Bonferroni over master, cohorts and tenants, and Holm within each family. The
// tenants need [MinDecoyAccounts] control accounts among them. Cohorts are few, and do not need
// any.
//
// The error says that there are fewer control accounts, that IDs or keys repeat, or that a mark
// differs in width or vocabulary. It also says that an option is out of range. The time is the
// number of accounts times that of the pairs in their band, spread over processors.
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
	if err := s.CheckAccounts(cohorts, tenants); err != nil {
		return TraceResult{}, err
	}
	r := TraceResult{Families: 1, Alpha: c.Alpha, Q: c.Q}
	var set *pairSet
	r.Master, set = s.test()
	for _, family := range [][]Account{cohorts, tenants} {
		if len(family) > 0 {
			r.Families++
		}
	}
	r.MasterLog10P = tail.Bonferroni(r.Master.Log10PAdjusted, r.Families)
	r.MasterDetected = r.MasterLog10P <= tail.Log10(c.Alpha)+null.LevelSlack
	r.Cohorts = s.family(set, cohorts, &r)
	r.Tenants = s.family(set, tenants, &r)
	return r, nil
}

// CheckAccounts returns the error that [Test.Trace] returns about these accounts. Call it before
// outputs are collected.
func (s *Test) CheckAccounts(cohorts, tenants []Account) error {
	if err := s.checkAccounts(cohorts, false); err != nil {
		return err
	}
	return s.checkAccounts(tenants, true)
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
			return fmt.Errorf("student: the account %q has the key of another account or of the master", a.ID)
		case a.Scorer.Width() != s.scorer.Width() || a.Scorer.Vocab() != s.scorer.Vocab():
			return fmt.Errorf("student: the mark of account %q differs from the master in width or vocabulary", a.ID)
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
		return fmt.Errorf("student: the tenants have %d control accounts, but need at least %d",
			decoys, MinDecoyAccounts)
	}
	return nil
}

// family tests the accounts of one kind.
func (s *Test) family(set *pairSet, accounts []Account, r *TraceResult) *FamilyResult {
	if len(accounts) == 0 {
		return nil
	}
	scorers := make([]detect.Scorer, len(accounts))
	for i, a := range accounts {
		scorers[i] = a.Scorer
	}
	tests := set.scan(scorers)
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
			Scored: t.scored, Green: t.green, Z: zOf(t.green, t.scored, law.P),
			ResidualZ: math.NaN(), Log10P: log10P[i],
		}
		if set.weighted != nil {
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
	factor := tail.Log10(float64(s.options.Tests)) + tail.Log10(float64(r.Families))
	holm, bh := detect.Holm(log10P, r.Alpha), detect.BenjaminiHochberg(log10P, r.Q)
	for i := range f.Accounts {
		x := &f.Accounts[i]
		x.Log10PHolm = min(holm.Log10Adjusted[i]+factor, 0)
		x.Log10Q = bh.Log10Adjusted[i]
		x.Named = !x.Lane && x.Log10PHolm <= tail.Log10(r.Alpha)+null.LevelSlack
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

// resolution returns the smallest share of the master's effect that names an account of mean size with
// probability 0.9, by the exact test of its pairs.
func (s *Test) resolution(r *TraceResult, f *FamilyResult, factor float64) float64 {
	master := r.Master.z()
	var units float64
	for i := range f.Accounts {
		units += float64(f.Accounts[i].Scored)
	}
	units /= float64(len(f.Accounts))
	if !(master > 0) || units < 1 {
		return math.Inf(1)
	}
	// Holm's rule is strictest for the first account, where it is Bonferroni's. The rounding of the
	// logarithm does not make one test more.
	tests := tail.Exp(float64(factor*math.Ln10)) * float64(s.options.statistics()) * float64(len(f.Accounts))
	exact := plan.Student{
		C1: master / math.Sqrt(float64(r.Master.Pairs.Scored)), Alpha: min(r.Alpha, 0.5), Tests: int64(math.Ceil(min(float64(tests*(1-1e-12)), 1<<62))), Gamma: greenLaw(s.scorer).P,
	}
	// The normal law, which reports of before used, may ask for more, and never names less often.
	level := tail.Log10(r.Alpha) - factor - tail.Log10(float64(s.options.statistics())) - tail.Log10(float64(len(f.Accounts)))
	need := tail.NormalQuantile(level) - tail.NormalQuantile(tail.Log10(null.TargetPower))
	normal := need / (master * math.Sqrt(units/float64(r.Master.Pairs.Scored)))
	return max(normal, exact.Share(int64(units), null.TargetPower))
}

// z returns the z-score of the statistic with the smaller p-value.
func (r *Result) z() float64 {
	if r.Residual != nil && r.Residual.Log10P < r.Pairs.Log10P {
		return r.Residual.Z
	}
	return r.Pairs.Z
}
