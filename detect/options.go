package detect

import (
	"errors"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// Dedup is the unit that is scored once.
type Dedup uint8

const (
	// DedupPair scores each distinct (context, token) pair once.
	DedupPair Dedup = iota
	// DedupContext scores each distinct context once, by its first occurrence in the
	// text: the right test of a single document whose mark left repeated contexts
	// alone. Over several texts with different first tokens the one with the smallest
	// dedup tag counts, so that their order does not matter.
	DedupContext
)

// Options tunes a test; nil means the zero Options, which is sound. What is below
// Exempt only matters when a Result is made.
type Options struct {
	Dedup     Dedup
	Weighting Weighting
	Sample    Sample
	Exempt    []Token // ids never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,1).
	// 0 means 1e-6.
	Alpha float64
	// MinShare is the share of marked text that a test must have been able to show,
	// with power 0.9, before its silence is called not_detected; in (0,1]. 0 means
	// 0.5.
	MinShare float64
	// Tests is the number of tests this one belongs to, when the others are not
	// keys of the same Panel: other normalizations, statistics, prompts. The p-value
	// is multiplied by it (Bonferroni). 0 means 1.
	Tests int64
}

// Check returns an error if a field is out of its range. The nil Options are sound. Constructors
// panic on Options that Check refuses, so check what comes from a file or a user first.
func (o *Options) Check() error {
	c := o.filled()
	switch {
	case c.Dedup > DedupContext:
		return errors.New("detect: unknown Dedup")
	case c.Weighting > WeightCounts:
		return errors.New("detect: unknown Weighting")
	case c.Sample.Size < 0 || c.Sample.Size > maxSample:
		return errors.New("detect: Sample.Size is out of range")
	case c.Sample.Size == 0 && c.Sample != (Sample{}):
		return errors.New("detect: a RunKey needs a Sample.Size")
	case c.Sample.Size > 0 && c.Dedup != DedupPair:
		return errors.New("detect: a Sample needs DedupPair")
	case !(c.Alpha > 0 && c.Alpha < 1):
		return errors.New("detect: Alpha is outside (0,1)")
	case !(c.MinShare > 0 && c.MinShare <= 1):
		return errors.New("detect: MinShare is outside (0,1]")
	case c.Tests < 1:
		return errors.New("detect: Tests is negative")
	}
	return nil
}

// filled returns a copy with every default in place.
func (o *Options) filled() Options {
	var c Options
	if o != nil {
		c = *o
		c.Exempt = slices.Clone(o.Exempt)
		slices.Sort(c.Exempt)
		c.Exempt = slices.Compact(c.Exempt)
	}
	if c.Alpha == 0 {
		c.Alpha = 1e-6
	}
	if c.MinShare == 0 {
		c.MinShare = 0.5
	}
	if c.Tests == 0 {
		c.Tests = 1
	}
	return c
}

// orDefault returns filled Options. It panics on those that Check refuses.
func (o *Options) orDefault() Options {
	if err := o.Check(); err != nil {
		panic(err.Error())
	}
	return o.filled()
}

// config returns what these options decide about the evidence for a scorer.
func (o *Options) config(s Scorer) evidence.Config {
	return evidence.Config{
		Width: s.Width(), Vocab: s.Vocab(), ByContext: o.Dedup == DedupContext, Weighting: evidence.Weighting(o.Weighting),
		SampleSize: o.Sample.Size, RunKey: o.Sample.RunKey, Exempt: o.Exempt,
	}
}

// sameUnits reports whether o and p agree in everything that decides what is kept of
// a text.
func (o *Options) sameUnits(p *Options) bool {
	return o.Dedup == p.Dedup && o.Weighting == p.Weighting && o.Sample == p.Sample && slices.Equal(o.Exempt, p.Exempt)
}
