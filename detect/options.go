package detect

import (
	"errors"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// Dedup decides what is scored once.
type Dedup uint8

const (
	// DedupPair scores each distinct (context, token) pair once.
	DedupPair Dedup = iota
	// DedupContext scores each distinct context once, by its first occurrence in the text. It is
	// the right test of a single document if the mark left repeated contexts alone. If several
	// texts have a context, and different tokens follow its first occurrences, the pair with the
	// smallest dedup tag counts. So the order of texts does not matter.
	DedupContext
)

// Options tunes a test. The zero Options are sound. nil means [OptionsOf] the mark, so that a test
// without Options follows the mark's profile. The fields after Exempt matter
// only when a Result is made.
type Options struct {
	Dedup     Dedup     // what is scored once; the zero value is DedupPair
	Weighting Weighting // what a unit weighs; the zero value is WeightOne
	Sample    Sample    // bounds the memory; the zero value keeps all pairs
	Exempt    []Token   // ids that are never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,1). 0 means 1e-6.
	Alpha float64
	// MinShare is the share of marked text that matters to the caller, in (0,1]. 0 means 0.5.
	// Silence is called not_detected only if the test would have detected this share, in text of
	// the stated Rate, with probability 0.9.
	MinShare float64
	// Rate says by how much the mark raises the mean score in text like this one, if all of it is
	// marked, at least 0. Its unit is that of [Power.MinExcess]. Take it from marked text of the same
	// kind, or from a reference model's probabilities of this text (package informed). It moves no
	// p-value. 0 means unknown, and silence is inconclusive then.
	Rate float64
	// Tests is the number of tests that this one belongs to, at least 1. Count other
	// normalizations, statistics and prompts, but not the keys of a Panel. The p-value is
	// multiplied by it (Bonferroni). 0 means 1.
	Tests int64
}

// Check returns an error if a field is out of its range. nil is sound. Constructors panic on
// Options that Check refuses, so check Options that come from a file or a user first.
func (o *Options) Check() error {
	c := o.filled()
	switch {
	case c.Dedup > DedupContext:
		return errors.New("detect: Dedup is unknown")
	case c.Weighting > WeightCounts:
		return errors.New("detect: Weighting is unknown")
	case c.Sample.Size < 0 || c.Sample.Size > maxSample:
		return errors.New("detect: Sample.Size is outside [0, 2^30]")
	case c.Sample.Size == 0 && c.Sample != (Sample{}):
		return errors.New("detect: Sample.RunKey is set without a Sample.Size")
	case c.Sample.Size > 0 && c.Dedup != DedupPair:
		return errors.New("detect: a Sample needs Dedup to be DedupPair")
	case !(c.Alpha > 0 && c.Alpha < 1):
		return errors.New("detect: Alpha is outside (0,1)")
	case !(c.MinShare > 0 && c.MinShare <= 1):
		return errors.New("detect: MinShare is outside (0,1]")
	case !(c.Rate >= 0) || math.IsInf(c.Rate, 1):
		return errors.New("detect: Rate is not a finite number of at least 0")
	case c.Tests < 1:
		return errors.New("detect: Tests is negative")
	}
	return nil
}

// filled returns a copy in which every default is set.
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

// orDefault returns filled Options. It panics on Options that Check refuses.
func (o *Options) orDefault() Options {
	if err := o.Check(); err != nil {
		panic(err.Error())
	}
	return o.filled()
}

// config returns how these options make evidence for a scorer.
func (o *Options) config(s Scorer) evidence.Config {
	return evidence.Config{
		Width: s.Width(), Vocab: s.Vocab(),
		ByContext: o.Dedup == DedupContext, Weighting: evidence.Weighting(o.Weighting),
		SampleSize: o.Sample.Size, RunKey: o.Sample.RunKey, Exempt: o.Exempt, Naming: evidence.NamingOf(s),
	}
}

// sameUnits reports whether o and p keep the same units of a text.
func (o *Options) sameUnits(p *Options) bool {
	return o.Dedup == p.Dedup && o.Weighting == p.Weighting && o.Sample == p.Sample &&
		slices.Equal(o.Exempt, p.Exempt)
}
