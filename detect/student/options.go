package student

import (
	"errors"
	"math"

	"github.com/isotope-wm/isotope/detect"
)

// Options declares a test of a student. nil means the zero Options, which is sound. Decide on all
// of it before you look at a result.
type Options struct {
	// Reference adds the second statistic, the residual against this model. The test is then one of
	// two (Bonferroni). nil tests distinct pairs alone.
	Reference detect.Reference
	// OutputRows takes the place of Reference, with rows that were computed before the test. A test
	// has one of the two.
	OutputRows OutputRows
	// Filter narrows the test to some contexts. The zero ContextFilter keeps all.
	Filter ContextFilter
	// PromptsUnmarked declares that the marked model wrote no part of any prompt. Contexts of
	// prompts then stay in the test. With a short context width most contexts would go. The Test
	// checks the declaration, and refuses prompts that carry the mark.
	PromptsUnmarked bool
	Exempt          []detect.Token // ids that are never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,1). 0 means 1e-6.
	Alpha float64
	// Tests is the number of tests that this one belongs to (Bonferroni), at least 1. Count other
	// keys, other sets of prompts and other tokenizations, but not the test's own statistics. 0
	// means 1.
	Tests int64
	// C1 is the sensitivity that [plan.Student] rests on, at least 0. Measure it on a student of
	// your own. MinShare is the share of marked training text that matters to you, in [0,1].
	C1, MinShare float64
	// C1Pairs is the number of scored distinct pairs at which C1 was measured, at least 0. A student
	// learns common continuations first. So z stops growing, and a C1 does not hold for more pairs
	// than these. Silence is called not_detected if the test would have shown MinShare with power
	// 0.9 by C1, and if it scored at most C1Pairs. If C1, MinShare or C1Pairs is 0, silence is
	// inconclusive.
	C1Pairs int64
}

// Check returns an error if a field is out of its range. nil is sound.
func (o *Options) Check() error {
	if o == nil {
		return nil
	}
	if err := o.Filter.check(); err != nil {
		return err
	}
	if err := (&detect.Options{Exempt: o.Exempt, Alpha: o.Alpha, Tests: o.Tests}).Check(); err != nil {
		return err
	}
	switch {
	case !(o.C1 >= 0) || math.IsInf(o.C1, 1):
		return errors.New("student: C1 is not a finite number of at least 0")
	case !(o.MinShare >= 0 && o.MinShare <= 1):
		return errors.New("student: MinShare is outside [0,1]")
	case o.C1Pairs < 0:
		return errors.New("student: C1Pairs is negative")
	case o.Reference != nil && o.OutputRows != nil:
		return errors.New("student: Reference and OutputRows are two references, and a test has one")
	case o.Tests > math.MaxInt64/8:
		return errors.New("student: Tests is too large")
	}
	return nil
}

// filled returns a copy in which every default is set.
func (o *Options) filled() Options {
	var c Options
	if o != nil {
		c = *o
	}
	c.Exempt, c.Alpha, c.Tests = common(c.Exempt, c.Alpha, c.Tests)
	return c
}

// statistics returns the number of statistics of the test, 1 or 2.
func (o *Options) statistics() int64 {
	if o.Reference == nil && o.OutputRows == nil {
		return 1
	}
	return 2
}
