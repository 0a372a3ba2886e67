package student

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A Difference tests a model whose weights you hold against a base model that is older than the
// key. The public checkpoint from which the suspect was tuned is such a base. For each distinct
// window w, a Difference averages the next-token laws of both models over the texts with w. It
// tests
//
//	T = sum over w and v of (p_model - p_base)(v|w) * (green(w,v) - gamma).
//
// Everything that both models write cancels, and the change by tuning is left. Without a base, T is
// the mass that the model puts on green, which contains the language. The differences are real
// numbers of either sign. A rule that sees no colour rounds them to whole numbers (see
// [WeightedResult]). The tail of the rounded sum is exact, however unequal they are.
//
// The null hypothesis is that neither the models nor the texts depend on the key. [Choices] says
// what that asks of the texts, and that windows count once in a text. Memory grows with the number
// of distinct windows times the tokens in their rows. Use sparse rows for large vocabularies.
//
// Results do not depend on order or shards. A Difference may be used by one goroutine at a time.
type Difference struct {
	scorer   detect.Scorer
	decoys   *Decoys
	options  WeightsOptions
	windows  map[string]*windowSums // by packed window
	excluded map[string]struct{}
	counts   textCounts
	position windowTracker
	based    bool // there is a base model
	fixed    positionCounts
}

// positionCounts counts positions as an Accumulator does.
type positionCounts struct{ tokens, vocab, shortContext int64 }

// A windowSums is what the models said after one window, summed over texts.
type windowSums struct {
	texts int64
	sums  map[detect.Token]int64 // in fixed point; no sum is 0
}

// maxWindowTexts keeps sums of fixed-point numbers from overflowing.
const maxWindowTexts = 1 << 32

// NewDifference returns an empty Difference of a model and its base. o may be nil. It returns the
// errors of [New].
func NewDifference(s detect.Scorer, decoys *Decoys, o *WeightsOptions) (*Difference, error) {
	return newDifference(s, decoys, o, true)
}

// NewMass returns an empty Difference without a base: the mass on green. It returns the errors of
// [New].
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

// Reset removes everything that was added or excluded.
func (d *Difference) Reset() {
	d.windows, d.excluded = make(map[string]*windowSums), make(map[string]struct{})
	d.counts, d.fixed = textCounts{}, positionCounts{}
}

// Add counts one text with the rows of the model and of the base, one for each token. Row i is the
// law of the token after text[:i+1]. base must be nil for a mass. A Row whose Probs are nil means
// that the model was not asked there. The error wraps [ErrRow], and then nothing is counted.
func (d *Difference) Add(text []detect.Token, model, base []Row) error {
	if len(model) != len(text) || d.based && len(base) != len(text) || !d.based && base != nil {
		return fmt.Errorf("student: %w: %d rows of the model and %d of the base for %d tokens",
			ErrRow, len(model), len(base), len(text))
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

// AddModels asks the models about one text, row by row. base must be nil for a mass. An error is
// that of a model, or wraps [ErrRow]. The positions before an error are counted. AddModels panics
// if base does not fit the constructor.
func (d *Difference) AddModels(model, base RowReader, text []detect.Token) error {
	if (base != nil) != d.based {
		panic("student: NewDifference needs a base model, and NewMass needs none")
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
			return fmt.Errorf("student: %w: the numbers of rows and tokens differ", ErrRow)
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

// add counts the position at the end of a text.
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
		c := d.windows[key]
		if c == nil {
			c = &windowSums{sums: make(map[detect.Token]int64)}
			d.windows[key] = c
		}
		if c.texts == maxWindowTexts {
			panic("student: a window occurs in more than 2^32 texts")
		}
		c.texts++
		model.difference(base, func(t detect.Token, x int64) { c.add(t, x) })
	}
}

// add does not keep sums of 0. So equal sums are equal maps.
func (c *windowSums) add(t detect.Token, x int64) {
	if sum := c.sums[t] + x; sum != 0 {
		c.sums[t] = sum
	} else {
		delete(c.sums, t)
	}
}

// Exclude takes every context that occurs in tokens out of the test, as
// [detect.Accumulator.Exclude] does.
func (d *Difference) Exclude(tokens []detect.Token) {
	width := d.scorer.Width()
	if len(tokens) == 0 {
		return
	}
	for end := width; end <= len(tokens); end++ {
		d.excluded[string(evidence.Pack(nil, tokens[end-width:end]...))] = struct{}{}
	}
}

// Merge adds the evidence of b and leaves b unchanged. Both must have been made for the same mark,
// Exempt and Filter, and both with or both without a base. Otherwise the error wraps
// [detect.ErrMismatch], and d is unchanged.
func (d *Difference) Merge(b *Difference) error {
	if d.scorer.ID() != b.scorer.ID() || d.based != b.based || !d.options.sameUnits(&b.options) {
		return fmt.Errorf("student: cannot merge tests that differ in mark, base, Exempt or Filter: %w",
			detect.ErrMismatch)
	}
	windows := b.windows
	if b == d {
		windows = make(map[string]*windowSums, len(b.windows))
		for key, c := range b.windows {
			windows[key] = &windowSums{c.texts, maps.Clone(c.sums)}
		}
	}
	for key, from := range windows {
		c := d.windows[key]
		if c == nil {
			c = &windowSums{sums: make(map[detect.Token]int64, len(from.sums))}
			d.windows[key] = c
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
	Decoys   DecoyPanel     // the same statistic under the control keys
	Warnings []error        // reasons not to trust the rest

	Texts        int64  // texts that were read
	Positions    int64  // positions in them: those that Windows stand for, and the ones below
	Windows      int64  // distinct windows that are tested, or outside the band
	Excluded     int64  // distinct windows that occur in excluded texts
	Unread       int64  // positions at which a model was not asked
	Repeated     int64  // positions whose window occurred before in their text
	Filtered     int64  // positions that the filter left out
	ShortContext int64  // positions without a full window
	Vocab        int64  // positions whose window holds an id outside the vocabulary
	Filter       string // name of the filter; "" without one
}

// Result tests everything added so far. A fixed test has one Result, see [Test.Result].
func (d *Difference) Result() DifferenceResult {
	set, windows := d.pairSet()
	own := set.test(d.scorer)
	r := DifferenceResult{
		WeightedResult: set.weighted.result(d.scorer, &own.weighted, own.residual, d.options.Tests),
		Verdict:        detect.Inconclusive,
		Texts:          d.counts.texts, Positions: d.fixed.tokens,
		Windows: windows, Excluded: int64(len(d.windows)) - windows,
		Unread: d.counts.unread, Repeated: d.counts.repeated, Filtered: d.counts.filtered,
		ShortContext: d.fixed.shortContext, Vocab: d.fixed.vocab, Filter: d.options.Filter.Name,
	}
	controls := set.scan(d.decoys.scorers)
	r.Decoys = d.decoys.panel(own.residual, own.bound, controls, func(t *keyTest) float64 { return t.residual })
	if r.Log10PAdjusted <= tail.Log10(d.options.Alpha) {
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

// pairSet lists the pairs with their weights, in an order that depends on nothing else. It also
// counts the windows.
func (d *Difference) pairSet() (set *pairSet, windows int64) {
	set = &pairSet{}
	var fixed []int64
	for _, key := range slices.SortedFunc(maps.Keys(d.windows), strings.Compare) {
		if _, ok := d.excluded[key]; ok {
			continue
		}
		windows++
		c := d.windows[key]
		window := evidence.Unpack(key)
		for _, t := range slices.Sorted(maps.Keys(c.sums)) {
			if _, exempt := slices.BinarySearch(d.options.Exempt, t); exempt {
				continue
			}
			if x := divide(c.sums[t], c.texts); x != 0 {
				set.pairs.add(detect.Pair{Context: window, Token: t})
				fixed = append(fixed, x)
			}
		}
	}
	set.weighted = newWeightedSum(fixed)
	set.dropUnweighted()
	return set, windows
}

// divide returns x/n, rounded half away from 0. n is above 0.
func divide(x, n int64) int64 {
	if x < 0 {
		return -divide(-x, n)
	}
	return (x + n/2) / n
}
