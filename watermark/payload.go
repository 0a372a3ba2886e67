package watermark

import (
	"encoding/binary"
	"math/bits"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// MaxPayloadBits is the largest number of bits in a [Payload].
const MaxPayloadBits = 20

// A Payload is a message that the text carries besides the mark. Package detect reads it. The code is
// a random linear one over the contexts (Elias 1955, "Coding for Two Noisy Channels"). It needs gamma
// 1/2, where a green list and its complement are alike.
//
// A keyed hash divides the contexts into halves. A context of the first half carries the message. It
// has a keyed column of Bits bits that are not all 0. If the parity of column AND Message is 1, the
// green list is complemented. That costs nothing, because Isotope only reads another table.
//
// A context of the second half has the list of a mark without payload. So a test finds the mark
// in texts of any message. In a student of many messages the lists and complements of the first
// half cancel out. The second half still shows the mark. [Mark.Score] scores only the second
// half. Marks that differ in the message have the same ID and the same profile.
//
// A column depends on the context and not on the position, so an edit damages only the symbols that it
// touches. Schemes that give each position a part of the message carry longer messages (Yoo et al.
// 2024, "Advancing Beyond Identification: Multi-bit Watermark for Large Language Models", with colours
// and a majority; Qu et al. 2025, "Provably Robust Multi-bit Watermarking for AI-generated Text", with
// a Reed-Solomon code over segments). With up to 20 bits a reader can compare all messages.
//
// Bits 0 means no payload. Text without a payload reads as message 0.
type Payload struct {
	Bits    int    // of Message, 0 to MaxPayloadBits
	Message uint32 // below 2^Bits
}

func (p Payload) apply(o *options) error {
	if p.Bits < 0 || p.Bits > MaxPayloadBits {
		return paramError("payload", "has %d bits; want 0 to %d", p.Bits, MaxPayloadBits)
	}
	if p.Message >= 1<<p.Bits {
		return paramError("message", "%d needs more than the %d bits of the payload", p.Message, p.Bits)
	}
	o.payload = p
	return nil
}

// InMessage takes the place of a score for a pair whose context carries the message of a [Payload]. Its
// colour depends on the message, so the test of the mark excludes it.
const InMessage int64 = NotScored + 1

// A PayloadScore is the evidence of one pair about the message.
type PayloadScore struct {
	// Score is 1 if the pair is green under message 0, else 0, or [NotScored] outside the band.
	// Under message m the pair is green if Score differs from the parity of Column AND m.
	Score int64
	// Column is 0 for a context that does not carry the message, and 1 to 2^Bits-1 for one that
	// does.
	Column uint32
}

// PayloadBits returns the number of bits of the mark's [Payload], 0 without one.
func (m *Mark) PayloadBits() int { return m.payload.Bits }

// ScorePayload appends one PayloadScore for each pair to dst, and returns the extended slice. It does
// not depend on the mark's own message. It is safe for concurrent use.
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

// newCarrier returns b with a payload.
func newCarrier(b boundScheme, p Payload, leaf *[prf.LeafSize]byte, width int, group uint32) (boundScheme, error) {
	c, ok := b.(payloadCarrier)
	if !ok {
		return nil, paramError("payload", "needs a green list; a keyed draw cannot carry a message")
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
		return nil, paramError("payload", "needs gamma 1/2, where a list and its complement are alike, and not %v", g.params.Gamma)
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
	columns *prf.Function    // has the nonces of greenList.f, so one K_context serves both
	tables  [2]*kernel.Table // the list and its complement, by parity
}

// column returns the column of the current context, 0 if it does not carry the message.
func (g *payloadList) column(s *prf.Scratch) uint32 {
	return g.columnOf(g.columns.Block(s, 0))
}

// columnOf returns the column of a context, given its block 0.
func (g *payloadList) columnOf(block *[16]byte) uint32 {
	if block[0]&1 == 0 {
		return 0
	}
	// The remainders are uniform up to one part in 2^44.
	return 1 + uint32(binary.LittleEndian.Uint64(block[8:])%(1<<g.payload.Bits-1))
}

// list makes context the current one, and returns the table of its list.
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

// score returns the score of the mark, which is InMessage for a context that carries the message.
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
