package registry

import (
	"fmt"

	"github.com/isotope-wm/isotope/watermark"
)

// The master key marks the contexts whose hash lies in [0,SplitCohort). The cohort key marks
// those in [SplitCohort,SplitTenant), and the tenant key those in
// [SplitTenant,watermark.BandSize). That is a half, a quarter and a quarter.
const (
	SplitCohort = watermark.BandSize / 2
	SplitTenant = 3 * watermark.BandSize / 4
)

// A Split marks one request with up to three keys, so that a later test can answer three
// questions. Was a model trained on our output at all (Master, the key of every request)?
// Through which group of accounts (Cohort)? Through which account (Tenant)?
//
// One selector divides the contexts between the three keys, so a student of the text learns each
// key from contexts of its own. Compared with a mark of all contexts, the z-score of the master
// is smaller by a factor of sqrt(2). That of a cohort or tenant is smaller by a factor of 2.
//
// The selector and the three keys must be four different keys, and none may be derived
// from another. A zero Cohort or Tenant leaves its quarter of the contexts unmarked.
type Split struct {
	Selector, Master, Cohort, Tenant watermark.Key
}

// Marks returns the marks of the split for [watermark.NewSequence], the master's first.
// The options must not hold a [watermark.Band]. An error about a parameter is a
// [*watermark.ParamError].
func (s Split) Marks(scheme watermark.Scheme, vocab int, opts ...watermark.Option) ([]*watermark.Mark, error) {
	keys := []watermark.Key{s.Selector, s.Master, s.Cohort, s.Tenant}
	for i, k := range keys {
		for _, other := range keys[:i] {
			if !k.IsZero() && k.Equal(other) {
				return nil, splitError("uses %v twice; give the selector and each level a key of its own", k)
			}
		}
	}
	if s.Master.IsZero() {
		return nil, splitError("has no master key")
	}
	for _, o := range opts {
		if _, ok := o.(watermark.Band); ok {
			return nil, splitError("sets the bands itself; leave the band out of the options")
		}
	}
	var marks []*watermark.Mark
	for _, level := range []struct {
		key  watermark.Key
		band watermark.Band
	}{
		{s.Master, s.MasterBand()}, {s.Cohort, s.CohortBand()}, {s.Tenant, s.TenantBand()},
	} {
		if level.key.IsZero() {
			continue
		}
		m, err := watermark.New(level.key, scheme, vocab, append([]watermark.Option{level.band}, opts...)...)
		if err != nil {
			return nil, err
		}
		marks = append(marks, m)
	}
	return marks, nil
}

func splitError(format string, args ...any) error {
	return &watermark.ParamError{Param: "split", Reason: fmt.Sprintf(format, args...)}
}

// MasterBand returns the contexts of the master key.
func (s Split) MasterBand() watermark.Band {
	return watermark.Band{Selector: s.Selector, Lo: 0, Hi: SplitCohort}
}

// CohortBand returns the contexts of the cohort key.
func (s Split) CohortBand() watermark.Band {
	return watermark.Band{Selector: s.Selector, Lo: SplitCohort, Hi: SplitTenant}
}

// TenantBand returns the contexts of the tenant key.
func (s Split) TenantBand() watermark.Band {
	return watermark.Band{Selector: s.Selector, Lo: SplitTenant, Hi: watermark.BandSize}
}
