package null

import (
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// chernoff bounds ln P(S <= s) from above by the minimum of t s + ln E[e^(-t S)] over t > 0. logMGF
// returns a bound of the second term, and scale is about the size of one term of S. Every t gives a
// bound, so the search need not be exact.
func chernoff(s, scale float64, logMGF func(t float64) float64) float64 {
	at := func(x float64) float64 {
		t := tail.Exp(x) / scale
		return float64(t*s) + logMGF(t)
	}
	const ratio = 0.6180339887498949
	lo, hi := -16.0, 5.0
	a, b := hi-float64(ratio*(hi-lo)), lo+float64(ratio*(hi-lo))
	fa, fb := at(a), at(b)
	for range 30 {
		if fa < fb {
			hi, b, fb = b, a, fa
			a = hi - float64(ratio*(hi-lo))
			fa = at(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + float64(ratio*(hi-lo))
			fb = at(b)
		}
	}
	return min(fa, fb, 0)
}

// complement returns log10 of 1 - e^bound.
func complement(bound float64) float64 {
	if bound >= 0 {
		return math.Inf(-1)
	}
	return tail.Ln(-tail.Expm1(bound)) / math.Ln10
}

// Likely rests on Hoeffding 1956, theorem 5. Let n independent colours be green with probabilities
// of mean p. Then P(at least k green) is at least that of Binomial(n, p), for every k <= n p. So the
// units need not be alike. Units of several weights have Chernoff's bound in place of this theorem:
// ln(1 + p (e^-t - 1)) is concave in p, so equal probabilities have the largest bound.
func (l bernoulliLaw) Likely(units *Units, sum Sum, excess float64) float64 {
	p := min(l.P+excess, 1)
	var bits []tail.Bernoulli
	for w, n := range units {
		if w > 0 && n > 0 {
			bits = append(bits, tail.Bernoulli{Weight: int64(w), Count: n, P: p})
		}
	}
	if len(bits) == 1 {
		w, n := bits[0].Weight, bits[0].Count
		k := (sum.Int64() + w - 1) / w
		if float64(k) > float64(n)*p {
			return math.Inf(-1)
		}
		return tail.Binomial(k, n, p)
	}
	return complement(chernoffBelow(bits, float64(sum.Int64()-1)))
}

// rarest is the smallest probability of a token that Likely allows for, that of one token of the
// largest vocabulary.
const rarest = 1.0 / (watermark.MaxVocab + 1)

// Likely allows for every row of probabilities. Let the marked token have the probability p in its
// row. Its score is -ln(1-U), where U is the largest of a = 1/p uniform numbers (Aaronson 2022). So
// the mean is H(a), the harmonic number, and
//
//	E[e^(-t s)] = m(a) = Gamma(a+1) Gamma(t+1) / Gamma(a+t+1).
//
// As a function of the rise h = H(a) - 1 of the mean, m is convex and decreasing (a test checks it on
// a grid). So a mixture of tokens whose mean rise is x has a mean of m that is at most the chord from
// a = 1 to the rarest token, at x. The logarithm is concave, so the same x in every unit has the
// largest product. What remains is Chernoff's bound of a small sum.
func (l exponentialLaw) Likely(units *Units, sum Sum, excess float64) float64 {
	for w, n := range units {
		sum = sum.Plus(int64(w)*scoreLoss, n)
	}
	// With two keys, one of them decides a unit, with a probability in proportion to its weight.
	var share float64
	for _, a := range l.weights {
		share += float64(a * a)
	}
	share /= l.sum
	const harmonics = 17.21281 // below H(MaxVocab+1)
	q := min(excess/share/(harmonics-1), 1)
	rare := func(t float64) float64 { // ln m(1/rarest)
		return tail.LogGamma(1/rarest+1) + tail.LogGamma(t+1) - tail.LogGamma(1/rarest+t+1)
	}
	bound := chernoff(sum.Float()/watermark.ScoreUnit, 1, func(t float64) float64 {
		var total float64
		for w, n := range units {
			if w == 0 || n == 0 {
				continue
			}
			var mean float64
			for _, a := range l.weights {
				one := float64(t * float64(w) * a)
				part := (1-q)/(1+one) + float64(q*tail.Exp(rare(one)))
				for _, b := range l.weights {
					part /= 1 + float64(t*float64(w)*b)
				}
				mean += float64(a / l.sum * part * (1 + one))
			}
			total += float64(float64(n) * tail.Ln(mean))
		}
		return total
	})
	return complement(bound)
}

// Likely counts a rise as a share of tokens that the mark chose from tokens without number, spread
// over the units at random. Each bit of such a token is 1 with probability 1 - 2^-N, N being the
// number of candidates. Tokens of less choice rise by less each and are more of them, so that their
// sum varies less.
func (l layersLaw) Likely(units *Units, sum Sum, excess float64) float64 {
	none := math.Ldexp(1, -l.candidates)
	q := min(excess/(0.5-none), 1)
	bound := chernoff(float64(sum.Int64()-1), float64(l.sum), func(t float64) float64 {
		var total float64
		for w, n := range units {
			if w == 0 || n == 0 {
				continue
			}
			var chance, chosen float64 // logarithms
			for i, v := range l.weights {
				if i > 0 && v == l.weights[i-1] {
					continue
				}
				e := tail.Exp(-t * float64(w) * float64(v))
				same := float64(l.times(i))
				chance += float64(same * tail.Ln((1+e)/2))
				chosen += float64(same * tail.Ln(none+float64((1-none)*e)))
			}
			total += float64(float64(n) * (chance + tail.Log1p(float64(q*tail.Expm1(chosen-chance)))))
		}
		return total
	})
	return complement(bound)
}

// times returns the number of layers that have the weight of layer i, the first of them.
func (l layersLaw) times(i int) (n int) {
	for _, v := range l.weights[i:] {
		if v != l.weights[i] {
			break
		}
		n++
	}
	return n
}
