package forms

import (
	"bytes"
	"html"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/isotope-wm/isotope/internal/corpus/row"
)

// terminal removes what a terminal obeys and does not show (ECMA-48): control sequences,
// strings such as titles and links, single escapes, and characters that are overstruck.
func terminal(e *editor) {
	b := e.src
	for i := 0; i < len(b); {
		switch {
		case b[i] == 0x1b:
			n := sequence(b[i:])
			e.replace(i, i+n, "")
			i += n
		case b[i] == 0xc2 && i+1 < len(b) && b[i+1] == 0x9b: // CSI as one character
			n := 2 + parameters(b[i+2:])
			e.replace(i, i+n, "")
			i += n
		case i+1 < len(b) && b[i] != '\b' && struck(b[i:]) > 0:
			// A character with backspaces after it, as in "_\bx" and "x\bx": what comes
			// after stands in its place.
			n := struck(b[i:])
			e.replace(i, i+n, "")
			i += n
		case b[i] == '\b':
			e.replace(i, i+1, "")
			i++
		default:
			i++
		}
	}
}

// struck returns the length of the character at the beginning of b with the backspace
// after it, or 0.
func struck(b []byte) int {
	if b[0] < 0x20 {
		return 0
	}
	_, size := utf8.DecodeRune(b)
	if size < len(b) && b[size] == '\b' {
		return size + 1
	}
	return 0
}

// sequence returns the length of the escape sequence at the beginning of b.
func sequence(b []byte) int {
	if len(b) < 2 {
		return 1
	}
	switch c := b[1]; {
	case c == '[':
		return 2 + parameters(b[2:])
	case bytes.IndexByte([]byte("]PX^_"), c) >= 0:
		// A string ends with BEL or ST. One that does not end soon is no string.
		for i := 2; i < min(len(b), 4096); i++ {
			if b[i] == 7 {
				return i + 1
			}
			if b[i] == 0x1b && i+1 < len(b) && b[i+1] == '\\' {
				return i + 2
			}
			if b[i] == '\n' || b[i] == 0x1b {
				break
			}
		}
		return 2
	case 0x20 <= c && c <= 0x2f: // intermediate bytes and a final one
		i := 1
		for i < len(b) && 0x20 <= b[i] && b[i] <= 0x2f {
			i++
		}
		if i < len(b) && 0x30 <= b[i] && b[i] <= 0x7e {
			i++
		}
		return i
	case 0x30 <= c && c <= 0x7e:
		return 2
	}
	return 1
}

// parameters returns the length of the parameters and the final byte of a control sequence.
func parameters(b []byte) int {
	i := 0
	for i < len(b) && 0x20 <= b[i] && b[i] <= 0x3f {
		i++
	}
	if i < len(b) && 0x40 <= b[i] && b[i] <= 0x7e {
		i++
	}
	return i
}

// jsonEscapes undoes the escapes of a string of JSON.
func jsonEscapes(e *editor) {
	b := e.src
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '\\')
		if j < 0 {
			return
		}
		i += j
		r, size, _ := row.Escape(b[i:])
		if size == 0 {
			i++
			continue
		}
		e.replace(i, i+size, string(r))
		i += size
	}
}

// maxEntity is longer than the longest name of an entity.
const maxEntity = 40

// entities undoes the entities of HTML that end with a semicolon.
func entities(e *editor) {
	b := e.src
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '&')
		if j < 0 {
			return
		}
		i += j
		n, with := entity(b[i:])
		if n == 0 {
			i++
			continue
		}
		e.replace(i, i+n, with)
		i += n
	}
}

// entity returns the length of the entity at the beginning of b and what it stands for, or
// 0.
func entity(b []byte) (int, string) {
	end := bytes.IndexByte(b[:min(len(b), maxEntity)], ';')
	if end < 2 {
		return 0, ""
	}
	for i, c := range b[1:end] {
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || i == 0 && c == '#') {
			return 0, ""
		}
	}
	name := string(b[:end+1])
	with := html.UnescapeString(name)
	// A name that only begins as an entity, such as &notin-here;, is left in part.
	if with == name || with[len(with)-1] == ';' && name != "&semi;" && name != "&#59;" && name != "&#x3b;" && name != "&#x3B;" {
		return 0, ""
	}
	return end + 1, with
}

// mojibake undoes one layer of UTF-8 that some program took for Latin-1 or Windows-1252 and
// wrote as UTF-8 again: each byte of a character became a character.
func mojibake(e *editor) {
	b := e.src
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		n, with := widened(b[i:])
		if n == 0 {
			_, size := utf8.DecodeRune(b[i:])
			i += size
			continue
		}
		e.replace(i, i+n, with)
		i += n
	}
}

// widened returns the length of the characters at the beginning of b that are the bytes of
// one character, and that character, or 0.
func widened(b []byte) (int, string) {
	var buf [utf8.UTFMax]byte
	n, need := 0, 1
	for k := 0; k < need; k++ {
		r, size := utf8.DecodeRune(b[n:])
		c, ok := narrow(r)
		if !ok {
			return 0, ""
		}
		if k == 0 {
			switch {
			case 0xc2 <= c && c <= 0xdf:
				need = 2
			case 0xe0 <= c && c <= 0xef:
				need = 3
			case 0xf0 <= c && c <= 0xf4:
				need = 4
			default:
				return 0, ""
			}
		}
		buf[k] = c
		n += size
	}
	r, size := utf8.DecodeRune(buf[:need])
	if r == utf8.RuneError || size != need {
		return 0, ""
	}
	return n, string(buf[:need])
}

// narrow returns the byte that Windows-1252 or Latin-1 has for a character beyond ASCII.
func narrow(r rune) (byte, bool) {
	if r < 0x80 {
		return 0, false
	}
	if r <= 0xff {
		return byte(r), true
	}
	c, ok := charmap.Windows1252.EncodeRune(r)
	return c, ok && c >= 0x80
}

// markdown removes the backslashes before punctuation.
func markdown(e *editor) {
	b := e.src
	for i := 0; i+1 < len(b); i++ {
		if b[i] == '\\' && bytes.IndexByte([]byte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), b[i+1]) >= 0 {
			e.replace(i, i+1, "")
			i++
		}
	}
}
