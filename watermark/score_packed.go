package watermark

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// MaxPackedWidth is the largest width whose pairs can be [Packed].
const MaxPackedWidth = prf.MaxPacked

// A Packed is a [Pair] in the 16 bytes that the keyed function reads, for marks of a width
// up to [MaxPackedWidth]: four ids of 3 bytes, little-endian, the newest last and FF FF FF
// where there is none, then the token in 4 bytes, big-endian.
type Packed = prf.Input

// ScorePacked is [Mark.Score] for packed pairs, and much faster where the scheme has
// assembly. It panics when the mark is wider than [MaxPackedWidth].
func (m *Mark) ScorePacked(dst []int64, pairs []Packed) []int64 {
	if m.Width() > MaxPackedWidth {
		panic("watermark: pairs of this width cannot be packed")
	}
	s := scoringBuffers.Get().(*scoringBuffer)
	defer scoringBuffers.Put(s)
	for len(pairs) > 0 {
		n := min(len(pairs), scoreBatch)
		dst = m.scorePacked(s, dst, pairs[:n])
		pairs = pairs[n:]
	}
	return dst
}

// CountPacked counts the green ones of packed pairs, when every pair has a score and that
// is 1 or 0: a green list without band and payload. Otherwise ok is false. It is
// [Mark.ScorePacked] added up, and faster.
func (m *Mark) CountPacked(pairs []Packed) (green int64, ok bool) {
	g, ok := m.bound.(*greenList)
	if !ok || m.in != nil || m.Width() > MaxPackedWidth {
		return 0, false
	}
	s := scoringBuffers.Get().(*scoringBuffer)
	defer scoringBuffers.Put(s)
	for len(pairs) > 0 {
		n := min(len(pairs), scoreBatch)
		g.f.Score(&s.Scratch, g.table, s.bits[:], pairs[:n])
		for _, word := range s.bits[:(n+63)/64] {
			green += int64(bits.OnesCount64(word))
		}
		pairs = pairs[n:]
	}
	return green, true
}

// MaxLanes is the number of tenants in a group, with gamma 1/2.
const MaxLanes = kernel.MaxLanes

// CountLanes adds to green[i] the number of packed pairs that are green for the tenant of
// lane i, for all tenants of the mark's group at once: one AES call serves the 128 of
// them. It is [Mark.CountPacked] of the marks that differ from this one in [Lane]
// alone. ok is false, and nothing is added, unless gamma is 1/2 and CountPacked has an
// answer. Whoever takes the largest count has made [MaxLanes] tests.
func (m *Mark) CountLanes(green *[MaxLanes]int64, pairs []Packed) (ok bool) {
	g, ok := m.bound.(*greenList)
	if !ok || m.in != nil || m.Width() > MaxPackedWidth || g.params.Gamma != 0.5 {
		return false
	}
	s := scoringBuffers.Get().(*scoringBuffer)
	defer scoringBuffers.Put(s)
	var ones [MaxLanes]int64
	g.f.CountLanes(&s.Scratch, &ones, pairs)
	for i, n := range ones {
		green[i] += int64(len(pairs)) - n // green is a bit of 0
	}
	return true
}

// scoreBatches is Score by way of packed pairs.
func (m *Mark) scoreBatches(dst []int64, pairs []Pair) []int64 {
	s := scoringBuffers.Get().(*scoringBuffer)
	defer scoringBuffers.Put(s)
	width := m.Width()
	for len(pairs) > 0 {
		n := min(len(pairs), scoreBatch)
		for i := range pairs[:n] {
			prf.PackOne(&s.pairs[i], pairs[i].Context, pairs[i].Token, width)
		}
		dst = m.scorePacked(s, dst, s.pairs[:n])
		pairs = pairs[n:]
	}
	return dst
}

// A packedScorer is a bound scheme that scores packed pairs at once.
type packedScorer interface {
	// scorePacked appends a score for each of at most scoreBatch pairs.
	scorePacked(s *scoringBuffer, dst []int64, pairs []Packed) []int64
}

// scoreBatch is how many pairs are scored at once: they stay in the L1 cache.
const scoreBatch = 512

// scoring is the working memory of one batch.
type scoringBuffer struct {
	prf.Scratch
	pairs  [scoreBatch]Packed
	blocks [scoreBatch]Packed
	bits   [scoreBatch / 64]uint64
	ids    [MaxPackedWidth]Token
}

var scoringBuffers = sync.Pool{New: func() any { return new(scoringBuffer) }}

func (m *Mark) scorePacked(s *scoringBuffer, dst []int64, pairs []Packed) []int64 {
	at := len(dst)
	if b, ok := m.bound.(packedScorer); ok {
		dst = b.scorePacked(s, dst, pairs)
	} else {
		for i := range pairs {
			dst = append(dst, m.bound.score(&s.Scratch, s.unpack(&pairs[i], m.Width())))
		}
	}
	if m.in != nil {
		blocks := s.firstBlocks(m.in.hash, pairs)
		for i, score := range dst[at:] {
			if !m.in.holds(&blocks[i]) {
				score = NotScored
			}
			dst[at+i] = score
		}
	}
	return dst
}

// firstBlocks returns block 0 of each pair's context. It is overwritten by the next call.
func (s *scoringBuffer) firstBlocks(f *prf.Function, pairs []Packed) []Packed {
	blocks := s.blocks[:len(pairs)]
	copy(blocks, pairs)
	for i := range blocks {
		clear(blocks[i][len(prf.Nonce{}):])
	}
	f.Encrypt(&s.Scratch, blocks, blocks)
	return blocks
}

// unpack returns a pair, whose context is overwritten by the next call.
func (s *scoringBuffer) unpack(p *Packed, width int) Pair {
	context := s.ids[:width]
	for i := range context {
		slot := p[3*(MaxPackedWidth-width+i):]
		context[i] = Token(slot[0]) | Token(slot[1])<<8 | Token(slot[2])<<16
	}
	return Pair{Context: context, Token: Token(binary.BigEndian.Uint32(p[len(prf.Nonce{}):]))}
}

// scorePacked implements packedScorer.
func (g *greenList) scorePacked(s *scoringBuffer, dst []int64, pairs []Packed) []int64 {
	g.f.Score(&s.Scratch, g.table, s.bits[:], pairs)
	for i := range pairs {
		dst = append(dst, int64(s.bits[i/64]>>(i%64)&1))
	}
	return dst
}

// scorePacked implements packedScorer.
func (g *payloadList) scorePacked(s *scoringBuffer, dst []int64, pairs []Packed) []int64 {
	at := len(dst)
	dst = g.greenList.scorePacked(s, dst, pairs)
	blocks := s.firstBlocks(g.columns, pairs)
	for i := range blocks {
		if g.columnOf(&blocks[i]) != 0 {
			dst[at+i] = InMessage
		}
	}
	return dst
}
