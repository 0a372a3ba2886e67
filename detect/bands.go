package detect

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
)

// A Role says what a mark is for, if a text carries several.
type Role string

const (
	// RoleMaster is the trace band of the provider: a bias with a short context, which training
	// carries over to students.
	RoleMaster Role = "master"
	// RoleCohort and RoleTenant are parts of the trace band. Their keys belong to a group of
	// accounts and to one account.
	RoleCohort Role = "cohort"
	RoleTenant Role = "tenant"
	// RoleProvenance is a keyed draw with a long context. It marks the text as it was sampled. At a
	// width of 4 it is not known to survive training.
	RoleProvenance Role = "provenance"
)

// A Band is one of several marks that are tested over the same texts.
type Band struct {
	Role   Role   // what the mark is for
	Scorer Scorer // the mark
	Dedup  Dedup  // what is scored once in this band
	// Rate is the Options.Rate of this mark, at least 0. 0 means unknown.
	Rate float64
}

// Bands tests several marks over the same texts, and [Conclude] says what their verdicts mean
// together. Its p-values are those of an [Accumulator] for each band, adjusted for the number of
// bands (Sidak) and for the Tests of Options.
//
// Each band is tested given the text. So a mark of another key in the same text does not change the
// law of the band's p-value. Under the null of one band, the text may depend on every other key.
// Bands may be used by one goroutine at a time.
type Bands struct {
	bands   []Band
	tests   []*Accumulator
	options Options
}

// NewBands returns empty Bands. o may be nil. The Dedup and the Rate of each band replace those of
// o. It panics without bands, on an unknown Role, if the scorers of two bands have one ID, if
// vocabularies differ, and as [NewAccumulator] does.
func NewBands(bands []Band, o *Options) *Bands {
	if len(bands) == 0 {
		panic("detect: Bands need at least one band")
	}
	b := &Bands{bands: append([]Band(nil), bands...), options: o.orDefault()}
	b.options.times(int64(len(bands))) // panics if the number of tests overflows
	seen := make(map[string]bool)
	for _, band := range bands {
		switch band.Role {
		case RoleMaster, RoleCohort, RoleTenant, RoleProvenance:
		default:
			panic("detect: the Role of a band is unknown")
		}
		if seen[band.Scorer.ID()] {
			panic("detect: the scorers of two bands have one ID")
		}
		if band.Scorer.Vocab() != bands[0].Scorer.Vocab() {
			panic("detect: the scorers of Bands differ in vocabulary")
		}
		seen[band.Scorer.ID()] = true
		options := b.options
		options.Dedup, options.Rate = band.Dedup, band.Rate
		b.tests = append(b.tests, NewAccumulator(band.Scorer, &options))
	}
	return b
}

// Add counts one text in every band; see [Accumulator.Add].
func (b *Bands) Add(tokens []Token) {
	for _, a := range b.tests {
		a.Add(tokens)
	}
}

// AddPair counts one position in every band; see [Accumulator.AddPair].
func (b *Bands) AddPair(context []Token, next Token) {
	for _, a := range b.tests {
		a.AddPair(context, next)
	}
}

// Exclude takes contexts out of the test of every band; see [Accumulator.Exclude].
func (b *Bands) Exclude(tokens []Token) {
	for _, a := range b.tests {
		a.Exclude(tokens)
	}
}

// Reset removes everything that was added or excluded.
func (b *Bands) Reset() {
	for _, a := range b.tests {
		a.Reset()
	}
}

// A BandResult is the test of one band.
type BandResult struct {
	Role   Role
	Width  int // context width of the mark, from 0 to watermark.MaxWidth
	Result Result
	// Share estimates the share of the text that is marked, at least 0, by the reference of
	// [Power.MinShare]. It can be above 1 in text of more entropy than the reference. It is NaN if
	// nothing was scored. Share is an estimate without an error rate. It is not evidence.
	Share float64
}

// Results tests everything added so far, in the order that NewBands received.
func (b *Bands) Results() []BandResult {
	results := make([]BandResult, len(b.bands))
	for i, band := range b.bands {
		t := b.tests[i].evidence.Score(band.Scorer)
		r := resultOf(t, band.Scorer, b.tests[i].options, int64(len(b.bands)))
		results[i] = BandResult{Role: band.Role, Width: band.Scorer.Width(), Result: r, Share: shareOf(&t)}
	}
	return results
}

// shareOf estimates the share of marked text from the mean score.
func shareOf(t *evidence.Tally) float64 {
	var weights float64
	for w, c := range t.Classes {
		weights += float64(float64(w) * float64(c.Scored))
	}
	if weights == 0 {
		return math.NaN()
	}
	mean, _ := null.Moments(t.Law, t.Units())
	full, _ := t.Law.Full()
	return max((t.Sum().Float()-mean)/weights/t.Law.Unit(), 0) / full
}
