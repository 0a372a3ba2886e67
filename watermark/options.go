package watermark

import "github.com/isotope-wm/isotope/internal/prf"

// An Option changes how [New] binds a mark. Options are plain values: [Band],
// [Lane], [MaskRepeats], [MarkRepeats], [NoPromptContext] and [Payload].
type Option interface{ apply(*options) error }

type options struct {
	band       Band
	lane       Lane
	mask       bool
	skipPrompt bool
	payload    Payload
}

// BandSize is the number of parts into which a [Band] cuts the contexts.
const BandSize = 1 << 16

// A Band confines a mark to a keyed part of the contexts, so that several marks can
// share one text: context c belongs to it when Lo <= h(c) < Hi, where h is a keyed
// hash of c to [0, [BandSize]) under Selector. Marks that split contexts between
// them have one selector and one width. Everything, the default, needs no selector.
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

// A Lane is a tenant's place in a group whose members share one AES call: token v
// takes the decision of v XOR Index. Whoever learns one lane's lists knows them all,
// so a group is one security domain; a tenant who must be named needs a derived key.
type Lane struct {
	Group uint32
	Index int // 0 <= Index < 128 / w, w the bits a token owns
}

func (l Lane) apply(o *options) error {
	if l.Index < 0 || l.Index >= 128 {
		return paramError("lane", "%d is outside 0 to 127", l.Index)
	}
	o.lane = l
	return nil
}

// MaskRepeats turns on repeated-context masking: a [Sequence] leaves a position unmarked
// when its context occurred before in the same text. It keeps loops from feeding
// themselves, at a price in evidence, and is what a keyed draw does unless [MarkRepeats]
// says otherwise: the second draw from one context would be the first again. Only a
// Sequence can apply it; [Mark.Process] sees one position.
type MaskRepeats struct{}

func (MaskRepeats) apply(o *options) error { o.mask = true; return nil }

// MarkRepeats turns repeated-context masking off, as it is for a green list from the start.
// A keyed draw then repeats itself, and a test of it is still right, but the text is not:
// it loops more than the model would.
type MarkRepeats struct{}

func (MarkRepeats) apply(o *options) error { o.mask = false; return nil }

// NoPromptContext makes the prompt no part of the text that a [Sequence] follows:
// the first tokens it generates have contexts that do not reach into the prompt.
type NoPromptContext struct{}

func (NoPromptContext) apply(o *options) error { o.skipPrompt = true; return nil }

// selector evaluates the keyed hash of a Band.
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

// has reports whether a context belongs to the band. A nil selector has them all.
func (b *selector) has(s *prf.Scratch, context []Token) bool {
	if b == nil {
		return true
	}
	b.hash.SetContext(s, context)
	block := b.hash.Block(s, 0)
	place := uint32(block[0]) | uint32(block[1])<<8
	return b.lo <= place && place < b.hi
}
