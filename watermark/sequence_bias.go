package watermark

import "github.com/isotope-wm/isotope/internal/prf"

// Process applies the biases to the raw logits of the next position, in place; see
// [Mark.Process]. It does not apply the keyed draw, which comes after truncation: call
// [Sequence.Draw], [Sequence.Pick] or [Sequence.ProcessDraw] for it.
func (s *Sequence) Process(logits []float32) {
	s.look(logits)
	b := s.biasOf(&s.scratch.Scratch, logits)
	s.now.biased = true
	if b == nil {
		return
	}
	if b.own == nil {
		b.mark.processBias(&s.scratch, logits, s.text(b.scored))
		return
	}
	row := s.inVocab(logits)
	s.saved = b.exempt.save(s.saved[:0], row)
	b.own.Process(row, b.context(s.tokens))
	b.exempt.restore(row, s.saved)
}

// Mask writes the tokens that the biases favour at the next position as a bitmap, for logits that live
// on a device; see [Mark.Mask]. delta is what the engine then adds to the logits of these tokens. It is
// 0 where no bias marks: outside the bands, where the context occurred before, and at the start of the
// text. The bitmap is then 0, too. Mask takes the place of Process, so a later Draw does not bias again.
// It does not know a [Bias] of the caller, and neither does it know the row that a Gate looks at: set
// delta to 0 where the entropy of the row is not above the Gate.
func (s *Sequence) Mask(dst []uint64) (delta float32) {
	n := 64 * len(dst)
	if s.vocab > 0 {
		n = min(n, s.vocab)
	}
	clear(dst[:(n+63)/64])
	b := s.biasOf(&s.scratch.Scratch, nil)
	if b == nil || b.own != nil {
		if b != nil {
			s.now.bias = unasked
		}
		return 0
	}
	s.now.biased = true
	b.mark.bias.mask(&s.scratch.Scratch, dst, n, s.text(b.scored))
	b.exempt.unmask(dst, n)
	return float32(b.mark.scheme.(GreenList).Delta)
}

// GreenMass is [Mark.GreenMass] for the next position. ok is false where no bias marks. Call it with
// the raw logits of each step to collect a [GreenMassHistogram].
func (s *Sequence) GreenMass(logits []float32, temperature float32) (mass float64, ok bool) {
	before := s.now
	b := s.biasOf(&s.scratch.Scratch, logits)
	s.now = before
	if b == nil || b.own != nil {
		return 0, false
	}
	return b.mark.GreenMass(logits, s.text(b.scored), temperature)
}

// look notes that the engine asked about the next position, and whether its largest logit lies past the
// vocabulary.
func (s *Sequence) look(logits []float32) {
	s.now.asked = true
	if s.vocab == 0 || len(logits) <= s.vocab {
		return
	}
	top := negInf
	for _, x := range logits[s.vocab:] {
		if x > top { // false for NaN
			top = x
		}
	}
	s.now.past = top > negInf && !anyAtLeast(logits[:s.vocab], top)
}

// anyAtLeast reports whether an entry of row reaches floor.
func anyAtLeast(row []float32, floor float32) bool {
	for _, x := range row {
		if x >= floor {
			return true
		}
	}
	return false
}

// biasOf returns the bias that marks the next position, or nil, and notes what happens there. Bands are
// disjoint, so there is at most one. Gates look at logits, unless they are nil.
func (s *Sequence) biasOf(scratch *prf.Scratch, logits []float32) *sequenceBias {
	s.now.asked = true
	if s.last().paused {
		s.now.bias = paused
		return nil
	}
	s.now.bias = outOfBand
	for i := range s.biases {
		b := &s.biases[i]
		text := s.text(b.scored)
		alone := !isScorable(s.text(true), b.width, s.vocab)
		switch {
		case alone && b.scored:
			s.now.bias = unscorable
			return nil
		case !b.in.has(scratch, text):
			continue
		case s.has(b.repeats):
			s.now.bias = repeated
			return nil
		}
		if logits != nil && b.mark != nil && b.mark.isGated(&s.scratch, logits) {
			s.now.bias = gated
			return nil
		}
		s.now.bias, s.now.by = marked, i
		if alone {
			s.now.bias = unscorable
		}
		return b
	}
	return nil
}

// biased returns the row of the next position and the bias to draw it with. A Bias of the caller
// writes to a copy of the row.
func (s *Sequence) biased(logits []float32) (row []float32, bias rowBias) {
	s.look(logits)
	row = s.inVocab(logits)
	scratch := &s.scratch.scanner.scratch
	b := s.biasOf(scratch, row)
	switch {
	case b == nil:
		return row, rowBias{}
	case b.own == nil:
		return row, b.mark.biasAt(scratch, s.text(b.scored))
	}
	s.row = append(s.row[:0], row...)
	b.own.Process(s.row, b.context(s.tokens))
	for _, id := range b.exempt.within(len(row)) {
		s.row[id] = row[id]
	}
	return s.row, rowBias{}
}

// context returns the last Width tokens of a text.
func (b *sequenceBias) context(tokens []Token) []Token {
	return tokens[max(len(tokens)-b.width, 0):]
}
