package tokenize

// matchDigits3 implements \p{N}{1,3}.
func matchDigits3(text []byte, i int) int { return digits(text, i, 3) }

// matchDigit implements \p{N}.
func matchDigit(text []byte, i int) int { return digits(text, i, 1) }

// matchHan implements patternHan: [一-龥぀-ゟ゠-ヿ]+.
func matchHan(text []byte, i int) int {
	for i+2 < len(text) && text[i] >= 0xe3 && text[i] <= 0xe9 {
		r := rune(text[i]&0x0f)<<12 | rune(text[i+1]&0x3f)<<6 | rune(text[i+2]&0x3f)
		if text[i+1]&0xc0 != 0x80 || text[i+2]&0xc0 != 0x80 || r < 0x3040 || r > 0x30ff && r < 0x4e00 || r > 0x9fa5 {
			break
		}
		i += 3
	}
	return i
}

// matchDeepSeek implements patternDeepSeek. Its alternatives, one per line:
//
//	[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+
//	[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
//	 ?[\p{P}\p{S}]+[\r\n]*
//	\s*[\r\n]+
//	\s+(?!\S)|\s+
//
// It returns i if none matches there: at a number, and at a control character that is not before a word.
func matchDeepSeek(text []byte, i int) int {
	c, n := next(text, i)
	body := i + n
	switch {
	case c&(punct|symbol) != 0:
		if n == 1 && body < len(text) && isASCIILetter(text[body]) {
			for body++; body < len(text) && isASCIILetter(text[body]); body++ {
			}
			return body
		}
		return span(text, span(text, body, punct|symbol), newline)
	case c&word != 0:
		return span(text, body, word)
	}
	if body < len(text) && c&newline == 0 {
		d, m := next(text, body)
		if d&word != 0 {
			return span(text, body+m, word)
		}
		if text[i] == ' ' && d&(punct|symbol) != 0 {
			return span(text, span(text, body+m, punct|symbol), newline)
		}
	}
	if c&space != 0 {
		return blanks(text, i, true)
	}
	return i
}

func isASCIILetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
