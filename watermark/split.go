package watermark

import "github.com/isotope-wm/isotope/internal/prf"

// The parts of the contexts that a [Split] gives to each level: half to the master, a
// quarter to the cohort, a quarter to the tenant.
const (
	SplitCohort = BandSize / 2     // where the cohort's quarter begins
	SplitTenant = 3 * BandSize / 4 // where the tenant's quarter begins
)

// A Split marks one request for three questions: was anything of this model used for
// training (Master, the key of every request), through which group of accounts (Cohort),
// and through which account (Tenant)? The contexts are divided between the three keys by
// one selector, so a student of the text learns each from its own contexts. Each test
// loses sqrt(2) or 2 in z against a mark that has all contexts.
//
// The three keys and the selector must be different keys, none derived from another of
// them. Without a cohort or without a tenant (the zero Key) its quarter stays unmarked.
type Split struct {
	Selector, Master, Cohort, Tenant Key
}

// Marks returns the marks of the split, master first, for [NewSequence]. Options must not
// hold a [Band]. What is wrong with a parameter is a [*ParamError].
func (s Split) Marks(scheme Scheme, vocab int, opts ...Option) ([]*Mark, error) {
	keys := []Key{s.Selector, s.Master, s.Cohort, s.Tenant}
	for i, k := range keys {
		for _, other := range keys[:i] {
			if !k.IsZero() && k.Equal(other) {
				return nil, paramError("split", "uses %v twice", k)
			}
		}
	}
	if s.Master.IsZero() {
		return nil, paramError("split", "has no master key")
	}
	for _, o := range opts {
		if _, ok := o.(Band); ok {
			return nil, paramError("split", "makes the bands itself")
		}
	}
	var marks []*Mark
	for _, level := range []struct {
		key Key
		Band
	}{
		{s.Master, s.MasterBand()}, {s.Cohort, s.CohortBand()}, {s.Tenant, s.TenantBand()},
	} {
		if level.key.IsZero() {
			continue
		}
		m, err := New(level.key, scheme, vocab, append([]Option{level.Band}, opts...)...)
		if err != nil {
			return nil, err
		}
		marks = append(marks, m)
	}
	return marks, nil
}

// MasterBand returns the contexts of the master key.
func (s Split) MasterBand() Band { return Band{Selector: s.Selector, Lo: 0, Hi: SplitCohort} }

// CohortBand returns the contexts of the cohort key.
func (s Split) CohortBand() Band { return Band{Selector: s.Selector, Lo: SplitCohort, Hi: SplitTenant} }

// TenantBand returns the contexts of the tenant key.
func (s Split) TenantBand() Band { return Band{Selector: s.Selector, Lo: SplitTenant, Hi: BandSize} }

// Band returns which contexts the mark has: those with a hash in [lo,hi) under the selector
// with this [Key.ID]; 0, [BandSize] and "" for all.
func (m *Mark) Band() (lo, hi int, selector string) {
	if m.band.isEverything() {
		return 0, BandSize, ""
	}
	return m.band.Lo, m.band.Hi, m.band.Selector.ID()
}

// ScoreInBand is [Mark.Score] for pairs whose contexts are known to be in the mark's band,
// which it does not look at.
func (m *Mark) ScoreInBand(dst []int64, pairs []Pair) []int64 {
	s := m.scratch.Get().(*prf.Scratch)
	defer m.scratch.Put(s)
	for _, p := range pairs {
		dst = append(dst, m.bound.score(s, p))
	}
	return dst
}
