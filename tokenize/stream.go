package tokenize

import "github.com/isotope-wm/isotope/internal/stoptext"

// A Stream turns ids into text while a model draws them. It holds back bytes that later ids may change: a
// character that is not complete, and what may become a stop string. A Stream is for one text and one
// goroutine.
type Stream struct {
	tok     Tokenizer
	cut     *stoptext.Cutter
	bytes   []byte // of one id
	started bool   // an id was added
}

// NewStream returns the Stream of an empty text. The text ends before the first of the stop strings that
// is complete. Empty stop strings are ignored.
func NewStream(tok Tokenizer, stop ...string) *Stream {
	return &Stream{tok: tok, cut: stoptext.New(stop...)}
}

// Add takes the next id and returns the text that no later id can change. It never ends inside a
// character, unless bytes are not UTF-8 and cannot become a character.
//
// stopped is true from the id on that completes a stop string. The text then ends before that string, and
// Add returns no more text. Of stop strings that end at the same byte the longest counts. So the text does not
// depend on how ids cut it.
//
// The error for an id without text wraps [ErrID], and the Stream is as before. Look for the ids that end
// a turn before you call Add: they are control tokens, which have no text.
//
// All texts together, with that of Rest, are what Decode returns for all ids, up to the stop string.
func (s *Stream) Add(id int32) (text string, stopped bool, err error) {
	if s.cut.Stopped() {
		return "", true, nil
	}
	s.bytes = s.bytes[:0]
	if e, ok := s.tok.(*BPE); ok && s.started {
		part, ok := e.Token(id)
		if !ok {
			return "", false, e.decodeError(0, id)
		}
		s.bytes = append(s.bytes, part...)
	} else if s.bytes, err = s.tok.Decode(s.bytes, []int32{id}); err != nil {
		return "", false, err
	}
	s.started = true
	text, stopped = s.cut.Add(s.bytes)
	return text, stopped, nil
}

// Rest returns what Add has held back, when no more ids follow. It is empty after a stop string.
func (s *Stream) Rest() string { return s.cut.Rest() }
