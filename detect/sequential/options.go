package sequential

import (
	"errors"
	"slices"

	"github.com/isotope-wm/isotope/detect"
)

// Options tunes a [Test]; nil means the zero Options, which is sound. It has no weights and no
// samples, because the e-process counts units.
type Options struct {
	// Dedup is the unit that is scored once. Under detect.DedupContext the pair that comes first
	// counts.
	Dedup  detect.Dedup
	Exempt []detect.Token // ids that are never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5]. 0 means 1e-6.
	Alpha float64
	// MinShare is the smallest share of marked text of interest, in (0,1]. 0 means 0.5. A fixed
	// test needs a number of units to detect this share with power 0.99. From that number on,
	// silence is called not_detected.
	MinShare float64
	// Futile is the number of units from which silence is called not_detected, in place of the
	// number that follows from MinShare. 0 means that number; math.MaxInt64 means never.
	Futile int64
	// Tests is the number of tests this one belongs to (Bonferroni). 0 means 1.
	Tests int64
	// Observe, if not nil, is called with each fresh unit that the key is asked about, in order:
	// those outside the mark's band too, and not those excluded. It lets control keys test the
	// same units. The pair's context is not kept by the Test and must not be kept by Observe.
	Observe func(detect.Pair)
}

// Check returns an error if a field is out of its range. The nil Options are sound.
func (o *Options) Check() error {
	c := o.filled()
	switch {
	case c.Dedup > detect.DedupContext:
		return errors.New("sequential: unknown Dedup")
	case !(c.Alpha > 0 && c.Alpha <= 0.5):
		return errors.New("sequential: Alpha is outside (0,0.5]")
	case !(c.MinShare > 0 && c.MinShare <= 1):
		return errors.New("sequential: MinShare is outside (0,1]")
	case c.Futile < 0:
		return errors.New("sequential: Futile is negative")
	case c.Tests < 1:
		return errors.New("sequential: Tests is negative")
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
