package sequential

import (
	"fmt"
	"math"
)

// gridPoints is the number of green rates that the e-process mixes.
const gridPoints = 7

// A mixture is what a unit adds to the logarithm of each part of the e-process.
type mixture struct {
	gamma      float64
	green, red [gridPoints]float64 // ln(p_j/gamma), ln((1-p_j)/(1-gamma))
}

// newMixture returns the parts for the green rates gamma + 0.005 * 2^j, at most 0.97
// and for a gamma near that at most halfway from gamma to 1. The grid is finest where
// it takes longest to tell: effects that a student shows are near the first points.
func newMixture(gamma float64) mixture {
	if !(gamma > 0 && gamma < 1) {
		panic("sequential: gamma is outside (0,1)")
	}
	m := mixture{gamma: gamma}
	for j := range gridPoints {
		p := min(gamma+0.005*float64(int(1)<<j), max(0.97, (1+gamma)/2))
		m.green[j] = math.Log1p((p - gamma) / gamma)
		m.red[j] = math.Log1p((gamma - p) / (1 - gamma))
	}
	return m
}

// log10E returns log10 of the mixture's mean.
func (m *mixture) log10E(green, n int64) float64 {
	var parts [gridPoints]float64
	top := m.parts(&parts, green, n)
	var sum float64
	for _, x := range parts {
		sum += math.Exp(x - top)
	}
	return (top + math.Log(sum/gridPoints)) / math.Ln10
}

// parts sets the logarithm of each part and returns the largest.
func (m *mixture) parts(parts *[gridPoints]float64, green, n int64) float64 {
	g, r := float64(green), float64(n-green)
	top := math.Inf(-1)
	for j := range parts {
		// The conversions keep every platform from fusing the sum.
		parts[j] = float64(g*m.green[j]) + float64(r*m.red[j])
		top = max(top, parts[j])
	}
	return top
}

// Log10E returns log10 of the e-value of a count: green of n fresh units are green
// where a share gamma would be by chance. The e-value is a mean of seven likelihood
// ratios,
//
//	E = 1/7 sum_j (p_j/gamma)^green ((1-p_j)/(1-gamma))^(n-green),  p_j = gamma + 0.005 * 2^j,
//
// p_j at most 0.97. Under the null its mean is 1, so that P(E >= 1/alpha) <= alpha
// (Markov); it can be fed to [detect.EBH], and e-values over units that are disjoint and
// decided independently may be multiplied. The mixture is never worse than the best of its
// points by more than a factor of 7. The error is some 1e-15 * n. It panics unless 0 <= green <= n and gamma is in (0,1).
//
// Ramdas, Gruenwald, Vovk and Shafer, "Game-Theoretic Statistics and Safe Anytime-
// Valid Inference" (2023), has mixtures and their use.
func Log10E(green, n int64, gamma float64) float64 {
	checkCounts(green, n)
	m := newMixture(gamma)
	return m.log10E(green, n)
}

func checkCounts(green, n int64) {
	if green < 0 || green > n {
		panic(fmt.Sprintf("sequential: %d green of %d units", green, n))
	}
}

// An EProcess is evidence that may be looked at after every unit: under the null, the
// probability that its e-value ever reaches 1/alpha is at most alpha (Ville 1939), and
// whoever looks may stop, go on, or choose where to look next because of what was
// seen. Its value is [Log10E] of the counts so far.
//
// It does not know what it counts. Each unit must be fresh, which [Test] takes
// care of: a unit that was counted before, or that whoever wrote the text could know
// the colour of, breaks the bound. One goroutine at a time.
type EProcess struct {
	mixture  mixture
	green, n int64
	// The counts at which the value was largest, the first of them; 0 of 0 at the
	// beginning. The state is these four integers, so that it is the same wherever
	// it is read back.
	supGreen, supN int64
	sup            float64 // log10E(supGreen, supN)
}

// NewEProcess returns an EProcess that has seen nothing; its value is 1. It panics
// unless gamma, the probability of green under the null, is in (0,1).
func NewEProcess(gamma float64) *EProcess {
	return &EProcess{mixture: newMixture(gamma)}
}

// Add counts one fresh unit.
func (e *EProcess) Add(green bool) {
	if green {
		e.AddCounts(1, 1)
	} else {
		e.AddCounts(0, 1)
	}
}

// AddCounts counts n fresh units at once, green of them green. Only the value after
// the last of them is looked at. It panics unless 0 <= green <= n.
func (e *EProcess) AddCounts(green, n int64) {
	checkCounts(green, n)
	e.green += green
	e.n += n
	var parts [gridPoints]float64
	// The largest part bounds the mean; mostly that settles it.
	if e.mixture.parts(&parts, e.green, e.n) < e.sup*math.Ln10 {
		return
	}
	if now := e.mixture.log10E(e.green, e.n); now > e.sup {
		e.supGreen, e.supN, e.sup = e.green, e.n, now
	}
}

// Counts returns the number of green units and of all units.
func (e *EProcess) Counts() (green, n int64) { return e.green, e.n }

// Gamma returns the probability of green under the null.
func (e *EProcess) Gamma() float64 { return e.mixture.gamma }

// Log10E returns log10 of the e-value now. It can fall again.
func (e *EProcess) Log10E() float64 { return e.mixture.log10E(e.green, e.n) }

// Log10P returns log10 of the anytime-valid p-value, min(1, 1/sup E) over the times
// looked at: whatever the rule to stop, P(p <= alpha) <= alpha under the null. It never
// rises. The supremum is no e-value: [detect.EBH] takes Log10E, of every process at one common time.
func (e *EProcess) Log10P() float64 { return min(0, -e.sup) }

// Reset forgets everything.
func (e *EProcess) Reset() { *e = EProcess{mixture: e.mixture} }
