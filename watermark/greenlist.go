package watermark

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
	"github.com/isotope-wm/isotope/internal/tail"
)

// GreenList is a bias of a keyed part of the vocabulary (Kirchenbauer et al. 2023). Each (context,
// token) pair is green with probability Gamma, independently of all others, and green tokens get
// Delta added to their logits. So the number of green pairs among distinct ones is exactly binomial
// if the text does not depend on the key.
//
// [Sequence.Sample] divides logits by its temperature after the bias. At temperature T a delta
// acts like delta/T at temperature 1: a Delta of 2 costs at 0.7 what 2.9 costs at 1.
type GreenList struct {
	Gamma float64 // probability of green, m/256 with 0 < m < 256; 1/2 and 1/4 are the fastest
	Delta float64 // added to the logits of green tokens, in nats; in (0, 100], and above 0 as a float32
	Width int     // tokens of context, 0 to MaxWidth; 1 or 2 to survive training
	// Gate is an entropy in nats, 0 to 16. Only rows of more are biased, so that a text pays where
	// it has a choice (Lee et al. 2023, "Who Wrote this Code?"). Entropies are those of the model's
	// own rows, at temperature 1. 0 biases every row. A test needs no gate. One that knows the
	// rows, or those of another model, gains from the same Gate.
	Gate float64
}

// String returns the parameters that scores depend on. Delta and Gate are not among them.
func (g GreenList) String() string {
	return fmt.Sprintf("greenlist gamma=%v width=%d", g.Gamma, g.Width)
}

func (g GreenList) contextWidth() int { return g.Width }

func (GreenList) masksRepeats() bool { return false }

// maxDelta is far above any useful bias, and far below an overflow of float32.
const maxDelta = 100

func (g GreenList) bind(leaf *[prf.LeafSize]byte, lane Lane) (boundScheme, error) {
	m, w, err := lanesOf(g.Gamma)
	if err != nil {
		return nil, err
	}
	if !(float32(g.Delta) > 0 && g.Delta <= maxDelta) { // a float32 cannot hold 1e-60
		return nil, paramError("delta", "%v is outside (0, %d]", g.Delta, maxDelta)
	}
	if !(g.Gate >= 0 && g.Gate <= maxGate) {
		return nil, paramError("gate", "%v is outside [0, %d] nats", g.Gate, maxGate)
	}
	if lane.Index >= 128/w {
		return nil, paramError("lane", "%d is outside 0 to %d; with gamma %v a token takes %d of 128 bits", lane.Index, 128/w-1, g.Gamma, w)
	}
	f, err := prf.New(leaf, prf.PurposeGreen, g.Width, w, lane.Group)
	if err != nil {
		return nil, err
	}
	odds := tail.Exp(g.Delta)
	return &greenList{
		params: g,
		f:      f,
		table:  kernel.NewTable(w, m, lane.Index, float32(g.Delta)),
		odds:   odds,
		public: greenLaw(g.Gamma, odds),
	}, nil
}

// greenLaw returns the law of a green list by its factor e^delta, with the same bits on every machine:
// results hold how many tokens they need under it. The conversion forbids a fused operation.
func greenLaw(gamma, odds float64) Bernoulli {
	return Bernoulli{P: gamma, Marked: gamma * odds / (1 + float64(gamma*(odds-1)))}
}

// lanesOf returns gamma as m/2^w with the smallest w of 1, 2, 4 and 8.
func lanesOf(gamma float64) (m, w int, err error) {
	scaled := gamma * 256
	if scaled != math.Trunc(scaled) || scaled < 1 || scaled > 255 {
		nearest := min(max(math.Round(scaled), 1), 255) / 256
		if math.IsNaN(nearest) {
			nearest = 0.5
		}
		return 0, 0, paramError("gamma", "%v is not m/256 with 0 < m < 256; the nearest that is: %v", gamma, nearest)
	}
	m, w = int(scaled), 8
	for w > 1 && m%(1<<(w/2)) == 0 {
		m >>= w / 2
		w /= 2
	}
	return m, w, nil
}

// greenList is a GreenList under a key.
type greenList struct {
	params GreenList
	f      *prf.Function
	table  *kernel.Table
	odds   float64 // e^delta
	public Law     // made once, so that a test of a text does not allocate
}

func (g *greenList) law() Law { return g.public }

func (g *greenList) process(s *prf.Scratch, logits []float32, context []Token) {
	g.f.SetContext(s, context)
	g.f.Process(s, g.table, logits)
}

func (g *greenList) mask(s *prf.Scratch, dst []uint64, n int, context []Token) {
	g.f.SetContext(s, context)
	g.f.Mask(s, g.table, dst, n)
}

func (g *greenList) score(s *prf.Scratch, p Pair) int64 {
	g.f.SetContext(s, p.Context)
	v := uint32(p.Token)
	if g.table.Green(g.f.Block(s, g.table.BlockOf(v)), v) {
		return 1
	}
	return 0
}

func (g *greenList) parts(s *prf.Scratch, p Pair, dst []int64) []int64 {
	return append(dst, g.score(s, p))
}

func (g *greenList) unweighted() boundScheme { return g }

func (g *greenList) factor() float64 { return g.odds }
