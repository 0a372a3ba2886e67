package detect

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A Segment is a part of a stream of scores that depends on the key.
type Segment struct {
	Start, End int64 // in scores taken, [Start, End)
	Green      int64
	// Rate is the green rate of the alternative it was found under.
	Rate float64
	// Log10P counts every start, every end and every alternative, and holds at any
	// time.
	Log10P float64
	// Log10PAdjusted counts the tests of Options too.
	Log10PAdjusted float64
}

func (s Segment) rank() rank { return rank{s.Start, s.End, s.Log10PAdjusted} }

// Segments finds marked parts of a stream of scores while it comes, in constant time a
// score. It has less power than the scan of [Spans], which needs the whole text. One
// goroutine at a time.
//
// # What is tested
//
// Each of m alternatives says that marked scores are green with a probability q above
// gamma. A score then has the log likelihood ratio ln(q/gamma) when green and
// ln((1-q)/(1-gamma)) when not, and the maximal segments are those of Ruzzo and Tompa
// 1999. A segment with the sum M that begins at score s has
//
//	p = min(1, m e^-M / prior(s)),
//
// with a prior of 1/n for each start when n, the number of scores, is bounded
// beforehand, and of 1/((s+1)(s+2)), s = 0, 1, ..., when it is not. The alternatives
// are the green rates of a bias of 1/8, 1/4, ..., 4 nats where the model is
// indifferent, so that m is 6.
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
	options      Options
	bound        int64 // on the number of scores, or 0
	taken        int64
	alternatives []*alternative
}

// alternative is the segments under one green rate.
type alternative struct {
	rate      float64
	up, down  int64 // score of green and of not green, in ratioUnit
	maximals  maximals
	candidate []Segment // final and significant
}

// ratioUnit is the fixed point of log likelihood ratios, rounded down.
const ratioUnit = 1 << 24

// alternatives counts the green rates tried.
const alternatives = 6

// NewSegments returns an empty Segments for scores of a law. n bounds the number of
// scores, 0 means that nothing does. Of o, which may be nil, Alpha and Tests count. It
// panics when n is negative, when an option is out of its range and when the law is not
// [watermark.Bernoulli].
func NewSegments(law watermark.Law, n int64, o *Options) *Segments {
	b, ok := law.(watermark.Bernoulli)
	if !ok {
		panic(fmt.Sprintf("detect: no segments of scores with the law %T", law))
	}
	if n < 0 {
		panic("detect: negative number of scores")
	}
	g := &Segments{options: o.orDefault(), bound: n}
	for i := range alternatives {
		odds := math.Exp(math.Ldexp(1, i-3)) // the factor on the odds of green
		rate := b.P * odds / (1 + b.P*(odds-1))
		a := &alternative{
			rate: rate,
			up:   int64(math.Floor(ratioUnit * math.Log(rate/b.P))),
			down: int64(math.Floor(ratioUnit * math.Log((1-rate)/(1-b.P)))),
		}
		a.maximals.emit = func(c candidate) {
			if s := g.segment(a, c); g.significant(s) {
				a.candidate = append(a.candidate, s)
			}
		}
		g.alternatives = append(g.alternatives, a)
	}
	return g
}

// Add takes the next score: 1 for green, else 0. As everywhere, each distinct pair must
// be scored once; [Segments] does not see pairs and cannot tell. It panics on any other
// score, and on more scores than announced.
func (g *Segments) Add(score int64) {
	if score != 0 && score != 1 {
		panic(fmt.Sprintf("detect: score %d is not one of a green list", score))
	}
	if g.taken == g.bound && g.bound > 0 {
		panic("detect: more scores than announced")
	}
	g.taken++
	for _, a := range g.alternatives {
		if score == 1 {
			a.maximals.add(a.up)
		} else {
			a.maximals.add(a.down)
		}
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
	return disjoint(found)
}

func (g *Segments) significant(s Segment) bool {
	return s.Log10PAdjusted <= math.Log10(g.options.Alpha)
}

// segment tests a maximal segment.
func (g *Segments) segment(a *alternative, c candidate) Segment {
	starts := math.Log(float64(g.bound)) // -ln prior
	if g.bound == 0 {
		starts = math.Log(float64(c.from+1)) + math.Log(float64(c.from+2))
	}
	length := c.to - c.from
	s := Segment{
		Start: c.from, End: c.to,
		// Its score is green * up + (length - green) * down.
		Green:  (c.score() - length*a.down) / (a.up - a.down),
		Rate:   a.rate,
		Log10P: min((math.Log(alternatives)+starts-float64(c.score())/ratioUnit)/math.Ln10, 0),
	}
	s.Log10PAdjusted = tail.Bonferroni(s.Log10P, g.options.Tests)
	return s
}
