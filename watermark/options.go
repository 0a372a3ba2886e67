package watermark

// An Option changes how [New] binds a mark. Options are plain values: [Band], [Lane],
// [MaskRepeats], [MarkRepeats], [NoPromptContext], [ScoredOnly] and [Payload].
type Option interface{ apply(*options) error }

type options struct {
	band       Band
	lane       Lane
	mask       bool
	skipPrompt bool
	scored     bool
	exempt     []Token // in ascending order
	payload    Payload
}

// A Lane is a tenant's place in a group whose members share one key and one AES call. Token v
// gets the decision of v XOR Index. Anyone who learns the lists of one lane knows those of the
// whole group, so a group is one security domain. A tenant that a test must be able to name needs
// a derived key of its own.
type Lane struct {
	Group uint32
	// Index is the place, from 0. A group has 128 places for a green list with gamma 1/2, 64
	// with gamma m/4, 32 with m/16 and 16 with m/256. It has 16 for a GumbelMax and 4 for a
	// Tournament.
	Index int
}

func (l Lane) apply(o *options) error {
	if l.Index < 0 || l.Index >= 128 {
		return paramError("lane", "%d is outside 0 to 127", l.Index)
	}
	o.lane = l
	return nil
}

// MaskRepeats turns on repeated-context masking: a [Sequence] leaves a position unmarked if its
// context occurred before in the same text. It keeps loops from feeding themselves, and costs
// evidence. It is the default of a keyed draw, whose second draw from a context would repeat the
// first. Only a Sequence applies it, because [Mark.Process] sees one position.
type MaskRepeats struct{}

func (MaskRepeats) apply(o *options) error { o.mask = true; return nil }

// MarkRepeats turns repeated-context masking off, which is the default of a green list. A keyed
// draw then repeats itself, so the text loops more than the model's own would. A test of it stays
// exact.
type MarkRepeats struct{}

func (MarkRepeats) apply(o *options) error { o.mask = false; return nil }

// NoPromptContext excludes the prompt from the text that a [Sequence] follows. The contexts of
// the first generated tokens then do not reach into the prompt.
type NoPromptContext struct{}

func (NoPromptContext) apply(o *options) error { o.skipPrompt = true; return nil }

// errMaskWithoutContext returns the error about masking repeats of the empty context.
func errMaskWithoutContext() error {
	return paramError("mask", "needs a width above 0; with width 0 all positions have the same empty context")
}
