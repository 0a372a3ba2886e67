package detect

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// ErrLate is wrapped by the error of [Sequential.Exclude] when a context to exclude
// has been scored: what an e-process has counted cannot be taken out of it.
var ErrLate = errors.New("a context to exclude has been scored already")

// futilePower is the power of the fixed test at whose size silence is called
// not_detected.
const futilePower = 0.99

// SequentialOptions tunes a [Sequential]; nil means the zero SequentialOptions, which
// is sound. There are no weights and no samples here: the e-process counts units.
type SequentialOptions struct {
	// Dedup is the unit that is scored once. Under DedupContext the pair that comes
	// first counts.
	Dedup  Dedup
	Exempt []Token // ids never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5].
	// 0 means 1e-6.
	Alpha float64
	// MinShare is the smallest share of marked text of interest, in (0,1]: once there
	// are as many units as a fixed test needs to detect it with power 0.99, silence is
	// called not_detected. 0 means 0.5.
	MinShare float64
	// Tests is the number of tests this one belongs to (Bonferroni). 0 means 1.
	Tests int64
}

func (o *SequentialOptions) orDefault() SequentialOptions {
	if o == nil {
		o = &SequentialOptions{}
	}
	fixed := Options{Dedup: o.Dedup, Exempt: o.Exempt, Alpha: o.Alpha, MinShare: o.MinShare, Tests: o.Tests}
	c := fixed.orDefault()
	return SequentialOptions{Dedup: c.Dedup, Exempt: c.Exempt, Alpha: c.Alpha, MinShare: c.MinShare, Tests: c.Tests}
}

// A Sequential tests while evidence arrives: its Result may be looked at after every
// call, and may decide whether there is another one and what it asks for. That costs
// some 20 to 30 percent more tokens than a fixed test in the worst tenth of cases and
// saves some 15 percent on average.
//
// It scores what is fresh, as an [Accumulator] does, but at once and for good: prompts
// must come before the texts that answer them, the result depends on the order of
// texts, and two of them cannot be merged. (The e-values of audits that share no unit
// may be multiplied.) Texts may be chosen by whatever was seen before. One goroutine at
// a time.
//
// Why it holds: let the key decide units by a random function, and let F be everything
// known before a unit is scored: the texts and the prompts so far, and the colours of
// the units scored so far. Whoever wrote the text is independent of the key, or knows
// it only through the prompts, which may depend on colours that were seen and on those
// of contexts in prompts. The next fresh unit, outside those contexts, is a new input of the
// function: given F and the unit, it is green with probability gamma. So the e-value
// is a martingale with mean 1 whatever was chosen, and Ville's inequality bounds its
// supremum.
type Sequential struct {
	scorer  Scorer
	options SequentialOptions
	process process
	top     int64 // no score is larger
	ledger  ledger
	skipped Skipped
	futile  int64
	pair    [1]Pair
	score   [1]int64
}

// NewSequential returns an empty Sequential. o may be nil. It panics when an option is
// out of its range, or when there is no test for the scorer's law.
func NewSequential(s Scorer, o *SequentialOptions) *Sequential {
	options, null := o.orDefault(), lawOf(s.Law())
	q := &Sequential{
		scorer: s, options: options,
		process: null.process(),
		top:     null.top(),
		ledger:  newLedger(options.Dedup, s.Width()),
		futile:  math.MaxInt64,
	}
	smallest := SharePlan{Law: s.Law(), Share: options.MinShare, Alpha: options.Alpha, Tests: options.Tests}
	if n, err := smallest.Tokens(futilePower); err == nil {
		q.futile = n
	}
	return q
}

// Add counts one text; see [Accumulator.Add]. Its fresh units are scored in their order,
// and the supremum is over all of them, so that long texts lose nothing.
func (q *Sequential) Add(tokens []Token) {
	width := q.scorer.Width()
	bad := -width - 1 // the last position outside the vocabulary
	for i, t := range tokens {
		if !q.inVocab(t) {
			bad = i
		}
		q.position(tokens[max(0, i-width):i], t, i-bad > width)
	}
}

// AddPair counts one position; see [Accumulator.AddPair].
func (q *Sequential) AddPair(context []Token, next Token) {
	context = context[max(0, len(context)-q.scorer.Width()):]
	inVocab := q.inVocab(next) && !slices.ContainsFunc(context, func(t Token) bool { return !q.inVocab(t) })
	q.position(context, next, inVocab)
}

// position counts one position for the first reason that applies, in the order of the
// fields of Skipped.
func (q *Sequential) position(context []Token, next Token, inVocab bool) {
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
	case seen:
		q.skipped.Duplicate++
	}
}

// fresh decides a unit that was not seen before and scores it.
func (q *Sequential) fresh(context []Token, next Token) fate {
	q.pair[0] = Pair{Context: context, Token: next}
	score := q.scorer.Score(q.score[:0], q.pair[:])[0]
	q.pair[0] = Pair{} // not kept
	_, exempt := slices.BinarySearch(q.options.Exempt, next)
	switch {
	case score == notScored:
		return fateBand
	case score == watermark.InMessage:
		return fatePayload
	case exempt || q.ledger.isExcluded(context):
		return fateExcluded
	}
	checkScore(score, q.top)
	q.process.add(score)
	return fateScored
}

// Exclude takes every context that occurs in tokens out of the test: whatever the
// writer had seen from the beginning that may depend on the key. If one of them has
// been scored, the error wraps [ErrLate] and nothing changes; the evidence is then
// worth nothing if that answer had seen tokens. For a prompt of which only later
// texts know there is [Sequential.Prompt]. Exclude looks through all units so far.
func (q *Sequential) Exclude(tokens []Token) error {
	contexts := q.ledger.contexts(tokens, q.inVocab)
	if q.ledger.anyScored(contexts) {
		return fmt.Errorf("detect: %w", ErrLate)
	}
	maps.Copy(q.ledger.excluded, contexts)
	return nil
}

// Prompt says that the writer is now given tokens: every context that occurs in them
// is out of the test from here on. Units that were scored before stay, since they were
// written before. Call it before adding any text that has seen the prompt; that is the
// one thing that nothing here can check.
func (q *Sequential) Prompt(tokens []Token) {
	maps.Copy(q.ledger.excluded, q.ledger.contexts(tokens, q.inVocab))
}

func (q *Sequential) inVocab(t Token) bool { return t >= 0 && int(t) < q.scorer.Vocab() }

// A SequentialResult tests the hypothesis that the text does not depend on the key, at
// any time.
type SequentialResult struct {
	Mark string // ID of the Scorer

	// Log10E is log10 of the e-value now, for [EBH] and to multiply. It can fall.
	Log10E float64
	// Log10P is log10 of the anytime-valid p-value of this test alone. It never
	// rises.
	Log10P float64
	// Log10PAdjusted counts the tests of SequentialOptions (Bonferroni). It decides.
	Log10PAdjusted float64

	Tokens  int64   // positions added: Scored + Skipped.Total()
	Scored  int64   // units scored
	Green   int64   // of them green; 0 where scores are not colours
	Skipped Skipped // positions not scored
	Tests   int64   // tests that Log10PAdjusted counts

	// Futile is the number of units after which silence is called not_detected;
	// math.MaxInt64 when none is.
	Futile int64
	// Verdict is detected as soon as the adjusted p-value is at most Alpha, and
	// remains so; else not_detected from Futile units on, and inconclusive before. Going
	// on after either is allowed.
	Verdict  Verdict
	Warnings []error // what to know before trusting the rest
}

// Result returns what is known now. It takes no time to speak of.
func (q *Sequential) Result() SequentialResult {
	scored, green := q.process.counts()
	r := SequentialResult{
		Mark:    q.scorer.ID(),
		Log10E:  q.process.Log10E(),
		Log10P:  q.process.Log10P(),
		Tokens:  scored + q.skipped.Total(),
		Scored:  scored,
		Green:   green,
		Skipped: q.skipped,
		Tests:   q.options.Tests,
		Futile:  q.futile,
		Verdict: Inconclusive,
	}
	r.Log10PAdjusted = tail.Bonferroni(r.Log10P, r.Tests)
	switch {
	case r.Log10PAdjusted <= math.Log10(q.options.Alpha):
		r.Verdict = Detected
	case scored >= q.futile:
		r.Verdict = NotDetected
	}
	if scored == 0 {
		r.Warnings = append(r.Warnings, ErrNothingScored)
	}
	if q.scorer.Width() == 0 {
		r.Warnings = append(r.Warnings, ErrWidthZero)
	}
	if r.Log10PAdjusted < log10KeySpace {
		r.Warnings = append(r.Warnings, ErrKeySpace)
	}
	return r
}

// Done reports whether the verdict is in: the rule to stop by.
func (q *Sequential) Done() bool { return q.Result().Verdict != Inconclusive }

// String returns the one line to log.
func (r SequentialResult) String() string {
	return fmt.Sprintf("%s log10p=%s log10e=%s scored=%d green=%d skipped=%d tests=%d",
		r.Verdict, rounded(r.Log10PAdjusted, 3), rounded(r.Log10E, 3), r.Scored, r.Green, r.Skipped.Total(), r.Tests)
}

// Reset forgets everything added and excluded.
func (q *Sequential) Reset() {
	q.process.Reset()
	q.ledger = newLedger(q.ledger.rule, q.ledger.width)
	q.skipped = Skipped{}
}

// Clone returns an independent copy.
func (q *Sequential) Clone() *Sequential {
	c := *q
	c.process = q.process.clone()
	c.ledger.unit, c.ledger.excluded, c.ledger.key = maps.Clone(q.ledger.unit), maps.Clone(q.ledger.excluded), nil
	return &c
}
