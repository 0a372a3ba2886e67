package watermark

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/isotope-wm/isotope/internal/prf"
)

// GumbelMax is a keyed draw that leaves the distribution of each token as it is, on average over
// keys (Aaronson 2022). It draws the token v with the least -ln(u_v)/p_v. Here p_v is the
// probability of v, and u_v is a keyed uniform number of the context and v. In marked text the u
// are closer to 1 than chance makes them.
//
// The draw is a function of the key and the context, so the same request gets the same answer. Two
// things change that. [Key.Variants] gives several keys, one of which marks each text; a test tries
// them all, and adjusts for that. Dual chooses one of two keys for each context, by a coin that
// differs between requests ([Sequence.SetSalt]); one test covers both keys.
type GumbelMax struct {
	Width int // tokens of context, 1 to MaxWidth; 4 for provenance
	// Dual is the probability that a context uses the first of two keys, m/256 with
	// 0 < m < 256. 0 means one key. A score is Dual times the score under the first key plus
	// 1-Dual times the score under the second.
	Dual float64
}

// String returns the parameters that scores depend on.
func (g GumbelMax) String() string {
	if g.Dual == 0 {
		return fmt.Sprintf("gumbelmax width=%d", g.Width)
	}
	return fmt.Sprintf("gumbelmax dual=%v width=%d", g.Dual, g.Width)
}

func (g GumbelMax) contextWidth() int { return g.Width }

func (GumbelMax) masksRepeats() bool { return true }

// gumbelLanes is how many tokens share a block of the first bytes.
const gumbelLanes = 16

func (g GumbelMax) bind(leaf *[prf.LeafSize]byte, lane Lane) (boundScheme, error) {
	if g.Width < 1 {
		return nil, paramError("width", "%d is below 1; without a context a keyed draw would always draw the same", g.Width)
	}
	m := g.Dual * 256
	if m != math.Trunc(m) || m < 0 || m > 255 {
		return nil, paramError("dual", "%v is not m/256 with 0 <= m < 256", g.Dual)
	}
	if lane.Index >= gumbelLanes {
		return nil, paramError("lane", "%d is outside 0 to %d; a GumbelMax takes 8 of 128 bits for a token", lane.Index, gumbelLanes-1)
	}
	b := &gumbelMax{params: g, lane: uint32(lane.Index), m: uint64(m), weights: [2]uint64{256, 0}}
	var err error
	if b.first, err = newUniforms(leaf, prf.PurposeGumbel, prf.PurposeGumbelLow, g.Width, lane.Group); err != nil {
		return nil, err
	}
	if m == 0 {
		return b, nil
	}
	b.weights = [2]uint64{b.m, 256 - b.m}
	if b.second, err = newUniforms(leaf, prf.PurposeGumbel2, prf.PurposeGumbel2Low, g.Width, lane.Group); err != nil {
		return nil, err
	}
	b.coin, err = prf.New(leaf, prf.PurposeCoin, g.Width, 0, lane.Group)
	return b, err
}

// uniforms gives each (context, token) pair a number of 64 bits.
type uniforms struct {
	high *prf.Function // gives a byte for each token
	low  *prf.Function // gives 8 bytes for each token; has the nonces of high, so one K_context serves both
}

func newUniforms(leaf *[prf.LeafSize]byte, high, low string, width int, group uint32) (*uniforms, error) {
	h, err := prf.New(leaf, high, width, 8, group)
	if err != nil {
		return nil, err
	}
	l, err := prf.New(leaf, low, width, 64, group)
	if err != nil {
		return nil, err
	}
	return &uniforms{high: h, low: l}, nil
}

// number returns U of token v in the current context: 64 uniform bits. The highest 8 come from a
// block that 16 tokens share, the others from a block that two tokens share.
func (f *uniforms) number(s *prf.Scratch, v uint32) uint64 {
	high := f.high.Block(s, v/gumbelLanes)[v%gumbelLanes]
	low := binary.LittleEndian.Uint64(f.low.Block(s, v/2)[v%2*8:])
	return uint64(high)<<56 | low>>8
}

// gumbelMax is a GumbelMax under a key.
type gumbelMax struct {
	params  GumbelMax
	lane    uint32
	first   *uniforms
	second  *uniforms     // nil for one key
	coin    *prf.Function // nil for one key
	m       uint64        // coins below m choose the first key
	weights [2]uint64     // weights of the scores under the two keys, in 256ths
}

func (g *gumbelMax) law() Law {
	return Exponential{First: float64(g.weights[0]) / 256, Second: float64(g.weights[1]) / 256}
}

// scoreOf returns -ln((2^64 - U)/2^64) in units of 1/ScoreUnit, rounded down.
func scoreOf(u uint64) uint64 { return prf.NegLog(-u, 32) } // NegLog takes 0 for 2^64

func (g *gumbelMax) score(s *prf.Scratch, p Pair) int64 {
	g.first.high.SetContext(s, p.Context)
	v := uint32(p.Token) ^ g.lane
	sum := g.weights[0] * scoreOf(g.first.number(s, v))
	if g.second != nil {
		hi, lo := bits.Mul64(g.weights[1], scoreOf(g.second.number(s, v)))
		_ = hi // 0: the factors are below 2^38 and 2^8
		sum += lo
	}
	return int64(sum / 256)
}

func (g *gumbelMax) parts(s *prf.Scratch, p Pair, dst []int64) []int64 {
	g.first.high.SetContext(s, p.Context)
	v := uint32(p.Token) ^ g.lane
	dst = append(dst, int64(scoreOf(g.first.number(s, v))))
	if g.second != nil {
		dst = append(dst, int64(scoreOf(g.second.number(s, v))))
	}
	return dst
}

func (g *gumbelMax) unweighted() boundScheme {
	if g.second == nil {
		return g
	}
	c := *g
	c.weights = [2]uint64{256, 256}
	return &c
}

// setContext makes context the current one.
func (g *gumbelMax) setContext(s *scratch, context []Token) {
	g.first.high.SetContext(&s.Scratch, context)
}

// key returns the numbers that draw in the current context, in the request with this salt.
func (g *gumbelMax) key(s *scratch, salt uint32) *uniforms {
	if g.second == nil || uint64(g.coin.Block(&s.Scratch, salt)[0]) < g.m {
		return g.first
	}
	return g.second
}

// drawBits is the number of fraction bits of a logarithm in a draw. With 46, the number 2 E + 1
// fits a float64 without rounding for every U.
const drawBits = 46

// numerator returns 2 E + 1, where E is -ln((U+1)/2^64) in fixed point, rounded down. The result is
// not rounded.
func numerator(u uint64) float64 { return float64(2*prf.NegLog(u+1, drawBits) + 1) }

// chooseAll returns the index of the candidate with the least q = numerator/weight. It ignores
// candidates without a positive weight, and returns -1 if there are no others. Ties go to the
// lower id. A numerator is exact, so each q has one rounding, and is the same on every machine.
func (g *gumbelMax) chooseAll(s *scratch, list []candidate, salt uint32) int {
	f := g.key(s, salt)
	best := -1
	var least float64
	for i, c := range list {
		if !(c.weight > 0) {
			continue
		}
		q := numerator(f.number(&s.Scratch, uint32(c.id)^g.lane)) / c.weight
		if best < 0 || q < least || q == least && c.id < list[best].id {
			best, least = i, q
		}
	}
	return best
}

// settle leaves a weight to the chosen candidate alone.
func (g *gumbelMax) settle(s *scratch, list []candidate, salt uint32) {
	chosen := g.choose(s, list, salt, 0)
	for i := range list {
		if i != chosen {
			list[i].weight = 0
		}
	}
}
