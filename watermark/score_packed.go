package watermark

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// MaxPackedWidth is the largest width of a mark that can score [Packed] pairs.
const MaxPackedWidth = prf.MaxPacked

// A Packed is a [Pair] in the 16 bytes that the keyed function reads, for marks of a width up to
// [MaxPackedWidth]. The first 12 bytes are four context ids of 3 bytes each, little-endian, the
// newest last. FF FF FF stands for an id that the context does not have. The last 4 bytes are the
// token, big-endian.
type Packed = prf.Input

// ScorePacked is [Mark.Score] for packed pairs. It is much faster for schemes with assembly. It panics
// if the mark is wider than [MaxPackedWidth].
func (m *Mark) ScorePacked(dst []int64, pairs []Packed) []int64 {
	if m.Width() > MaxPackedWidth {
		panic("watermark: ScorePacked: the mark is wider than MaxPackedWidth")
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

// CountPacked returns the number of green pairs, for a green list without band and payload. ok is false
// for any other mark, and for one wider than [MaxPackedWidth]. CountPacked is faster than summing
// [Mark.ScorePacked].
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

// MaxLanes is the number of tenants in a group with gamma 1/2.
const MaxLanes = kernel.MaxLanes

// CountLanes adds the number of pairs that are green for lane i to green[i], for all 128 tenants of the
// mark's group at once. One AES call serves them all. The counts are those of [Mark.CountPacked] for
// the marks that differ from this one only in [Lane]. ok is false, and CountLanes adds nothing, unless
// gamma is 1/2 and CountPacked has an answer. Taking the largest count is a choice among [MaxLanes]
// tests; adjust its p-value for that.
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

// A packedScorer is a bound scheme that can score packed pairs in batches.
type packedScorer interface {
	// scorePacked appends a score for each pair. There are at most scoreBatch pairs.
	scorePacked(s *scoringBuffer, dst []int64, pairs []Packed) []int64
}

// scoreBatch is the number of pairs in a batch, which must fit the L1 cache.
const scoreBatch = 512

// scoringBuffer is the working memory of a batch.
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

// firstBlocks returns block 0 of each pair's context. The next call overwrites it.
func (s *scoringBuffer) firstBlocks(f *prf.Function, pairs []Packed) []Packed {
	blocks := s.blocks[:len(pairs)]
	copy(blocks, pairs)
	for i := range blocks {
		clear(blocks[i][len(prf.Nonce{}):])
	}
	f.Encrypt(&s.Scratch, blocks, blocks)
	return blocks
}

// unpack returns a pair. The next call overwrites its context.
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
