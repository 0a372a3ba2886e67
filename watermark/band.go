package watermark

import "github.com/isotope-wm/isotope/internal/prf"

// BandSize is the number of parts into which a [Band] divides the contexts.
const BandSize = 1 << 16

// A Band confines a mark to a keyed part of the contexts, so that several marks can share one
// text. Context c belongs to the band if Lo <= h(c) < Hi. The keyed hash h maps contexts to [0,
// [BandSize]) under Selector. Marks that divide the contexts between them have the same selector
// and the same width. The default band holds all contexts and needs no selector.
type Band struct {
	Selector Key
	Lo, Hi   int // 0 <= Lo < Hi <= BandSize
}

func (b Band) apply(o *options) error {
	if b.Lo < 0 || b.Lo >= b.Hi || b.Hi > BandSize {
		return paramError("band", "[%d,%d) is not a part of [0,%d)", b.Lo, b.Hi, BandSize)
	}
	if b.isEverything() {
		o.band = Band{Lo: 0, Hi: BandSize}
		return nil
	}
	if b.Selector.IsZero() {
		return paramError("band", "[%d,%d) needs a selector key", b.Lo, b.Hi)
	}
	o.band = b
	return nil
}

func (b Band) equal(other Band) bool {
	return b.Lo == other.Lo && b.Hi == other.Hi && b.Selector.Equal(other.Selector)
}

func (b Band) isEverything() bool { return b.Lo == 0 && b.Hi == BandSize }

// A selector evaluates the keyed hash of a Band.
type selector struct {
	hash   *prf.Function
	lo, hi uint32
}

func newSelector(b Band, width int) (*selector, error) {
	if b.isEverything() {
		return nil, nil
	}
	hash, err := prf.New(b.Selector.leaf(), prf.PurposeBand, width, 0, 0)
	if err != nil {
		return nil, err
	}
	return &selector{hash: hash, lo: uint32(b.Lo), hi: uint32(b.Hi)}, nil
}

// has reports whether context belongs to the band. A nil selector accepts every context.
func (b *selector) has(s *prf.Scratch, context []Token) bool {
	if b == nil {
		return true
	}
	b.hash.SetContext(s, context)
	return b.holds(b.hash.Block(s, 0))
}

// holds is has for a context whose block 0 the caller has computed.
func (b *selector) holds(block *[16]byte) bool {
	place := uint32(block[0]) | uint32(block[1])<<8
	return b.lo <= place && place < b.hi
}

// Band returns the part of the contexts that the mark covers: those whose hash lies in
// [lo,hi) under the selector with this [Key.ID]. It returns 0, [BandSize] and "" for a
// mark that covers all contexts.
func (m *Mark) Band() (lo, hi int, selector string) {
	if m.band.isEverything() {
		return 0, BandSize, ""
	}
	return m.band.Lo, m.band.Hi, m.band.Selector.ID()
}

// ScoreInBand is [Mark.Score] for pairs whose contexts are known to lie in the mark's
// band. It does not check the band, and scores every pair.
func (m *Mark) ScoreInBand(dst []int64, pairs []Pair) []int64 {
	everywhere := *m
	everywhere.in = nil
	return everywhere.Score(dst, pairs)
}

// InBand appends those of packed pairs to dst whose contexts lie in the mark's band, in their order. It
// appends all of them for a mark without a band. It panics if the mark is wider than
// [MaxPackedWidth].
func (m *Mark) InBand(dst, pairs []Packed) []Packed {
	if m.Width() > MaxPackedWidth {
		panic("watermark: InBand: the mark is wider than MaxPackedWidth")
	}
	if m.in == nil {
		return append(dst, pairs...)
	}
	s := scoringBuffers.Get().(*scoringBuffer)
	defer scoringBuffers.Put(s)
	for len(pairs) > 0 {
		n := min(len(pairs), scoreBatch)
		blocks := s.firstBlocks(m.in.hash, pairs[:n])
		for i := range blocks {
			if m.in.holds(&blocks[i]) {
				dst = append(dst, pairs[i])
			}
		}
		pairs = pairs[n:]
	}
	return dst
}

// CountPackedInBand is [Mark.CountPacked] for pairs whose contexts are known to lie in the mark's band.
// It does not check the band, and counts every pair.
func (m *Mark) CountPackedInBand(pairs []Packed) (green int64, ok bool) {
	everywhere := *m
	everywhere.in = nil
	return everywhere.CountPacked(pairs)
}

// CountLanesInBand is [Mark.CountLanes] for pairs whose contexts are known to lie in the mark's band,
// which all lanes of the group must have. It does not check the band, and counts every pair.
func (m *Mark) CountLanesInBand(green *[MaxLanes]int64, pairs []Packed) (ok bool) {
	everywhere := *m
	everywhere.in = nil
	return everywhere.CountLanes(green, pairs)
}
