package watermark

import "math"

// A Pair is a token and the context that decided it: the unit of every test.
type Pair struct {
	Context []Token // the Width tokens before Token, the newest last
	Token   Token
}

// NotScored stands in place of a score for a pair outside a mark's band.
const NotScored int64 = math.MinInt64

// A Law is the exact distribution of one score when the text does not depend on the
// key: [Bernoulli], [Exponential] or [Layers]. Laws are comparable.
type Law interface{ law() }

// Bernoulli is the law of a green list's score: 1 with probability P, else 0.
type Bernoulli struct {
	P float64 // gamma
	// Marked is the probability of a 1 at best in marked text,
	// gamma e^delta / (1 + gamma (e^delta - 1)), reached where the model is
	// indifferent (Kirchenbauer et al. 2023, section 4). Only statements of power
	// use it, never a p-value.
	Marked float64
}

func (Bernoulli) law() {}

// ScoreUnit is the score that stands for 1 under the law [Exponential].
const ScoreUnit = 1 << 32

// Exponential is the law of a GumbelMax score: with E and E' independent and standard
// exponential, P(score >= t ScoreUnit) <= P(First E + Second E' >= t) for every t, for sums
// of scores as well. The score is that sum rounded down, in units of 1/ScoreUnit, with each
// E that of a uniform number of 64 bits rounded up; so what is lost is below 2^-30 a score.
//
// A sum of n scores is tested in the upper tail: against Gamma(n, 1) for one key, and
// against the sum of n First E and n Second E' for two.
type Exponential struct {
	First  float64 // weight of the first key's score; 1 for a mark of one key
	Second float64 // weight of the second key's; 0 for a mark of one key
}

func (Exponential) law() {}

// Layers is the law of a Tournament's score: the sum of Weights, each times a fair bit, all
// bits independent. Without weights it is Binomial(Depth, 1/2).
type Layers struct {
	Depth    int  // number of layers, 1 to 32
	Weighted bool // weights as Weights says; else all are 1
	// Marked is the probability of a 1 at best in a layer of marked text, 1 - 2^-N for N
	// candidates, reached where no two candidates are the same token. Package detect takes
	// nothing but N from it, for what the mark adds to each layer where a token is a fair
	// choice between two: the reference of statements of power and of estimated shares of
	// marked text. No p-value depends on it.
	Marked float64
}

func (Layers) law() {}

// Weights returns the weight of each layer, the first layer's first: with Weighted the falling
// weights of Dathathri et al. 2024, linspace(10, 1, Depth), as the smallest integers in
// these proportions: 10(m-1) - 9l over their greatest common divisor, m = Depth and
// l = 0, ..., m-1. They sum to at most 5456.
func (l Layers) Weights() []int64 {
	w := make([]int64, l.Depth)
	for i := range w {
		w[i] = 1
		if l.Weighted {
			w[i] = layerWeight(l.Depth, i)
		}
	}
	return w
}

// Law returns the law of one score under the null hypothesis.
func (m *Mark) Law() Law { return m.bound.law() }

// Score appends one score for each pair to dst, [NotScored] for those outside the band and
// [InMessage] for those that carry the message of a [Payload], and returns the extended
// slice. It is safe for concurrent use.
func (m *Mark) Score(dst []int64, pairs []Pair) []int64 {
	if _, ok := m.bound.(packedScorer); ok && m.Width() <= MaxPackedWidth {
		return m.scoreBatches(dst, pairs)
	}
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	for _, p := range pairs {
		if !m.in.has(&s.Scratch, p.Context) {
			dst = append(dst, NotScored)
			continue
		}
		dst = append(dst, m.bound.score(&s.Scratch, p))
	}
	return dst
}

// Parts returns the number of parts of a score: 2 for a GumbelMax with two keys, else 1.
func (m *Mark) Parts() int {
	if g, ok := m.bound.(*gumbelMax); ok && g.second != nil {
		return 2
	}
	return 1
}

// ScoreParts appends what the scores of pairs are made of to dst, [Mark.Parts] numbers for
// each pair, and returns the extended slice. For a GumbelMax they are the scores under each
// key, each of the law Exponential{First: 1}; for a Tournament it is the row of fair bits,
// bit l of layer l; for a green list it is the score itself. [NotScored] and [InMessage]
// fill all parts. It is safe for concurrent use.
func (m *Mark) ScoreParts(dst []int64, pairs []Pair) []int64 {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	parts := m.Parts()
	for _, p := range pairs {
		if m.in.has(&s.Scratch, p.Context) {
			dst = m.bound.parts(&s.Scratch, p, dst)
			continue
		}
		for range parts {
			dst = append(dst, NotScored)
		}
	}
	return dst
}

// Unweighted returns the mark with scores that have no weights: for a Tournament the number
// of layers with a 1, for a GumbelMax with two keys the sum of both scores, whose law is
// Gamma(2n, 1). Other marks are returned as they are. It generates the same text; its ID
// differs, because its scores do.
func (m *Mark) Unweighted() *Mark {
	b := m.bound.unweighted()
	if b == m.bound {
		return m
	}
	c := *m
	c.use(b)
	c.id += " unweighted"
	return &c
}
