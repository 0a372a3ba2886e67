package informed

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A scored is the units of a test with their likelihood ratios.
type scored struct {
	scorer  detect.Scorer
	options Options
	model   likelihood
	ledger  *sequential.Test // decides which positions are scored
	process process
	sum     weightedSum // nil in a Stream
	p       []float32   // of each unit, for simulations; nil without a MinShare
	prob    float64     // of the position that is added
	parts   parted      // shows the bits of a tournament; nil for other laws
	row     []int64     // of bits
	unknown int64
}

func newScored(s detect.Scorer, o *Options) *scored {
	t := &scored{scorer: s, options: o.orDefault(), process: newProcess()}
	if _, ok := s.Law().(watermark.Layers); ok {
		t.parts, _ = s.(parted)
	}
	t.model = likelihoodOf(s.Law(), t.parts != nil)
	t.ledger = sequential.New(s, &sequential.Options{
		Dedup: t.options.Dedup, Exempt: t.options.Exempt, Futile: math.MaxInt64, Scored: t.unit,
	})
	return t
}

// unit counts a scored unit.
func (t *scored) unit(pair detect.Pair, score int64) {
	if !(t.prob >= 0) { // or NaN
		t.unknown++
		return
	}
	if t.parts != nil {
		t.row = t.parts.ScoreParts(t.row[:0], []detect.Pair{pair})
		score = t.row[0]
	}
	p := min(max(t.prob, least), most)
	t.process.add(t.model.gain(score, p))
	if t.sum != nil {
		t.sum.add(score, p)
	}
	if t.options.MinShare > 0 {
		t.p = append(t.p, float32(p))
	}
}

func (t *scored) add(tokens []detect.Token, probabilities []float64) {
	if len(tokens) != len(probabilities) {
		panic("informed: the number of probabilities differs from that of tokens")
	}
	width := t.scorer.Width()
	for i, next := range tokens {
		t.addPair(tokens[max(0, i-width):i], next, probabilities[i])
	}
}

func (t *scored) addPair(context []detect.Token, next detect.Token, probability float64) {
	t.prob = probability
	t.ledger.AddPair(context, next)
}

// result returns a result of so many statistics.
func (t *scored) result(log10P float64, statistics int64) Result {
	seen := t.ledger.Result()
	r := Result{
		Mark: t.scorer.ID(), Log10P: log10P, Log10E: t.process.log10E(), Log10PAnytime: -t.process.sup,
		Tokens: seen.Tokens, Scored: seen.Scored, Unknown: t.unknown, Skipped: seen.Skipped,
		Tests: t.options.Tests * statistics, Verdict: detect.Inconclusive,
	}
	r.Log10PAdjusted = tail.Bonferroni(log10P, t.options.Tests)
	if r.Log10PAdjusted <= tail.Log10(t.options.Alpha) {
		r.Verdict = detect.Detected
	} else if t.options.MinShare > 0 {
		r.Simulated, r.Found = t.simulate(tail.Log10(t.options.Alpha) - tail.Log10(float64(r.Tests)))
		if r.Simulated > 0 && tail.Binomial(r.Found, r.Simulated, null.TargetPower) <= log10Doubt {
			r.Verdict = detect.NotDetected
		}
	}
	for _, w := range seen.Warnings {
		if w != detect.ErrKeySpace {
			r.Warnings = append(r.Warnings, w)
		}
	}
	if r.Log10PAdjusted < null.Log10Floor(t.scorer.Width(), r.Scored) {
		r.Warnings = append(r.Warnings, detect.ErrKeySpace)
	}
	return r
}

// A Test tests texts with the probabilities of their tokens, and is looked at once. It makes two
// statistics, and adjusts for both:
//
//   - The weighted sum of the likelihood ratio of a text that is marked throughout, with its exact
//     law. For a GumbelMax it is the most powerful test against that text, if the probabilities are
//     right (Neyman and Pearson).
//   - An e-value for text that is marked in part: a mean over shares, block lengths and rates.
//
// A unit that occurs again counts by its first occurrence, so the order of calls matters. A Test may
// be used by one goroutine at a time.
type Test struct{ scored *scored }

// New returns an empty Test. o may be nil. It panics if [Options.Check] refuses o, if no test exists
// for the scorer's law, or if the scorer is a [detect.UnitNamer] and Dedup is DedupContext.
func New(s detect.Scorer, o *Options) *Test {
	t := newScored(s, o)
	t.sum = t.model.sum()
	return &Test{t}
}

// Add counts one text. probabilities has the probability of each token, given everything before it,
// from 0 to 1. NaN is unknown. They may depend on the texts, and must not depend on the key or on a
// score. Add panics if the lengths differ. It does not keep the slices.
func (t *Test) Add(tokens []detect.Token, probabilities []float64) {
	t.scored.add(tokens, probabilities)
}

// AddPair counts one position as a text of its own: next after context, with its probability.
func (t *Test) AddPair(context []detect.Token, next detect.Token, probability float64) {
	t.scored.addPair(context, next, probability)
}

// Exclude takes every context that occurs in tokens out of the test, as [sequential.Test.Exclude]
// does. Call it with the prompts before Add.
func (t *Test) Exclude(tokens []detect.Token) error { return t.scored.ledger.Exclude(tokens) }

// Result tests everything added so far. If this Result decides whether more follow, the next one does
// not hold: use a Stream.
func (t *Test) Result() Result {
	log10Sum := t.scored.sum.log10P()
	r := t.scored.result(tail.Bonferroni(min(log10Sum, -t.scored.process.sup), 2), 2)
	r.Log10PSum = log10Sum
	return r
}

// A Stream tests with probabilities while tokens arrive. Its Result may be looked at after every
// token, and may decide whether there is another and what it answers. It is the e-value of a [Test]
// alone. A Stream may be used by one goroutine at a time.
type Stream struct{ scored *scored }

// NewStream returns an empty Stream. It panics as [New] does.
func NewStream(s detect.Scorer, o *Options) *Stream { return &Stream{newScored(s, o)} }

// Add counts the next text, see [Test.Add]. A probability may depend on scores before its token.
func (s *Stream) Add(tokens []detect.Token, probabilities []float64) {
	s.scored.add(tokens, probabilities)
}

// AddPair counts one position, see [Test.AddPair].
func (s *Stream) AddPair(context []detect.Token, next detect.Token, probability float64) {
	s.scored.addPair(context, next, probability)
}

// Exclude is [Test.Exclude].
func (s *Stream) Exclude(tokens []detect.Token) error { return s.scored.ledger.Exclude(tokens) }

// Prompt says that the writer now receives tokens, as [sequential.Test.Prompt] does.
func (s *Stream) Prompt(tokens []detect.Token) { s.scored.ledger.Prompt(tokens) }

// Result returns the present state. Its p-value holds at any time.
func (s *Stream) Result() Result { return s.scored.result(-s.scored.process.sup, 1) }

// A Result tests the hypothesis that the texts do not depend on the key.
type Result struct {
	Mark string // ID of the scorer

	// Log10P is log10 of the p-value, at most 0. For a Test it is that of the better of its two
	// statistics, adjusted for both. For a Stream it is Log10PAnytime.
	Log10P float64
	// Log10PAdjusted is Log10P adjusted for the Tests of Options (Bonferroni), at most 0. The verdict
	// rests on it.
	Log10PAdjusted float64
	// Log10PSum is log10 of the p-value of the weighted sum alone, at most 0. It is 0 in a Stream.
	Log10PSum float64
	// Log10PAnytime is log10 of min(1, 1/sup E), the p-value of the e-value at any time.
	Log10PAnytime float64
	// Log10E is log10 of the e-value now.
	Log10E float64

	Tokens  int64          // positions added: Scored + Skipped.Total()
	Scored  int64          // scored units
	Unknown int64          // scored units without a probability, which say nothing; at most Scored
	Skipped detect.Skipped // positions that were not scored
	Tests   int64          // tests that Log10PAdjusted is adjusted for, at least 1

	// Found of Simulated texts were detected. They have the probabilities of this text, and the share
	// MinShare of their tokens is marked. Both are 0 if the text was detected, if no MinShare was
	// stated, or for a mark whose scores cannot be simulated from probabilities.
	Simulated, Found int64
	// Verdict is not_detected if so many of the simulated texts were found that, were the chance to
	// find one below 0.9, that would happen in at most one case of a hundred. The simulation takes the
	// probabilities as right.
	Verdict  detect.Verdict
	Warnings []error // reasons not to trust the rest; errors.Is finds detect.ErrNothingScored and others
}

// String returns one line for a log.
func (r Result) String() string {
	return fmt.Sprintf("%s log10p=%s log10e=%s scored=%d unknown=%d skipped=%d tests=%d",
		r.Verdict, evidence.Rounded(r.Log10PAdjusted, 3), evidence.Rounded(r.Log10E, 3),
		r.Scored, r.Unknown, r.Skipped.Total(), r.Tests)
}
