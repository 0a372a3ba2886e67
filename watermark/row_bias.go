package watermark

import (
	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// A rowBias is the bias at one position. It answers the colour of single tokens, so that callers need
// not write a whole row. The zero rowBias changes nothing.
type rowBias struct {
	delta  float32
	table  *kernel.Table
	f      *prf.Function
	s      *prf.Scratch // holds the context
	exempt *exemptIDs   // ids without a bias
}

func (g *greenList) biasAt(s *prf.Scratch, context []Token) rowBias {
	g.f.SetContext(s, context)
	return rowBias{delta: float32(g.params.Delta), table: g.table, f: g.f, s: s}
}

func (g *payloadList) biasAt(s *prf.Scratch, context []Token) rowBias {
	return rowBias{delta: float32(g.params.Delta), table: g.list(s, context), f: g.f, s: s}
}

// bias returns what is added to the logit of token v, given the block that decides its colour. It
// does not branch on the colour. It does not look at exempt ids.
func (t *rowBias) bias(block *[kernel.BlockSize]byte, v uint32) float32 {
	green := 0
	if t.table.Green(block, v) {
		green = 1
	}
	return [2]float32{0, t.delta}[green]
}

// mask returns the green bitmap of n tokens. It reuses the memory of dst.
func (t *rowBias) mask(dst []uint64, n int) []uint64 {
	dst = sized(dst, (n+63)/64)
	if t.table == nil {
		clear(dst)
		return dst
	}
	t.f.Mask(t.s, t.table, dst, n)
	t.exempt.unmask(dst, n)
	return dst
}

// favours reports whether the bias applies to a token.
func (t *rowBias) favours(id Token) bool {
	v := uint32(id)
	return t.table.Green(t.f.Block(t.s, t.table.BlockOf(v)), v) && !t.exempt.has(id)
}

// weigh multiplies the weights of favoured candidates by factor.
func (t *rowBias) weigh(list []candidate, factor float64) {
	for i := range list {
		if c := &list[i]; c.weight > 0 && t.favours(c.id) {
			c.weight *= factor
		}
	}
}
