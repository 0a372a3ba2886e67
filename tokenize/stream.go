package tokenize

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A Stream turns ids into text while a model draws them. It holds back bytes that later ids may change: a
// character that is not complete, and what may become a stop string. A Stream is for one text and one
// goroutine.
type Stream struct {
	tok     Tokenizer
	stops   []string
	held    []byte
	started bool // an id was added
	stopped bool
}

// NewStream returns the Stream of an empty text. The text ends before the first of the stop strings that
// is complete. Empty stop strings are ignored.
func NewStream(tok Tokenizer, stops ...string) *Stream {
	s := &Stream{tok: tok}
	for _, stop := range stops {
		if stop != "" {
			s.stops = append(s.stops, stop)
		}
	}
	return s
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
	if s.stopped {
		return "", true, nil
	}
	before := len(s.held)
	if e, ok := s.tok.(*BPE); ok && s.started {
		part, ok := e.Token(id)
		if !ok {
			return "", false, e.decodeError(0, id)
		}
		s.held = append(s.held, part...)
	} else {
		held, err := s.tok.Decode(s.held, []int32{id})
		if err != nil {
			return "", false, err
		}
		s.held = held
	}
	s.started = true

	// Only what ends in the new bytes can be complete now.
	at, end := 0, len(s.held)+1
	for _, stop := range s.stops {
		from := max(0, before-len(stop)+1)
		i := bytes.Index(s.held[from:], []byte(stop))
		if i < 0 {
			continue
		}
		i += from
		if e := i + len(stop); e < end || e == end && i < at {
			at, end = i, e
		}
	}
	if end <= len(s.held) {
		s.stopped = true
		text = string(s.held[:at])
		s.held = nil
		return text, true, nil
	}
	keep := partOfCharacter(s.held)
	for _, stop := range s.stops {
		keep = max(keep, overlap(s.held, stop))
	}
	n := len(s.held) - keep
	return s.take(n - partOfCharacter(s.held[:n])), false, nil
}

// Rest returns what Add has held back, when no more ids follow. It is empty after a stop string.
func (s *Stream) Rest() string { return s.take(len(s.held)) }

// take returns the first bytes that are held, and forgets them.
func (s *Stream) take(n int) string {
	text := string(s.held[:n])
	s.held = s.held[:copy(s.held, s.held[n:])]
	return text
}

// overlap returns the length of the longest proper prefix of stop with which text ends.
func overlap(text []byte, stop string) int {
	for n := min(len(text), len(stop)-1); n > 0; n-- {
		if strings.HasPrefix(stop, string(text[len(text)-n:])) {
			return n
		}
	}
	return 0
}

// partOfCharacter returns the number of bytes at the end of text that may become a character.
func partOfCharacter(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}
