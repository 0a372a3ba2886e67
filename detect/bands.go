package detect

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
)

// A Role says what one of several marks on a text is for.
type Role string

const (
	// RoleMaster is the trace band of the provider: a bias of a short context, which
	// training carries over.
	RoleMaster Role = "master"
	// RoleCohort and RoleTenant are parts of the trace band with keys of a group of
	// accounts and of one account.
	RoleCohort Role = "cohort"
	RoleTenant Role = "tenant"
	// RoleProvenance is the keyed draw of a long context, which marks what was sampled
	// and, at a width of 4, is not known to survive training.
	RoleProvenance Role = "provenance"
)

// A Band is one of several marks that are tested on the same text.
type Band struct {
	Role   Role
	Scorer Scorer
	Dedup  Dedup // the unit that is scored once in this band
}

// Bands tests several marks over one text and says what their verdicts mean together. Its
// p-values are those of an [Accumulator] for each band, adjusted for the number of bands
// (Sidak) and for the Tests of Options.
//
// A band is tested given the text, so that a mark of another key in the same text changes
// nothing in the law of its p-value: under the null of one band the text may depend on
// every other key. One goroutine at a time.
type Bands struct {
	bands   []Band
	tests   []*Accumulator
	options Options
}

// NewBands returns an empty Bands. o may be nil; its Dedup is that of each band. It panics
// without bands, on an unknown Role, when two bands have scorers of one ID, when their
// vocabularies differ, and as [NewAccumulator] does.
func NewBands(bands []Band, o *Options) *Bands {
	if len(bands) == 0 {
		panic("detect: Bands need a band")
	}
	b := &Bands{bands: append([]Band(nil), bands...), options: o.orDefault()}
	b.options.times(int64(len(bands))) // panics where the number of tests overflows
	seen := make(map[string]bool)
	for _, band := range bands {
		switch band.Role {
		case RoleMaster, RoleCohort, RoleTenant, RoleProvenance:
		default:
			panic("detect: unknown Role")
		}
		if seen[band.Scorer.ID()] {
			panic("detect: a scorer occurs twice in Bands")
		}
		if band.Scorer.Vocab() != bands[0].Scorer.Vocab() {
			panic("detect: scorers of Bands differ in vocabulary")
		}
		seen[band.Scorer.ID()] = true
		options := b.options
		options.Dedup = band.Dedup
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

// Reset forgets everything added and excluded.
func (b *Bands) Reset() {
	for _, a := range b.tests {
		a.Reset()
	}
}

// A BandResult is the test of one band.
type BandResult struct {
	Role   Role
	Width  int // of the mark's context
	Result Result
	// Share estimates the share of the text that is marked, by the reference of
	// [Power.MinShare]: above 1 in text of more entropy than that. NaN when nothing was
	// scored. It is an estimate without an error rate, and no evidence.
	Share float64
}

// Results tests everything added so far, in the order given to NewBands.
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
		weights += float64(w) * float64(c.Scored)
	}
	if weights == 0 {
		return math.NaN()
	}
	mean, _ := null.Moments(t.Law, t.Units())
	full, _ := t.Law.Full()
	return max((t.Sum().Float()-mean)/weights/t.Law.Unit(), 0) / full
}
