package sequential

import (
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A Segment is a part of a stream of scores that depends on the key.
type Segment struct {
	Start, End int64 // in scores taken, [Start, End)
	Green      int64 // 0 where scores are not colours
	// Rate is the alternative it was found under: for a green list the green rate, for
	// other marks a measure of strength, see [Segments].
	Rate float64
	// Log10P counts every start, every end and every alternative, and holds at any
	// time.
	Log10P float64
	// Log10PAdjusted counts the tests of Options too.
	Log10PAdjusted float64
}

// Rank orders overlapping segments.
func (s Segment) Rank() evidence.Rank {
	return evidence.Rank{From: s.Start, To: s.End, Adjusted: s.Log10PAdjusted}
}

// Segments finds marked parts of a stream of scores while it comes, in constant time a
// score. It has less power than the scan of [Spans], which needs the whole text. One
// goroutine at a time.
//
// # What is tested
//
// Each of m alternatives gives a score a log likelihood ratio, and the maximal segments
// are those of Ruzzo and Tompa 1999. For a green list an alternative says that marked
// scores are green with a probability q above gamma: ln(q/gamma) when green and
// ln((1-q)/(1-gamma)) when not. A segment with the sum M that begins at score s has
//
//	p = min(1, m e^-M / prior(s)),
//
// with a prior of 1/n for each start when n, the number of scores, is bounded
// beforehand, and of 1/((s+1)(s+2)), s = 0, 1, ..., when it is not. The alternatives
// are the green rates of a bias of 1/8, 1/4, ..., 4 nats where the model is
// indifferent, so that m is 6. For other marks they are the parts of the e-process of
// [Test].
//
// # Why the error rate holds
//
// Under the null, e to the sum of the ratios from a fixed start on is a martingale from
// 1 (a supermartingale after rounding down): it ever reaches x with a probability of at
// most 1/x (Ville 1939). For x = m / (alpha prior(s)), summed over the m alternatives
// and all starts, this is at most the sum over s of alpha prior(s), which is alpha. The
// union holds for all ends at once, so it may be asked at any time, and the stream may
// stop or go on because of the answer.
//
// # Memory
//
// Kept are the segments found and, for each alternative, the segments that may still
// grow: a handful, since in unmarked text the sums fall and in marked text the segments
// join. A stream made for the purpose, with ever smaller swings, can keep more open.
type Segments struct {
	alpha        float64
	tests        int64
	bound        int64 // on the number of scores, or 0
	taken        int64
	colours      bool
	top          int64 // no score is larger
	alternatives []*alternative
	ratios       []int64 // of the next score
}

// alternative is the segments under one alternative.
type alternative struct {
	null.Bet
	maximals  maximals
	candidate []Segment // final and significant
}

// NewSegments returns an empty Segments for scores of a law. n bounds the number of scores, and 0
// means no bound. Only Alpha and Tests of o count, and o may be nil. It panics if n is negative, if
// [detect.Options.Check] refuses o, and if the law has no test.
func NewSegments(law watermark.Law, n int64, o *detect.Options) *Segments {
	if n < 0 {
		panic("sequential: negative number of scores")
	}
	if err := o.Check(); err != nil {
		panic(err.Error())
	}
	l := null.Of(law)
	g := &Segments{alpha: 1e-6, tests: 1, bound: n, colours: l.Colours(), top: l.Top()}
	if o != nil && o.Alpha != 0 {
		g.alpha = o.Alpha
	}
	if o != nil && o.Tests != 0 {
		g.tests = o.Tests
	}
	for _, b := range l.Bets() {
		a := &alternative{Bet: b}
		a.maximals.emit = func(c candidate) {
			if s := g.segment(a, c); g.significant(s) {
				a.candidate = append(a.candidate, s)
			}
		}
		g.alternatives = append(g.alternatives, a)
	}
	return g
}

// Add takes the next score, for a green list 1 for green, else 0. As everywhere, each
// distinct pair must be scored once; [Segments] does not see pairs and cannot tell. It panics on
// a score that the law does not have, and on more scores than announced.
func (g *Segments) Add(score int64) {
	null.CheckScore(score, g.top)
	g.ratios = g.ratios[:0]
	for _, a := range g.alternatives {
		g.ratios = append(g.ratios, a.Gain(score))
	}
	if g.taken == g.bound && g.bound > 0 {
		panic("sequential: more scores than announced")
	}
	g.taken++
	for i, a := range g.alternatives {
		a.maximals.add(g.ratios[i])
	}
}

// Taken returns the number of scores taken.
func (g *Segments) Taken() int64 { return g.taken }

// Found returns the segments with a Log10PAdjusted of at most log10 Alpha, in order. Of
// those that overlap, under different alternatives, it keeps the smallest p-value. The
// last one may still change.
func (g *Segments) Found() []Segment {
	var found []Segment
	for _, a := range g.alternatives {
		found = append(found, a.candidate...)
		for _, c := range a.maximals.open {
			if s := g.segment(a, c); g.significant(s) {
				found = append(found, s)
			}
		}
	}
	return evidence.Disjoint(found)
}

func (g *Segments) significant(s Segment) bool {
	return s.Log10PAdjusted <= math.Log10(g.alpha)
}

// segment tests a maximal segment.
func (g *Segments) segment(a *alternative, c candidate) Segment {
	starts := math.Log(float64(g.bound)) // -ln prior
	if g.bound == 0 {
		starts = math.Log(float64(c.from+1)) + math.Log(float64(c.from+2))
	}
	s := Segment{
		Start: c.from, End: c.to,
		Rate:   a.Strength,
		Log10P: min((math.Log(float64(len(g.alternatives)))+starts-float64(c.score())/null.RatioUnit)/math.Ln10, 0),
	}
	if g.colours {
		// Its score is green * up + (length - green) * down.
		up, down := a.Gain(1), a.Gain(0)
		s.Green = (c.score() - (c.to-c.from)*down) / (up - down)
	}
	s.Log10PAdjusted = tail.Bonferroni(s.Log10P, g.tests)
	return s
}
