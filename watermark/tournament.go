package watermark

import (
	"encoding/binary"
	"fmt"

	"github.com/isotope-wm/isotope/internal/prf"
)

// MaxDepth is the largest number of layers in a [Tournament].
const MaxDepth = 32

// MaxCandidates is the largest number of candidates in a match of a [Tournament].
const MaxCandidates = 16

const defaultCandidates = 2

// Tournament is the keyed draw of SynthID-Text (Dathathri et al. 2024, "Scalable watermarking for
// identifying large language model outputs"). By definition it draws Candidates^Depth tokens from
// the model. In each layer groups of Candidates meet, and one with the best keyed fair bit of that
// layer advances; chance breaks ties. The implementation reweights the probabilities layer by layer
// and draws once. Unlike [GumbelMax] the draw keeps some randomness of its own, so the same request
// does not always get the same answer.
//
// With two candidates the distribution of each token stays as it is, on average over keys. With more
// it becomes flatter, for a stronger mark.
//
// Truncate first where you can. A draw takes microseconds with TopK 50, and some milliseconds over a
// whole vocabulary.
type Tournament struct {
	Depth      int // layers, 1 to MaxDepth; 30 in SynthID-Text
	Width      int // tokens of context, 1 to MaxWidth; 4 for provenance
	Candidates int // in a match, 2 to MaxCandidates; 0 means 2; more than 2 change the distribution
}

// String returns the parameters that scores depend on. Candidates is not one of them.
func (t Tournament) String() string {
	return fmt.Sprintf("tournament depth=%d width=%d", t.Depth, t.Width)
}

func (t Tournament) contextWidth() int { return t.Width }

func (Tournament) masksRepeats() bool { return true }

// tournamentLanes is how many tokens share a block.
const tournamentLanes = 4

func (t Tournament) bind(leaf *[prf.LeafSize]byte, lane Lane) (boundScheme, error) {
	t = withDefaults(t).(Tournament)
	switch {
	case t.Width < 1:
		return nil, paramError("width", "%d is below 1; without a context a keyed draw would always draw alike", t.Width)
	case t.Depth < 1 || t.Depth > MaxDepth:
		return nil, paramError("depth", "%d is outside 1 to %d", t.Depth, MaxDepth)
	case t.Candidates < 2 || t.Candidates > MaxCandidates:
		return nil, paramError("candidates", "%d is outside 2 to %d", t.Candidates, MaxCandidates)
	case lane.Index >= tournamentLanes:
		return nil, paramError("lane", "%d is outside 0 to %d; a tournament takes 32 of 128 bits for a token", lane.Index, tournamentLanes-1)
	}
	f, err := prf.New(leaf, prf.PurposeTournament, t.Width, 32, lane.Group)
	if err != nil {
		return nil, err
	}
	b := &tournament{params: t, f: f, lane: uint32(lane.Index), weighted: true}
	for l := range t.Depth {
		b.weights[l] = layerWeight(t.Depth, l)
	}
	return b, nil
}

// layerWeight returns the weight of layer l of m. It is 10(m-1) - 9l divided by the greatest
// common divisor of all layers, which is that of m-1 and 9.
func layerWeight(m, l int) int64 {
	if m == 1 {
		return 1
	}
	divisor := 1
	for (m-1)%(3*divisor) == 0 && divisor < 9 {
		divisor *= 3
	}
	return int64((10*(m-1) - 9*l) / divisor)
}

// tournament is a Tournament under a key.
type tournament struct {
	params   Tournament
	f        *prf.Function
	lane     uint32
	weighted bool
	weights  [MaxDepth]int64
}

// bits returns the bits of token v in the current context. Bit l belongs to layer l.
func (t *tournament) bits(s *prf.Scratch, v uint32) uint32 {
	word := binary.LittleEndian.Uint32(t.f.Block(s, v/tournamentLanes)[v%tournamentLanes*4:])
	return word & (1<<t.params.Depth - 1)
}

func (t *tournament) law() Law {
	return Layers{Depth: t.params.Depth, Weighted: t.weighted, Marked: 1 - 1/float64(uint32(1)<<t.params.Candidates)}
}

func (t *tournament) row(s *prf.Scratch, p Pair) uint32 {
	t.f.SetContext(s, p.Context)
	return t.bits(s, uint32(p.Token)^t.lane)
}

func (t *tournament) score(s *prf.Scratch, p Pair) int64 {
	row := t.row(s, p)
	var sum int64
	for l := range t.params.Depth {
		sum += t.weights[l] * int64(row>>l&1)
	}
	return sum
}

func (t *tournament) parts(s *prf.Scratch, p Pair, dst []int64) []int64 {
	return append(dst, int64(t.row(s, p)))
}

func (t *tournament) unweighted() boundScheme {
	if !t.weighted {
		return t
	}
	c := *t
	c.weighted = false
	for l := range c.weights {
		c.weights[l] = 1
	}
	return &c
}

// setContext makes context the current one.
func (t *tournament) setContext(s *scratch, context []Token) { t.f.SetContext(&s.Scratch, context) }

// settle multiplies the weights of candidates by what a tournament makes of them. In a layer, let Q
// be the mass of the tokens with a 1. The best of N independent draws has a 1 unless all have a 0. So
// a token with a 1 wins
//
//	(1 - (1-Q)^N) / Q = 1 + (1-Q) + ... + (1-Q)^(N-1)
//
// times as often as before, and a token with a 0 wins (1-Q)^(N-1) times as often. For N = 2 the
// factors are 2-Q and 1-Q.
func (t *tournament) settle(s *scratch, list []candidate, _ uint32) {
	if len(list) >= manyCandidates {
		t.settleMany(s, list)
		return
	}
	s.bits = s.bits[:0]
	for _, c := range list {
		s.bits = append(s.bits, t.bits(&s.Scratch, uint32(c.id)^t.lane))
	}
	for l := range t.params.Depth {
		var total, ones float64
		for i, c := range list {
			total += c.weight
			if s.bits[i]>>l&1 == 1 {
				ones += c.weight
			}
		}
		if !(total > 0) {
			return
		}
		one, zero := t.factors(ones / total)
		for i := range list {
			if s.bits[i]>>l&1 == 1 {
				list[i].weight *= one
			} else {
				list[i].weight *= zero
			}
		}
	}
}

// factors returns the factors of tokens with a 1 and with a 0, if tokens with a 1 have this mass.
func (t *tournament) factors(mass float64) (one, zero float64) {
	miss := 1 - mass
	one, zero = 1.0, 1.0
	for range t.params.Candidates - 1 {
		zero = float64(zero * miss) // the conversion forbids a fused multiply-add, which rounds otherwise
		one += zero
	}
	return one, zero
}

// manyCandidates is the length of a list from which settleMany is faster.
const manyCandidates = 2048

// passLayers is how many layers settleMany takes in one pass. All tokens whose bits of these layers are
// the same have one factor.
const passLayers = 8

// settleMany is settle for long lists. Layers see the sums of weights by pattern of bits alone, and
// there are few patterns. So it passes over the list once for several layers. Its results differ from
// those of settle by rounding.
func (t *tournament) settleMany(s *scratch, list []candidate) {
	t.manyBits(s, list)
	for first := 0; first < t.params.Depth; first += passLayers {
		layers := min(passLayers, t.params.Depth-first)
		var sums, factors [1 << passLayers]float64
		total := 0.0
		for i, c := range list {
			sums[s.bits[i]>>first&(1<<layers-1)] += c.weight
		}
		for i := range factors {
			factors[i] = 1
		}
		for _, x := range sums[:1<<layers] {
			total += x
		}
		if !(total > 0) {
			return
		}
		for l := range layers {
			ones, all := 0.0, 0.0
			for pattern, x := range sums[:1<<layers] {
				all += float64(x * factors[pattern])
				if pattern>>l&1 == 1 {
					ones += float64(x * factors[pattern])
				}
			}
			one, zero := t.factors(ones / all)
			for pattern := range factors[:1<<layers] {
				if pattern>>l&1 == 1 {
					factors[pattern] *= one
				} else {
					factors[pattern] *= zero
				}
			}
		}
		for i := range list {
			list[i].weight *= factors[s.bits[i]>>first&(1<<layers-1)]
		}
	}
}

// manyBits sets s.bits to the bits of each candidate. Most of a list in order of ids are neighbours, and
// share a block.
func (t *tournament) manyBits(s *scratch, list []candidate) {
	s.bits = sized(s.bits, len(list))
	mask := uint32(1<<t.params.Depth - 1)
	c := &s.scanner
	c.index = c.index[:0]
	for i := range list {
		if j := (uint32(list[i].id) ^ t.lane) / tournamentLanes; len(c.index) == 0 || j != c.index[len(c.index)-1] {
			c.index = append(c.index, j)
		}
	}
	c.blocks = sized(c.blocks, len(c.index))
	t.f.Blocks(&s.Scratch, c.blocks, c.index)
	at := 0
	for i := range list {
		v := uint32(list[i].id) ^ t.lane
		if v/tournamentLanes != c.index[at] {
			at++
		}
		s.bits[i] = binary.LittleEndian.Uint32(c.blocks[at][v%tournamentLanes*4:]) & mask
	}
}

func (t *tournament) choose(s *scratch, list []candidate, salt uint32, u float64) int {
	t.settle(s, list, salt)
	return drawIndex(list, u)
}
