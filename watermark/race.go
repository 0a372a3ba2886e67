package watermark

import (
	"encoding/binary"
	"math"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// The first byte b of a token's U bounds E, and so its q:
//
//	NegLog((b+1) 2^56) <= E <= NegLog(b 2^56 + 1)
//
// so that most tokens lose a draw before their other 56 bits, a logarithm or an
// exponential are looked at. A b of 255 bounds nothing from below; of those, one in 256,
// the other bits do, by -ln(1-x) >= x.
var (
	leastOf   [256]float64 // 2 E + 1
	logLeast  [256]float64
	logMost   [256]float64
	weightsUp [4 * 64]float64 // of tokens from i/4 to (i+1)/4 nats below the top
)

const topByte = 255

func init() {
	for b := range uint64(256) {
		leastOf[b] = numerator(b<<56 | (1<<56 - 1))
		logLeast[b] = math.Log(leastOf[b])
		logMost[b] = math.Log(numerator(b << 56))
	}
	for i := range weightsUp {
		weightsUp[i] = math.Exp(-float64(i)/4) * (1 + 1e-12)
	}
}

// logMargin is above the errors of logarithms and exponentials in bounds, and far below
// what they let through.
const logMargin = 1e-9

// choose is chooseAll, a candidate's first byte before the rest.
func (g *gumbelMax) choose(s *scratch, list []candidate, salt uint32, _ float64) int {
	f := g.key(s, salt)
	c := &s.scanner
	c.index = c.index[:0]
	for i := range list {
		c.index = append(c.index, (uint32(list[i].id)^g.lane)/gumbelLanes)
	}
	c.blocks = sized(c.blocks, len(list))
	f.high.Blocks(&s.Scratch, c.blocks, c.index)
	best, least := -1, math.Inf(1)
	for i, x := range list {
		if !(x.weight > 0) {
			continue
		}
		v := uint32(x.id) ^ g.lane
		high := c.blocks[i][v%gumbelLanes]
		// A quotient of two floats is monotonous: this cannot lose the least.
		if best >= 0 && leastOf[high]/x.weight > least {
			continue
		}
		q := numerator(f.join(&s.Scratch, high, v)) / x.weight
		if best < 0 || q < least || q == least && x.id < list[best].id {
			best, least = i, q
		}
	}
	return best
}

// join completes U of token v from its first byte.
func (f *uniforms) join(s *prf.Scratch, high byte, v uint32) uint64 {
	low := binary.LittleEndian.Uint64(f.low.Block(s, v/2)[v%2*8:])
	return uint64(high)<<56 | low>>8
}

// chooseOfRow returns what chooseAll chooses among all tokens of row above -Inf, biased
// by t and weighed at a temperature; there is one. The row has been scanned, and
// arithmetic on top, its largest logit, is bounded.
func (g *gumbelMax) chooseOfRow(s *scratch, row []float32, t *rowBias, top, temperature float32, salt uint32) candidate {
	c := &s.scanner
	r := race{
		s: s, f: g.key(s, salt), lane: g.lane,
		top: c.best(row, t, top).logit, temperature: float64(temperature),
		best: candidate{id: -1}, least: math.Inf(1), log: math.Inf(1),
	}
	// The tokens near the top bound the least q from above.
	const near = 24
	list := c.collect(row, t.delta, c.kth(row, min(near, max(len(row)-1, 1))))
	c.colour(list, t, len(row))
	for i, b := range r.bytes(list) {
		r.log = min(r.log, logMost[b]-r.depth(list[i].logit))
	}
	// That leaves few with a byte that bounds them.
	list = c.collect(row, t.delta, r.floor(r.log-logLeast[topByte-1]))
	c.colour(list, t, len(row))
	for i, b := range r.bytes(list) {
		if b != topByte && logLeast[b]-r.depth(list[i].logit) <= r.log+logMargin {
			r.consider(list[i], b)
		}
	}
	list = r.tokensOfTopByte(row, t)
	c.colour(list, t, len(row))
	for _, x := range list {
		r.consider(x, topByte)
	}
	return r.best
}

// A race is a draw among the tokens of a row.
type race struct {
	s           *scratch
	f           *uniforms
	lane        uint32
	top         float32
	temperature float64
	best        candidate
	least       float64 // q of best
	log         float64 // the logarithm of a q that the least does not exceed
}

// bytes returns the first byte of each candidate's U. They are overwritten by the next call.
func (r *race) bytes(list []candidate) []byte {
	c := &r.s.scanner
	c.bytes = c.bytes[:0]
	c.index = c.index[:0]
	for i := range list {
		c.index = append(c.index, (uint32(list[i].id)^r.lane)/gumbelLanes)
	}
	c.blocks = sized(c.blocks, len(list))
	r.f.high.Blocks(&r.s.Scratch, c.blocks, c.index)
	for i := range list {
		c.bytes = append(c.bytes, c.blocks[i][(uint32(list[i].id)^r.lane)%gumbelLanes])
	}
	return c.bytes
}

// depth returns the logarithm of a weight.
func (r *race) depth(logit float32) float64 {
	return (float64(logit) - float64(r.top)) / r.temperature
}

// floor returns a logit below those of all weights down to e^-depth.
func (r *race) floor(depth float64) float32 {
	const margin = 1e-6
	return math.Nextafter32(float32(float64(r.top)-(depth+margin)*r.temperature), negInf)
}

// consider lets a token, of the first byte high, take part.
func (r *race) consider(x candidate, high byte) {
	x.weight = 1
	if x.logit != r.top {
		x.weight = math.Exp(r.depth(x.logit))
	}
	if !(x.weight > 0) || leastOf[high]/x.weight > r.least {
		return
	}
	q := numerator(r.f.join(&r.s.Scratch, high, uint32(x.id)^r.lane)) / x.weight
	if q < r.least || q == r.least && x.id < r.best.id {
		r.best, r.least = x, q
		r.log = min(r.log, math.Log(q))
	}
}

// lastBytes returns the tokens with the last byte that may yet win, their logits as they
// are in row. The list is good until the next of a chooser.
func (r *race) tokensOfTopByte(row []float32, t *rowBias) []candidate {
	c := &r.s.scanner
	lanes := (len(row) + gumbelLanes - 1) &^ (gumbelLanes - 1) // a tenant lane stays within
	c.last = r.f.high.LastBytes(&r.s.Scratch, c.last[:0], lanes)
	c.index = c.index[:0]
	for _, at := range c.last {
		c.index = append(c.index, at/2)
	}
	c.blocks = sized(c.blocks, len(c.last))
	r.f.low.Blocks(&r.s.Scratch, c.blocks, c.index)
	floor, least := r.floor(r.log), math.Exp(r.log+logMargin)
	list := c.list[:0]
	for i, at := range c.last {
		v := int(at ^ r.lane)
		if v >= len(row) {
			continue
		}
		low := binary.LittleEndian.Uint64(c.blocks[i][at%2*8:])
		missing := -(uint64(topByte)<<56 | low>>8) - 1 // 2^64 less U+1
		const toDrawBits = 64 - drawBits
		q := float64(2*(missing>>toDrawBits) + 1)
		// The maximum of a block is at hand, where the row itself may be far away.
		if r.mayWin(q, c.maxima[v/kernel.ScanBlock]+t.delta, floor, least) && r.mayWin(q, row[v]+t.delta, floor, least) {
			list = append(list, candidate{logit: row[v], id: Token(v)})
		}
	}
	c.list = list
	return list
}

// mayWin reports whether q over the weight of some logit up to one is at most least. floor
// is below what has such a weight with any q.
func (r *race) mayWin(q float64, logit, floor float32, least float64) bool {
	if !(logit >= floor) {
		return false
	}
	place := int(4 * max(-r.depth(logit), 0))
	return place >= len(weightsUp) || q <= least*weightsUp[place]
}
