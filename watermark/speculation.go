package watermark

import (
	"cmp"
	"slices"
)

// A Speculation follows one text that a small draft model proposes and a large target model
// verifies (Leviathan et al. 2023, "Fast Inference from Transformers via Speculative
// Decoding"; Chen et al. 2023, "Accelerating Large Language Model Decoding with Speculative
// Sampling"), with a keyed draw in both, as in SynthID-Text (Dathathri et al. 2024,
// supplementary algorithm 6): the draft model draws with the draft key, an ordinary random
// number accepts or rejects, and what replaces a rejected token is drawn from the residual
// with the target key. The keys are independent, so that every token has the target's
// distribution and is accepted as often as without a mark. Each token depends on one of the
// two keys: a test looks at both, that of a GumbelMax with two keys at once
// ([Mark.Halves]), any other key by key.
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
// When all are accepted the target model's next row gives one more, by [Speculation.Target].
type Speculation struct {
	seq           *Sequence // its keyed draw is the target's
	draft         keyedMark
	proposed, row []candidate
}

// A Row is a distribution over tokens: what truncation left, with probabilities that need
// not sum to 1, in any order, each id once. What is negative, infinite or no number counts
// as 0.
type Row struct {
	IDs   []Token
	Probs []float32
}

// NewSpeculation returns a Speculation with two keyed draws and any number of biases, which
// apply to the logits of both models. The draws must be of one width, band and masking, and
// of different keys: either marks of different keys, or both [Mark.Halves] of one.
func NewSpeculation(draft, target *Mark, biases ...*Mark) (*Speculation, error) {
	for _, m := range []*Mark{draft, target} {
		if m == nil || !m.IsKeyedDraw() {
			return nil, paramError("marks", "of a speculation are a keyed draw for the draft model and one for the target model")
		}
	}
	switch {
	case draft.keyID == target.keyID && draft.half+target.half != firstHalf+secondHalf:
		return nil, paramError("marks", "of draft and target have the key %s both: what is drawn after a rejection would depend on what was rejected", draft.keyID)
	case draft.Width() != target.Width() || !draft.band.equal(target.band) || draft.masked != target.masked:
		return nil, paramError("marks", "of draft and target differ in width, band or mask, and would mark different positions")
	case draft.vocab != target.vocab || draft.prompts != target.prompts:
		return nil, paramError("marks", "of draft and target differ in vocabulary or in whether prompts are context")
	}
	seq, err := NewSequence(append(slices.Clone(biases), target)...)
	if err != nil {
		return nil, err
	}
	return &Speculation{seq: seq, draft: keyedMark{mark: draft, repeats: seq.draw.repeats}}, nil
}

// Reset is [Sequence.Reset].
func (s *Speculation) Reset(prompt []Token) { s.seq.Reset(prompt) }

// SetSalt is [Sequence.SetSalt].
func (s *Speculation) SetSalt(salt uint32) { s.seq.SetSalt(salt) }

// Process is [Sequence.Process], for the raw logits of either model.
func (s *Speculation) Process(logits []float32) { s.seq.Process(logits) }

// Accept is [Sequence.Accept].
func (s *Speculation) Accept(t Token) { s.seq.Accept(t) }

// Rewind is [Sequence.Rewind].
func (s *Speculation) Rewind(n int) { s.seq.Rewind(n) }

// Counts is [Sequence.Counts], of Draft, Target and the draws of Verify.
func (s *Speculation) Counts() DrawCounts { return s.seq.counts }

// Row returns the distribution that a sampler leaves of raw logits, of either model, after the
// biases; greedy, it is one token. It works in dst and does not write logits.
func (s *Speculation) Row(dst Row, logits []float32, sampler Sampler) Row {
	dst = Row{IDs: dst.IDs[:0], Probs: dst.Probs[:0]}
	row, bias := s.seq.inVocab(logits), s.seq.bias()
	chooser := &s.seq.scratch.scanner
	if sampler.isGreedy() {
		if t := chooser.argmax(row, &bias); t >= 0 {
			dst = Row{IDs: append(dst.IDs, t), Probs: append(dst.Probs, 1)}
		}
		return dst
	}
	for _, c := range chooser.survivors(row, &bias, sampler) {
		dst.IDs, dst.Probs = append(dst.IDs, c.id), append(dst.Probs, float32(c.weight))
	}
	return dst
}

// Draft draws the token of the next position from the draft model's row, with the draft key
// where it marks and by u in [0,1) alone where it does not. It is -1 when nothing has a
// positive probability.
func (s *Speculation) Draft(row Row, u float64) Token {
	s.row = row.candidates(s.row)
	return s.seq.chooseID(s.draft, s.row, u)
}

// Target draws the token of the next position from the target model's row, with the target key:
// the one after the last, when all proposed tokens have been accepted.
func (s *Speculation) Target(row Row, u float64) Token {
	s.row = row.candidates(s.row)
	return s.seq.chooseID(s.seq.draw, s.row, u)
}

// Verify decides on the token that Draft proposed for the next position: with p and q the
// probabilities of token in the rows of draft and target, it is accepted when coin < q/p,
// and else replaced by a draw from what the target has more, max(q-p, 0) for each token,
// with the target key. coin and u in [0,1) are independent ordinary random numbers, also of
// those that Draft had.
func (s *Speculation) Verify(draft, target Row, token Token, coin, u float64) (t Token, accepted bool) {
	s.proposed, s.row = draft.candidates(s.proposed), target.candidates(s.row)
	normalize(s.proposed)
	normalize(s.row)
	p, q := weightOf(s.proposed, token), weightOf(s.row, token)
	if coin*p < q {
		return token, true
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
	if !left { // equal rows but for rounding
		s.row = target.candidates(s.row)
	}
	return s.seq.chooseID(s.seq.draw, s.row, u), false
}

// candidates returns a row in order of ids, in list.
func (r Row) candidates(list []candidate) []candidate {
	n := min(len(r.IDs), len(r.Probs))
	list = appendCandidates(list[:0], r.IDs[:n], r.Probs[:n])
	if !slices.IsSortedFunc(list, byID) {
		sortByID(list)
	}
	return list
}

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

// weightOf returns the weight of an id in a list in order of ids.
func weightOf(list []candidate, id Token) float64 {
	i, ok := slices.BinarySearchFunc(list, id, func(c candidate, id Token) int { return cmp.Compare(c.id, id) })
	if !ok {
		return 0
	}
	return list[i].weight
}
