package sequential

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// gridPoints is the number of green rates that the e-process mixes.
const gridPoints = 7

// A mixture holds what a unit adds to the logarithm of each part of the e-process.
type mixture struct {
	gamma float64
	size  int // number of parts
	// ln(p_j/gamma) and ln((1-p_j)/(1-gamma)) of the first size parts
	green, red [maxPoints]float64
}

// maxPoints is the number of green rates for a strong mark. strongPoints of them are beyond the grid.
const (
	strongPoints = 4
	maxPoints    = gridPoints + strongPoints
)

// strong is the rise of the green rate from which a mark is strong. At a gamma of 1/2 a bias of 3
// nats has 0.45 and one of 4 nats 0.48. At 1/4 a bias of 2 nats has 0.46 and one of 3 nats 0.62.
const strong = 0.47

// newMixtureFor is newMixture for a mark whose marked tokens are green with the probability marked
// at most. If that is far above the grid, the grid continues: four more points, each of which halves
// the distance to 1. A bias of 5 nats shows in some 20 tokens, and the grid alone cannot reach a
// p-value of 10^-6 with so few.
func newMixtureFor(gamma, marked float64) mixture {
	m := newMixture(gamma)
	if !(marked-gamma > strong) {
		return m
	}
	gap := 1 - gamma - float64(0.005*float64(int(1)<<(gridPoints-1)))
	if gap <= 0 {
		return m
	}
	for range strongPoints {
		gap = float64(gap / 2)
		m.add(1 - gap)
	}
	return m
}

// add adds the part of a green rate.
func (m *mixture) add(p float64) {
	m.green[m.size] = tail.Log1p((p - m.gamma) / m.gamma)
	m.red[m.size] = tail.Log1p((m.gamma - p) / (1 - m.gamma))
	m.size++
}

// newMixture returns the parts for the green rates gamma + 0.005 * 2^j. They are at most 0.97, and
// for a gamma near that at most halfway from gamma to 1. The grid is finest for small effects,
// which take longest to detect. The effects that students show are near the first points.
func newMixture(gamma float64) mixture {
	if !(gamma > 0 && gamma < 1) {
		panic("sequential: gamma is outside (0,1)")
	}
	m := mixture{gamma: gamma}
	for j := range gridPoints {
		m.add(min(gamma+float64(0.005*float64(int(1)<<j)), max(0.97, (1+gamma)/2)))
	}
	return m
}

// log10E returns log10 of the mixture's mean.
func (m *mixture) log10E(green, n int64) float64 {
	var parts [maxPoints]float64
	top := m.parts(&parts, green, n)
	var sum float64
	for _, x := range parts[:m.size] {
		sum += tail.Exp(x - top)
	}
	return (top + tail.Ln(sum/float64(m.size))) / math.Ln10
}

// parts sets the logarithm of each part, and returns the largest.
func (m *mixture) parts(parts *[maxPoints]float64, green, n int64) float64 {
	g, r := float64(green), float64(n-green)
	top := math.Inf(-1)
	for j := range m.size {
		// The conversions keep platforms from fusing multiplication and addition.
		parts[j] = float64(g*m.green[j]) + float64(r*m.red[j])
		top = max(top, parts[j])
	}
	return top
}

// Log10E returns log10 of the e-value of a count: green of n fresh units are green, where chance
// has a share gamma, in (0,1). The e-value is a mean of seven likelihood ratios,
//
//	E = 1/7 sum_j (p_j/gamma)^green ((1-p_j)/(1-gamma))^(n-green),  p_j = gamma + 0.005 * 2^j,
//
// with p_j at most 0.97, or (1+gamma)/2 if that is larger. Under the null its mean is 1, so P(E >=
// 1/alpha) <= alpha (Markov). [detect.EBH] takes it. E-values over disjoint units that were decided
// independently may be multiplied.
//
// The mixture is never worse than the best of its points by more than a factor of 7. The error is
// some 1e-15 * n. Log10E panics unless 0 <= green <= n and gamma is in (0,1).
//
// Ramdas, Gruenwald, Vovk and Shafer, "Game-Theoretic Statistics and Safe Anytime-Valid Inference"
// (2023), has mixtures and their use.
func Log10E(green, n int64, gamma float64) float64 {
	checkCounts(green, n)
	m := newMixture(gamma)
	return m.log10E(green, n)
}

func checkCounts(green, n int64) {
	if green < 0 || green > n {
		panic(fmt.Sprintf("sequential: %d units cannot have %d green ones", n, green))
	}
}

// An EProcess is evidence that may be looked at after every unit. Under the null, the probability
// that its e-value ever reaches 1/alpha is at most alpha (Ville 1939). A caller may stop, continue,
// or choose where to look next because of what it saw. The value is [Log10E] of the counts so far.
//
// An EProcess does not know what it counts. Each unit must be fresh, and [Test] makes sure of that.
// The bound fails for a unit that was counted before, and for one whose colour the writer of the
// text could know. An EProcess may be used by one goroutine at a time.
type EProcess struct {
	mixture  mixture
	green, n int64
	// supGreen and supN are the counts at which the value was largest, and 0 at the beginning. Of
	// equal values the first counts. The state is these four integers, so it is the same on every
	// machine that reads it back.
	supGreen, supN int64
	sup            float64 // log10E(supGreen, supN)
}

// NewEProcess returns an EProcess that has counted nothing. Its value is 1. It panics unless gamma,
// the probability of green under the null, is in (0,1).
func NewEProcess(gamma float64) *EProcess {
	return &EProcess{mixture: newMixture(gamma)}
}

// NewEProcessFor returns the EProcess that a [Test] of a mark with this law uses. It is that of
// NewEProcess, with four more green rates if the mark is strong. It panics as NewEProcess does.
func NewEProcessFor(law watermark.Bernoulli) *EProcess {
	return &EProcess{mixture: newMixtureFor(law.P, law.Marked)}
}

// Add counts one fresh unit.
func (e *EProcess) Add(green bool) {
	if green {
		e.AddCounts(1, 1)
	} else {
		e.AddCounts(0, 1)
	}
}

// AddCounts counts n fresh units at once, of which green are green. It looks at the value after the
// last of them only. It panics unless 0 <= green <= n.
func (e *EProcess) AddCounts(green, n int64) {
	checkCounts(green, n)
	e.green += green
	e.n += n
	var parts [maxPoints]float64
	// The mean is at most the largest part, which is below the supremum most of the time.
	if e.mixture.parts(&parts, e.green, e.n) < e.sup*math.Ln10 {
		return
	}
	if now := e.mixture.log10E(e.green, e.n); now > e.sup {
		e.supGreen, e.supN, e.sup = e.green, e.n, now
	}
}

// Counts returns the number of green units and the number of all units.
func (e *EProcess) Counts() (green, n int64) { return e.green, e.n }

// Gamma returns the probability of green under the null, in (0,1).
func (e *EProcess) Gamma() float64 { return e.mixture.gamma }

// Log10E returns log10 of the e-value now. It can fall again.
func (e *EProcess) Log10E() float64 { return e.mixture.log10E(e.green, e.n) }

// Log10P returns log10 of the anytime-valid p-value, min(1, 1/sup E) over the times looked at. For
// every rule to stop, P(p <= alpha) <= alpha under the null. It never rises. The supremum is not an
// e-value: [detect.EBH] takes the Log10E of every process at one common time.
func (e *EProcess) Log10P() float64 { return min(0, -e.sup) }

// Reset removes everything that was counted.
func (e *EProcess) Reset() { *e = EProcess{mixture: e.mixture} }
