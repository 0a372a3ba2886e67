package null

import (
	"math"
	"sync"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// layersLaw is the law of a tournament's score. The bits of distinct pairs and of different layers
// are independent and fair. So a sum of scores is a weighted sum of fair bits, and its tail is
// computed exactly. With equal weights it is a multiple of a binomial law.
type layersLaw struct {
	weights    []int64 // of the layers
	sum        int64   // of the weights
	candidates int     // number of candidates of a match
}

func newLayersLaw(l watermark.Layers) layersLaw {
	if l.Depth < 1 || l.Depth > maxLayers {
		panic("detect: the Depth of a Layers law is outside 1 to 64")
	}
	p := layersLaw{weights: l.Weights(), candidates: minCandidates}
	for _, v := range p.weights {
		p.sum += v
	}
	// Marked is 1 - 2^-candidates.
	for p.candidates < watermark.MaxCandidates && l.Marked > 1-math.Ldexp(1.5, -p.candidates-1) {
		p.candidates++
	}
	return p
}

// minCandidates is the smallest number of candidates of a match.
const minCandidates = 2

// maxLayers is above the number of layers of any tournament.
const maxLayers = 64

func (l layersLaw) Survival(units *Units, sum Sum) float64 {
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
	return tail.WeightedBernoulli(groups, sum.Int64())
}

func (l layersLaw) Moments() (mean, variance float64) {
	for _, v := range l.weights {
		variance += float64(float64(v) * float64(v))
	}
	return float64(l.sum) / 2, variance / 4
}

func (l layersLaw) Top() int64             { return l.sum }
func (layersLaw) Colours() bool            { return false }
func (l layersLaw) Green(score int64) bool { return 2*score > l.sum }

// Full returns the excess of the mean bit over 1/2, if every token is a fair choice between two.
// That is one bit of entropy.
func (l layersLaw) Full() (full, most float64) {
	gain := l.gain()
	for i, v := range l.weights {
		full += float64(float64(v) * gain[i])
	}
	full /= float64(l.sum)
	return full, full
}

func (l layersLaw) Unit() float64 { return float64(l.sum) }

// Raised takes a share of the units, rounded down, as marked. A bit of theirs is 1 with the
// probability of a fair choice between two. The bits of one token are taken as independent. In
// truth a bit of 1 makes it likelier that the token is every candidate of the layers that follow.
// That makes their bits less likely to be 1. So the true sum varies less.
//
// Unless fine is set, Chernoff's inequality bounds the probability of a smaller sum. That takes a
// hundredth of the time, and asks for a share that is larger by a sixth.
func (l layersLaw) Raised(units *Units, sum Sum, excess float64, fine bool) float64 {
	full, _ := l.Full()
	share := min(excess/full, 1)
	gain := l.gain()
	var bits []tail.Bernoulli
	for w, n := range units {
		if w == 0 || n == 0 {
			continue
		}
		marked := int64(float64(n) * share)
		for i, v := range l.weights {
			bits = append(bits,
				tail.Bernoulli{Weight: int64(w) * v, Count: n - marked, P: 0.5},
				tail.Bernoulli{Weight: int64(w) * v, Count: marked, P: 0.5 + gain[i]})
		}
	}
	if fine {
		return tail.WeightedBernoulli(bits, sum.Int64())
	}
	return tail.Log1p(-tail.Exp(chernoffBelow(bits, float64(sum.Int64()-1)))) / math.Ln10
}

// chernoffBelow bounds ln P(S <= s) from above by the minimum of K(-t) + t s over t >= 0. K is the
// cumulant generating function of the sum S.
func chernoffBelow(bits []tail.Bernoulli, s float64) float64 {
	var mean, largest float64
	for _, b := range bits {
		mean += float64(float64(b.Weight) * b.P * float64(b.Count))
		largest = max(largest, float64(b.Weight))
	}
	if s >= mean {
		return 0
	}
	at := func(t float64) (bound, slope float64) {
		for _, b := range bits {
			w, n := float64(b.Weight), float64(b.Count)
			e := tail.Exp(-t * w)
			all := 1 + float64(b.P*(e-1))
			bound += float64(n * tail.Ln(all))
			slope += float64(n*w*b.P*e) / all
		}
		return bound + float64(t*s), s - slope
	}
	// Every t gives a bound, so the search need not be exact.
	lo, hi := 0.0, 1/largest
	for range 40 {
		if _, slope := at(hi); slope >= 0 {
			break
		}
		lo, hi = hi, 2*hi
	}
	for range 20 {
		mid := (lo + hi) / 2
		if _, slope := at(mid); slope < 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	bound, _ := at((lo + hi) / 2)
	return min(bound, 0)
}

func (layersLaw) Digits() float64 { return 1e-3 }

// gain returns by how much the mark raises the probability of a 1 above 1/2 in each layer. The text
// has two equally likely tokens at each position. The numbers are rounded down.
func (l layersLaw) gain() []float64 {
	of := tournamentShape{l.candidates, len(l.weights)}
	if known, ok := fairChoices.Load(of); ok {
		return known.([]float64)
	}
	known, _ := fairChoices.LoadOrStore(of, of.fairChoice())
	return known.([]float64)
}

// fairChoices maps a tournamentShape to its gains.
var fairChoices sync.Map // of tournaments to gains

// A tournamentShape is what the gains of a tournament depend on.
type tournamentShape struct{ candidates, depth int }

// fairChoice computes the gains.
//
// Let p be the probability of one of the two tokens after some layers. If the tokens' bits are
// equal, the next layer leaves p as it is. If one token has the only 1, it wins wherever it is
// among N candidates (Dathathri et al. 2024). Then p becomes 1 - (1-p)^N or p^N. Let M_k(p) be the
// mean of p after k more layers. In a layer that k more layers follow, the token drawn in the end
// has a 1 with probability
//
//	1/2 + (M_k(1 - (1-p)^N) - M_k(p^N)) / 4,
//
// as a mean over p before that layer. With two candidates M_k(p) is p, and the probability is 1/2
// plus a quarter of the probability that the candidates differ.
func (t tournamentShape) fairChoice() []float64 {
	const steps = 1 << 12
	power := func(p float64) float64 {
		q := p
		for range t.candidates - 1 {
			q = float64(q * p)
		}
		return q
	}
	// win and lose are places on the grid of p in [0,1] after a layer. They are rounded towards
	// 1/2, because M rises.
	win, lose := make([]int, steps+1), make([]int, steps+1)
	for i := range win {
		p := float64(float64(i) / steps)
		win[i] = int(math.Floor(float64((1 - power(1-p)) * steps)))
		lose[i] = int(math.Ceil(float64(power(p) * steps)))
	}
	// low and high enclose M_k. spread[k] is a lower bound of M_k(win) - M_k(lose).
	low, high := make([]float64, steps+1), make([]float64, steps+1)
	for i := range low {
		low[i] = float64(i) / steps
		high[i] = low[i]
	}
	spread := make([][]float64, t.depth)
	for k := range spread {
		spread[k] = make([]float64, steps+1)
		nextLow, nextHigh := make([]float64, steps+1), make([]float64, steps+1)
		for i := range spread[k] {
			up, down := min(win[i]+1, steps), max(lose[i]-1, 0)
			spread[k][i] = max(low[win[i]]-high[lose[i]], 0)
			nextLow[i] = float64(low[i]/2) + float64(low[win[i]]/4) + float64(low[down]/4)
			nextHigh[i] = float64(high[i]/2) + float64(high[up]/4) + float64(high[lose[i]]/4)
		}
		low, high = nextLow, nextHigh
	}
	// mass is the law of p before each layer. It is rounded away from 1/2, where there is less
	// choice.
	mass, next := make([]float64, steps+1), make([]float64, steps+1)
	mass[steps/2] = 1
	outwards := func(i int) int {
		switch {
		case 2*i > steps:
			return min(i+1, steps)
		case 2*i < steps:
			return max(i-1, 0)
		}
		return i
	}
	gain := make([]float64, t.depth)
	for layer := range gain {
		clear(next)
		for i, m := range mass {
			if m == 0 {
				continue
			}
			gain[layer] += float64(float64(m*spread[t.depth-1-layer][i]) / 4)
			next[i] += float64(m / 2)
			next[outwards(win[i])] += float64(m / 4)
			next[outwards(lose[i])] += float64(m / 4)
		}
		mass, next = next, mass
	}
	return gain
}

func (l layersLaw) Ratio(units, sum int64) func(int64) int64 {
	mean := float64(sum) / float64(units)
	if !(mean > float64(l.sum)/2) {
		return nil
	}
	// The mean under the tilt theta is the sum of v/(1 + e^(-theta v)). A mean that is half a bit
	// smaller keeps theta finite.
	mean = min(mean, float64(l.sum)-0.5)
	lo, hi := 0.0, 64.0
	for range 60 {
		theta := (lo + hi) / 2
		tilted := 0.0
		for _, v := range l.weights {
			tilted += float64(v) / (1 + tail.Exp(-theta*float64(v)))
		}
		if tilted < mean {
			lo = theta
		} else {
			hi = theta
		}
	}
	return l.tilt(lo, displayUnit, math.Round)
}

// tilt returns theta x - K(theta) with K(theta) = sum of ln((1 + e^(theta v))/2). The exponential
// of it has the mean 1. It is the likelihood ratio of independent bits that are 1 with probability
// 1/(1 + e^(-theta v)).
func (l layersLaw) tilt(theta, unit float64, round func(float64) float64) func(int64) int64 {
	k := 0.0
	for _, v := range l.weights {
		x := float64(theta * float64(v))
		k += x + tail.Log1p(tail.Exp(-x)) - math.Ln2
	}
	return func(score int64) int64 {
		return int64(round(float64(unit*(float64(theta*float64(score))-k)) - roundingOfRatios))
	}
}

// layerBets is the number of tilts that tests of streams mix for a tournament. firstLayerBets is the
// number of those in encodings of the second version.
const (
	layerBets      = 10
	firstLayerBets = 6
)

// Bets returns tilts in which the log odds of a 1, in layers of mean weight, are 1, 1/2, ..., 1/512.
// A layer with log odds x is 1 with probability (1 + q/2)/2, q = 2 tanh(x/2). So a tilt is the
// likelihood 2 P_wm of Dathathri et al. (2024), with these q for the probability that two
// candidates differ. q falls from layer to layer as the weights do. The small tilts find text of
// which a small share is marked.
func (l layersLaw) Bets() []Bet {
	bets := make([]Bet, layerBets)
	for i := range bets {
		odds := math.Ldexp(1, -i)
		theta := odds * float64(len(l.weights)) / float64(l.sum)
		offset := 1.1 / RatioUnit // rounding down, and roundingOfRatios
		for _, v := range l.weights {
			x := float64(theta * float64(v))
			offset += x + tail.Log1p(tail.Exp(-x)) - math.Ln2
		}
		bets[i] = Bet{Strength: odds, Gain: l.tilt(theta, RatioUnit, math.Floor), Tilt: theta, Offset: offset}
	}
	return bets
}

func (layersLaw) FirstBets() int { return firstLayerBets }
