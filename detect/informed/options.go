package informed

import (
	"errors"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
)

// Options tunes a test. nil means the zero Options, which is sound.
type Options struct {
	Dedup  detect.Dedup   // what is scored once, by its first occurrence; the zero value is detect.DedupPair
	Exempt []detect.Token // ids that are never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5]. 0 means 1e-6.
	Alpha float64
	// MinShare is the share of marked text that matters to the caller, in [0,1]. Silence is called
	// not_detected if the test finds this share in simulated texts of the same probabilities, see
	// [Result]. 0 means that silence is inconclusive.
	MinShare float64
	// Tests is the number of tests that this one belongs to (Bonferroni), at least 1. Count other
	// models, keys and the tests of other packages, but not the two statistics of a Test. 0 means 1.
	Tests int64
}

// Check returns an error if a field is out of its range. nil is sound.
func (o *Options) Check() error {
	if o == nil {
		return nil
	}
	s := sequential.Options{Dedup: o.Dedup, Exempt: o.Exempt, Alpha: o.Alpha, Tests: o.Tests}
	if err := s.Check(); err != nil {
		return err
	}
	switch {
	case !(o.MinShare >= 0 && o.MinShare <= 1):
		return errors.New("informed: MinShare is outside [0,1]")
	case o.Tests > 1<<60:
		return errors.New("informed: Tests is too large")
	}
	return nil
}

// orDefault returns Options with every default set. It panics on Options that Check refuses.
func (o *Options) orDefault() Options {
	if err := o.Check(); err != nil {
		panic(err.Error())
	}
	var c Options
	if o != nil {
		c = *o
		c.Exempt = slices.Clone(o.Exempt)
	}
	if c.Alpha == 0 {
		c.Alpha = 1e-6
	}
	if c.Tests == 0 {
		c.Tests = 1
	}
	return c
}
