package watermark

import (
	"fmt"
	"slices"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A Sequence walks marks along one text: any number of biases, and at most one keyed
// draw. It keeps the tokens that are context,
// applies repeated-context masking, and owns all working memory, so that a step
// does not allocate once its buffers have grown. One goroutine at a time; make one
// for each request or Reset one for the next.
//
// [Sequence.Sample] does everything. An engine with a sampler of its own calls
// [Sequence.Process] on raw logits, which applies the biases, and, when there is a keyed
// draw, [Sequence.Pick] or [Sequence.ProcessDraw] on what its truncation left.
type Sequence struct {
	biases  []*Mark
	repeats []*repeats // one for each bias, nil where it does not mask repeats
	draw    keyedMark
	vocab   int // of all marks; 0 without any
	prompts bool
	tokens  []Token // the prompt if it is context, then the accepted tokens
	start   int     // where accepted tokens begin
	salt    uint32
	counts  DrawCounts
	scratch scratch
	list    []candidate
}

// A keyedMark is a keyed draw in a Sequence, or none.
type keyedMark struct {
	mark    *Mark    // nil for none
	repeats *repeats // nil where the mark does not mask repeats
}

// DrawCounts says what a [Sequence] has drawn since Reset, by calls of Sample, Pick and
// ProcessDraw; Rewind takes none back. Their sum is the number of these calls. Candidates
// have a positive probability or, in a row, a logit above -Inf.
type DrawCounts struct {
	Keyed     int64 // by the keyed draw, among two candidates or more
	Forced    int64 // one candidate, or none: nothing to draw, as under a grammar
	Repeated  int64 // an ordinary draw, because the context occurred before
	OutOfBand int64 // an ordinary draw, because the context is outside the draw's band
	Greedy    int64 // at temperature 0, where only a bias marks
	Ordinary  int64 // there is no keyed draw
}

// NewSequence returns a Sequence that applies marks together: any number of biases whose
// bands are disjoint, under one selector and one width, and at most one keyed draw, whose
// width and band are its own. They must agree on the vocabulary and on whether prompts are
// context. Without marks it is a plain sampler, for requests that are not marked. Call
// Reset before the first text that has a prompt.
func NewSequence(marks ...*Mark) (*Sequence, error) {
	s := new(Sequence)
	for i, m := range marks {
		if m == nil {
			return nil, paramError("marks", "hold a nil at %d", i)
		}
		if m.vocab != marks[0].vocab {
			return nil, paramError("marks", "differ in vocabulary: %d and %d", marks[0].vocab, m.vocab)
		}
		if m.prompts != marks[0].prompts {
			return nil, paramError("marks", "differ in whether prompts are context")
		}
		if m.IsKeyedDraw() {
			if s.draw.mark != nil {
				return nil, paramError("marks", "hold two keyed draws: a token can be drawn by one only")
			}
			s.draw.mark, s.salt = m, m.salt
			continue
		}
		for _, other := range s.biases {
			if err := disjoint(other, m); err != nil {
				return nil, err
			}
		}
		s.biases = append(s.biases, m)
	}
	s.repeats = make([]*repeats, len(s.biases))
	if len(marks) > 0 {
		s.prompts, s.vocab = marks[0].prompts, marks[0].vocab
	}
	var err error
	for i, m := range s.biases {
		if m.masked {
			if s.repeats[i], err = s.repeatsOf(m.Width()); err != nil {
				return nil, err
			}
		}
	}
	if m := s.draw.mark; m != nil && m.masked {
		if s.draw.repeats, err = s.repeatsOf(m.Width()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// disjoint returns nil when two biases can never meet in one position.
func disjoint(a, b *Mark) error {
	switch {
	case a.band.isEverything() || b.band.isEverything():
		return paramError("marks", "overlap: a band of one of them is everything")
	case a.Width() != b.Width():
		return paramError("marks", "have bands over different contexts: widths %d and %d", a.Width(), b.Width())
	case !a.band.Selector.Equal(b.band.Selector):
		return paramError("marks", "have bands under different selectors: %s and %s", a.band.Selector.ID(), b.band.Selector.ID())
	case a.band.Lo < b.band.Hi && b.band.Lo < a.band.Hi:
		return paramError("marks", "overlap: bands [%d,%d) and [%d,%d)", a.band.Lo, a.band.Hi, b.band.Lo, b.band.Hi)
	}
	return nil
}

// repeatsOf returns the record of contexts of a width, shared between marks.
func (s *Sequence) repeatsOf(width int) (*repeats, error) {
	for _, r := range s.repeats {
		if r != nil && r.width == width {
			return r, nil
		}
	}
	return newRepeats(width)
}

// Reset begins a new text after a prompt, which may be empty. The prompt's tokens
// are context, and its contexts count as having occurred, unless the marks were
// made with [NoPromptContext].
func (s *Sequence) Reset(prompt []Token) {
	s.tokens = s.tokens[:0]
	s.eachRepeats((*repeats).reset)
	s.counts = DrawCounts{}
	if s.prompts {
		for _, t := range prompt {
			s.Accept(t)
		}
	}
	s.start = len(s.tokens)
}

// SetSalt says which request the next text belongs to, for a mark of two keys; see [GumbelMax].
// Without it the salt is that of [Mark.Salted]. Reset does not change it.
func (s *Sequence) SetSalt(salt uint32) { s.salt = salt }

// Counts returns what has been drawn since Reset.
func (s *Sequence) Counts() DrawCounts { return s.counts }

// Process applies the biases to the raw logits of the next position, in place; see
// [Mark.Process]. A keyed draw comes after truncation: [Sequence.Pick] or
// [Sequence.ProcessDraw].
func (s *Sequence) Process(logits []float32) {
	for i, m := range s.biases {
		if r := s.repeats[i]; r != nil && r.has(&s.scratch.Scratch, s.tokens) {
			continue
		}
		m.process(&s.scratch, logits, s.tokens)
	}
}

// Accept appends the token of the next position.
func (s *Sequence) Accept(t Token) {
	s.eachRepeats(func(r *repeats) { r.add(&s.scratch.Scratch, s.tokens, +1) })
	s.tokens = append(s.tokens, t)
}

// Rewind undoes the last n Accepts, for speculative decoding. It never goes behind
// Reset: a larger n undoes all there are, and a negative n none.
func (s *Sequence) Rewind(n int) {
	for range min(n, len(s.tokens)-s.start) {
		s.tokens = s.tokens[:len(s.tokens)-1]
		s.eachRepeats(func(r *repeats) { r.add(&s.scratch.Scratch, s.tokens, -1) })
	}
}

// Sample draws the token of the next position from raw logits: biases, then the sampler's
// truncation, then the keyed draw or an ordinary one. u in [0,1) is an ordinary random
// number. It does not write logits, and it does not Accept what it drew. Entries past the
// marks' vocabulary are never drawn. See [Sampler] for the rules; the result is -1 only
// when there is nothing to draw.
func (s *Sequence) Sample(logits []float32, sampler Sampler, u float64) Token {
	row, bias := s.inVocab(logits), s.bias()
	if sampler.isGreedy() {
		s.counts.Greedy++
		return s.scratch.scanner.argmax(row, &bias)
	}
	if t, ok := s.sampleUntruncated(row, &bias, sampler, u); ok {
		return t
	}
	return s.chooseID(s.draw, s.scratch.scanner.survivors(row, &bias, sampler), u)
}

// inVocab returns the part of a row that the marks' vocabulary reaches.
func (s *Sequence) inVocab(logits []float32) []float32 {
	if s.vocab > 0 {
		return logits[:min(len(logits), s.vocab)]
	}
	return logits
}

// bias returns the bias of the next position. There is at most one: bands are disjoint.
func (s *Sequence) bias() rowBias {
	scratch := &s.scratch.scanner.scratch
	for i, m := range s.biases {
		if r := s.repeats[i]; r != nil && r.has(scratch, s.tokens) {
			continue
		}
		if m.in.has(scratch, s.tokens) {
			return m.bias.biasAt(scratch, s.tokens)
		}
	}
	return rowBias{}
}

// Pick draws the token of the next position among the survivors of truncation, whose logits
// Process has seen before: by the keyed draw, or by u alone where there is none or where it
// does not mark. See [Mark.Pick] for what it returns; biases take no part.
func (s *Sequence) Pick(ids []Token, probs []float32, u float64) int {
	n := min(len(ids), len(probs))
	s.list = appendCandidates(s.list[:0], ids[:n], probs[:n])
	return s.choose(s.draw, s.list, u)
}

// ProcessDraw makes the keyed draw on a row of tempered and truncated logits, as
// [Mark.Process] does, where it marks; elsewhere the row stays what it is.
func (s *Sequence) ProcessDraw(logits []float32) {
	before, forced := s.counts, !rowHasChoice(s.inVocab(logits))
	switch m := s.draw.mark; {
	case m == nil:
		s.counts.Ordinary++
	case s.isKeyed(s.draw):
		s.counts.Keyed++
		m.processDraw(&s.scratch, logits, s.tokens, s.salt)
	}
	if forced {
		s.counts = before
		s.counts.Forced++
	}
}

// choose draws one of candidates by a keyed draw, or by u alone where it does not mark, and
// returns its index.
func (s *Sequence) choose(d keyedMark, list []candidate, u float64) int {
	switch {
	case !hasChoice(list):
		s.counts.Forced++
	case d.mark == nil:
		s.counts.Ordinary++
	case s.isKeyed(d):
		s.counts.Keyed++
		k := d.mark.keyed
		k.setContext(&s.scratch, s.tokens)
		return k.choose(&s.scratch, list, s.salt, u)
	}
	return drawIndex(list, u)
}

// chooseID is choose, and returns the id or -1.
func (s *Sequence) chooseID(d keyedMark, list []candidate, u float64) Token {
	if i := s.choose(d, list, u); i >= 0 {
		return list[i].id
	}
	return -1
}

// isKeyed reports whether a keyed draw marks the next position, and counts one that it does
// not.
func (s *Sequence) isKeyed(d keyedMark) bool {
	switch {
	case !d.mark.in.has(&s.scratch.Scratch, s.tokens):
		s.counts.OutOfBand++
	case d.repeats != nil && d.repeats.has(&s.scratch.Scratch, s.tokens):
		s.counts.Repeated++
	default:
		return true
	}
	return false
}

// eachRepeats calls f once for each record, however many marks share it.
func (s *Sequence) eachRepeats(f func(*repeats)) {
	for i, r := range s.repeats {
		if r == nil {
			continue
		}
		if !slices.Contains(s.repeats[:i], r) {
			f(r)
		}
	}
	if r := s.draw.repeats; r != nil && !slices.Contains(s.repeats, r) {
		f(r)
	}
}

// repeats counts how often each context has occurred in a text.
type repeats struct {
	width int
	pack  *prf.Function // any function of the text alone would do
	count map[prf.Nonce]int32
}

func newRepeats(width int) (*repeats, error) {
	pack, err := prf.Public(width)
	if err != nil {
		return nil, fmt.Errorf("watermark: %w", err)
	}
	return &repeats{width: width, pack: pack, count: make(map[prf.Nonce]int32)}, nil
}

func (r *repeats) reset() { clear(r.count) }

func (r *repeats) has(s *prf.Scratch, context []Token) bool {
	r.pack.SetContext(s, context)
	return r.count[s.Nonce()] > 0
}

func (r *repeats) add(s *prf.Scratch, context []Token, n int32) {
	r.pack.SetContext(s, context)
	nonce := s.Nonce()
	if r.count[nonce] += n; r.count[nonce] == 0 {
		delete(r.count, nonce)
	}
}
