package watermark

import (
	"math"

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
	lift   float32      // what these get instead, so that they keep their probability; see lift
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

// weigh multiplies the weights of favoured candidates by factor. Exempt ones keep their share.
func (t *rowBias) weigh(list []candidate, factor float64) {
	var before, after float64 // of the others
	left := false
	for i := range list {
		c := &list[i]
		if c.weight == 0 {
			continue
		}
		if t.exempt.has(c.id) {
			left = true
			continue
		}
		before += c.weight
		if t.favours(c.id) {
			c.weight *= factor
		}
		after += c.weight
	}
	if !left || before == 0 {
		return
	}
	for i := range list {
		if c := &list[i]; t.exempt.has(c.id) {
			c.weight *= after / before
		}
	}
}

// liftDepth is how far below the largest logit exempt ids keep their probability, in nats at the
// temperature. Below it, at less than one in a million, they do not get a lift.
const liftDepth = 14

// lift returns what the logits of exempt ids need so that these ids keep their probability under the
// bias t: T ln(A/B). A and B are the sums of e^(x/T) over the other tokens, with the bias and without.
// The result is in [0, delta]. top is the largest logit of row, which has been scanned. For temperature
// 0 it is the limit.
func (c *rowScanner) lift(row []float32, t *rowBias, top, temperature float32) float32 {
	const depth = 24 // of tokens that matter to A and B
	ids := t.exempt.within(len(row))
	if len(ids) == 0 || t.table == nil || !c.bounded(top, max(temperature, 1e-5)) {
		return 0
	}
	T := float64(temperature)
	if !(T > 0) {
		T = 0
	}
	matters := false
	for _, id := range ids {
		matters = matters || float64(row[id]) >= float64(top)-liftDepth*T
	}
	if !matters {
		return 0
	}
	c.green = t.mask(c.green, len(row))
	floor := float64(top) - float64(t.delta) - depth*T
	var best, sum [2]float64 // without and with the bias
	each := func(f func(plain, biased float64)) {
		for b, most := range c.maxima {
			if !(float64(most) >= floor) {
				continue
			}
			first := b * kernel.ScanBlock
			for i, x := range row[first:min(first+kernel.ScanBlock, len(row))] {
				if !(float64(x) >= floor) || t.exempt.has(Token(first+i)) {
					continue
				}
				biased := x
				if id := first + i; c.green[id/64]>>(id%64)&1 == 1 {
					biased += t.delta
				}
				f(float64(x), float64(biased))
			}
		}
	}
	best = [2]float64{math.Inf(-1), math.Inf(-1)}
	each(func(plain, biased float64) {
		best[0], best[1] = max(best[0], plain), max(best[1], biased)
	})
	if math.IsInf(best[0], -1) {
		return 0
	}
	lift := best[1] - best[0]
	if T > 0 {
		each(func(plain, biased float64) {
			sum[0] += math.Exp((plain - best[0]) / T)
			sum[1] += math.Exp((biased - best[1]) / T)
		})
		lift += T * math.Log(sum[1]/sum[0])
	}
	return float32(min(max(lift, 0), float64(t.delta)))
}
