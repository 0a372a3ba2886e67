package watermark

import "math"

// A Pair is a token and the context that decides it. Tests score pairs.
type Pair struct {
	Context []Token // the Width tokens before Token, the newest last
	Token   Token
}

// NotScored takes the place of a score for a pair outside a mark's band.
const NotScored int64 = math.MinInt64

// A Law is the exact distribution of one score if the text does not depend on the key: [Bernoulli],
// [Exponential] or [Layers]. Laws are comparable.
type Law interface{ law() }

// Bernoulli is the law of a green list's score: 1 with probability P, else 0.
type Bernoulli struct {
	P float64 // gamma, in (0,1)
	// Marked is the largest probability of a 1 in marked text,
	// gamma e^delta / (1 + gamma (e^delta - 1)) (Kirchenbauer et al. 2023, section 4). A model that
	// is indifferent between its tokens reaches it. Statements of power use it, and no p-value does.
	Marked float64
}

func (Bernoulli) law() {}

// ScoreUnit is the score that stands for 1 under the law [Exponential].
const ScoreUnit = 1 << 32

// Exponential is the law of a GumbelMax score. Let E and E' be independent and standard
// exponential. Then P(score >= t ScoreUnit) <= P(First E + Second E' >= t) for every t, and the
// same holds for sums of scores. A score is First E + Second E' in units of 1/ScoreUnit, rounded
// down. Each E comes from a uniform number of 64 bits that is rounded up. The rounding loses less
// than 2^-30 a score.
//
// Large sums are evidence. For one key the sum of n scores has the law Gamma(n, 1). For two keys
// it has that of the sum of n terms First E + Second E'.
type Exponential struct {
	First  float64 // weight of the score under the first key; 1 for a mark of one key
	Second float64 // weight of the score under the second key; 0 for a mark of one key
}

func (Exponential) law() {}

// Layers is the law of a Tournament's score: the sum of the weights of the layers, each times a fair
// bit. All bits are independent. Without weights it is Binomial(Depth, 1/2).
type Layers struct {
	Depth    int  // number of layers, 1 to MaxDepth
	Weighted bool // the weights are those of Weights; otherwise all are 1
	// Marked is the largest probability of a 1 in a layer of marked text, 1 - 2^-N for N
	// candidates. Text reaches it where no two candidates are the same token. Package detect
	// takes N from it. It computes what the mark adds to a layer where a token is a fair choice
	// between two. Statements of power and estimates of the marked share use that, and no p-value
	// does.
	Marked float64
}

func (Layers) law() {}

// Weights returns the weight of each layer, in order. If Weighted is set they fall as in
// Dathathri et al. 2024, linspace(10, 1, Depth), and are the smallest integers in these
// proportions. For m = Depth and l = 0, ..., m-1 they are 10(m-1) - 9l, divided by their greatest
// common divisor. They sum to at most 5456.
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

// Law returns the law of one score of text that does not depend on the key.
func (m *Mark) Law() Law { return m.bound.law() }

// Score appends one score for each pair to dst, and returns the extended slice. A green list scores 1
// for green and 0 otherwise. A GumbelMax scores in units of 1/[ScoreUnit]; see [Exponential]. A
// Tournament scores the weighted sum of its bits; see [Layers]. A pair outside the band gets
// [NotScored], and one that carries the message of a [Payload] gets [InMessage]. Score is safe for
// concurrent use.
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

// Parts returns the number of parts of a score: 2 for a GumbelMax with two keys, 1 for any other mark.
func (m *Mark) Parts() int {
	if g, ok := m.bound.(*gumbelMax); ok && g.second != nil {
		return 2
	}
	return 1
}

// ScoreParts appends the parts of the scores of pairs to dst, [Mark.Parts] numbers for each pair, and
// returns the extended slice. The parts of a GumbelMax are its scores under each key, each with the law
// Exponential{First: 1}. The part of a Tournament is its row of fair bits, bit l for layer l. The part
// of a green list is the score. [NotScored] and [InMessage] fill all parts. It is safe for concurrent
// use.
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

// Unweighted returns the mark with scores that have no weights. For a Tournament that is the number of
// layers with a 1. For a GumbelMax with two keys it is the sum of both scores; a sum over n pairs then
// has the law Gamma(2n, 1). Any other mark returns itself. The result generates the same text, and has
// another ID because its scores differ.
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
