package watermark

import (
	"fmt"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A Sequence applies marks along one text: any number of biases, and at most one keyed draw. It
// keeps the tokens that are context and applies repeated-context masking. It owns all working
// memory, so a step does not allocate once its buffers have grown. One goroutine at a time may
// use it. Make one for each request, or Reset one for the next.
//
// [Sequence.Sample] does everything. An engine with a sampler of its own calls
// [Sequence.Process] on raw logits, which applies the biases. If there is a keyed draw, it then
// calls [Sequence.Pick] or [Sequence.ProcessDraw] on what its truncation left. An engine that
// always makes both calls is right for every scheme.
type Sequence struct {
	biases  []sequenceBias
	draw    sequenceDraw
	repeats []*repeats // the distinct records of biases and draw
	vocab   int        // of all marks; 0 without marks
	prompts bool       // prompt tokens are context
	tokens  []Token    // the prompt if it is context, then the accepted tokens
	start   int        // where accepted tokens begin
	salt    uint32
	counts  DrawCounts
	scratch scratch
	list    []candidate
	row     []float32 // copy of a row for a Bias
}

// A sequenceBias is a bias in a Sequence: a mark, or a Bias of the caller.
type sequenceBias struct {
	mark    *Mark // nil for a Bias
	own     Bias  // nil for a mark
	width   int
	band    Band
	in      *selector
	repeats *repeats // nil if repeats are marked
}

// A sequenceDraw is the keyed draw of a Sequence, or none.
type sequenceDraw struct {
	mark    *Mark    // nil for none
	repeats *repeats // nil if repeats are marked
}

// DrawCounts counts the draws of a [Sequence] since Reset, by calls of Sample, Pick and
// ProcessDraw. Rewind does not take any back. The counts sum to the number of these calls. A
// candidate is a token with a positive probability or, in a row, with a logit above -Inf.
type DrawCounts struct {
	Keyed     int64 // by the keyed draw, among two candidates or more
	Forced    int64 // with one candidate or none, as a grammar leaves them
	Repeated  int64 // by chance, because the context occurred before
	OutOfBand int64 // by chance, because the context lies outside the draw's band
	Greedy    int64 // at temperature 0, where only a bias marks
	Ordinary  int64 // by chance, because there is no keyed draw
}

// NewSequence returns a Sequence that applies marks together. The bands of biases must be
// disjoint, under the same selector and width. The keyed draw may have a width and a band of its
// own. All marks must agree on the vocabulary, and on whether prompts are context. Without marks
// the Sequence is a plain sampler, for requests that shall not be marked. Call Reset before the
// first text that has a prompt. An error is a [*ParamError].
func NewSequence(marks ...*Mark) (*Sequence, error) {
	s := new(Sequence)
	for i, m := range marks {
		if m == nil {
			return nil, paramError("marks", "contain nil at index %d", i)
		}
		if m.vocab != marks[0].vocab {
			return nil, paramError("marks", "differ in vocabulary: %d and %d", marks[0].vocab, m.vocab)
		}
		if m.prompts != marks[0].prompts {
			return nil, paramError("marks", "differ in whether prompts are context")
		}
		if m.IsKeyedDraw() {
			if s.draw.mark != nil {
				return nil, paramError("marks", "contain two keyed draws; a token can be drawn by one only")
			}
			s.draw.mark, s.salt = m, m.salt
			continue
		}
		if err := s.add(sequenceBias{mark: m, width: m.Width(), band: m.band, in: m.in}, m.masked); err != nil {
			return nil, err
		}
	}
	if len(marks) > 0 {
		s.prompts, s.vocab = marks[0].prompts, marks[0].vocab
	}
	if m := s.draw.mark; m != nil && m.masked {
		var err error
		if s.draw.repeats, err = s.repeatsOf(m.Width()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add adds a bias, unless it could meet another one at a position.
func (s *Sequence) add(b sequenceBias, masked bool) (err error) {
	for _, other := range s.biases {
		if err := disjoint(other, b); err != nil {
			return err
		}
	}
	if masked {
		if b.repeats, err = s.repeatsOf(b.width); err != nil {
			return err
		}
	}
	s.biases = append(s.biases, b)
	return nil
}

// disjoint returns an error if two biases can meet at one position.
func disjoint(a, b sequenceBias) error {
	switch {
	case a.band.isEverything() || b.band.isEverything():
		return paramError("marks", "overlap: one of them covers all contexts; give each a band")
	case a.width != b.width:
		return paramError("marks", "have bands over different contexts: widths %d and %d", a.width, b.width)
	case !a.band.Selector.Equal(b.band.Selector):
		return paramError("marks", "have bands under different selectors: %s and %s", a.band.Selector.ID(), b.band.Selector.ID())
	case a.band.Lo < b.band.Hi && b.band.Lo < a.band.Hi:
		return paramError("marks", "overlap: bands [%d,%d) and [%d,%d)", a.band.Lo, a.band.Hi, b.band.Lo, b.band.Hi)
	}
	return nil
}

// repeatsOf returns the record of the contexts of a width, which marks share.
func (s *Sequence) repeatsOf(width int) (*repeats, error) {
	for _, r := range s.repeats {
		if r.width == width {
			return r, nil
		}
	}
	r, err := newRepeats(width)
	if err == nil {
		s.repeats = append(s.repeats, r)
	}
	return r, err
}

// Reset begins a new text after a prompt, which may be empty. The prompt's tokens are context,
// and its contexts count as having occurred, unless the marks were made with [NoPromptContext].
// To resume a text, Reset to its prompt and Accept its tokens.
func (s *Sequence) Reset(prompt []Token) {
	s.tokens = s.tokens[:0]
	for _, r := range s.repeats {
		r.reset()
	}
	s.counts = DrawCounts{}
	if s.prompts {
		for _, t := range prompt {
			s.Accept(t)
		}
	}
	s.start = len(s.tokens)
}

// SetSalt sets the number of the request, for a mark of two keys; see [GumbelMax]. The default is
// the salt of [Mark.Salted]. Reset does not change it.
func (s *Sequence) SetSalt(salt uint32) { s.salt = salt }

// Counts returns the counts of draws since Reset.
func (s *Sequence) Counts() DrawCounts { return s.counts }

// Process applies the biases to the raw logits of the next position, in place; see
// [Mark.Process]. It does not apply the keyed draw, which comes after truncation: call
// [Sequence.Pick] or [Sequence.ProcessDraw] for it.
func (s *Sequence) Process(logits []float32) {
	for i := range s.biases {
		b := &s.biases[i]
		switch {
		case b.repeats != nil && b.repeats.has(&s.scratch.Scratch, s.tokens):
		case b.own == nil:
			b.mark.process(&s.scratch, logits, s.tokens)
		case b.in.has(&s.scratch.Scratch, s.tokens):
			b.own.Process(s.inVocab(logits), b.context(s.tokens))
		}
	}
}

// Accept appends the token of the next position to the text.
func (s *Sequence) Accept(t Token) {
	for _, r := range s.repeats {
		r.add(&s.scratch.Scratch, s.tokens, +1)
	}
	s.tokens = append(s.tokens, t)
}

// Rewind undoes the last n Accepts, as speculative decoding needs. It does not go back beyond
// Reset: a larger n undoes all Accepts, and a negative n none.
func (s *Sequence) Rewind(n int) {
	for range min(n, len(s.tokens)-s.start) {
		s.tokens = s.tokens[:len(s.tokens)-1]
		for _, r := range s.repeats {
			r.add(&s.scratch.Scratch, s.tokens, -1)
		}
	}
}

// Sample draws the token of the next position from raw logits. It applies the biases, then the
// sampler's truncation, then the keyed draw or an ordinary one; [Sampler] gives the rules. u in
// [0,1) is an ordinary random number. Sample does not write to logits and does not Accept the
// token. Entries past the vocabulary of the marks are never drawn. Sample returns -1 if no entry
// can be drawn.
func (s *Sequence) Sample(logits []float32, sampler Sampler, u float64) Token {
	row, bias := s.biased(logits)
	if sampler.isGreedy() {
		s.counts.Greedy++
		return s.scratch.scanner.argmax(row, &bias)
	}
	if t, ok := s.sampleUntruncated(row, &bias, sampler, u); ok {
		return t
	}
	return s.chooseID(s.draw, s.scratch.scanner.survivors(row, &bias, sampler), u)
}

// inVocab returns the part of a row within the vocabulary of the marks.
func (s *Sequence) inVocab(logits []float32) []float32 {
	if s.vocab > 0 {
		return logits[:min(len(logits), s.vocab)]
	}
	return logits
}

// biased returns the row of the next position and the bias to draw it with. Bands are disjoint, so
// there is at most one bias. A Bias of the caller writes to a copy of the row.
func (s *Sequence) biased(logits []float32) (row []float32, bias rowBias) {
	row = s.inVocab(logits)
	scratch := &s.scratch.scanner.scratch
	for i := range s.biases {
		b := &s.biases[i]
		if b.repeats != nil && b.repeats.has(scratch, s.tokens) || !b.in.has(scratch, s.tokens) {
			continue
		}
		if b.own == nil {
			return row, b.mark.bias.biasAt(scratch, s.tokens)
		}
		s.row = append(s.row[:0], row...)
		b.own.Process(s.row, b.context(s.tokens))
		return s.row, rowBias{}
	}
	return row, rowBias{}
}

// Pick draws the token of the next position among the survivors of truncation, whose logits
// [Sequence.Process] has biased. It uses the keyed draw where that marks, and u alone elsewhere.
// See [Mark.Pick] for its arguments and its result.
func (s *Sequence) Pick(ids []Token, probs []float32, u float64) int {
	n := min(len(ids), len(probs))
	s.list = appendCandidates(s.list[:0], ids[:n], probs[:n])
	return s.choose(s.draw, s.list, u)
}

// ProcessDraw makes the keyed draw on a row of tempered and truncated logits, as [Mark.Process]
// does, where the draw marks. Elsewhere it does not change the row.
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

// choose draws one of list by a keyed draw where it marks, and by u alone elsewhere. It returns
// the index, or -1 if no weight is positive.
func (s *Sequence) choose(d sequenceDraw, list []candidate, u float64) int {
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

// chooseID is choose for callers that need the id. It returns -1 if there is none.
func (s *Sequence) chooseID(d sequenceDraw, list []candidate, u float64) Token {
	if i := s.choose(d, list, u); i >= 0 {
		return list[i].id
	}
	return -1
}

// isKeyed reports whether a keyed draw marks the next position. If not, it counts why.
func (s *Sequence) isKeyed(d sequenceDraw) bool {
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

// repeats counts how often each context has occurred in a text.
type repeats struct {
	width int
	pack  *prf.Function // gives each context its nonce; needs no key
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
