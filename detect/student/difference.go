package student

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
)

// A Difference tests a model whose weights one holds against a base model that came before
// the key, such as the public checkpoint it was tuned from. For each distinct window w the
// next-token laws of both are averaged over the texts where it occurs, and
//
//	T = sum over w and v of (p_model - p_base)(v|w) * (green(w,v) - gamma)
//
// is tested: what both models say cancels, and what the tuning changed is left. Without a
// base it is the mass that the model puts on green, with the language in it. The
// differences are real numbers of either sign; they are rounded onto whole numbers by a
// rule that sees no colour (see [WeightedResult]), and the tail of the rounded sum is exact
// however unequal they are.
//
// The null hypothesis is that models and texts do not depend on the key; see
// [Choices] for what that asks of the texts, and for windows, which count once in a
// text here, too. Memory grows with the number of distinct windows times the tokens in
// their rows: sparse rows for large vocabularies.
//
// Results do not depend on order or shards. One goroutine at a time.
type Difference struct {
	scorer   detect.Scorer
	decoys   *Decoys
	options  WeightsOptions
	cells    map[string]*cell // by window
	excluded map[string]struct{}
	counts   readingCounts
	position readingPositions
	based    bool // with a base model
	fixed    fixedCounts
}

// fixedCounts counts positions as an Accumulator does.
type fixedCounts struct{ tokens, vocab, shortContext int64 }

// A cell is what the models said after one window, summed over texts.
type cell struct {
	texts int64
	sums  map[detect.Token]int64 // fixed point
}

// maxCellTexts keeps sums of fixed-point numbers from overflowing.
const maxCellTexts = 1 << 32

// NewDifference returns an empty Difference of a model and its base. o may be nil. It returns an
// error as [New] does.
func NewDifference(s detect.Scorer, decoys *Decoys, o *WeightsOptions) (*Difference, error) {
	return newDifference(s, decoys, o, true)
}

// NewMass returns an empty Difference that has no base: the mass on green. It returns an error as
// [New] does.
func NewMass(s detect.Scorer, decoys *Decoys, o *WeightsOptions) (*Difference, error) {
	return newDifference(s, decoys, o, false)
}

func newDifference(s detect.Scorer, decoys *Decoys, o *WeightsOptions, based bool) (*Difference, error) {
	if err := checkWeights(s, decoys, o); err != nil {
		return nil, err
	}
	d := &Difference{scorer: s, decoys: decoys, options: o.filled(), based: based}
	d.Reset()
	return d, nil
}

// Reset forgets everything added and excluded.
func (d *Difference) Reset() {
	d.cells, d.excluded = make(map[string]*cell), make(map[string]struct{})
	d.counts, d.fixed = readingCounts{}, fixedCounts{}
}

// Add counts one text with the rows of the model and of the base, one for each token: row i
// is the law of the token after text[:i+1]. base must be nil for a mass. A row of nil Probs
// was not read. The error wraps [ErrRow]; then nothing is counted.
func (d *Difference) Add(text []detect.Token, model, base []Row) error {
	if len(model) != len(text) || d.based && len(base) != len(text) || !d.based && base != nil {
		return fmt.Errorf("student: %w: %d rows and %d of the base for %d tokens", ErrRow, len(model), len(base), len(text))
	}
	for _, rows := range [][]Row{model, base} {
		for _, r := range rows {
			if err := r.Check(d.scorer.Vocab()); err != nil {
				return err
			}
		}
	}
	d.begin()
	for i := range text {
		var b Row
		if d.based {
			b = base[i]
		}
		d.add(text[:i+1], model[i], b)
	}
	return nil
}

// AddModels asks the models about one text, row by row. base must be nil for a mass. After an
// error the positions before it are counted.
func (d *Difference) AddModels(model, base RowReader, text []detect.Token) error {
	if (base != nil) != d.based {
		panic("student: a difference needs a base model, and a mass has none")
	}
	next := func() (Row, error, bool) { return Row{}, nil, true }
	if base != nil {
		pull, stop := iter.Pull2(base.Rows(text))
		defer stop()
		next = pull
	}
	d.begin()
	i := 0
	for r, err := range model.Rows(text) {
		if err != nil {
			return err
		}
		b, err, ok := next()
		switch {
		case err != nil:
			return err
		case !ok || i == len(text):
			return fmt.Errorf("student: %w: there are not as many rows as tokens", ErrRow)
		}
		for _, row := range []Row{r, b} {
			if err := row.Check(d.scorer.Vocab()); err != nil {
				return err
			}
		}
		d.add(text[:i+1], r, b)
		i++
	}
	if i < len(text) {
		return fmt.Errorf("student: %w: %d rows for %d tokens", ErrRow, i, len(text))
	}
	return nil
}

func (d *Difference) begin() {
	d.counts.texts++
	d.position.begin()
}

// add counts the position after a text.
func (d *Difference) add(text []detect.Token, model, base Row) {
	d.fixed.tokens++
	_, fate := d.position.window(text, d.scorer, d.options.Filter)
	switch {
	case model.Probs == nil || d.based && base.Probs == nil:
		d.counts.unread++
	case fate == windowShort:
		d.fixed.shortContext++
	case fate == windowOutside:
		d.fixed.vocab++
	case fate == windowRepeated:
		d.counts.repeated++
	case fate == windowFiltered:
		d.counts.filtered++
	default:
		key := string(d.position.key)
		c := d.cells[key]
		if c == nil {
			c = &cell{sums: make(map[detect.Token]int64)}
			d.cells[key] = c
		}
		if c.texts == maxCellTexts {
			panic("student: a window in more than 2^32 texts")
		}
		c.texts++
		model.difference(base, func(t detect.Token, x int64) { c.add(t, x) })
	}
}

// add keeps no zeros, so that equal sums are equal maps.
func (c *cell) add(t detect.Token, x int64) {
	if sum := c.sums[t] + x; sum != 0 {
		c.sums[t] = sum
	} else {
		delete(c.sums, t)
	}
}

// Exclude takes every context that occurs in tokens out of the test; see
// [detect.Accumulator.Exclude].
func (d *Difference) Exclude(tokens []detect.Token) {
	width := d.scorer.Width()
	if len(tokens) == 0 {
		return
	}
	for end := width; end <= len(tokens); end++ {
		d.excluded[string(evidence.Pack(nil, tokens[end-width:end]...))] = struct{}{}
	}
}

// Merge adds what b holds, and leaves b as it is. Both must have been made for the same
// mark, Exempt and Filter, both with or both without a base, or the error wraps
// [detect.ErrMismatch].
func (d *Difference) Merge(b *Difference) error {
	if d.scorer.ID() != b.scorer.ID() || d.based != b.based || !d.options.same(&b.options) {
		return fmt.Errorf("student: cannot merge differences with other marks, bases, Exempt or Filter: %w", detect.ErrMismatch)
	}
	cells := b.cells
	if b == d {
		cells = make(map[string]*cell, len(b.cells))
		for key, c := range b.cells {
			cells[key] = &cell{c.texts, maps.Clone(c.sums)}
		}
	}
	for key, from := range cells {
		c := d.cells[key]
		if c == nil {
			c = &cell{sums: make(map[detect.Token]int64, len(from.sums))}
			d.cells[key] = c
		}
		c.texts += from.texts
		for t, x := range from.sums {
			c.add(t, x)
		}
	}
	maps.Copy(d.excluded, b.excluded)
	d.counts.texts += b.counts.texts
	d.counts.unread += b.counts.unread
	d.counts.repeated += b.counts.repeated
	d.counts.filtered += b.counts.filtered
	d.fixed.tokens += b.fixed.tokens
	d.fixed.vocab += b.fixed.vocab
	d.fixed.shortContext += b.fixed.shortContext
	return nil
}

// A DifferenceResult tests the hypothesis that neither models nor texts depend on the key.
type DifferenceResult struct {
	WeightedResult
	Verdict  detect.Verdict // detected or inconclusive
	Decoys   DecoyPanel
	Warnings []error

	Texts        int64 // texts read
	Positions    int64 // positions in them: those of Windows' texts and the ones below
	Windows      int64 // distinct windows that are tested or outside the band
	Excluded     int64 // distinct windows that occur in excluded texts
	Unread       int64 // positions where a model was not asked
	Repeated     int64 // positions whose window came before in their text
	Filtered     int64 // positions that the filter left out
	ShortContext int64 // positions without a full window
	Vocab        int64 // positions whose window holds an id outside the vocabulary
	Filter       string
}

// detect.Result tests everything added so far, once: see [Test.Result].
func (d *Difference) Result() DifferenceResult {
	sub, windows := d.subject()
	own := sub.test(d.scorer)
	r := DifferenceResult{
		WeightedResult: sub.weighted.result(d.scorer, &own.weighted, own.residual, d.options.Tests),
		Verdict:        detect.Inconclusive,
		Texts:          d.counts.texts, Positions: d.fixed.tokens, Windows: windows, Excluded: int64(len(d.cells)) - windows,
		Unread: d.counts.unread, Repeated: d.counts.repeated, Filtered: d.counts.filtered,
		ShortContext: d.fixed.shortContext, Vocab: d.fixed.vocab, Filter: d.options.Filter.Name,
	}
	r.Decoys = d.decoys.panel(own.residual, own.bound, sub.scan(d.decoys.scorers), func(t *keyTest) float64 { return t.residual })
	if r.Log10PAdjusted <= math.Log10(d.options.Alpha) {
		r.Verdict = detect.Detected
	}
	if r.Scored == 0 {
		r.Warnings = append(r.Warnings, detect.ErrNothingScored)
	}
	if d.scorer.Width() == 0 {
		r.Warnings = append(r.Warnings, detect.ErrWidthZero)
	}
	if r.Log10PAdjusted < null.Log10KeySpace {
		r.Warnings = append(r.Warnings, detect.ErrKeySpace)
	}
	r.Warnings = append(r.Warnings, r.Decoys.Warnings()...)
	return r
}

// subject lists the pairs in an order of their own, with their weights, and counts the
// windows.
func (d *Difference) subject() (sub *subject, windows int64) {
	sub = &subject{}
	var fixed []int64
	for _, key := range slices.SortedFunc(maps.Keys(d.cells), strings.Compare) {
		if _, ok := d.excluded[key]; ok {
			continue
		}
		windows++
		c := d.cells[key]
		window := evidence.Unpack(key)
		for _, t := range slices.Sorted(maps.Keys(c.sums)) {
			if _, exempt := slices.BinarySearch(d.options.Exempt, t); exempt {
				continue
			}
			if x := divide(c.sums[t], c.texts); x != 0 {
				sub.pairs = append(sub.pairs, detect.Pair{Context: window, Token: t})
				fixed = append(fixed, x)
			}
		}
	}
	sub.weighted = newWeighted(fixed)
	sub.dropUnweighted()
	return sub, windows
}

// divide rounds halves away from 0; n is above 0.
func divide(x, n int64) int64 {
	if x < 0 {
		return -divide(-x, n)
	}
	return (x + n/2) / n
}
