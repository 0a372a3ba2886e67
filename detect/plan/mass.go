package plan

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// Tilt returns the effect of a bias on one step. green, in [0,1], is the probability of green after
// it. kl, at least 0, is the divergence of the biased law from the unbiased one, in nats:
//
//	green = e^delta mass / (1 + (e^delta-1) mass),
//	kl    = delta green - ln(1 + (e^delta-1) mass).
//
// mass, in [0,1], is the probability of green before the bias. delta, at least 0, is the bias of
// green logits at the softmax: Delta divided by the temperature. (Kirchenbauer et al., "A Watermark
// for Large Language Models", 2023, section 4, has the first formula.) Tilt panics if an argument
// is out of range.
func Tilt(mass, delta float64) (green, kl float64) {
	checkDelta(delta)
	if !(mass >= 0 && mass <= 1) {
		panic("plan: mass is outside [0,1]")
	}
	return tilt(mass, delta, tail.Expm1(-delta))
}

// tilt is Tilt, where shrink is e^-delta - 1. Divided by e^delta, nothing overflows: kl = -delta
// (1-green) - ln(mass + (1-mass) e^-delta).
func tilt(mass, delta, shrink float64) (green, kl float64) {
	if mass == 0 {
		return 0, 0
	}
	lost := (1 - mass) * shrink
	green = mass / (1 + lost)
	return green, max(-delta*(1-green)-tail.Log1p(lost), 0)
}

// An Effect is what a mark does to marked text, as a mean over steps.
type Effect struct {
	Gamma float64 // green rate without the mark, in (0,1)
	Green float64 // green rate of marked tokens, in [0,1]
	KL    float64 // cost of the mark in nats a token, at least 0; e^KL is about the factor on perplexity
}

// Plan returns the plan for a text of which a share, in [0,1], is marked. The caller sets Alpha and
// Tests. It panics if share is out of range.
func (e Effect) Plan(share float64) GreenList {
	if !(share >= 0 && share <= 1) {
		panic("plan: share is outside [0,1]")
	}
	return GreenList{Gamma: e.Gamma, Green: e.Gamma + share*(e.Green-e.Gamma)}
}

// SmallDelta returns the effect of a small bias to first order:
//
//	Green = gamma + delta gamma (1-gamma) c,  KL = delta^2 gamma (1-gamma) c / 2.
//
// c, in [0,1], is the mean of 1 - sum p^2 over the model's next-token laws, and delta is divided by
// the temperature. Then the tokens of a test times KL are (zA+zB)^2 / (2c), for every gamma and
// delta: nats buy detection. SmallDelta overstates the effect of a delta above about 1/2.
// [Mass.Effect] has the whole curve. SmallDelta panics if gamma is outside (0,1), c is outside
// [0,1] or delta is negative.
func SmallDelta(gamma, delta, c float64) Effect {
	checkGamma(gamma)
	checkDelta(delta)
	if !(c >= 0 && c <= 1) {
		panic("plan: c is outside [0,1]")
	}
	v := gamma * (1 - gamma) * c
	return Effect{Gamma: gamma, Green: min(gamma+delta*v, 1), KL: delta * delta * v / 2}
}

func checkGamma(gamma float64) {
	if !(gamma > 0 && gamma < 1) {
		panic("plan: gamma is outside (0,1)")
	}
}

func checkDelta(delta float64) {
	if !(delta >= 0) || math.IsInf(delta, 1) {
		panic("plan: delta or kl is not a finite number of at least 0")
	}
}

// A Mass is the law of the green mass, the probability of green before the bias. It is a law over
// the steps of a kind of text, and over random colours of the vocabulary. It decides the effect of
// every bias, so planning needs to know nothing else of a model. It is immutable and safe for
// concurrent use.
type Mass struct {
	gamma  float64
	mass   []float64
	weight []float64 // sums to 1
}

// Gamma returns the green share of the vocabulary, in (0,1).
func (l *Mass) Gamma() float64 { return l.gamma }

// Indifferent returns the law of a model that finds all tokens equally likely. Its green mass is
// always gamma. No text shows a mark better. Indifferent panics if gamma is outside (0,1).
func Indifferent(gamma float64) *Mass {
	checkGamma(gamma)
	return &Mass{gamma: gamma, mass: []float64{gamma}, weight: []float64{1}}
}

// rowTokens is the number of tokens of a row that have a colour of their own.
const rowTokens = 12

// Row returns the law of steps with these next-token probabilities, which need not sum to 1. Each
// of the 12 most probable tokens is green with probability gamma, independently. A share gamma of
// the rest is green. The error says that gamma is outside (0,1), or that a probability is negative
// or NaN. It also says that the probabilities do not have a finite positive sum.
func Row(gamma float64, probabilities []float64) (*Mass, error) {
	if !(gamma > 0 && gamma < 1) {
		return nil, fmt.Errorf("plan: gamma %v is outside (0,1)", gamma)
	}
	var sum float64
	for i, p := range probabilities {
		if !(p >= 0) {
			return nil, fmt.Errorf("plan: probability %d is %v, want a number of at least 0", i, p)
		}
		sum += p
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("plan: the probabilities add up to %v, want a finite positive sum", sum)
	}
	return rowMass(gamma, probabilities), nil
}

// rowMass is Row for arguments that were checked.
func rowMass(gamma float64, probabilities []float64) *Mass {
	row := slices.Clone(probabilities)
	slices.Sort(row)
	slices.Reverse(row)
	var sum float64
	for _, p := range row {
		sum += p
	}
	n := min(len(row), rowTokens)
	var rest float64
	for i := len(row) - 1; i >= n; i-- {
		rest += row[i] / sum
	}
	l := &Mass{gamma: gamma, mass: make([]float64, 1<<n), weight: make([]float64, 1<<n)}
	l.mass[0] = gamma * rest
	for set := 1; set < 1<<n; set++ {
		lowest := set & -set
		l.mass[set] = min(l.mass[set^lowest]+row[bits.TrailingZeros(uint(set))]/sum, 1)
	}
	for set := range l.weight {
		green := bits.OnesCount(uint(set))
		l.weight[set] = math.Pow(gamma, float64(green)) * math.Pow(1-gamma, float64(n-green))
	}
	return l
}

// ErrEmpty is wrapped by the error about a histogram without steps.
var ErrEmpty = errors.New("the histogram of green masses is empty")

// Histogram returns the law of the steps that a model logged. An error wraps [ErrEmpty]. To use its
// Effect, divide Delta by the temperature of the histogram.
func Histogram(h *watermark.GreenMassHistogram) (*Mass, error) {
	steps := float64(h.Steps())
	if steps == 0 {
		return nil, fmt.Errorf("plan: %w", ErrEmpty)
	}
	l := &Mass{gamma: h.Gamma()}
	for mass, n := range h.Bins() {
		l.mass = append(l.mass, mass)
		l.weight = append(l.weight, float64(n)/steps)
	}
	return l, nil
}

// Mix returns the law of steps that have each of several laws with a probability in proportion to
// its weight. It panics without laws, and if the number of weights differs. It panics if a weight
// is negative or NaN, if all are 0, or if the laws differ in gamma.
func Mix(laws []*Mass, weights []float64) *Mass {
	if len(laws) == 0 || len(laws) != len(weights) {
		panic(fmt.Sprintf("plan: %d laws and %d weights, want one weight for each law", len(laws), len(weights)))
	}
	var sum float64
	for _, w := range weights {
		if !(w >= 0) {
			panic("plan: a weight is negative or NaN")
		}
		sum += w
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		panic("plan: the weights do not have a finite positive sum")
	}
	mix := &Mass{gamma: laws[0].gamma}
	for i, l := range laws {
		if l.gamma != mix.gamma {
			panic("plan: the laws differ in gamma")
		}
		if weights[i] == 0 {
			continue
		}
		mix.mass = append(mix.mass, l.mass...)
		for _, w := range l.weight {
			mix.weight = append(mix.weight, w*weights[i]/sum)
		}
	}
	return mix
}

// Effect returns the effect of a bias: the mean of [Tilt] over the law. delta, at least 0, is Delta
// divided by the temperature. It panics if delta is out of range.
//
// The green rate is gamma plus the mean rise. The mean mass is gamma by construction. A logged
// sample deviates from it by noise, which the rise does not have.
func (l *Mass) Effect(delta float64) Effect {
	checkDelta(delta)
	shrink := tail.Expm1(-delta)
	var rise, cost float64
	for i, mass := range l.mass {
		green, kl := tilt(mass, delta, shrink)
		rise += l.weight[i] * (green - mass)
		cost += l.weight[i] * kl
	}
	return Effect{Gamma: l.gamma, Green: min(l.gamma+rise, 1), KL: cost}
}

// Delta returns the bias that costs kl nats a token, at least 0: the inverse of Effect's KL. It is
// +Inf if no bias up to 100 costs that much, since a mark costs at most -ln of the green mass. It
// panics if kl is negative or not finite.
func (l *Mass) Delta(kl float64) float64 {
	checkDelta(kl)
	lo, hi := 0.0, 100.0
	if l.Effect(hi).KL < kl {
		return math.Inf(1)
	}
	for range 60 {
		mid := lo + (hi-lo)/2
		if l.Effect(mid).KL < kl {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
