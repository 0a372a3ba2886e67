package watermark

import (
	"fmt"
	"slices"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A Sequence walks marks along one text. It keeps the tokens that are context,
// applies repeated-context masking, and owns all working memory, so that a step
// does not allocate once its buffers have grown. One goroutine at a time; make one
// for each request or Reset one for the next.
type Sequence struct {
	marks   []*Mark
	repeats []*repeats // one for each mark, nil where it does not mask repeats
	prompts bool
	tokens  []Token // the prompt if it is context, then the accepted tokens
	start   int     // where accepted tokens begin
	scratch prf.Scratch
	chooser chooser
}

// NewSequence returns a Sequence that applies marks together: any number of biases
// whose bands are disjoint, under one selector and one width. They must agree on the
// vocabulary and on whether prompts are context. Without marks it is a plain sampler,
// for requests that are not marked. Call Reset before the first text that has a
// prompt.
func NewSequence(marks ...*Mark) (*Sequence, error) {
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
		for _, other := range marks[:i] {
			if err := disjoint(other, m); err != nil {
				return nil, err
			}
		}
	}
	s := &Sequence{marks: slices.Clone(marks), repeats: make([]*repeats, len(marks))}
	if len(marks) > 0 {
		s.prompts = marks[0].prompts
	}
	for i, m := range marks {
		if !m.masked {
			continue
		}
		var err error
		if s.repeats[i], err = s.repeatsOf(m.Width()); err != nil {
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
	if s.prompts {
		for _, t := range prompt {
			s.Accept(t)
		}
	}
	s.start = len(s.tokens)
}

// Process marks the row of the next position in place; see [Mark.Process].
func (s *Sequence) Process(logits []float32) {
	for i, m := range s.marks {
		if r := s.repeats[i]; r != nil && r.has(&s.scratch, s.tokens) {
			continue
		}
		m.process(&s.scratch, logits, s.tokens)
	}
}

// Accept appends the token of the next position.
func (s *Sequence) Accept(t Token) {
	s.eachRepeats(func(r *repeats) { r.add(&s.scratch, s.tokens, +1) })
	s.tokens = append(s.tokens, t)
}

// Rewind undoes the last n Accepts, for speculative decoding. It never goes behind
// Reset: a larger n undoes all there are, and a negative n none.
func (s *Sequence) Rewind(n int) {
	for range min(n, len(s.tokens)-s.start) {
		s.tokens = s.tokens[:len(s.tokens)-1]
		s.eachRepeats(func(r *repeats) { r.add(&s.scratch, s.tokens, -1) })
	}
}

// Sample draws the token of the next position from raw logits: marks, then the
// sampler. u in [0,1) is an ordinary random number. It does not write logits, and it
// does not Accept what it drew. Entries past the marks' vocabulary are never drawn. See [Sampler] for the rules; the result is -1 only
// when there is nothing to draw.
func (s *Sequence) Sample(logits []float32, sampler Sampler, u float64) Token {
	if len(s.marks) > 0 {
		logits = logits[:min(len(logits), s.marks[0].vocab)]
	}
	bias := s.bias()
	return s.chooser.draw(logits, &bias, sampler, u)
}

// bias returns the bias of the next position. There is at most one: bands are disjoint.
func (s *Sequence) bias() tint {
	for i, m := range s.marks {
		if r := s.repeats[i]; r != nil && r.has(&s.scratch, s.tokens) {
			continue
		}
		if m.in.has(&s.scratch, s.tokens) {
			return m.bound.(tinter).tint(&s.scratch, s.tokens)
		}
	}
	return tint{}
}

// eachRepeats calls f once for each record, however many marks share it.
func (s *Sequence) eachRepeats(f func(*repeats)) {
	for i, r := range s.repeats {
		if r == nil {
			continue
		}
		shared := false
		for _, earlier := range s.repeats[:i] {
			shared = shared || earlier == r
		}
		if !shared {
			f(r)
		}
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
