package informed

import (
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// Probabilities are cut to [least, most]. A token that the model was sure of says nothing, and one
// that it thought impossible says that the model is wrong.
const (
	least = 0x1p-20
	most  = 1 - 0x1p-20
)

// A likelihood compares the law of a marked score with that of chance.
type likelihood interface {
	// gain returns ln of the likelihood ratio of a score, given that the token was drawn with the
	// probability p. Under the null its exponential has a mean of at most 1, but for the rounding of
	// floating point.
	gain(score int64, p float64) float64
	// sum returns an empty sum of weighted scores.
	sum() weightedSum
	// draw returns the gain of a drawn token of probability p, marked or not, for simulations. ok is
	// false if the law of marked scores is not known.
	draw(p float64, marked bool, uniform float64) (gain float64, ok bool)
}

// A weightedSum is the statistic of the fixed test: a sum of scores with weights that depend on
// probabilities alone.
type weightedSum interface {
	add(score int64, p float64)
	log10P() float64 // exact, or an upper bound
}

// A parted is a scorer that shows the parts of its scores, as *watermark.Mark does.
type parted interface {
	ScoreParts(dst []int64, pairs []detect.Pair) []int64
}

// likelihoodOf returns the likelihood of a law. bits says that it gets the rows of bits of a tournament
// in place of scores.
func likelihoodOf(law watermark.Law, bits bool) likelihood {
	switch l := law.(type) {
	case watermark.Layers:
		if bits {
			return newLayered(l)
		}
	case watermark.Exponential:
		if l.First == 1 && l.Second == 0 {
			return gumbel{}
		}
	case watermark.Bernoulli:
		return newGreen(l)
	}
	return newTilted(law)
}

// gumbel is the likelihood of a keyed draw by GumbelMax under one key. The token was drawn with the
// probability p because U^(1/p) was the largest of such numbers. So U, the number of the drawn
// token, is the largest of 1/p uniform numbers: its density is (1/p) U^(1/p - 1). The ratio of that
// to the uniform density has the logarithm
//
//	-ln p + (1/p - 1) ln U
//
// (Aaronson 2022; Fernandez et al. 2023, section 4.2). The score is -ln(1-U), rounded down, so U is
// rounded down, and the ratio rises with U.
type gumbel struct{}

// longest is the largest -ln U that counts. U is 0 to the resolution of a score with probability
// 2^-32, and below e^-longest with a probability far below every p-value.
const longest = 200

// rank returns -ln U, rounded up.
func rank(score int64) float64 {
	if score == 0 {
		return longest
	}
	return -tail.LogRank(float64(score)/watermark.ScoreUnit) * (1 + 0x1p-48)
}

func (gumbel) gain(score int64, p float64) float64 {
	return -tail.Ln(p) - float64((1/p-1)*rank(score))
}

func (gumbel) draw(p float64, marked bool, uniform float64) (float64, bool) {
	lnU := tail.Ln(uniform)
	if marked {
		lnU *= p
	}
	return -tail.Ln(p) + float64((1/p-1)*lnU), true
}

func (gumbel) sum() weightedSum { return &gumbelSum{classes: make(map[int]gumbelClass)} }

// A gumbelSum is the sum of (1/p - 1) (-ln U), which the mark makes small. With the -ln U
// exponential it is a weighted sum of exponentials. The weights are rounded to eighths of an octave,
// so that the classes are few.
type gumbelSum struct{ classes map[int]gumbelClass }

type gumbelClass struct {
	count int64
	ranks null.Sum // of -ln U in units of 1/ScoreUnit, rounded up
}

const stepsOfOctave = 8

func (s *gumbelSum) add(score int64, p float64) {
	class := int(math.Round(stepsOfOctave / math.Ln2 * tail.Ln(1/p-1)))
	c := s.classes[class]
	c.count++
	c.ranks = c.ranks.Plus(1, int64(rank(score)*watermark.ScoreUnit)+1)
	s.classes[class] = c
}

func (s *gumbelSum) log10P() float64 {
	var groups []tail.Exponential
	var total float64
	for class := -stepsOfOctave * 24; class <= stepsOfOctave*24; class++ { // in one order
		if c, ok := s.classes[class]; ok {
			w := tail.Exp(float64(class) * (math.Ln2 / stepsOfOctave))
			groups = append(groups, tail.Exponential{Weight: w, Count: c.count})
			total += float64(w * (c.ranks.Float() / watermark.ScoreUnit))
		}
	}
	if len(groups) == 0 {
		return 0
	}
	return min(tail.WeightedExponentialBelow(groups, total*(1+0x1p-40)), 0)
}

// green is the likelihood of a green list. A bias multiplies the odds of green tokens by odds. The
// token was drawn, and its probability without the bias was p. The others that are green have about
// gamma (1-p) of the mass together. So the token, were it green or red, was drawn with a probability
// in proportion to
//
//	odds p / (1 + (odds-1)(p + gamma (1-p)))    and    p / (1 + (odds-1) gamma (1-p)).
//
// Given that it was drawn, its colour has those odds times those of chance (Bayes). Any numbers in
// their place would be as valid: the ratios are normalised.
type green struct{ gamma, odds float64 }

func newGreen(l watermark.Bernoulli) green {
	g := green{gamma: l.P, odds: 1e6}
	if l.Marked > l.P && l.Marked < 1 {
		g.odds = min(l.Marked*(1-l.P)/(l.P*(1-l.Marked)), g.odds)
	}
	return g
}

// ratios returns the likelihood ratios of the two colours. Their mean is 1.
func (g green) ratios(p float64) (green, red float64) {
	more := g.odds - 1
	others := float64(g.gamma * (1 - p))
	green = g.odds / (1 + float64(more*(p+others)))
	red = 1 / (1 + float64(more*others))
	mean := float64(g.gamma*green) + float64((1-g.gamma)*red)
	return green / mean, red / mean
}

func (g green) gain(score int64, p float64) float64 {
	green, red := g.ratios(p)
	if score == 1 {
		return tail.Ln(green)
	}
	return tail.Ln(red)
}

func (g green) draw(p float64, marked bool, uniform float64) (float64, bool) {
	rate := g.gamma
	if marked {
		green, _ := g.ratios(p)
		rate = float64(g.gamma * green)
	}
	if uniform < rate {
		return g.gain(1, p), true
	}
	return g.gain(0, p), true
}

func (g green) sum() weightedSum {
	return &classSum{law: null.Of(watermark.Bernoulli{P: g.gamma}), weight: func(p float64) int {
		green, red := g.ratios(p)
		return int(math.Round(null.MaxWeight * tail.Ln(green/red) / tail.Ln(g.odds)))
	}}
}

// A classSum is a sum of scores with whole weights.
type classSum struct {
	law    null.Law
	weight func(p float64) int // from 0 to null.MaxWeight; 0 leaves the unit out
	units  null.Units
	total  null.Sum
}

func (s *classSum) add(score int64, p float64) {
	if w := s.weight(p); w > 0 {
		s.units[w]++
		s.total = s.total.Plus(int64(w), score)
	}
}

func (s *classSum) log10P() float64 {
	if s.units == (null.Units{}) {
		return 0
	}
	return s.law.Survival(&s.units, s.total)
}

// layered is the likelihood of the bits of a tournament. A layer multiplies the probability of a token
// by a factor that depends on its bit, and on the mass of tokens with a 1 (Dathathri et al. 2024,
// "Scalable watermarking for identifying large language model outputs", for two candidates:
// 1 + bit - mass). The others have about half of their mass on ones. So a token of probability q
// has about the factor of mass (1+q)/2 with a 1, and that of (1-q)/2 with a 0, and then has q times
// the factor. The product of the factors is the ratio of the bits given that the token was drawn
// (Bayes). Each factor is divided by its mean over a fair bit, so the ratio has a mean of 1 whatever
// the mark does.
type layered struct {
	depth      int
	candidates int
	weights    [levels + 1][watermark.MaxDepth]int64 // of the fixed test, by level of p and layer
}

// heaviest is the weight of a bit of a token with many alternatives in its first layer.
const heaviest = 24

func newLayered(l watermark.Layers) *layered {
	x := &layered{depth: l.Depth, candidates: 2}
	if l.Marked > 0.5 && l.Marked < 1 {
		x.candidates = min(max(int(math.Round(-tail.Ln(1-l.Marked)/math.Ln2)), 2), 64)
	}
	one, zero := x.factors(0)
	strongest := tail.Ln(one / zero)
	for i := range x.weights {
		q := min(max(float64(i)/levels, least), most)
		for k := range x.depth {
			one, zero := x.factors(q)
			x.weights[i][k] = int64(math.Round(heaviest * tail.Ln(one/zero) / strongest))
			q = min(float64(q*(float64(one*one)+float64(zero*zero))/2), 1) // as the mark raises it on average
		}
	}
	return x
}

// factors returns the factors of a token of probability q with a 1 and with a 0. Their mean is 1.
func (x *layered) factors(q float64) (one, zero float64) {
	missOne, missZero := (1-q)/2, (1+q)/2
	one, zero = 1, 1
	power := 1.0
	for range x.candidates - 1 {
		power = float64(power * missOne)
		one += power
		zero = float64(zero * missZero)
	}
	mean := (one + zero) / 2
	return one / mean, zero / mean
}

func (x *layered) gain(bits int64, p float64) float64 {
	ratio := 1.0
	for k := range x.depth {
		one, zero := x.factors(min(float64(p*ratio), 1))
		if bits>>k&1 == 1 {
			ratio = float64(ratio * one)
		} else {
			ratio = float64(ratio * zero)
		}
	}
	return tail.Ln(ratio)
}

// The others of a row are known on average only, so silence cannot rest on this likelihood.
func (x *layered) draw(float64, bool, float64) (float64, bool) { return 0, false }

func (x *layered) sum() weightedSum { return &layeredSum{of: x} }

// A layeredSum is a sum of fair bits with whole weights.
type layeredSum struct {
	of     *layered
	counts [heaviest + 1]int64
	total  int64
}

func (s *layeredSum) add(bits int64, p float64) {
	weights := &s.of.weights[int(math.Round(levels*p))]
	for k := range s.of.depth {
		if w := weights[k]; w > 0 {
			s.counts[w]++
			s.total += w * (bits >> k & 1)
		}
	}
}

func (s *layeredSum) log10P() float64 {
	var groups []tail.Bernoulli
	for w, n := range s.counts {
		if n > 0 {
			groups = append(groups, tail.Bernoulli{Weight: int64(w), Count: n, P: 0.5})
		}
	}
	if len(groups) == 0 {
		return 0
	}
	return min(tail.WeightedBernoulli(groups, s.total), 0)
}

// tilted is the likelihood of scores whose law under the mark has no simple form: draws of two keys, and
// tournaments whose bits the scorer does not show. The likelihood is the exponential tilt of the null, stronger where the model
// was less sure. Its mean under the null is 1 whatever the mark does.
type tilted struct {
	law   null.Law
	tilts [levels + 1]struct{ theta, cumulant float64 }
}

const (
	levels = 64
	// strongest is the tilt of a token without number of alternatives, as log odds of a bit of
	// mean weight, or as a share of the largest tilt that an exponential law has.
	strongest = 0.6
)

func newTilted(law watermark.Law) *tilted {
	t := &tilted{law: null.Of(law)}
	for i := range t.tilts {
		free := float64(i) / levels // 1 - p
		x := &t.tilts[i]
		switch l := law.(type) {
		case watermark.Exponential:
			x.theta = strongest * free / max(l.First, l.Second)
			for _, a := range []float64{l.First, l.Second} {
				x.cumulant -= tail.Ln(1 - float64(x.theta*a))
			}
			x.theta /= watermark.ScoreUnit
		case watermark.Layers:
			var sum int64
			weights := l.Weights()
			for _, v := range weights {
				sum += v
			}
			x.theta = strongest * free * float64(len(weights)) / float64(sum)
			for _, v := range weights {
				x.cumulant += tail.Ln((1 + tail.Exp(float64(x.theta*float64(v)))) / 2)
			}
		}
	}
	return t
}

func (t *tilted) gain(score int64, p float64) float64 {
	x := &t.tilts[int(math.Round(levels*(1-p)))]
	return float64(x.theta*float64(score)) - x.cumulant
}

func (t *tilted) draw(float64, bool, float64) (float64, bool) { return 0, false }

func (t *tilted) sum() weightedSum {
	return &classSum{law: t.law, weight: func(p float64) int { return int(math.Round(null.MaxWeight * (1 - p))) }}
}
