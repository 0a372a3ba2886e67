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
// Truncate first: a draw costs Depth passes over its candidates. It is fast with TopK 50 and takes
// milliseconds over a whole vocabulary.
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
		miss := 1 - ones/total
		one, zero := 1.0, 1.0
		for range t.params.Candidates - 1 {
			zero = float64(zero * miss) // the conversion forbids a fused multiply-add, which rounds otherwise
			one += zero
		}
		for i := range list {
			if s.bits[i]>>l&1 == 1 {
				list[i].weight *= one
			} else {
				list[i].weight *= zero
			}
		}
	}
}

func (t *tournament) choose(s *scratch, list []candidate, salt uint32, u float64) int {
	t.settle(s, list, salt)
	return drawIndex(list, u)
}
