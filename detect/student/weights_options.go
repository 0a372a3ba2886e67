package student

import (
	"slices"

	"github.com/isotope-wm/isotope/detect"
)

// WeightsOptions declares a test of open weights. nil means the zero WeightsOptions, which is
// sound. Decide on all of it before you look at a result.
type WeightsOptions struct {
	// Filter narrows the test to some contexts. The zero ContextFilter keeps all.
	Filter ContextFilter
	Exempt []detect.Token // ids that are never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,1). 0 means 1e-6.
	Alpha float64
	// Tests is the number of tests that this one belongs to (Bonferroni), at least 1. Choices, mass
	// and difference of one model are three. 0 means 1.
	Tests int64
}

// Check returns an error if a field is out of its range. nil is sound.
func (o *WeightsOptions) Check() error {
	if o == nil {
		return nil
	}
	if err := o.Filter.check(); err != nil {
		return err
	}
	return (&detect.Options{Exempt: o.Exempt, Alpha: o.Alpha, Tests: o.Tests}).Check()
}

// filled returns a copy in which every default is set.
func (o *WeightsOptions) filled() WeightsOptions {
	var c WeightsOptions
	if o != nil {
		c = *o
	}
	c.Exempt, c.Alpha, c.Tests = common(c.Exempt, c.Alpha, c.Tests)
	return c
}

// common sets the defaults of fields that all options share.
func common(exempt []detect.Token, alpha float64, tests int64) ([]detect.Token, float64, int64) {
	exempt = slices.Clone(exempt)
	slices.Sort(exempt)
	if alpha == 0 {
		alpha = 1e-6
	}
	return slices.Compact(exempt), alpha, max(tests, 1)
}

// sameUnits reports whether o and p keep the same units.
func (o *WeightsOptions) sameUnits(p *WeightsOptions) bool {
	return o.Filter.Name == p.Filter.Name && slices.Equal(o.Exempt, p.Exempt)
}

// checkWeights returns an error if a test of open weights cannot be made from these arguments.
func checkWeights(s detect.Scorer, decoys *Decoys, o *WeightsOptions) error {
	if err := o.Check(); err != nil {
		return err
	}
	return decoys.fit(s)
}
