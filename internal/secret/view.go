package secret

import (
	"unicode/utf8"
)

// rounds is how many layers of escapes are undone, one after the other.
const rounds = 3

// views calls f with the text as it is and with its escapes undone, layer by layer, until f
// returns true. White space and invisible characters are left out of every view.
func views(text []byte, f func(view []byte) bool) bool {
	view, escaped := squeeze(text)
	for range rounds {
		if f(view) {
			return true
		}
		if !escaped {
			return false
		}
		view, escaped = unescape(view)
	}
	return f(view)
}

// squeeze returns a text without white space, NULs and invisible characters. It writes full-width
// characters and all kinds of hyphens as ASCII. escaped reports whether an escape may be in it.
func squeeze(text []byte) (out []byte, escaped bool) {
	out = make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		b := text[i]
		if plain[b] {
			out = append(out, b)
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(text[i:])
			i += n
			if r, visible := plainRune(r); visible {
				out = utf8.AppendRune(out, r)
			}
			continue
		}
		i++
		if b <= ' ' || b == 0x7f || b == '=' && softBreak(text[i:]) { // the last one of quoted-printable
			continue
		}
		escaped = true
		out = append(out, b)
	}
	return out, escaped
}

// plain are the characters that squeeze keeps, and that begin no escape.
var plain = func() (t [256]bool) {
	for b := byte('!'); b < 0x7f; b++ {
		t[b] = b != '\\' && b != '%' && b != '&' && b != '='
	}
	return t
}()

func softBreak(after []byte) bool {
	return len(after) > 0 && (after[0] == '\n' || after[0] == '\r')
}

// plainRune returns the ASCII character that a character looks like, and whether it shows at all.
func plainRune(r rune) (_ rune, visible bool) {
	switch {
	case r >= 0xff01 && r <= 0xff5e: // full-width forms
		return r - 0xff01 + '!', true
	case r >= 0x2010 && r <= 0x2015, r == 0x2212, r == 0xfe63:
		return '-', true
	case r == 0xa0, r == 0xad, r == 0x61c, r == 0x3000, r == 0xfeff, r >= 0x2000 && r <= 0x200f, r >= 0x2028 && r <= 0x202f,
		r >= 0x205f && r <= 0x206f, r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0000 && r <= 0xe01ef, r == utf8.RuneError:
		return 0, false
	}
	return r, true
}

// unescape undoes one layer of escapes in a squeezed text. again reports whether the result may
// have another layer.
func unescape(text []byte) (out []byte, again bool) {
	out = make([]byte, 0, len(text))
	changed, more := false, false
	for i := 0; i < len(text); {
		r, n := unescapeOne(text[i:])
		if n == 0 {
			out = append(out, text[i])
			i++
			continue
		}
		i += n
		changed = true
		if r, visible := plainRune(r); visible && r > ' ' {
			out = utf8.AppendRune(out, r)
			more = more || r == '\\' || r == '%' || r == '&' || r == '='
		}
	}
	return out, changed && (more || hasEscape(out))
}

func hasEscape(text []byte) bool {
	for i := range text {
		if _, n := unescapeOne(text[i:]); n > 0 {
			return true
		}
	}
	return false
}

// unescapeOne returns the character that the escape at the beginning of a text stands for, and the
// length of the escape, or 0.
func unescapeOne(t []byte) (rune, int) {
	switch t[0] {
	case '\\':
		return backslash(t)
	case '%':
		if v, ok := hexValue(t, 1, 2); ok {
			return v, 3
		}
		if len(t) > 1 && (t[1] == 'u' || t[1] == 'U') {
			if v, ok := hexValue(t, 2, 4); ok {
				return v, 6
			}
		}
	case '=':
		if v, ok := hexValue(t, 1, 2); ok {
			return v, 3
		}
		if len(t) > 2 && t[1] == '\\' && (t[2] == 'r' || t[2] == 'n') {
			return ' ', 1 // a soft break whose line end is escaped
		}
	case '&':
		return entity(t)
	}
	return 0, 0
}

// backslash reads an escape of JSON, C, Go, JavaScript or Markdown. Backslashes before a code are undone
// with it, however many they are: they cannot put the first character of a key a layer behind the
// others.
func backslash(t []byte) (rune, int) {
	const most = 16 // so that a long run takes linear time
	run := 1
	for run < min(len(t), most) && t[run] == '\\' {
		run++
	}
	if run == len(t) && run == 1 {
		return 0, 0
	}
	if run == 1 || run < len(t) && beginsCode(t[run]) {
		if r, n := backslashOne(t[run-1:]); n > 0 || run == 1 {
			return r, n + run - 1
		}
	}
	return '\\', 2
}

// beginsCode reports whether a byte after a backslash may begin the code of a character.
func beginsCode(b byte) bool {
	return b >= '0' && b <= '7' || b == 'u' || b == 'U' || b == 'x' || b == '%' || b == '=' || b == '&'
}

// backslashOne reads an escape that begins with one backslash. A byte follows it.
func backslashOne(t []byte) (rune, int) {
	digits := map[byte]int{'u': 4, 'U': 8, 'x': 2}[t[1]]
	if t[1] == 'u' && len(t) > 3 && t[2] == '{' {
		var v rune
		for i := 3; i < len(t) && i < 11; i++ {
			if t[i] == '}' {
				return v, i + 1
			}
			d := hexDigit(t[i])
			if d < 0 {
				break
			}
			v = v<<4 | rune(d)
		}
		return 0, 0
	}
	if digits > 0 {
		if v, ok := hexValue(t, 2, digits); ok {
			return v, 2 + digits
		}
		return 0, 0
	}
	if t[1] >= '0' && t[1] <= '7' {
		v, n := rune(0), 1
		for ; n < 4 && n < len(t) && t[n] >= '0' && t[n] <= '7'; n++ {
			v = v<<3 | rune(t[n]-'0')
		}
		return v, n
	}
	switch t[1] {
	case 'n', 'r', 't', 'f', 'v', 'b', 'a':
		return ' ', 2 // white space or a control
	case '%', '=', '&':
		if r, n := unescapeOne(t[1:]); n > 0 {
			return r, 1 + n
		}
	}
	if t[1] < utf8.RuneSelf {
		return rune(t[1]), 2 // an escaped character stands for itself
	}
	return 0, 0
}

// entities are the named entities of HTML for characters of keys and of escapes.
var entities = map[string]rune{
	"amp": '&', "colon": ':', "hyphen": '-', "dash": '-', "minus": '-', "lowbar": '_', "percnt": '%', "bsol": '\\',
	"nbsp": ' ', "shy": ' ', "zwj": ' ', "zwnj": ' ', "newline": ' ', "tab": ' ', "equals": '=', "plus": '+', "sol": '/', "period": '.',
}

// entity reads an entity of HTML.
func entity(t []byte) (rune, int) {
	end := 1
	for end < len(t) && end < 12 && t[end] != ';' {
		end++
	}
	if end == len(t) || t[end] != ';' || end == 1 {
		return 0, 0
	}
	name := t[1:end]
	if name[0] != '#' {
		r, ok := entities[lower(name)]
		if !ok {
			return 0, 0
		}
		return r, end + 1
	}
	name = name[1:]
	if len(name) > 1 && (name[0] == 'x' || name[0] == 'X') {
		if v, ok := hexValue(name, 1, len(name)-1); ok {
			return v, end + 1
		}
		return 0, 0
	}
	v := rune(0)
	for _, b := range name {
		if b < '0' || b > '9' || v > utf8.MaxRune {
			return 0, 0
		}
		v = v*10 + rune(b-'0')
	}
	return v, end + 1
}

func lower(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = lowerByte(c)
	}
	return string(out)
}

func lowerByte(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}

// hexValue returns the value of n hex digits at an index, of at most 8.
func hexValue(t []byte, at, n int) (rune, bool) {
	if n < 1 || n > 8 || len(t) < at+n {
		return 0, false
	}
	var v uint32
	for _, b := range t[at : at+n] {
		d := hexDigit(b)
		if d < 0 {
			return 0, false
		}
		v = v<<4 | uint32(d)
	}
	if v > utf8.MaxRune {
		return utf8.RuneError, true
	}
	return rune(v), true
}

// hexDigit returns the value of a hex digit, or -1.
func hexDigit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// decoded calls f with what the runs of base64 and of hex digits in a view stand for, in every
// alignment, until f returns true. NULs are left out, as UTF-16 has them. least is the least
// number of decoded bytes that is worth a look. f must not keep its argument.
func decoded(view []byte, least int, f func([]byte) bool) bool {
	var buffer []byte
	try := func(run []byte, values *[256]int8, bits uint) bool {
		for shift := range 8 / int(bits&-bits) {
			buffer = pack(buffer[:0], run[min(shift, len(run)):], values, bits)
			if f(buffer) {
				return true
			}
		}
		return false
	}
	return runs(view, &base64Digits, (least*4+2)/3, func(run []byte) bool { return try(run, &base64Digits, 6) }) ||
		runs(view, &hexDigits, 2*least, func(run []byte) bool { return try(run, &hexDigits, 4) })
}

// runs calls f with each run of digits of at least a length.
func runs(view []byte, values *[256]int8, least int, f func([]byte) bool) bool {
	for i := 0; i < len(view); {
		begin := i
		for i < len(view) && values[view[i]] >= 0 {
			i++
		}
		if i-begin >= max(least, 1) && f(view[begin:i]) {
			return true
		}
		i = max(i, begin+1)
	}
	return false
}

// pack appends the bytes that digits of so many bits stand for, without NULs.
func pack(out, run []byte, values *[256]int8, bits uint) []byte {
	var v, have uint
	for _, b := range run {
		v, have = v<<bits|uint(values[b]), have+bits
		if have >= 8 {
			have -= 8
			if c := byte(v >> have); c != 0 {
				out = append(out, c)
			}
		}
	}
	return out
}

// The values of digits in bytes. Those of base64 are of both alphabets.
var base64Digits, hexDigits = func() (base64, hex [256]int8) {
	for i := range 256 {
		base64[i], hex[i] = -1, int8(hexDigit(byte(i)))
	}
	for i := range 26 {
		base64['A'+i], base64['a'+i] = int8(i), int8(26+i)
	}
	for i := range 10 {
		base64['0'+i] = int8(52 + i)
	}
	base64['+'], base64['-'], base64['/'], base64['_'] = 62, 62, 63, 63
	return base64, hex
}()
