package watermark

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// The first byte b of a token's U bounds E, and so its q:
//
//	NegLog((b+1) 2^56) <= E <= NegLog(b 2^56 + 1)
//
// Most tokens therefore lose a draw before it needs their other 56 bits, a logarithm or an
// exponential. A byte of 255, as one token in 256 has, gives no lower bound. For these tokens the
// other bits give one, by -ln(1-x) >= x.
var (
	leastOf   [256]float64    // least numerator of a first byte
	logLeast  [256]float64    // its logarithm
	logMost   [256]float64    // logarithm of the largest numerator of a first byte
	weightsUp [4 * 64]float64 // upper bound of the weights from i/4 to (i+1)/4 nats below the top
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

// logMargin is larger than the rounding errors in the bounds, and far too small to let more tokens
// through.
const logMargin = 1e-9

// choose is chooseAll, but looks at the first byte of a candidate before the rest.
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
		// Division of floats is monotonic, so this cannot drop the least q.
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

// join returns U of token v, given its first byte.
func (f *uniforms) join(s *prf.Scratch, high byte, v uint32) uint64 {
	low := binary.LittleEndian.Uint64(f.low.Block(s, v/2)[v%2*8:])
	return uint64(high)<<56 | low>>8
}

// chooseOfRow returns the candidate that chooseAll would choose among all tokens of row above -Inf,
// with the bias t and weights at a temperature. There must be one. The caller has scanned the row,
// whose largest logit is top, and has checked that it is bounded. It does not choose exempt tokens, and
// returns the id -1 if there are no others.
func (g *gumbelMax) chooseOfRow(
	s *scratch, row []float32, t *rowBias, top, temperature float32, salt uint32, exempt *exemptIDs,
) candidate {
	c := &s.scanner
	r := race{
		s: s, f: g.key(s, salt), lane: g.lane,
		top: c.best(row, t, top).logit, temperature: float64(temperature),
		best: candidate{id: -1}, least: math.Inf(1), log: math.Inf(1), exempt: exempt,
	}
	// The tokens near the top give an upper bound of the least q.
	const near = 24
	list := r.others(c.collect(row, t.delta, c.kth(row, min(near, max(len(row)-1, 1)))))
	c.colour(list, t, len(row))
	for i, b := range r.bytes(list) {
		r.log = min(r.log, logMost[b]-r.depth(list[i].logit))
	}
	// Few tokens are left whose first byte gives a lower bound.
	list = r.others(c.collect(row, t.delta, r.floor(r.log-logLeast[topByte-1])))
	c.colour(list, t, len(row))
	for i, b := range r.bytes(list) {
		if b != topByte && logLeast[b]-r.depth(list[i].logit) <= r.log+logMargin {
			r.consider(list[i], b)
		}
	}
	list = r.others(r.tokensOfTopByte(row, t))
	c.colour(list, t, len(row))
	for _, x := range list {
		r.consider(x, topByte)
	}
	return r.best
}

// A race finds the token of a row with the least q.
type race struct {
	s           *scratch
	f           *uniforms
	lane        uint32
	top         float32 // largest biased logit
	temperature float64
	best        candidate // so far
	least       float64   // q of best
	log         float64   // logarithm of an upper bound of the least q
	exempt      *exemptIDs
}

// others returns the tokens of list that are not exempt. It changes list.
func (r *race) others(list []candidate) []candidate {
	if r.exempt == nil {
		return list
	}
	return slices.DeleteFunc(list, func(c candidate) bool { return r.exempt.has(c.id) })
}

// bytes returns the first byte of each candidate's U. The next call overwrites them.
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

// depth returns the logarithm of the weight of a logit.
func (r *race) depth(logit float32) float64 {
	return (float64(logit) - float64(r.top)) / r.temperature
}

// floor returns a logit below every logit with a weight of e^-depth or more.
func (r *race) floor(depth float64) float32 {
	const margin = 1e-6
	return math.Nextafter32(float32(float64(r.top)-(depth+margin)*r.temperature), negInf)
}

// consider compares a token with the best one so far. high is its first byte.
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

// tokensOfTopByte returns the tokens with first byte 255 that may still win, with the logits that
// they have in row. The slice is valid until the scanner's next call.
func (r *race) tokensOfTopByte(row []float32, t *rowBias) []candidate {
	c := &r.s.scanner
	lanes := (len(row) + gumbelLanes - 1) &^ (gumbelLanes - 1) // a lane permutes tokens within a block
	c.last = r.f.high.Find255(&r.s.Scratch, c.last[:0], lanes)
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
		missing := -(uint64(topByte)<<56 | low>>8) - 1 // 2^64 - (U+1)
		const toDrawBits = 64 - drawBits
		q := float64(2*(missing>>toDrawBits) + 1)
		// The maximum of the block is in the cache. The row itself may not be.
		if r.mayWin(q, c.maxima[v/kernel.ScanBlock]+t.delta, floor, least) && r.mayWin(q, row[v]+t.delta, floor, least) {
			list = append(list, candidate{logit: row[v], id: Token(v)})
		}
	}
	c.list = list
	return list
}

// mayWin reports whether a token with numerator q can have a quotient of at most least, if its
// logit is at most logit. No token below floor can.
func (r *race) mayWin(q float64, logit, floor float32, least float64) bool {
	if !(logit >= floor) {
		return false
	}
	place := int(4 * max(-r.depth(logit), 0))
	return place >= len(weightsUp) || q <= least*weightsUp[place]
}
