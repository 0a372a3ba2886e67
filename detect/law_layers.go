package detect

import (
	"math"
	"sync"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// layersLaw is the law of a tournament's score: the bits of distinct pairs and of
// different layers are independent and fair, so that a sum of scores is a weighted sum of
// fair bits, whose tail is computed exactly. With equal weights it is a multiple of a
// binomial law.
type layersLaw struct {
	weights    []int64
	sum        int64
	candidates int // of a match
}

func newLayersLaw(l watermark.Layers) layersLaw {
	if l.Depth < 1 || l.Depth > maxLayers {
		panic("detect: the number of layers is out of range")
	}
	p := layersLaw{weights: l.Weights(), candidates: minCandidates}
	for _, v := range p.weights {
		p.sum += v
	}
	// Marked is 1 - 2^-candidates.
	for p.candidates < maxCandidates && l.Marked > 1-math.Ldexp(1.5, -p.candidates-1) {
		p.candidates++
	}
	return p
}

// The numbers of candidates that fairChoice knows; more are no weaker in the first layers.
const minCandidates, maxCandidates = 2, 4

// maxLayers is more than any tournament has.
const maxLayers = 64

func (l layersLaw) survival(units *unitCounts, sum wide) float64 {
	var groups []tail.Bernoulli
	for w, n := range units {
		for _, v := range l.weights {
			if w > 0 && n > 0 {
				groups = append(groups, tail.Bernoulli{Weight: int64(w) * v, Count: n, P: 0.5})
			}
		}
	}
	if len(groups) == 0 {
		return 0
	}
	return tail.WeightedBernoulli(groups, sum.int64())
}

func (l layersLaw) moments() (mean, variance float64) {
	for _, v := range l.weights {
		variance += float64(float64(v) * float64(v))
	}
	return float64(l.sum) / 2, variance / 4
}

func (l layersLaw) top() int64             { return l.sum }
func (layersLaw) colours() bool            { return false }
func (l layersLaw) green(score int64) bool { return 2*score > l.sum }

// full is the excess of the mean bit where every token was a fair choice between two,
// which is one bit of entropy.
func (l layersLaw) full() (full, most float64) {
	differ := fairChoice(l.candidates)
	for i, v := range l.weights {
		full += float64(float64(v) * differ[i] / 4)
	}
	full /= float64(l.sum)
	return full, full
}

// raised takes a bit of layer l to be 1 with probability 1/2 + q_l/4 in a share of the
// units, rounded down, q_l being the probability that two candidates of that layer
// differ. Bits of one token are taken as independent. A bit of 1 makes the token likelier to
// be both candidates of the layers that follow, and their bits less likely to be 1, so that
// the true sum varies less.
func (l layersLaw) raised(units *unitCounts, sum wide, excess float64) float64 {
	full, _ := l.full()
	share := min(excess/full, 1)
	differ := fairChoice(l.candidates)
	var groups []tail.Bernoulli
	for w, n := range units {
		marked := int64(float64(n) * share)
		for i, v := range l.weights {
			if w > 0 && n > 0 {
				groups = append(groups,
					tail.Bernoulli{Weight: int64(w) * v, Count: n - marked, P: 0.5},
					tail.Bernoulli{Weight: int64(w) * v, Count: marked, P: 0.5 + differ[i]/4})
			}
		}
	}
	return tail.WeightedBernoulli(groups, sum.int64())
}

func (l layersLaw) tokens(excess, level, power float64) (n int64, ok bool) {
	return tokensByHalving(l, excess, level, power)
}

func (layersLaw) digits() float64 { return 1e-3 }

// fairChoice is the probability, for each layer of a tournament, that the candidates of the
// winner's match are not all the same, in a text where two tokens are equally likely;
// rounded down.
//
// With p the probability of one of the two tokens after some layers, all N candidates are
// the same with probability p^N + (1-p)^N, and the next layer makes p of it with
// probability 1/2, 1 - (1-p)^N and p^N with 1/4 each: the token with the larger bit wins
// where it is a candidate at all (Dathathri et al. 2024). The larger of p and 1-p is kept on
// a grid and rounded up.
func fairChoice(candidates int) *[maxLayers]float64 {
	return fairChoices()[candidates-minCandidates]
}

var fairChoices = sync.OnceValue(func() (all [maxCandidates - minCandidates + 1]*[maxLayers]float64) {
	for i := range all {
		all[i] = newFairChoice(minCandidates + i)
	}
	return all
})

func newFairChoice(candidates int) *[maxLayers]float64 {
	const steps = 1 << 13
	at := func(p float64) int { // index of the grid in [1/2, 1]
		return min(int(math.Ceil((max(p, 1-p)-0.5)*2*steps)), steps)
	}
	power := func(p float64) float64 {
		q := p
		for range candidates - 1 {
			q *= p
		}
		return q
	}
	mass, next := make([]float64, steps+1), make([]float64, steps+1)
	mass[0] = 1
	differ := new([maxLayers]float64)
	for layer := range differ {
		clear(next)
		for i, m := range mass {
			if m == 0 {
				continue
			}
			p := 0.5 + float64(i)/(2*steps)
			lose, win := power(p), 1-power(1-p)
			differ[layer] += float64(m * (win - lose))
			next[i] += m / 2
			next[at(win)] += m / 4
			next[at(lose)] += m / 4
		}
		mass, next = next, mass
	}
	return differ
}

func (l layersLaw) ratio(units, sum int64) func(int64) int64 {
	mean := float64(sum) / float64(units)
	if !(mean > float64(l.sum)/2) {
		return nil
	}
	// The mean under the tilt theta is sum of v/(1 + e^(-theta v)). Half a bit less keeps
	// theta finite.
	mean = min(mean, float64(l.sum)-0.5)
	lo, hi := 0.0, 64.0
	for range 60 {
		theta := (lo + hi) / 2
		tilted := 0.0
		for _, v := range l.weights {
			tilted += float64(v) / (1 + math.Exp(-theta*float64(v)))
		}
		if tilted < mean {
			lo = theta
		} else {
			hi = theta
		}
	}
	return l.tilt(lo, displayUnit, math.Round)
}

// tilt is theta x - K(theta), K(theta) = sum of ln((1 + e^(theta v))/2), whose exponential
// has the mean 1: the likelihood ratio of independent bits that are 1 with probability
// 1/(1 + e^(-theta v)).
func (l layersLaw) tilt(theta, unit float64, round func(float64) float64) func(int64) int64 {
	k := 0.0
	for _, v := range l.weights {
		x := theta * float64(v)
		k += x + math.Log1p(math.Exp(-x)) - math.Ln2
	}
	return func(score int64) int64 {
		return int64(round(unit*(float64(theta*float64(score))-k) - roundingOfRatios))
	}
}

// layerBets is the number of tilts an e-process of a tournament mixes.
const layerBets = 6

// bets are tilts in which the layers of mean weight are 1 with the log odds 1, 1/2, ...,
// 1/32. A layer of log odds x has the probability (1 + q/2)/2, q = 2 tanh(x/2): this is the
// likelihood 2 P_wm of Dathathri et al. 2024 with those q for the probability that two
// candidates differ, which falls from layer to layer as the weights do.
func (l layersLaw) bets() []bet {
	bets := make([]bet, layerBets)
	for i := range bets {
		odds := math.Ldexp(1, -i)
		theta := odds * float64(len(l.weights)) / float64(l.sum)
		bets[i] = bet{odds, l.tilt(theta, ratioUnit, math.Floor)}
	}
	return bets
}

func (l layersLaw) process() process { return newBetProcess(l.bets()) }
