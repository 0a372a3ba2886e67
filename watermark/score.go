package watermark

import (
	"math"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A Pair is a token and the context that decided it: the unit of every test.
type Pair struct {
	Context []Token // the Width tokens before Token, the newest last
	Token   Token
}

// NotScored stands in place of a score for a pair outside a mark's band.
const NotScored int64 = math.MinInt64

// A Law is the exact distribution of one score when the text does not depend on the
// key: [Bernoulli].
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

// Law returns the law of one score under the null hypothesis.
func (m *Mark) Law() Law { return m.bound.law() }

// Score appends one score for each pair to dst, [NotScored] for those outside the
// band and [InMessage] for those that carry the message of a [Payload], and returns the extended slice. It is safe for concurrent use.
func (m *Mark) Score(dst []int64, pairs []Pair) []int64 {
	if _, ok := m.bound.(packedBound); ok && m.Width() <= MaxPackedWidth {
		return m.scoreBatches(dst, pairs)
	}
	s := m.scratch.Get().(*prf.Scratch)
	defer m.scratch.Put(s)
	for _, p := range pairs {
		if !m.in.has(s, p.Context) {
			dst = append(dst, NotScored)
			continue
		}
		dst = append(dst, m.bound.score(s, p))
	}
	return dst
}
