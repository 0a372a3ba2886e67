package detect

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/tokset"
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

func (d Dedup) rule() tokset.Rule {
	if d == DedupContext {
		return tokset.ByContext
	}
	return tokset.ByPair
}

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

func (o *Options) orDefault() Options {
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
	switch {
	case c.Dedup > DedupContext:
		panic("detect: unknown Dedup")
	case c.Weighting > WeightCounts:
		panic("detect: unknown Weighting")
	case c.Sample.Size < 0 || c.Sample.Size > maxSample:
		panic("detect: the size of the Sample is out of range")
	case c.Sample.Size == 0 && c.Sample != (Sample{}):
		panic("detect: a RunKey without a Sample")
	case c.Sample.Size > 0 && c.Dedup != DedupPair:
		panic("detect: a Sample is of pairs")
	case !(c.Alpha > 0 && c.Alpha < 1):
		panic("detect: Alpha is outside (0,1)")
	case !(c.MinShare > 0 && c.MinShare <= 1):
		panic("detect: MinShare is outside (0,1]")
	case c.Tests < 1:
		panic("detect: Tests is negative")
	}
	return c
}

// sameUnits reports whether o and p agree in everything that decides what is kept of
// a text.
func (o *Options) sameUnits(p *Options) bool {
	return o.Dedup == p.Dedup && o.Weighting == p.Weighting && o.Sample == p.Sample && slices.Equal(o.Exempt, p.Exempt)
}
