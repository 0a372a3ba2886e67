package forms

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// each calls f for every character of src beyond ASCII. It is f that says how many bytes it
// dealt with, at least one.
func (e *editor) each(f func(i int, r rune, size int) int) {
	b := e.src
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		i += f(i, r, size)
	}
}

// lineEnds makes CR, CRLF, NEL, LINE SEPARATOR and PARAGRAPH SEPARATOR into LF.
func lineEnds(e *editor) {
	b := e.src
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
			e.replace(i, i+2, "\n")
			i++
		case b[i] == '\r':
			e.replace(i, i+1, "\n")
		case b[i] == 0xc2 && i+1 < len(b) && b[i+1] == 0x85:
			e.replace(i, i+2, "\n")
			i++
		case b[i] == 0xe2 && i+2 < len(b) && b[i+1] == 0x80 && (b[i+2] == 0xa8 || b[i+2] == 0xa9):
			e.replace(i, i+3, "\n")
			i += 2
		}
	}
}

// spaceLike reports whether a character is a space other than the ASCII one.
func spaceLike(r rune) bool {
	switch r {
	case 0x00a0, 0x1680, 0x202f, 0x205f, 0x3000:
		return true
	}
	return 0x2000 <= r && r <= 0x200a
}

// invisible reports whether a character shows nothing wherever it stands: zero-width
// spaces, soft hyphens, marks of direction, byte order marks.
func invisible(r rune) bool {
	switch r {
	case 0x00ad, 0x034f, 0x061c, 0x180e, 0x200b, 0x200e, 0x200f, 0xfeff:
		return true
	}
	return 0x202a <= r && r <= 0x202e || 0x2060 <= r && r <= 0x2064 || 0x2066 <= r && r <= 0x206f
}

// joiner reports whether a character joins or selects glyphs. Scripts and emoji need
// them, and after a Latin letter, a digit or a space they show nothing.
func joiner(r rune) bool {
	return r == 0x200c || r == 0x200d || 0xfe00 <= r && r <= 0xfe0f || 0xe0000 <= r && r <= 0xe0fff
}

// spaces makes every Unicode space into the ASCII one, and removes what shows nothing.
func spaces(e *editor) {
	latin := true // the last character that was kept is ASCII, or there is none
	at := 0
	e.each(func(i int, r rune, size int) int {
		if i > at {
			latin = true // ASCII stands between
		}
		at = i + size
		switch {
		case spaceLike(r):
			e.replace(i, i+size, " ")
			latin = true
		case invisible(r), joiner(r) && latin:
			e.replace(i, i+size, "")
		case joiner(r):
		default:
			latin = false
		}
		return size
	})
}

// ligatures are the characters that are several letters in one.
var ligatures = map[rune]string{
	0xfb00: "ff", 0xfb01: "fi", 0xfb02: "fl", 0xfb03: "ffi", 0xfb04: "ffl", 0xfb05: "st", 0xfb06: "st",
}

// width makes full-width characters and ligatures into those of ASCII.
func width(e *editor) {
	e.each(func(i int, r rune, size int) int {
		switch {
		case 0xff01 <= r && r <= 0xff5e:
			e.replace(i, i+size, string(r-0xff00+0x20))
		case r == 0x3000:
			e.replace(i, i+size, " ")
		case ligatures[r] != "":
			e.replace(i, i+size, ligatures[r])
		}
		return size
	})
}

// nfc composes characters, as Unicode's normal form C has them.
func nfc(e *editor) {
	b := e.src
	var buf []byte
	for i := norm.NFC.QuickSpan(b); i < len(b); {
		// A segment from one boundary to the next is composed by itself.
		n := norm.NFC.NextBoundary(b[i:], true)
		if n <= 0 {
			n = 1
		}
		if b[i] >= utf8.RuneSelf || n > 1 {
			if buf = norm.NFC.Append(buf[:0], b[i:i+n]...); !bytes.Equal(buf, b[i:i+n]) {
				e.replace(i, i+n, string(buf))
			}
		}
		i += n
	}
}

// latinOf has the Cyrillic and Greek letters that look like a Latin one.
var latinOf = func() map[rune]string {
	m := map[rune]string{}
	for _, pair := range []string{
		"аa", "еe", "оo", "рp", "сc", "уy", "хx", "іi", "јj", "ѕs", "ԁd", "һh", "ԛq", "ԝw", "ѵv", "ӏl", "ո" + "n",
		"АA", "ВB", "ЕE", "КK", "МM", "НH", "ОO", "РP", "СC", "ТT", "УY", "ХX", "ІI", "ЈJ", "ЅS", "ԌG", "ԚQ", "ԜW", "Ѵ" + "V",
		"ΑA", "ΒB", "ΕE", "ΖZ", "ΗH", "ΙI", "ΚK", "ΜM", "ΝN", "ΟO", "ΡP", "ΤT", "ΥY", "ΧX", "οo", "νv", "ρp", "ιi", "υu", "κk", "αa",
	} {
		r, size := utf8.DecodeRuneInString(pair)
		m[r] = pair[size:]
	}
	return m
}()

// lookalikes makes Cyrillic and Greek letters Latin, in words that have Latin letters and,
// where the text is Latin by far, in words that might be Latin as a whole.
func lookalikes(e *editor) {
	latin, other := letters(e.src)
	mostly := other == 0 || latin/4 > other
	words(e.src, func(word []byte, at int) {
		fakes, latin, others := 0, 0, 0
		for i := 0; i < len(word); {
			r, size := utf8.DecodeRune(word[i:])
			i += size
			switch {
			case latinOf[r] != "":
				fakes++
			case unicode.Is(unicode.Latin, r):
				latin++
			default:
				others++
			}
		}
		if fakes == 0 || others > 0 || latin == 0 && !mostly {
			return
		}
		for i := 0; i < len(word); {
			r, size := utf8.DecodeRune(word[i:])
			if with := latinOf[r]; with != "" {
				e.replace(at+i, at+i+size, with)
			}
			i += size
		}
	})
}

// letters counts Latin letters, and those that are neither Latin nor like one.
func letters(b []byte) (latin, other int) {
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if asciiLetter(c) {
				latin++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		i += size
		switch {
		case latinOf[r] != "" || !unicode.IsLetter(r):
		case unicode.Is(unicode.Latin, r):
			latin++
		default:
			other++
		}
	}
	return latin, other
}

// words calls f for each run of letters and marks that has a character beyond ASCII.
func words(b []byte, f func(word []byte, at int)) {
	for i := 0; ; {
		// Runs of ASCII alone do not count, so the search goes from one character beyond it to the next.
		if i += asciiPrefix(b[i:]); i == len(b) {
			return
		}
		r, size := utf8.DecodeRune(b[i:])
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			i += size
			continue
		}
		start := i
		for start > 0 && asciiLetter(b[start-1]) {
			start--
		}
		for i += size; i < len(b); i += size {
			if b[i] < utf8.RuneSelf {
				if !asciiLetter(b[i]) {
					break
				}
				size = 1
				continue
			}
			if r, size = utf8.DecodeRune(b[i:]); !unicode.IsLetter(r) && !unicode.IsMark(r) {
				break
			}
		}
		f(b[start:i], start)
	}
}

func asciiLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// quotes makes typographic quotation marks into those of ASCII.
func quotes(e *editor) {
	b := e.src
	for i := 0; ; {
		j := bytes.Index(b[i:], []byte("\xe2\x80"))
		if j < 0 || i+j+3 > len(b) {
			return
		}
		i += j
		switch b[i+2] {
		case 0x98, 0x99:
			e.replace(i, i+3, "'")
			i += 3
		case 0x9c, 0x9d:
			e.replace(i, i+3, `"`)
			i += 3
		default:
			i += 2
		}
	}
}
