package watermark

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// Clone returns an independent copy of the Sequence: another beam, another sample of one prompt, or a
// cached prefix. The two share the record of the prompt, so Clone takes time for the tokens after the
// prompt alone. A [Bias] of the caller is shared, too.
func (s *Sequence) Clone() *Sequence {
	c := new(Sequence)
	c.CopyFrom(s)
	return c
}

// CopyFrom makes s a copy of other, as [Sequence.Clone] would. It reuses the memory of s, so beams that
// are copied at every step do not allocate. Nothing of s remains.
func (s *Sequence) CopyFrom(other *Sequence) {
	if s == other {
		return
	}
	if other.mine { // no write to what only is copied, so that goroutines may copy one Sequence
		other.mine = false
	}
	s.vocab, s.prompts, s.salt = other.vocab, other.prompts, other.salt
	s.prompt, s.mine, s.shared = other.prompt, false, other.shared
	s.tokens = append(s.tokens[:0], other.tokens...)
	s.head, s.start = other.head, other.start
	s.begins = append(s.begins[:0], other.begins...)
	s.fates = append(s.fates[:0], other.fates...)
	s.now, s.totals = other.now, other.totals
	for len(s.repeats) < len(other.repeats) {
		s.repeats = append(s.repeats, new(repeats))
	}
	s.repeats = s.repeats[:len(other.repeats)]
	same := func(r *repeats) *repeats {
		if i := slices.Index(other.repeats, r); i >= 0 {
			return s.repeats[i]
		}
		return nil
	}
	for i, r := range other.repeats {
		s.repeats[i].own.copyFrom(&r.own)
		s.repeats[i].before = r.before
	}
	s.biases = append(s.biases[:0], other.biases...)
	for i := range s.biases {
		s.biases[i].repeats = same(s.biases[i].repeats)
	}
	s.draw = sequenceDraw{mark: other.draw.mark, repeats: same(other.draw.repeats)}
}

// A State is what a Sequence knows besides its marks, its prompt and its tokens, which an engine has in
// any case. An engine that takes the memory of a request away keeps it, as JSON if it likes, and later
// continues with [Sequence.Resume]. It holds no secret.
type State struct {
	Length  int    `json:"length"`  // tokens since Reset
	Begin   int    `json:"begin"`   // how many of them come before the published text, or before the pause
	Paused  bool   `json:"paused"`  // see Sequence.Pause
	Salt    uint32 `json:"salt"`    // see SetSalt
	Variant int    `json:"variant"` // see Mark.Variant
	Counts  Counts `json:"counts"`
	// Check is a checksum of all this, the tokens and the ids of the keys. 0 is not compared.
	Check uint32 `json:"check"`
}

// State returns the state of the text.
func (s *Sequence) State() State {
	state := State{
		Length: s.Len(), Begin: s.last().at - s.start, Paused: s.last().paused, Salt: s.salt, Variant: s.Variant(), Counts: s.Counts(),
	}
	state.Check = s.checksum(state, s.Tokens())
	return state
}

// checksum returns what Check is for a state and its tokens.
func (s *Sequence) checksum(state State, tokens []Token) uint32 {
	state.Check = 0
	text := fmt.Appendf(nil, "%+v", state)
	for _, m := range s.Marks() {
		text = fmt.Appendf(text, " %s %+v %t", m.keyID, m.lane, m.IsKeyedDraw())
	}
	for _, t := range tokens {
		text = binary.LittleEndian.AppendUint32(text, uint32(t))
	}
	return crc32.ChecksumIEEE(text)
}

// ErrState is wrapped by the errors of Resume.
var ErrState = errors.New("the state is of another text or of other marks")

// Resume continues a text: prompt as it was given to Reset, the tokens that followed, and the State of
// that moment. The Sequence then goes on as if it had never stopped, and so do its counts. Rewind does
// not go back beyond this point. Resume returns an error that wraps [ErrState], and changes nothing, if
// the state was changed, or does not belong to the tokens or to the keys of the Sequence.
func (s *Sequence) Resume(prompt, tokens []Token, state State) error {
	switch {
	case state.Length != len(tokens) || state.Counts.Tokens != int64(len(tokens)) || state.Begin < 0 || state.Begin > len(tokens):
		return fmt.Errorf("watermark: %w: it has %d tokens, of which %d come before the text, and %d tokens are given",
			ErrState, state.Length, state.Begin, len(tokens))
	case state.Variant != s.Variant():
		return fmt.Errorf("watermark: %w: it has variant %d of the key, and the Sequence has %d; take the same mark again",
			ErrState, state.Variant, s.Variant())
	case !state.Counts.addUp(len(s.biases) > 0, s.draw.mark != nil):
		return fmt.Errorf("watermark: %w: its counts do not add up for the marks of the Sequence; take the same marks again", ErrState)
	case state.Check != 0 && state.Check != s.checksum(state, tokens):
		return fmt.Errorf("watermark: %w: its checksum is another; take the tokens, the keys and the state of one text", ErrState)
	}
	s.Reset(prompt)
	for _, t := range tokens {
		s.append(t)
	}
	s.begins = append(s.begins[:0], begin{at: s.start + state.Begin, paused: state.Paused})
	s.salt, s.totals = state.Salt, totalsOf(state.Counts)
	return nil
}
