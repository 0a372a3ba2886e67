package detect

import (
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A Span is a part of a text that depends on the key.
type Span struct {
	// Start and End are the interval that was tested, as token offsets [Start, End). It reaches
	// from its first scored position to its last. Tokens between them that are not scored took no
	// part.
	Start, End int
	// DisplayStart and DisplayEnd estimate where the mark begins and ends, as token offsets. They
	// have no p-value: the error rate is that of the tested interval. The displayed parts of a Scan
	// do not overlap.
	DisplayStart, DisplayEnd int

	Scored, Green int64 // units of the tested interval, and the green ones; Green is 0 if scores are not colours
	Sum           int64 // sum of their scores; equal to Green if scores are colours

	// Log10P is log10 of the probability, under the null, of a Sum at least as large in this
	// interval, at most 0. It is not adjusted for the other intervals; report Log10PAdjusted.
	Log10P float64
	// Log10PAdjusted is Log10P adjusted for every interval, as [Scan] says, and for the tests of
	// Options, at most 0.
	Log10PAdjusted float64
}

// A Scan is the test of the parts of one text. [Text] makes it.
//
// The scored positions are those that [Accumulator.Add] scores after [Accumulator.Exclude] of the
// prompts, in text order. Each distinct pair, or context, is scored where it occurs first. All
// positions have the same weight, for any Weighting.
//
// # Tested intervals
//
// Let n be the number of scored positions. A tested interval has one of the lengths
// L = floor(32 * 1.25^j) <= n, j = 0, 1, .... It starts at a multiple of floor(L/4), or ends at n.
// With J lengths, and N intervals of the length of interval I,
//
//	adjusted p(I) = min(1, J * N * p(I)),
//
// where p(I) is the exact tail of the interval alone. Every length gets the same part of the error.
// So long intervals, of which there are few, pay little. (This is the size-dependent calibration of
// Walther and Perry 2022, "Calibrating the scan statistic", with a Bonferroni bound in place of
// their asymptotics.)
//
// # Why the error rate holds
//
// The scored positions, and hence n, J, N and the intervals, are a function of the text. Call an
// interval null if no score in it depends on the key, given the text. Given the text, the law of
// its sum is known, so P(p(I) <= x) <= x for every x. The probability that any null interval I has
// an adjusted p of at most alpha is at most
//
//	sum over I of P(p(I) <= alpha / (J N))
//	  <= sum over the lengths of N * alpha / (J N) = alpha,
//
// by the union bound. Intervals may overlap and depend on each other, and the rest of the text does
// not matter. So all intervals that are found are significant together, and choosing among them
// costs nothing. Of overlapping intervals the scan keeps the one with the smallest adjusted p, then
// the shorter, then the earlier.
//
// A span may reach past the marked part. That it depends on the key means that something in it
// does.
type Scan struct {
	// Spans are the parts that were found, in text order. Their tested intervals do not overlap.
	// Each has a Log10PAdjusted of at most log10 Alpha.
	Spans []Span
	// Log10P is log10 of the smallest p-value of an interval, adjusted for the others, at most 0.
	// It is the p-value of the hypothesis that no part of the text depends on the key. It is 0 if
	// fewer than 32 positions are scored, since then there are no intervals.
	Log10P float64
	// Log10PAdjusted is Log10P adjusted for the tests of Options too, at most 0.
	Log10PAdjusted float64
	// Intervals is the number of tested intervals, at least 0.
	Intervals int64
}

// A sequence is the scored positions of one text.
type sequence struct{ *evidence.Sequence }

func newSequence(s Scorer, text []Token, o Options, breaks []int, prompts [][]Token) (sequence, evidence.Tally) {
	q, t := evidence.NewSequence(o.config(s), s, text, breaks, prompts)
	return sequence{q}, t
}

// An interval is a candidate: the scored positions [from, to) of a sequence, with its p-values.
type interval struct {
	from, to         int
	log10P, adjusted float64
}

func (c interval) Rank() evidence.Rank {
	return evidence.Rank{From: int64(c.from), To: int64(c.to), Adjusted: c.adjusted}
}

// scan tests every interval of the grid.
func (q *sequence) scan(o Options) Scan {
	var scan Scan
	n := q.Len()
	level := tail.Log10(o.Alpha)
	grid := scales(n)
	queues := make([]*scaleQueue, len(grid))
	for i, s := range grid {
		scan.Intervals += int64(s.intervals)
		queues[i] = q.newScaleQueue(s, len(grid), o, level)
		scan.Log10P = min(scan.Log10P, queues[i].best)
	}
	scan.Log10PAdjusted = tail.Bonferroni(scan.Log10P, o.Tests)
	scan.Spans = q.spans(bestDisjoint(queues))
	return scan
}

// spans turns disjoint intervals, in text order, into the spans of a Scan.
func (q *sequence) spans(kept []interval) []Span {
	spans := make([]Span, len(kept))
	lo := 0 // the displayed parts must not overlap
	for i, c := range kept {
		hi := q.Len()
		if i+1 < len(kept) {
			hi = kept[i+1].from
		}
		from, to := q.refine(c, lo, hi)
		lo = max(to, c.to)
		spans[i] = Span{
			Scored: int64(c.to - c.from), Sum: q.Sum(c.from, c.to),
			Log10P: c.log10P, Log10PAdjusted: c.adjusted,
		}
		if q.Law.Colours() {
			spans[i].Green = spans[i].Sum
		}
		spans[i].Start, spans[i].End = q.Tokens(c.from, c.to)
		spans[i].DisplayStart, spans[i].DisplayEnd = q.Tokens(from, to)
	}
	return spans
}
