// Package visible shows text as it is to people who read it on a terminal or a page.
//
// Text of somebody else can hold characters that do something: an escape sequence clears a line and
// writes another verdict, and an override of direction shows a name backwards. This package writes
// such characters as escapes, which do nothing.
package visible

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// acts reports whether a character acts on what is shown around it: controls but for tab and line
// feed, and those that change the direction of text or end a line.
func acts(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f: // C0, delete, C1
		return true
	case r == 0x61c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // direction
		return true
	case r == 0x2028, r == 0x2029, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f: // separators, annotations, tags
		return true
	}
	return false
}

// String returns a text with escapes in place of characters that act, and of bytes that are not
// UTF-8: \u001b, \u202e, \xff.
func String(s string) string {
	if !needed(s) {
		return s
	}
	return string(appendVisible(make([]byte, 0, len(s)+16), []byte(s)))
}

func needed(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || acts(r) })
}

func appendVisible(out, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			out = fmt.Appendf(out, `\x%02x`, text[0])
		case r > 0xffff && acts(r):
			out = fmt.Appendf(out, `\U%08x`, r)
		case acts(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return out
}

// A Writer writes text to another writer as [String] returns it. Close writes a character that was
// begun, and does not close the other writer. A Writer is not safe for concurrent use.
type Writer struct {
	w    io.Writer
	part []byte // the beginning of a character
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write implements [io.Writer].
func (v *Writer) Write(text []byte) (int, error) {
	whole := text
	if len(v.part) > 0 {
		whole = append(v.part, text...)
	}
	end := len(whole) - begun(whole)
	if _, err := v.w.Write(appendVisible(make([]byte, 0, end+16), whole[:end])); err != nil {
		return 0, err
	}
	v.part = append([]byte(nil), whole[end:]...)
	return len(text), nil
}

// begun returns the length of an unfinished character at the end of a text.
func begun(text []byte) int {
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

// Close writes what is left.
func (v *Writer) Close() error {
	if len(v.part) == 0 {
		return nil
	}
	_, err := v.w.Write(appendVisible(nil, v.part))
	v.part = nil
	return err
}
