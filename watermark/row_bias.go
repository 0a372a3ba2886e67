package watermark

import (
	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// A rowBias is the bias at one position. It answers the colour of single tokens, so that callers need
// not write a whole row. The zero rowBias changes nothing.
type rowBias struct {
	delta float32
	table *kernel.Table
	f     *prf.Function
	s     *prf.Scratch // holds the context
}

func (g *greenList) biasAt(s *prf.Scratch, context []Token) rowBias {
	g.f.SetContext(s, context)
	return rowBias{delta: float32(g.params.Delta), table: g.table, f: g.f, s: s}
}

func (g *payloadList) biasAt(s *prf.Scratch, context []Token) rowBias {
	return rowBias{delta: float32(g.params.Delta), table: g.list(s, context), f: g.f, s: s}
}

// bias returns what is added to the logit of token v, given the block that decides its colour. It
// does not branch on the colour.
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
	return dst
}
