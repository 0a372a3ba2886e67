package watermark

import (
	"encoding/binary"
	"math/bits"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// MaxPayloadBits is the largest number of bits in a [Payload].
const MaxPayloadBits = 20

// A Payload is a message that the text carries beside the label: a random linear code
// over the contexts (Elias 1955, "Coding for Two Noisy Channels"). Half of the contexts,
// by a keyed hash, carry it: each has a keyed column of Bits bits that are not all 0, and
// where the parity of column AND Message is 1, the green list is complemented. Gamma must
// be 1/2. A message context costs as much as any other: the other table is read.
//
// The other half is free of the message. There the lists are those of the mark without
// Payload, so that the label is found in texts of any message and of many, and in a
// student of them: over many messages a list and its complement cancel out.
// [Mark.Score] scores free contexts alone, and marks that differ in the message have
// one ID and one profile. Package detect reads the message.
//
// A column follows from the context and not from the position, so edits damage the
// symbols they touch and shift none. Schemes that give each position a part of the
// message (Yoo et al. 2024, "Advancing Beyond Identification: Multi-bit Watermark for
// Large Language Models", with colours and a majority; Qu et al. 2025, "Provably Robust
// Multi-bit Watermarking for AI-generated Text", with a Reed-Solomon code over
// segments) read longer messages; up to 20 bits, all messages can be compared at once.
//
// Bits of 0 is no payload. The label of a text without one reads as message 0.
type Payload struct {
	Bits    int    // of Message, 0 to MaxPayloadBits
	Message uint32 // below 2^Bits
}

func (p Payload) apply(o *options) error {
	if p.Bits < 0 || p.Bits > MaxPayloadBits {
		return paramError("payload", "of %d bits is outside 0 to %d", p.Bits, MaxPayloadBits)
	}
	if p.Message >= 1<<p.Bits {
		return paramError("message", "%d needs more than the %d bits of the payload", p.Message, p.Bits)
	}
	o.payload = p
	return nil
}

// InMessage stands in place of a score for a pair whose context carries the message of
// a [Payload]: its colour depends on the message, and the test of the label leaves it
// out.
const InMessage int64 = NotScored + 1

// A PayloadScore is what one pair says about the message.
type PayloadScore struct {
	// Score is 1 when the pair is green under message 0, else 0; [NotScored] outside the
	// band. Under message m it is green when Score differs from the parity of Column AND m.
	Score int64
	// Column is below 2^Bits: 0 for a context that is free of the message, and not 0
	// for one that carries it.
	Column uint32
}

// PayloadBits returns the number of bits of the mark's [Payload], 0 when it has none.
func (m *Mark) PayloadBits() int { return m.payload.Bits }

// ScorePayload appends one PayloadScore for each pair to dst and returns the extended
// slice. The mark's own message takes no part. It is safe for concurrent use.
func (m *Mark) ScorePayload(dst []PayloadScore, pairs []Pair) []PayloadScore {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	g, carries := m.bound.(*payloadList)
	for _, p := range pairs {
		r := PayloadScore{Score: NotScored}
		switch {
		case !m.in.has(&s.Scratch, p.Context):
		case carries:
			r = g.scorePayload(&s.Scratch, p)
		default:
			r.Score = m.bound.score(&s.Scratch, p)
		}
		dst = append(dst, r)
	}
	return dst
}

// A payloadCarrier is a bound scheme that can carry a message.
type payloadCarrier interface {
	carry(p Payload, f *prf.Function) (boundScheme, error)
}

// newCarrier gives a bound scheme its payload.
func newCarrier(b boundScheme, p Payload, leaf *[prf.LeafSize]byte, width int, group uint32) (boundScheme, error) {
	c, ok := b.(payloadCarrier)
	if !ok {
		return nil, paramError("payload", "needs a green list")
	}
	f, err := prf.New(leaf, prf.PurposePayload, width, 0, group)
	if err != nil {
		return nil, err
	}
	return c.carry(p, f)
}

// carry implements payloadCarrier.
func (g *greenList) carry(p Payload, f *prf.Function) (boundScheme, error) {
	if g.params.Gamma != 0.5 {
		return nil, paramError("payload", "needs gamma 1/2, where a list and its complement are alike, not %v", g.params.Gamma)
	}
	return &payloadList{
		greenList: *g, payload: p, columns: f,
		tables: [2]*kernel.Table{g.table, g.table.Complement()},
	}, nil
}

// payloadList is a green list that carries a message.
type payloadList struct {
	greenList
	payload Payload
	columns *prf.Function    // has the nonces of greenList.f: one K_context serves both
	tables  [2]*kernel.Table // by parity
}

// column returns the column of the current context, 0 when it is free of the message.
func (g *payloadList) column(s *prf.Scratch) uint32 {
	return g.columnOf(g.columns.Block(s, 0))
}

// columnOf returns the column that block 0 of a context says.
func (g *payloadList) columnOf(block *[16]byte) uint32 {
	if block[0]&1 == 0 {
		return 0
	}
	// Of 2^64 numbers, a remainder has at most one more than another.
	return 1 + uint32(binary.LittleEndian.Uint64(block[8:])%(1<<g.payload.Bits-1))
}

// list makes context the current one and returns its table.
func (g *payloadList) list(s *prf.Scratch, context []Token) *kernel.Table {
	g.f.SetContext(s, context)
	return g.tables[bits.OnesCount32(g.column(s)&g.payload.Message)&1]
}

func (g *payloadList) process(s *prf.Scratch, logits []float32, context []Token) {
	t := g.list(s, context)
	g.f.Process(s, t, logits)
}

func (g *payloadList) mask(s *prf.Scratch, dst []uint64, n int, context []Token) {
	t := g.list(s, context)
	g.f.Mask(s, t, dst, n)
}

func (g *payloadList) pick(s *prf.Scratch, ids []Token, probs []float32, context []Token, u float64) int {
	return g.draw(s, g.list(s, context), ids, probs, u)
}

// score is that of the label.
func (g *payloadList) score(s *prf.Scratch, p Pair) int64 {
	r := g.scorePayload(s, p)
	if r.Column != 0 {
		return InMessage
	}
	return r.Score
}

func (g *payloadList) parts(s *prf.Scratch, p Pair, dst []int64) []int64 {
	return append(dst, g.score(s, p))
}

func (g *payloadList) unweighted() boundScheme { return g }

func (g *payloadList) scorePayload(s *prf.Scratch, p Pair) PayloadScore {
	g.f.SetContext(s, p.Context)
	column := g.column(s)
	return PayloadScore{Score: g.greenList.score(s, p), Column: column}
}
