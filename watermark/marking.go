package watermark

import "slices"

// A Marking holds the marks of a service's requests, checked once. What could fail per request fails in
// [NewMarking] or [Profile.Marking], when the service starts. A Marking is immutable and safe for
// concurrent use.
//
//	marking, err := profile.Marking(key) // at start
//	...
//	seq := marking.Sequence(rand.Uint32()) // for each text
//	seq.Reset(prompt)
type Marking struct {
	vocab     int
	biases    []*Mark
	templates []*Sequence // one for each variant of the keyed draw; never used, only copied
}

// NewMarking returns a Marking of marks that apply together, by the rules of [NewSequence]. vocab is the
// size of the vocabulary, that of all marks. Without marks the Sequences are plain samplers that never
// draw an id past vocab, as marked ones do. The marks of all variants of a profile ([Profile.Marks])
// may be among them; each text then has one. An error is a [*ParamError].
func NewMarking(vocab int, marks ...*Mark) (*Marking, error) {
	if vocab < 1 || vocab > MaxVocab {
		return nil, paramError("vocab", "%d is outside 1 to %d", vocab, MaxVocab)
	}
	m := &Marking{vocab: vocab}
	var draws []*Mark
	for i, mark := range marks {
		switch {
		case mark == nil:
			return nil, paramError("marks", "contain nil at index %d", i)
		case mark.vocab != vocab:
			return nil, paramError("marks", "differ in vocabulary: %d and %d", vocab, mark.vocab)
		case mark.IsKeyedDraw():
			draws = append(draws, mark)
		default:
			m.biases = append(m.biases, mark)
		}
	}
	if err := areVariants(draws); err != nil {
		return nil, err
	}
	if len(draws) == 0 {
		return m, m.addTemplate(m.biases)
	}
	for _, d := range draws {
		if err := m.addTemplate(append(slices.Clone(m.biases), d)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// areVariants returns an error unless draws are one mark, or the variants of one in order.
func areVariants(draws []*Mark) error {
	for i, d := range draws {
		first := draws[0]
		same := d.variant == i && d.scheme == first.scheme && d.band.equal(first.band) && d.lane == first.lane &&
			d.masked == first.masked && d.prompts == first.prompts && d.scored == first.scored
		if len(draws) > 1 && (!same || i > 0 && d.keyID == first.keyID) {
			return paramError("marks", "contain several keyed draws that are not the variants of one profile in order; a token can be drawn by one only")
		}
	}
	return nil
}

func (m *Marking) addTemplate(marks []*Mark) error {
	s, err := NewSequence(marks...)
	if err != nil {
		return err
	}
	s.vocab = m.vocab
	if len(marks) == 0 {
		s.prompts = true
	}
	m.templates = append(m.templates, s)
	return nil
}

// Vocab returns the vocabulary size.
func (m *Marking) Vocab() int { return m.vocab }

// Variants returns the number of key variants of the keyed draw, at least 1.
func (m *Marking) Variants() int { return len(m.templates) }

// Marks returns the marks of the text with this number, biases first.
func (m *Marking) Marks(number uint32) []*Mark { return m.template(number).Marks() }

// Sequence returns a new Sequence for one text. number should differ between texts: draw it at random,
// or count samples of one request. It is the salt of a mark of two keys, and chooses the variant. Keep
// it if the same text must be written again.
func (m *Marking) Sequence(number uint32) *Sequence {
	s := m.template(number).Clone()
	s.salt = number
	return s
}

func (m *Marking) template(number uint32) *Sequence {
	return m.templates[number%uint32(len(m.templates))]
}

// Speculation returns a new Speculation for one text, and the number as for [Marking.Sequence]. It
// serves biases alone, and a [GumbelMax] of two keys. ok is false for any other keyed draw. Such a
// request needs no Speculation: draw with [Sequence.Sample] and compare.
func (m *Marking) Speculation(number uint32) (s *Speculation, ok bool) {
	template := m.template(number)
	if template.draw.mark == nil {
		return &Speculation{seq: m.Sequence(number)}, true
	}
	first, second, ok := template.draw.mark.Halves()
	if !ok {
		return nil, false
	}
	seq := m.Sequence(number)
	seq.draw.mark = second
	return &Speculation{seq: seq, draft: sequenceDraw{mark: first, repeats: seq.draw.repeats}}, true
}

// Marking returns the Marking of a profile under a key, with all its Variants; see [Profile.Marks]. For
// several profiles together pass all their marks to [NewMarking]. An error about a parameter is a
// [*ParamError].
func (p *Profile) Marking(key Key, selector ...Key) (*Marking, error) {
	marks, err := p.Marks(key, selector...)
	if err != nil {
		return nil, err
	}
	return NewMarking(p.Vocab, marks...)
}
