package watermark

import "slices"

// A Sequence applies marks along one text: any number of biases, and at most one keyed draw. It
// keeps the tokens that are context and applies repeated-context masking. It owns all working
// memory, so a step does not allocate once its buffers have grown. One goroutine at a time may
// use it. Make one for each request, or Reset one for the next.
//
// [Sequence.Sample] does everything, and [Sequence.Draw] does it for an engine that truncates by
// itself. Both are right for every scheme. An engine whose truncation shall see the biases calls
// [Sequence.Process] on raw logits first. [Sequence.Counts] shows what was marked.
type Sequence struct {
	biases  []sequenceBias
	draw    sequenceDraw
	repeats []*repeats // the distinct records of biases and draw
	vocab   int        // of all marks; 0 without marks
	prompts bool       // prompt tokens are context

	prompt *Prompt // nil if no record of it is needed
	mine   bool    // nobody else has the prompt
	shared int     // tokens of prompt that are context of the text
	tokens []Token // the last of the shared tokens, then those after them
	head   int     // number of shared tokens in tokens
	start  int     // where accepted tokens begin
	begins []begin // where texts and pauses began, in ascending order; the first is at start
	fates  []fate  // of the accepted tokens
	now    position
	totals totals

	salt    uint32
	scratch scratch
	list    []candidate
	row     []float32 // copy of a row for a Bias
	saved   []float32 // logits of exempt ids
}

// A sequenceBias is a bias in a Sequence: a mark, or a Bias of the caller.
type sequenceBias struct {
	mark    *Mark // nil for a Bias
	own     Bias  // nil for a mark
	width   int
	band    Band
	in      *selector
	repeats *repeats // nil if repeats are marked
	scored  bool     // see ScoredOnly
	exempt  *exemptIDs
}

// A sequenceDraw is the keyed draw of a Sequence, or none.
type sequenceDraw struct {
	mark    *Mark    // nil for none
	repeats *repeats // nil if repeats are marked
}

// NewSequence returns a Sequence that applies marks together. The bands of biases must be
// disjoint, under the same selector and width. The keyed draw may have a width and a band of its
// own. All marks must agree on the vocabulary, and on whether prompts are context. Without marks
// the Sequence is a plain sampler, for requests that shall not be marked. Call Reset before the
// first text that has a prompt. An error is a [*ParamError].
//
// A server checks its marks once, with [NewMarking]. The Sequences of a [Marking] come without an
// error.
func NewSequence(marks ...*Mark) (*Sequence, error) {
	s := &Sequence{begins: []begin{{}}}
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
		b := sequenceBias{mark: m, width: m.Width(), band: m.band, in: m.in, scored: m.scored, exempt: m.exempt}
		if err := s.add(b, m.masked); err != nil {
			return nil, err
		}
	}
	if len(marks) > 0 {
		s.prompts, s.vocab = marks[0].prompts, marks[0].vocab
	}
	if m := s.draw.mark; m != nil && m.masked {
		s.draw.repeats = s.repeatsOf(m.Width())
	}
	return s, nil
}

// add adds a bias, unless it could meet another one at a position.
func (s *Sequence) add(b sequenceBias, masked bool) error {
	for _, other := range s.biases {
		if err := disjoint(other, b); err != nil {
			return err
		}
	}
	if masked {
		b.repeats = s.repeatsOf(b.width)
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
func (s *Sequence) repeatsOf(width int) *repeats {
	for _, r := range s.repeats {
		if r.own.width == width {
			return r
		}
	}
	r := &repeats{own: contexts{width: width}}
	s.repeats = append(s.repeats, r)
	return r
}

// Marks returns the marks of the Sequence, biases first.
func (s *Sequence) Marks() []*Mark {
	var marks []*Mark
	for _, b := range s.biases {
		if b.mark != nil {
			marks = append(marks, b.mark)
		}
	}
	if s.draw.mark != nil {
		marks = append(marks, s.draw.mark)
	}
	return marks
}

// Reset begins a new text after a prompt, which may be empty. The prompt's tokens are context,
// and its contexts count as having occurred, unless the marks were made with [NoPromptContext].
// The published text begins here; see [Sequence.BeginText]. Reset keeps the salt.
//
// Reset makes a record of the prompt's contexts, if the marks leave repeats alone. It keeps that
// record while prompts begin alike. To share one between Sequences, use [Sequence.ResetTo] or
// [Sequence.Clone]. To continue a text use [Sequence.Resume], not a prompt that holds its tokens.
func (s *Sequence) Reset(prompt []Token) {
	switch {
	case !s.prompts:
		s.resetTo(nil, 0, nil)
	case len(s.repeats) == 0:
		s.resetTo(nil, 0, prompt[max(len(prompt)-MaxWidth, 0):])
	default:
		s.resetAfter(prompt)
	}
}

// ResetTo is Reset with a prompt that was prepared. It takes the same time for every length.
func (s *Sequence) ResetTo(p *Prompt) {
	if !s.prompts || len(s.repeats) == 0 {
		s.Reset(p.tokens)
		return
	}
	s.mine = false
	s.resetTo(p, len(p.tokens), nil)
}

// resetAfter is Reset for a Sequence that needs a record of the prompt.
func (s *Sequence) resetAfter(prompt []Token) {
	common := 0
	if s.prompt != nil {
		common = commonPrefix(s.prompt.tokens, prompt)
	}
	if common < len(prompt) && common <= len(prompt)/2 {
		if !s.mine {
			s.prompt, s.mine = new(Prompt), true
		}
		s.prompt.replace(prompt)
		common = len(prompt)
	}
	s.resetTo(s.prompt, common, prompt[common:])
}

// commonPrefix returns the length of the longest common prefix.
func commonPrefix(a, b []Token) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// resetTo begins a text after the first n tokens of p and the tokens of rest.
func (s *Sequence) resetTo(p *Prompt, n int, rest []Token) {
	s.prompt, s.shared = p, n
	s.tokens, s.head = s.tokens[:0], 0
	if p != nil {
		s.tokens = append(s.tokens, p.tokens[max(n-MaxWidth, 0):n]...)
		s.head = len(s.tokens)
	}
	for _, r := range s.repeats {
		r.own.reset()
		r.before = nil
		if n > 0 {
			r.before = p.record(r.own.width)
		}
	}
	for _, t := range rest {
		s.append(t)
	}
	s.start = len(s.tokens)
	s.begins = append(s.begins[:0], begin{at: s.start})
	s.fates, s.totals, s.now = s.fates[:0], totals{}, position{}
}

// A begin is a position where a text begins, or a pause.
type begin struct {
	at     int
	paused bool
}

// last returns the last begin.
func (s *Sequence) last() begin { return s.begins[len(s.begins)-1] }

// BeginText says that a published text begins here: what came before is not part of it. Call it after
// a thinking block or a preamble that is not shown, or that is shown apart. Marks that were made with
// [ScoredOnly] leave the next Width positions alone. Contexts from before still count as having
// occurred. Other marks do not change. A Rewind to an earlier position undoes it.
func (s *Sequence) BeginText() { s.begin(false) }

// Pause leaves all positions unmarked until [Sequence.BeginText]. Call it before text that nobody sees,
// such as a hidden thinking block. A Rewind to an earlier position undoes it.
func (s *Sequence) Pause() { s.begin(true) }

func (s *Sequence) begin(paused bool) {
	here := begin{at: len(s.tokens), paused: paused}
	if last := s.last(); last.at == here.at {
		s.begins[len(s.begins)-1] = here
	} else if last.paused != paused || !paused {
		s.begins = append(s.begins, here)
	}
	s.now = position{}
}

// SetSalt sets the number of the request, for a mark of two keys; see [GumbelMax]. The default is
// the salt of [Mark.Salted]. Reset does not change it.
func (s *Sequence) SetSalt(salt uint32) { s.salt = salt }

// Salt returns the number of the request.
func (s *Sequence) Salt() uint32 { return s.salt }

// Variant returns which of several keys the keyed draw has, from 0; see [Mark.Variant].
func (s *Sequence) Variant() int {
	if s.draw.mark == nil {
		return 0
	}
	return s.draw.mark.variant
}

// Tokens returns the tokens that were accepted since Reset, without those that Rewind took back. The
// slice is valid until the next call. The caller must not change it.
func (s *Sequence) Tokens() []Token { return slices.Clip(s.tokens[s.start:]) }

// Text returns the part of Tokens since [Sequence.BeginText]. It is empty in a [Sequence.Pause].
func (s *Sequence) Text() []Token {
	if s.last().paused {
		return nil
	}
	return slices.Clip(s.tokens[s.last().at:])
}

// Len returns the number of tokens that were accepted since Reset, without those that Rewind took
// back.
func (s *Sequence) Len() int { return len(s.tokens) - s.start }

// Accept appends the token of the next position to the text. It also takes tokens that the Sequence
// did not draw. [Sequence.Counts] tells them from the others.
func (s *Sequence) Accept(t Token) { s.accept(t, s.fateOf(t)) }

// Insert appends tokens that the engine puts in without a draw, such as the end of a thinking block
// that is cut off. They differ from Accept in [Sequence.Counts] alone.
func (s *Sequence) Insert(tokens []Token) {
	for _, t := range tokens {
		s.accept(t, inserted)
	}
}

func (s *Sequence) accept(t Token, f fate) {
	s.append(t)
	s.fates = append(s.fates, f)
	s.totals.add(f, +1)
	s.now = position{}
}

// append appends a token and records its context.
func (s *Sequence) append(t Token) {
	at := len(s.tokens)
	s.tokens = append(s.tokens, t)
	for _, r := range s.repeats {
		r.own.add(s.tokens, at)
	}
}

// Rewind undoes the last n Accepts, as speculative decoding needs. It does not go back beyond
// Reset or Resume: a larger n undoes all Accepts, and a negative n none.
func (s *Sequence) Rewind(n int) {
	for range min(n, len(s.fates)) {
		at := len(s.tokens) - 1
		for _, r := range s.repeats {
			r.own.remove(s.tokens, at)
		}
		s.tokens = s.tokens[:at]
		s.totals.add(s.fates[len(s.fates)-1], -1)
		s.fates = s.fates[:len(s.fates)-1]
		if last := len(s.begins) - 1; last > 0 && s.begins[last].at > at {
			s.begins = s.begins[:last]
		}
		s.now = position{}
	}
}

// text returns what a mark may take for the text: all of it, or what will be published of it.
func (s *Sequence) text(scored bool) []Token {
	if scored {
		return s.tokens[s.last().at:]
	}
	return s.tokens
}

// inVocab returns the part of a row within the vocabulary of the marks.
func (s *Sequence) inVocab(logits []float32) []float32 {
	if s.vocab > 0 {
		return logits[:min(len(logits), s.vocab)]
	}
	return logits
}

// repeats finds the contexts of one width that occurred in a text or its prompt.
type repeats struct {
	own    contexts  // of the tokens of the Sequence
	before *contexts // of the prompt; nil for none
}

// has reports whether the context of the next position occurred before.
func (s *Sequence) has(r *repeats) bool {
	if r == nil {
		return false
	}
	var k contextKey
	k.set(r.own.width, s.tokens, len(s.tokens))
	if r.own.first(&k, s.tokens) >= 0 {
		return true
	}
	if r.before == nil {
		return false
	}
	first := r.before.first(&k, s.prompt.tokens)
	return first >= 0 && first < s.shared
}
