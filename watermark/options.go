package watermark

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

func errMaskWithoutContext() error {
	return paramError("mask", "needs a width above 0; with width 0 all positions have the same empty context")
}
