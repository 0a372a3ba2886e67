package tokenize

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner reads JSON from memory, without a tree of values: a vocabulary has hundreds of thousands of
// strings. After an error all methods return zero values, and err tells the first error.
type scanner struct {
	text []byte
	at   int
	err  error
	buf  []byte // holds a string with escapes
}

// maxDepth is how deep arrays and objects of a file may nest.
const maxDepth = 64

var errJSON = errors.New("is not JSON")

func (s *scanner) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("the file %w: %s at byte %d", errJSON, what, s.at)
	}
}

// peek returns the first byte of the next value, or 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.text) {
		switch b := s.text[s.at]; b {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return b
		}
	}
	return 0
}

func (s *scanner) take(b byte, what string) bool {
	if s.err == nil && s.peek() == b {
		s.at++
		return true
	}
	s.fail("no " + what)
	return false
}

// object calls f at the value of each key, which f must read. A key that occurs twice is an error.
func (s *scanner) object(f func(key string)) {
	if !s.take('{', "object") {
		return
	}
	seen := map[string]bool{}
	s.each('}', func() {
		key := string(s.bytes())
		if seen[key] {
			s.fail(fmt.Sprintf("a second %q", key))
		}
		seen[key] = true
		if s.take(':', "colon") {
			f(key)
		}
	})
}

// dict is object for a great many keys. It leaves it to f to look for one that occurs twice. The key is
// valid until f reads on.
func (s *scanner) dict(f func(key []byte)) {
	if s.take('{', "object") {
		s.each('}', func() {
			key := s.bytes()
			if s.take(':', "colon") {
				f(key)
			}
		})
	}
}

// array calls f at each element, which f must read.
func (s *scanner) array(f func()) {
	if s.take('[', "array") {
		s.each(']', f)
	}
}

func (s *scanner) each(end byte, f func()) {
	if s.peek() == end {
		s.at++
		return
	}
	for s.err == nil {
		f()
		if s.err != nil {
			return
		}
		switch s.peek() {
		case ',':
			s.at++
		case end:
			s.at++
			return
		default:
			s.fail("no comma")
		}
	}
}

// bytes returns a string. It is valid until the next call.
func (s *scanner) bytes() []byte {
	if !s.take('"', "string") {
		return nil
	}
	start := s.at
	for s.at < len(s.text) {
		switch b := s.text[s.at]; {
		case b == '"':
			s.at++
			return s.text[start : s.at-1]
		case b == '\\':
			s.buf = append(s.buf[:0], s.text[start:s.at]...)
			return s.escaped()
		case b < ' ':
			s.fail("a control character in a string")
			return nil
		case b < utf8.RuneSelf:
			s.at++
		default:
			if r, n := utf8.DecodeRune(s.text[s.at:]); r == utf8.RuneError && n == 1 {
				s.fail("bytes that are not UTF-8")
				return nil
			} else {
				s.at += n
			}
		}
	}
	s.fail("no end of a string")
	return nil
}

// escaped reads the rest of a string from its first escape on.
func (s *scanner) escaped() []byte {
	for s.at < len(s.text) {
		b := s.text[s.at]
		switch {
		case b == '"':
			s.at++
			return s.buf
		case b < ' ':
			s.fail("a control character in a string")
			return nil
		case b != '\\':
			r, n := utf8.DecodeRune(s.text[s.at:])
			if r == utf8.RuneError && n == 1 {
				s.fail("bytes that are not UTF-8")
				return nil
			}
			s.buf = append(s.buf, s.text[s.at:s.at+n]...)
			s.at += n
			continue
		}
		s.at++
		if s.at == len(s.text) {
			break
		}
		b = s.text[s.at]
		s.at++
		switch b {
		case '"', '\\', '/':
			s.buf = append(s.buf, b)
		case 'b':
			s.buf = append(s.buf, '\b')
		case 'f':
			s.buf = append(s.buf, '\f')
		case 'n':
			s.buf = append(s.buf, '\n')
		case 'r':
			s.buf = append(s.buf, '\r')
		case 't':
			s.buf = append(s.buf, '\t')
		case 'u':
			r, ok := s.hex()
			if ok && utf16.IsSurrogate(r) {
				ok = s.at+1 < len(s.text) && s.text[s.at] == '\\' && s.text[s.at+1] == 'u'
				if ok {
					s.at += 2
					var low rune
					low, ok = s.hex()
					r = utf16.DecodeRune(r, low)
					ok = ok && r != utf8.RuneError
				}
			}
			if !ok {
				s.fail("a wrong escape")
				return nil
			}
			s.buf = utf8.AppendRune(s.buf, r)
		default:
			s.fail("a wrong escape")
			return nil
		}
	}
	s.fail("no end of a string")
	return nil
}

func (s *scanner) hex() (rune, bool) {
	if len(s.text)-s.at < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.text[s.at:s.at+4]), 16, 16)
	s.at += 4
	return rune(n), err == nil
}

// id returns a whole number from 0 to maxID.
func (s *scanner) id() int32 {
	s.peek()
	start, n := s.at, 0
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' && n <= maxID {
		n = 10*n + int(s.text[s.at]-'0')
		s.at++
	}
	if s.at == start || n > maxID || s.text[start] == '0' && s.at > start+1 {
		s.fail(fmt.Sprintf("no id from 0 to %d", maxID))
		return 0
	}
	return int32(n)
}

// raw returns the text of a value.
func (s *scanner) raw() []byte {
	s.peek()
	start := s.at
	s.skip(0)
	if s.err != nil {
		return nil
	}
	return s.text[start:s.at]
}

// leap is raw for a large array or object that the caller reads again: it only looks for the end.
func (s *scanner) leap() []byte {
	if b := s.peek(); b != '{' && b != '[' {
		return s.raw()
	}
	start, depth := s.at, 0
	for s.at < len(s.text) && s.err == nil {
		b := s.text[s.at]
		s.at++
		switch b {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return s.text[start:s.at]
			}
		case '"':
			text, at := s.text, s.at
			for at < len(text) && text[at] != '"' {
				if text[at] == '\\' {
					at++
				}
				at++
			}
			s.at = at + 1
		}
	}
	s.at = min(s.at, len(s.text))
	s.fail("no end of an array or object")
	return nil
}

func (s *scanner) skip(depth int) {
	if depth > maxDepth {
		s.fail(fmt.Sprintf("more than %d levels", maxDepth))
		return
	}
	switch b := s.peek(); {
	case b == '{':
		s.dict(func([]byte) { s.skip(depth + 1) })
	case b == '[':
		s.array(func() { s.skip(depth + 1) })
	case b == '"':
		s.bytes()
	default:
		start := s.at
		for s.at < len(s.text) && (s.text[s.at] >= '0' && s.text[s.at] <= '9' || s.text[s.at] >= 'a' && s.text[s.at] <= 'z' ||
			s.text[s.at] == '-' || s.text[s.at] == '+' || s.text[s.at] == '.' || s.text[s.at] == 'E') {
			s.at++
		}
		switch word := string(s.text[start:s.at]); word {
		case "true", "false", "null":
		default:
			if _, err := strconv.ParseFloat(word, 64); err != nil || !isNumber(word) {
				s.fail("no value")
			}
		}
	}
}

// isNumber reports whether a number that ParseFloat takes begins as one of JSON.
func isNumber(word string) bool {
	if word[0] == '-' {
		word = word[1:]
	}
	return word != "" && word[0] >= '0' && word[0] <= '9' && (len(word) == 1 || word[0] != '0' || word[1] == '.' || word[1]|0x20 == 'e')
}

// end fails unless only white space is left.
func (s *scanner) end() {
	if s.err == nil && s.peek() != 0 {
		s.fail("more after its end")
	}
}
