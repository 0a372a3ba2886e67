package watermark

import (
	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// A tint is a bias at one position, for one who wants to know a few colours and not
// to write a row. The zero tint biases nothing.
type tint struct {
	delta float32
	table *kernel.Table
	f     *prf.Function
	s     *prf.Scratch // holds the context
}

func (g *greenList) tint(s *prf.Scratch, context []Token) tint {
	g.f.SetContext(s, context)
	return tint{delta: float32(g.params.Delta), table: g.table, f: g.f, s: s}
}

func (g *payloadList) tint(s *prf.Scratch, context []Token) tint {
	return tint{delta: float32(g.params.Delta), table: g.list(s, context), f: g.f, s: s}
}

// streamShare is how many blocks of keystream take as long together as one alone.
const streamShare = 8

// colour biases candidates in order of ids, of a row of n tokens. It makes the blocks
// that they need, or the whole keystream where that is cheaper.
func (t *tint) colour(list []candidate, n int) {
	if t.table == nil {
		return
	}
	const none = 1<<32 - 1 // no token's block
	blocks, last := 0, uint32(none)
	for i := range list {
		if j := t.table.BlockOf(uint32(list[i].id)); j != last {
			blocks, last = blocks+1, j
		}
	}
	var stream []byte
	if size := t.table.StreamSize(n); blocks*streamShare > size/kernel.BlockSize {
		stream = t.f.Stream(t.s, size)
	}
	last = none
	var block *[kernel.BlockSize]byte
	for i := range list {
		c := &list[i]
		if j := t.table.BlockOf(uint32(c.id)); j != last {
			last = j
			if stream != nil {
				block = (*[kernel.BlockSize]byte)(stream[kernel.BlockSize*int(j):])
			} else {
				block = t.f.Block(t.s, j)
			}
		}
		if t.table.Green(block, uint32(c.id)) {
			c.logit += t.delta
		}
	}
}

// mask writes the green bitmap of n tokens to dst, grown as needed, and returns it.
func (t *tint) mask(dst []uint64, n int) []uint64 {
	dst = sized(dst, (n+63)/64)
	if t.table == nil {
		clear(dst)
		return dst
	}
	t.table.Mask(dst, t.f.Stream(t.s, t.table.StreamSize(n)), n)
	return dst
}
