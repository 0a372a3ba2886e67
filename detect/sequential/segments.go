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
	Green      int64 // green scores in it; 0 if scores are not colours
	// Rate is the alternative under which the segment was found. For a green list it is the green
	// rate, in (gamma,1). For other marks it is a measure of strength, see [Segments].
	Rate float64
	// Log10P is log10 of a p-value that is adjusted for every start, every end and every
	// alternative, at most 0. It holds at any time.
	Log10P float64
	// Log10PAdjusted is Log10P adjusted for the tests of Options too, at most 0.
	Log10PAdjusted float64
}

// Rank decides between segments that overlap.
func (s Segment) Rank() evidence.Rank {
	return evidence.Rank{From: s.Start, To: s.End, Adjusted: s.Log10PAdjusted}
}

// Segments finds marked parts of a stream of scores while it arrives, in constant time for each
// score. It has less power than [detect.Text] with Spans, which needs the whole text. It may be
// used by one goroutine at a time.
//
// # What is tested
//
// Each of m alternatives gives a score a log likelihood ratio. The maximal segments are those of
// Ruzzo and Tompa 1999. For a green list an alternative says that marked scores are green with a
// probability q above gamma. Its ratio is ln(q/gamma) for green, and ln((1-q)/(1-gamma)) otherwise.
// A segment with the sum M that begins at score s has
//
//	p = min(1, m e^-M / prior(s)).
//
// If n bounds the number of scores beforehand, the prior of each start is 1/n. Otherwise it is
// 1/((s+1)(s+2)), s = 0, 1, .... For a green list the alternatives are the green rates of a bias of
// 1/8, 1/4, ..., 4 nats for a model that finds all tokens equally likely, so m is 6. For other
// marks they are the parts of the e-process of [Test].
//
// # Why the error rate holds
//
// Take e to the sum of the ratios from a fixed start on. Under the null it is a martingale that
// starts at 1 (a supermartingale after rounding down). It ever reaches x with a probability of at most 1/x
// (Ville 1939). Take x = m / (alpha prior(s)) and sum over the m alternatives and all starts. The
// total is at most the sum over s of alpha prior(s), which is alpha. The bound holds for all ends
// at once. So a caller may ask at any time, and may stop or continue because of the answer.
//
// # Memory
//
// Segments keeps the segments that it found, and for each alternative those that may still grow.
// These are few: in unmarked text the sums fall, and in marked text the segments join. A stream
// made for the purpose, with ever smaller swings, can keep more of them open.
type Segments struct {
	level        float64 // log10 of the largest adjusted p-value that is found
	least        int64   // no candidate with a smaller sum is found
	tests        int64
	bound        int64 // bound of the number of scores, or 0
	taken        int64 // number of scores taken
	colours      bool
	top          int64 // no score is larger
	alternatives []*alternative
	ratios       []int64 // of the next score, for each alternative
}

// An alternative holds the segments under one alternative to the null.
type alternative struct {
	null.Bet
	finder segmentFinder
	found  []Segment // final and significant
}

// NewSegments returns empty Segments for scores of a law. n bounds the number of scores, and 0
// means that there is no bound. It uses only the Alpha and Tests of o, which may be nil. It panics
// if n is negative, if [detect.Options.Check] refuses o, or if no test exists for the law.
func NewSegments(law watermark.Law, n int64, o *detect.Options) *Segments {
	if n < 0 {
		panic("sequential: the bound of the number of scores is negative")
	}
	if err := o.Check(); err != nil {
		panic(err.Error())
	}
	l := null.Of(law)
	alpha := 1e-6
	g := &Segments{tests: 1, bound: n, colours: l.Colours(), top: l.Top()}
	if o != nil && o.Alpha != 0 {
		alpha = o.Alpha
	}
	if o != nil && o.Tests != 0 {
		g.tests = o.Tests
	}
	bets := l.Bets()
	g.level = tail.Log10(alpha)
	// The start with the largest prior needs the smallest sum. A millionth of a nat is more than
	// logarithms round.
	nats := tail.Ln(float64(len(bets))) + g.starts(0) + tail.Ln(float64(g.tests)) - tail.Ln(alpha) - 1e-6
	g.least = int64(nats * null.RatioUnit)
	for _, b := range bets {
		a := &alternative{Bet: b}
		a.finder.emit = func(c candidate) { a.found = g.appendSignificant(a.found, a, c) }
		g.alternatives = append(g.alternatives, a)
	}
	return g
}

// Add takes the next score: for a green list 1 for green, otherwise 0. The caller must score each
// distinct pair once, since [Segments] does not see pairs. Add panics on a score that the law does
// not have, and on more scores than the bound of NewSegments.
func (g *Segments) Add(score int64) {
	null.CheckScore(score, g.top)
	g.ratios = g.ratios[:0]
	for _, a := range g.alternatives {
		g.ratios = append(g.ratios, a.Gain(score))
	}
	if g.taken == g.bound && g.bound > 0 {
		panic("sequential: more scores than the bound given to NewSegments")
	}
	g.taken++
	for i, a := range g.alternatives {
		a.finder.add(g.ratios[i])
	}
}

// Taken returns the number of scores taken.
func (g *Segments) Taken() int64 { return g.taken }

// Found returns the segments with a Log10PAdjusted of at most log10 Alpha, in order. Segments under
// different alternatives may overlap. Of those it keeps the one with the smallest p-value. The last
// segment may still change.
func (g *Segments) Found() []Segment {
	var found []Segment
	for _, a := range g.alternatives {
		found = append(found, a.found...)
		for _, c := range a.finder.open {
			found = g.appendSignificant(found, a, c)
		}
	}
	return evidence.Disjoint(found)
}

// appendSignificant appends the segment of a candidate if its adjusted p-value is small enough.
func (g *Segments) appendSignificant(found []Segment, a *alternative, c candidate) []Segment {
	if c.score() < g.least {
		return found
	}
	if s := g.segment(a, c); s.Log10PAdjusted <= g.level {
		found = append(found, s)
	}
	return found
}

// starts returns -ln of the prior of a start.
func (g *Segments) starts(from int64) float64 {
	if g.bound > 0 {
		return tail.Ln(float64(g.bound))
	}
	return tail.Ln(float64(from+1)) + tail.Ln(float64(from+2))
}

// segment returns a maximal segment with its p-values.
func (g *Segments) segment(a *alternative, c candidate) Segment {
	ln := tail.Ln(float64(len(g.alternatives))) + g.starts(c.from) - float64(float64(c.score())/null.RatioUnit)
	s := Segment{Start: c.from, End: c.to, Rate: a.Strength, Log10P: min(ln/math.Ln10, 0)}
	if g.colours {
		// The score of c is green * up + (length - green) * down.
		up, down := a.Gain(1), a.Gain(0)
		s.Green = (c.score() - (c.to-c.from)*down) / (up - down)
	}
	s.Log10PAdjusted = tail.Bonferroni(s.Log10P, g.tests)
	return s
}
