package sequential

import (
	"errors"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
)

// Options tunes a [Test]. nil means the zero Options, which is sound. There are no weights and no
// samples, because the e-process counts units.
type Options struct {
	// Dedup decides what is scored once. The zero value is detect.DedupPair. Under
	// detect.DedupContext the pair of a context that comes first counts.
	Dedup  detect.Dedup
	Exempt []detect.Token // ids that are never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5]. 0 means 1e-6.
	Alpha float64
	// MinShare is the smallest share of marked text that matters to the caller, in (0,1]. 0 means
	// 0.5.
	MinShare float64
	// Rate is that of [detect.Options]: by how much the mark raises the mean score in text like this
	// one. 0 means unknown, and silence is inconclusive then.
	Rate float64
	// Futile is the number of units from which silence is called not_detected, at least 0. 0 means
	// the number that follows from Rate and MinShare: with so many units the test itself detects
	// this share with probability 0.9 or more. Without a Rate it is math.MaxInt64, which means never.
	// Another number is the caller's statement, and the test does not check it.
	Futile int64
	// Tests is the number of tests that this one belongs to (Bonferroni), at least 1. 0 means 1.
	Tests int64
	// Observe, if it is not nil, receives each fresh unit that the key is asked about, in order. It
	// also receives units outside the mark's band, and it does not receive excluded units. It lets
	// control keys test the same units. It must not keep the pair's context.
	Observe func(detect.Pair)
	// Scored, if it is not nil, receives each unit that is scored, in order, with its score. It must
	// not keep the pair's context.
	Scored func(unit detect.Pair, score int64)
}

// Check returns an error if a field is out of its range. nil is sound.
func (o *Options) Check() error {
	c := o.filled()
	switch {
	case c.Dedup > detect.DedupContext:
		return errors.New("sequential: Dedup is unknown")
	case !(c.Alpha > 0 && c.Alpha <= 0.5):
		return errors.New("sequential: Alpha is outside (0,0.5]")
	case !(c.MinShare > 0 && c.MinShare <= 1):
		return errors.New("sequential: MinShare is outside (0,1]")
	case !(c.Rate >= 0) || math.IsInf(c.Rate, 1):
		return errors.New("sequential: Rate is not a finite number of at least 0")
	case c.Futile < 0:
		return errors.New("sequential: Futile is negative")
	case c.Tests < 1:
		return errors.New("sequential: Tests is negative")
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
