package watermark

import (
	"cmp"
	"slices"
)

// A Speculation follows one text that a small draft model proposes and a large target model
// verifies (Leviathan et al. 2023, "Fast Inference from Transformers via Speculative
// Decoding"; Chen et al. 2023, "Accelerating Large Language Model Decoding with Speculative
// Sampling"). With biases alone it is that method, on the biased rows of both models. With keyed
// draws both models have one, as in SynthID-Text (Dathathri et al. 2024, supplementary algorithm
// 6).
//
// The draft model draws with the draft key. An ordinary random number accepts or rejects the
// token. The replacement of a rejected token is drawn from the residual with the target key.
// The keys are independent, so every token has the target's distribution, and is accepted as
// often as without a mark. Each token depends on one of the two keys. A test of a GumbelMax
// with two keys ([Mark.Halves]) looks at both at once; other keys are tested one by one.
//
// It is a [Sequence] and is used like one, by one goroutine at a time:
//
//	for i := range ahead { // propose
//		draft[i] = spec.Row(draft[i], draftModel.Step(), sampler)
//		token[i] = spec.Draft(draft[i], rand.Float64())
//		spec.Accept(token[i])
//	}
//	spec.Rewind(ahead)
//	for i := range ahead { // verify
//		target = spec.Row(target, targetLogits[i], sampler)
//		t, ok := spec.Verify(draft[i], target, token[i], rand.Float64(), rand.Float64())
//		spec.Accept(t)
//		if !ok {
//			break
//		}
//	}
//
// If all are accepted, [Speculation.Target] draws one more from the next row of the target model.
//
// A draft without a distribution, such as an n-gram draft, does not need a Speculation, and would lose
// most of the evidence in one. Let [Sequence.Sample] draw each token, and accept the draft if it is the
// same. docs/schemes.md has a table of what to use when.
type Speculation struct {
	seq           *Sequence // with the keyed draw of the target
	draft         sequenceDraw
	proposed, row []candidate
}

// A Row is a distribution over the tokens that truncation left, in any order, each id once.
type Row struct {
	IDs   []Token
	Probs []float32 // one for each id; need not sum to 1; negative numbers, infinities and NaN count as 0
}

// NewSpeculation returns a Speculation with two keyed draws and any number of biases, which apply
// to the logits of both models. The draws must have the same width, band, masking and rule of what is
// scored. They must have different keys: marks of two keys, or both [Mark.Halves] of one mark. For
// biases alone, draft and target are nil. An error is a [*ParamError].
func NewSpeculation(draft, target *Mark, biases ...*Mark) (*Speculation, error) {
	if draft == nil && target == nil {
		for _, m := range biases {
			if m != nil && m.IsKeyedDraw() {
				return nil, paramError("marks", "of a speculation have one keyed draw; give one for the draft model and one for the target model, or use Sequence.Sample with one")
			}
		}
		seq, err := NewSequence(biases...)
		if err != nil {
			return nil, err
		}
		return &Speculation{seq: seq}, nil
	}
	for _, m := range []*Mark{draft, target} {
		if m == nil || !m.IsKeyedDraw() {
			return nil, paramError("marks", "of a speculation must be two keyed draws, one for the draft model and one for the target model; for biases alone both are nil")
		}
	}
	switch {
	case draft.keyID == target.keyID && draft.half+target.half != firstHalf+secondHalf:
		return nil, paramError("marks", "of draft and target use the same key %s; a draw after a rejection would depend on the rejected token", draft.keyID)
	case draft.Width() != target.Width() || !draft.band.equal(target.band) || draft.masked != target.masked:
		return nil, paramError("marks", "of draft and target differ in width, band or mask, and so would mark different positions")
	case draft.scored != target.scored || !slices.Equal(draft.exempt.within(draft.vocab), target.exempt.within(target.vocab)):
		return nil, paramError("marks", "of draft and target differ in ScoredOnly, and so would mark different positions")
	case draft.vocab != target.vocab || draft.prompts != target.prompts:
		return nil, paramError("marks", "of draft and target differ in vocabulary or in whether prompts are context")
	}
	seq, err := NewSequence(append(slices.Clone(biases), target)...)
	if err != nil {
		return nil, err
	}
	return &Speculation{seq: seq, draft: sequenceDraw{mark: draft, repeats: seq.draw.repeats}}, nil
}

// Sequence returns the Sequence of the text, with the biases and the target's keyed draw. Use it to look
// at the text, to begin it, and to draw without a draft. It shares its state with the Speculation.
func (s *Speculation) Sequence() *Sequence { return s.seq }

// Clone returns an independent copy; see [Sequence.Clone].
func (s *Speculation) Clone() *Speculation {
	c := &Speculation{seq: s.seq.Clone(), draft: s.draft}
	c.draft.repeats = c.seq.draw.repeats
	return c
}

// AddBias is [Sequence.AddBias]. The Bias applies to the logits of both models.
func (s *Speculation) AddBias(b Bias, opts ...Option) error { return s.seq.AddBias(b, opts...) }

// Reset is [Sequence.Reset].
func (s *Speculation) Reset(prompt []Token) { s.seq.Reset(prompt) }

// SetSalt is [Sequence.SetSalt].
func (s *Speculation) SetSalt(salt uint32) { s.seq.SetSalt(salt) }

// Process is [Sequence.Process]. It takes the raw logits of either model.
func (s *Speculation) Process(logits []float32) { s.seq.Process(logits) }

// Accept is [Sequence.Accept].
func (s *Speculation) Accept(t Token) { s.seq.Accept(t) }

// Rewind is [Sequence.Rewind].
func (s *Speculation) Rewind(n int) { s.seq.Rewind(n) }

// Counts is [Sequence.Counts]. A token that Verify accepted counts as what its draft was: Forced where
// the draft had one candidate, so that the token carries no evidence.
func (s *Speculation) Counts() Counts { return s.seq.Counts() }

// Row returns the distribution that a sampler leaves of the raw logits of either model, after the
// biases. A greedy sampler leaves one token. Row reuses the memory of dst and does not write to
// logits.
func (s *Speculation) Row(dst Row, logits []float32, sampler Sampler) Row {
	dst = Row{IDs: dst.IDs[:0], Probs: dst.Probs[:0]}
	row, bias := s.seq.biased(logits)
	scanner := &s.seq.scratch.scanner
	top := scanner.begin(row, &bias, sampler)
	if sampler.isGreedy() {
		if t := scanner.argmax(row, &bias, top); t >= 0 {
			dst = Row{IDs: append(dst.IDs, t), Probs: append(dst.Probs, 1)}
		}
		return dst
	}
	for _, c := range scanner.survivors(row, &bias, sampler, top) {
		dst.IDs, dst.Probs = append(dst.IDs, c.id), append(dst.Probs, float32(c.weight))
	}
	return dst
}

// Draft draws the token of the next position from the draft model's row. It uses the draft key
// where that marks, and u in [0,1) alone elsewhere. It returns -1 if no probability is positive.
func (s *Speculation) Draft(row Row, u float64) Token {
	s.row = row.candidates(s.row, s.seq.vocab)
	return s.drawn(s.seq.chooseID(s.draft, s.row, u))
}

// Target is Draft with the target key and the target model's row. It draws one more token after
// all proposed ones have been accepted.
func (s *Speculation) Target(row Row, u float64) Token {
	s.row = s.seq.candidatesOf(s.row, row)
	return s.drawn(s.seq.chooseID(s.seq.draw, s.row, u))
}

// drawn notes a token that was drawn.
func (s *Speculation) drawn(t Token) Token {
	s.seq.now.asked = true
	s.seq.now.drew(t)
	return t
}

// Verify accepts or replaces the token that Draft proposed for the next position. Let p and q be
// the probabilities of token in the rows of draft and target. Verify accepts token if
// coin < q/p. Otherwise it draws from the residual, max(q-p, 0) for each token, with the target
// key. coin and u in [0,1) are ordinary random numbers, independent of each other and of those
// that Draft had.
func (s *Speculation) Verify(draft, target Row, token Token, coin, u float64) (t Token, accepted bool) {
	s.proposed, s.row = draft.candidates(s.proposed, s.seq.vocab), s.seq.candidatesOf(s.row, target)
	normalize(s.proposed)
	normalize(s.row)
	p, q := weightOf(s.proposed, token), weightOf(s.row, token)
	if coin*p < q {
		s.noteDraft(s.proposed)
		return s.drawn(token), true
	}
	left := false
	rest := s.proposed
	for i := range s.row {
		c := &s.row[i]
		for len(rest) > 0 && rest[0].id < c.id {
			rest = rest[1:]
		}
		if len(rest) > 0 && rest[0].id == c.id {
			c.weight = max(c.weight-rest[0].weight, 0)
		}
		left = left || c.weight > 0
	}
	if !left { // the rows are equal up to rounding
		s.row = s.seq.candidatesOf(s.row, target)
	}
	return s.drawn(s.seq.chooseID(s.seq.draw, s.row, u)), false
}

// noteDraft notes what the draft's draw did at the next position.
func (s *Speculation) noteDraft(list []candidate) {
	s.seq.now.draw = unasked
	if s.draft.mark == nil {
		return
	}
	if !hasChoice(list, s.draft.mark.exempt) {
		s.seq.now.draw = forced
	}
	s.seq.isKeyed(s.draft)
}

// candidatesOf returns the row of the target model in order of ids. It reuses the memory of list.
func (s *Sequence) candidatesOf(list []candidate, r Row) []candidate {
	n := min(len(r.IDs), len(r.Probs))
	s.lookAt(r.IDs[:n], r.Probs[:n])
	return r.candidates(list, s.vocab)
}

// candidates returns the row in order of ids. It reuses the memory of list. Ids outside the vocabulary
// have weight 0.
func (r Row) candidates(list []candidate, vocab int) []candidate {
	n := min(len(r.IDs), len(r.Probs))
	list = appendCandidates(list[:0], r.IDs[:n], r.Probs[:n], vocab)
	if !slices.IsSortedFunc(list, byID) {
		sortByID(list)
	}
	return list
}

// normalize makes the weights sum to 1, unless all are 0.
func normalize(list []candidate) {
	var total float64
	for _, c := range list {
		total += c.weight
	}
	if total > 0 {
		for i := range list {
			list[i].weight /= total
		}
	}
}

// weightOf returns the weight of id in list, which is in order of ids, or 0.
func weightOf(list []candidate, id Token) float64 {
	i, ok := slices.BinarySearchFunc(list, id, func(c candidate, id Token) int { return cmp.Compare(c.id, id) })
	if !ok {
		return 0
	}
	return list[i].weight
}
