package corpus

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// examined counts what tells text from other bytes.
type examined struct {
	bad      int // bytes that are not UTF-8
	firstBad int
	nul      int
	control  int // control characters that text does not have, without NUL and terminal
	terminal int // sequences that terminals obey, and backspaces
	replaced int // U+FFFD
	firstFFD int
	wide     int // runes beyond ASCII
}

// look counts in b.
func (e *examined) look(b []byte) {
	const highs, ones = 0x8080808080808080, 0x0101010101010101
	for i := 0; i < len(b); {
		// Eight bytes at once, where all are ASCII and none is a control character. The test
		// for bytes below 0x20 and for 0x7f is exact once no byte is 0x80 or above.
		if len(b)-i >= 8 {
			x := binary.LittleEndian.Uint64(b[i:])
			del := x ^ ones*0x7f
			hit := (x | (x - ones*0x20) | (del - ones)) & highs
			if hit == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(hit) / 8
		}
		c := b[i]
		if c < utf8.RuneSelf {
			switch {
			case c >= 0x20 && c != 0x7f, c == '\n', c == '\t', c == '\r', c == '\f', c == '\v':
			case c == 0:
				e.nul++
			case c == 0x1b && i+1 < len(b) && escapes(b[i+1]), c == '\b':
				e.terminal++
			default:
				e.control++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		e.wide++
		if r == utf8.RuneError {
			if size == 1 {
				if e.bad == 0 {
					e.firstBad = i
				}
				e.bad++
				e.wide--
			} else {
				if e.replaced == 0 {
					e.firstFFD = i
				}
				e.replaced++
			}
		} else if r == 0x9b { // the control sequence introducer, in one character
			e.terminal++
		}
		i += size
	}
}

// escapes reports whether a terminal obeys an escape followed by c.
func escapes(c byte) bool {
	return bytes.IndexByte([]byte("[]PX^_()*+#%=>78cDEHMNOZ\\"), c) >= 0
}

// badShare is how many bytes there are for each that is not UTF-8 in a text that still
// counts as text. A stray byte changes the token it stands in and spoils the context of
// the few after it. At 4 to 5 bytes a token, one byte in 256 is one in about 55 tokens, so
// that with contexts of 2 to 4 tokens 5 to 10 % of what can be scored is lost, and a mark
// that is there still shows. Text in another encoding is well above: Latin-1 has an
// accented letter in 25 to 60 letters of French, German or Spanish, and other scripts are
// beyond ASCII throughout.
const badShare = 256

// strays is how many bytes that are not UTF-8 a text may have whatever its length.
const strays = 1

// reject returns why bytes that were examined are not text, and how to say it, or "".
func (e *examined) reject(length int, terminal bool) (Reason, string) {
	switch {
	case e.nul > 0:
		return NotText, plural(e.nul, "it has a NUL", "it has %d NULs") + ", so it is not plain text; look at what wrote it, and at its encoding"
	case e.bad > max(strays, length/badShare):
		return BadEncoding, plural(e.bad, "a byte is not UTF-8", "%d of its bytes are not UTF-8") +
			", so it has another encoding; name that with the option for the encoding, or convert it first"
	case e.terminal > 0 && !terminal:
		return NotText, plural(e.terminal, "it has a sequence for terminals", "it has %d sequences for terminals") +
			", as recorded sessions do; normalize with the form terminal, which removes them"
	case e.control > max(1, length/badShare):
		return NotText, plural(e.control, "it has a control character", "it has %d control characters") +
			" that no text has, so it is not plain text; look at what wrote it"
	}
	return "", ""
}
