package watermark

// A Bias is your own scheme. It changes raw logits, for instance by a list that another program
// defines. [Sequence.AddBias] applies it along a text. The Sequence keeps the context, rewinds
// it, and can leave repeated contexts unmarked.
//
// A test needs a detect.Scorer that makes the same decisions. Write both on one type, so that
// Width is the same method and one function decides a (context, token) pair for both. A p-value
// is exact if each decision has exactly the law that the Scorer declares, and decisions for
// different pairs are independent. Both must hold under a random key. docs/extending.md shows
// how.
//
// A Bias that several Sequences share must be safe for concurrent use.
type Bias interface {
	// Width returns the number of context tokens that the bias depends on, 0 to [MaxWidth]. It
	// must not change.
	Width() int

	// Process biases the row of the position that follows context, in place. context holds the
	// last Width tokens, the newest last, and fewer at the start of a text. Process must depend
	// on the key, the context and the row alone. It must not change or keep context.
	Process(logits []float32, context []Token)
}

// AddBias adds a Bias to the Sequence, before the first token of a text. The rules are those of
// biases that are marks: their bands must be disjoint, under the same selector and width. Options
// may be [Band], [MaskRepeats], [MarkRepeats], [NoPromptContext] and [ScoredOnly]. A Bias marks
// repeats by default.
//
// [Sequence.Process] applies the Bias to the caller's row. [Sequence.Sample] applies it to a copy.
// Both cut the row at the vocabulary of the marks; without marks the Bias sees the whole row. An
// error is a [*ParamError].
func (s *Sequence) AddBias(b Bias, opts ...Option) error {
	switch b.(type) {
	case nil:
		return paramError("bias", "is nil")
	case *Mark:
		return paramError("bias", "is a Mark; pass it to NewSequence")
	}
	if len(s.tokens) > 0 {
		return paramError("bias", "comes after the text has begun; add it before Reset")
	}
	width := b.Width()
	if width < 0 || width > MaxWidth {
		return paramError("width", "%d is outside 0 to %d", width, MaxWidth)
	}
	o := options{band: Band{Lo: 0, Hi: BandSize}}
	for _, opt := range opts {
		switch opt.(type) {
		case Lane, Payload:
			return paramError("bias", "has a %T, which only marks can have", opt)
		}
		if err := opt.apply(&o); err != nil {
			return err
		}
	}
	if o.mask && width == 0 {
		return errMaskWithoutContext()
	}
	if first := len(s.biases) == 0 && s.draw.mark == nil; !first && s.prompts == o.skipPrompt {
		return paramError("bias", "differs from the marks in whether prompts are context")
	}
	in, err := newSelector(o.band, width)
	if err != nil {
		return err
	}
	vocab := s.vocab
	if vocab == 0 {
		vocab = MaxVocab
	}
	exempt, err := newExempt(o.exempt, vocab)
	if err != nil {
		return err
	}
	added := sequenceBias{own: b, width: width, band: o.band, in: in, scored: o.scored, exempt: exempt}
	if err := s.add(added, o.mask); err != nil {
		return err
	}
	s.prompts = !o.skipPrompt
	return nil
}
