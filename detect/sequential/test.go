package sequential

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// ErrLate is wrapped by the error of [Test.Exclude] if a context to exclude has been scored. An
// e-process cannot take back a unit that it has counted.
var ErrLate = errors.New("a context to exclude has already been scored")

// A Test tests while evidence arrives. Its Result may be read after every call. The result may
// decide whether there is another call, and what that call asks for. docs/statistics.md, section
// 5.2, compares the number of tokens with that of a fixed test.
//
// A Test scores fresh units as a [detect.Accumulator] does, but at once and for good. So prompts
// must come before the texts that answer them, the result depends on the order of texts, and two
// Tests cannot be merged. (The e-values of audits that do not share a unit may be multiplied.) A
// Test may be used by one goroutine at a time.
//
// # Why the error rate holds
//
// Let the key decide units by a random function. Let F be everything known before a unit is scored:
// the texts and prompts so far, and the colours of the units scored so far. The writer of the text
// is independent of the key, or knows it through the prompts alone. Prompts may depend on colours
// in F, and on those of contexts in prompts. The next fresh unit, outside those contexts, is a new
// input of the function. Given F and the unit, it is green with probability gamma. So the e-value
// is a martingale with mean 1, for every choice made from F. Ville's inequality bounds its
// supremum.
type Test struct {
	scorer  detect.Scorer
	options Options
	process process
	top     int64 // no score is larger
	ledger  ledger
	inputs  map[string]struct{} // scored inputs of a detect.UnitNamer, else nil
	seeds   map[string]struct{} // seeds of the excluded contexts of a detect.ContextNamer, else nil
	skipped detect.Skipped
	futile  int64
	pair    [1]detect.Pair
	score   [1]int64
}

// New returns an empty Test. o may be nil. It panics if [Options.Check] refuses o, if no test
// exists for the scorer's law, or if the scorer is a [detect.UnitNamer] and Dedup is DedupContext.
func New(s detect.Scorer, o *Options) *Test {
	options := o.orDefault()
	q := &Test{
		scorer: s, options: options,
		process: newProcess(s.Law()),
		top:     null.Of(s.Law()).Top(),
		ledger:  newLedger(options.Dedup, s.Width()),
	}
	if _, ok := s.(detect.UnitNamer); ok {
		if options.Dedup == detect.DedupContext {
			panic("sequential: a UnitNamer needs Dedup to be DedupPair")
		}
		q.inputs = make(map[string]struct{})
	}
	if _, ok := s.(detect.ContextNamer); ok {
		q.seeds = make(map[string]struct{})
	}
	q.setFutile()
	return q
}

// setFutile finds the futility bound of the e-process that the test has.
func (q *Test) setFutile() {
	switch o := &q.options; {
	case o.Futile > 0:
		q.futile = o.Futile
	case o.Rate > 0:
		level := tail.Log10(o.Alpha) - tail.Log10(float64(o.Tests))
		q.futile = futileAt(q.scorer.Law(), q.process, o.MinShare*o.Rate, level)
	default:
		q.futile = math.MaxInt64
	}
}

// Add counts one text, as [detect.Accumulator.Add] does. It scores the fresh units in their order.
// The supremum is over all of them, so long texts lose nothing.
func (q *Test) Add(tokens []detect.Token) {
	width := q.scorer.Width()
	bad := -width - 1 // the last position outside the vocabulary
	for i, t := range tokens {
		if !q.inVocab(t) {
			bad = i
		}
		q.position(tokens[max(0, i-width):i], t, i-bad > width)
	}
}

// AddPair counts one position, as [detect.Accumulator.AddPair] does.
func (q *Test) AddPair(context []detect.Token, next detect.Token) {
	context = context[max(0, len(context)-q.scorer.Width()):]
	inVocab := q.inVocab(next) && !slices.ContainsFunc(context, func(t detect.Token) bool { return !q.inVocab(t) })
	q.position(context, next, inVocab)
}

// position counts one position under the first reason that applies, in the order of the fields of
// Skipped.
func (q *Test) position(context []detect.Token, next detect.Token, inVocab bool) {
	switch {
	case !inVocab:
		q.skipped.Vocab++
		return
	case len(context) < q.scorer.Width():
		q.skipped.ShortContext++
		return
	}
	f, seen := q.ledger.unit[string(q.ledger.keyOf(context, next))]
	if !seen {
		f = q.fresh(context, next)
		q.ledger.unit[string(q.ledger.keyOf(context, next))] = f
	}
	switch {
	case f == fateBand:
		q.skipped.Band++
	case f == fatePayload:
		q.skipped.Payload++
	case f == fateExcluded:
		q.skipped.Excluded++
	case seen || f == fateRepeated:
		q.skipped.Duplicate++
	}
}

// fresh decides a unit that was not seen before, and scores it.
func (q *Test) fresh(context []detect.Token, next detect.Token) fate {
	_, exempt := slices.BinarySearch(q.options.Exempt, next)
	excluded := exempt || q.ledger.isExcluded(context) || q.hasSeedOf(q.seeds, context)
	q.pair[0] = detect.Pair{Context: context, Token: next}
	defer func() { q.pair[0] = detect.Pair{} }() // not kept
	score := q.scorer.Score(q.score[:0], q.pair[:])[0]
	if q.options.Observe != nil && !excluded {
		q.options.Observe(q.pair[0])
	}
	switch {
	case score == watermark.NotScored:
		return fateBand
	case score == watermark.InMessage:
		return fatePayload
	case excluded:
		return fateExcluded
	case q.isRepeated():
		return fateRepeated
	}
	null.CheckScore(score, q.top)
	q.process.add(score)
	if q.options.Scored != nil {
		q.options.Scored(q.pair[0], score)
	}
	return fateScored
}

// isRepeated reports whether another unit was the same input of the scorer's function. It remembers
// the input.
func (q *Test) isRepeated() bool {
	if q.inputs == nil {
		return false
	}
	q.ledger.key = q.scorer.(detect.UnitNamer).AppendUnit(q.ledger.key[:0], q.pair[0])
	if _, ok := q.inputs[string(q.ledger.key)]; ok {
		return true
	}
	q.inputs[string(q.ledger.key)] = struct{}{}
	return false
}

// exclude takes contexts out, and those that have their seeds.
func (q *Test) exclude(contexts map[string]struct{}) {
	maps.Copy(q.ledger.excluded, contexts)
	maps.Copy(q.seeds, q.seedsOf(contexts))
}

// seedsOf returns the seeds of packed contexts, nil if the scorer does not name them.
func (q *Test) seedsOf(contexts map[string]struct{}) map[string]struct{} {
	if q.seeds == nil {
		return nil
	}
	seeds := make(map[string]struct{}, len(contexts))
	for packed := range contexts {
		seeds[string(q.scorer.(detect.ContextNamer).AppendSeed(nil, evidence.Unpack(packed)))] = struct{}{}
	}
	return seeds
}

// hasSeedOf reports whether a context has one of the seeds.
func (q *Test) hasSeedOf(seeds map[string]struct{}, context []detect.Token) bool {
	if len(seeds) == 0 {
		return false
	}
	q.ledger.key = q.scorer.(detect.ContextNamer).AppendSeed(q.ledger.key[:0], context)
	_, ok := seeds[string(q.ledger.key)]
	return ok
}

// anyScored reports whether a unit of one of the contexts or of their seeds was scored.
func (q *Test) anyScored(contexts map[string]struct{}) bool {
	if q.ledger.anyScored(contexts) {
		return true
	}
	seeds := q.seedsOf(contexts)
	if len(seeds) == 0 {
		return false
	}
	for key, f := range q.ledger.unit {
		if ids := evidence.Unpack(key); f == fateScored && q.hasSeedOf(seeds, ids[:q.ledger.width]) {
			return true
		}
	}
	return false
}

// findInputs names the scored units and the excluded contexts again after they were decoded.
func (q *Test) findInputs() {
	if q.inputs == nil {
		return
	}
	if q.seeds != nil {
		q.seeds = q.seedsOf(q.ledger.excluded)
	}
	clear(q.inputs)
	for key, f := range q.ledger.unit {
		if f == fateScored {
			ids := evidence.Unpack(key)
			pair := detect.Pair{Context: ids[:len(ids)-1], Token: ids[len(ids)-1]}
			q.inputs[string(q.scorer.(detect.UnitNamer).AppendUnit(nil, pair))] = struct{}{}
		}
	}
}

// Exclude takes every context that occurs in tokens out of the test, and for a [detect.ContextNamer]
// every context of their seeds. For another [detect.UnitNamer] the inputs of tokens in other windows
// stay in. Call it with everything that the writer had seen from the beginning and that may depend on
// the key. If one of the contexts has been scored, the error wraps [ErrLate] and nothing changes. If the writer of that answer had seen
// tokens, discard the test. [Test.Prompt] is for a prompt that only later texts have seen. Exclude
// looks through all units so far.
func (q *Test) Exclude(tokens []detect.Token) error {
	contexts := q.ledger.contexts(tokens, q.inVocab)
	if q.anyScored(contexts) {
		return fmt.Errorf("sequential: %w", ErrLate)
	}
	q.exclude(contexts)
	return nil
}

// Prompt says that the writer now receives tokens. It takes out what Exclude takes out, from here on.
// Units that were scored before stay, since they were written before. Call it before you add any text
// whose writer has seen the prompt. The Test cannot check that.
func (q *Test) Prompt(tokens []detect.Token) {
	q.exclude(q.ledger.contexts(tokens, q.inVocab))
}

func (q *Test) inVocab(t detect.Token) bool { return t >= 0 && int(t) < q.scorer.Vocab() }

// A Result tests, at any time, the hypothesis that the text does not depend on the key.
type Result struct {
	Mark string // ID of the detect.Scorer

	// Log10E is log10 of the e-value now, for [detect.EBH] and to multiply. It can fall.
	Log10E float64
	// Log10P is log10 of the anytime-valid p-value of this test alone, at most 0. It never rises.
	Log10P float64
	// Log10PAdjusted is Log10P adjusted for the tests of Options (Bonferroni), at most 0. The
	// verdict rests on it.
	Log10PAdjusted float64

	Tokens  int64          // positions added: Scored + Skipped.Total()
	Scored  int64          // scored units
	Green   int64          // green units, at most Scored; 0 if scores are not colours
	Skipped detect.Skipped // positions that were not scored
	Tests   int64          // tests that Log10PAdjusted is adjusted for, at least 1

	// Futile is the number of units from which silence is called not_detected, at least 1. With so
	// many, the test detects MinShare in text of the stated Rate with probability 0.9 or more. It is
	// math.MaxInt64 if there is none.
	Futile int64
	// Verdict is detected as soon as the adjusted p-value is at most Alpha, and stays so. Otherwise
	// it is not_detected from Futile units on, and inconclusive before. The test may continue after
	// either.
	Verdict  detect.Verdict
	Warnings []error // reasons not to trust the rest; errors.Is finds detect.ErrNothingScored and others
}

// Result returns the present state of the test. It takes constant time.
func (q *Test) Result() Result {
	scored, green := q.process.counts()
	r := Result{
		Mark:    q.scorer.ID(),
		Log10E:  q.process.Log10E(),
		Log10P:  q.process.Log10P(),
		Tokens:  scored + q.skipped.Total(),
		Scored:  scored,
		Green:   green,
		Skipped: q.skipped,
		Tests:   q.options.Tests,
		Futile:  q.futile,
		Verdict: detect.Inconclusive,
	}
	r.Log10PAdjusted = tail.Bonferroni(r.Log10P, r.Tests)
	switch {
	case r.Log10PAdjusted <= tail.Log10(q.options.Alpha):
		r.Verdict = detect.Detected
	case scored >= q.futile:
		r.Verdict = detect.NotDetected
	}
	if scored == 0 {
		r.Warnings = append(r.Warnings, detect.ErrNothingScored)
	}
	if q.scorer.Width() == 0 {
		r.Warnings = append(r.Warnings, detect.ErrWidthZero)
	}
	if r.Log10PAdjusted < null.Log10Floor(q.scorer.Width(), scored) {
		r.Warnings = append(r.Warnings, detect.ErrKeySpace)
	}
	return r
}

// Done reports whether the verdict is detected or not_detected. Stop by it. Without a Rate and a
// Futile the verdict of unmarked text stays inconclusive, so stop by a budget too.
func (q *Test) Done() bool { return q.Result().Verdict != detect.Inconclusive }

// String returns one line for a log.
func (r Result) String() string {
	return fmt.Sprintf("%s log10p=%s log10e=%s scored=%d green=%d skipped=%d tests=%d",
		r.Verdict, evidence.Rounded(r.Log10PAdjusted, 3), evidence.Rounded(r.Log10E, 3),
		r.Scored, r.Green, r.Skipped.Total(), r.Tests)
}

// Reset removes everything that was added or excluded.
func (q *Test) Reset() {
	q.process = newProcess(q.scorer.Law())
	q.setFutile()
	q.ledger = newLedger(q.ledger.rule, q.ledger.width)
	clear(q.inputs)
	q.skipped = detect.Skipped{}
}

// Clone returns an independent copy.
func (q *Test) Clone() *Test {
	c := *q
	c.process = q.process.clone()
	c.inputs = maps.Clone(q.inputs)
	c.ledger.unit, c.ledger.excluded, c.ledger.key = maps.Clone(q.ledger.unit), maps.Clone(q.ledger.excluded), nil
	return &c
}
