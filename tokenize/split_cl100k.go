package tokenize

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// splitCL100K implements patternCL100K. Its alternatives, one per line:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)
//	[^\r\n\p{L}\p{N}]?\p{L}+
//	\p{N}{1,3}
//	 ?[^\s\p{L}\p{N}]+[\r\n]*
//	\s*[\r\n]+
//	\s+(?!\S)|\s+
//
// Newer releases of tiktoken use possessive quantifiers and \s++$, which joins white space at the end
// of a text into one piece. The ids are the same, because no token ends in a line end and then blanks.
func splitCL100K(text []byte, i int) int { return splitWords(text, i, letter, 3) }

// splitQwen2 implements patternQwen2: patternCL100K with \p{N} for \p{N}{1,3}.
func splitQwen2(text []byte, i int) int { return splitWords(text, i, letter, 1) }

// splitQwen35 implements patternQwen35: patternQwen2 with marks that count as letters, except that one
// may stand before a word.
func splitQwen35(text []byte, i int) int { return splitWords(text, i, word, 1) }

// splitShort is splitWords for the pieces between the words of ASCII text: digits, symbols, and white space.
// Few have more than two bytes, and a processor that looks at one after the other often guesses wrong where
// they end. So splitShort looks at eight bytes at once. It returns i if they do not tell where the piece ends,
// and at an apostrophe. No word begins at i, with or without a character before it.
func splitShort(text []byte, i, most int) int {
	if len(text)-i < 8 {
		return i
	}
	x := binary.LittleEndian.Uint64(text[i:])
	if x&highs != 0 || byte(x) == '\'' {
		return i
	}
	run := func(out uint64) int { return bits.TrailingZeros64(out) / 8 } // the number of bytes before the first outside
	symbol := 0                                                          // the place of the first
	switch c := ascii[byte(x)]; {
	case c&number != 0:
		return i + min(most, run(outside(x, '0', '9')))
	case c&space != 0:
		n := run(outside(x, '\t', '\r') & outside(x, ' ', ' '))
		if n == 8 {
			return i
		}
		if lines := ^outsideLines(x) & (1<<(8*n) - 1) & highs; lines != 0 {
			return i + bits.Len64(lines)/8
		}
		if n > 1 || byte(x) != ' ' || ascii[byte(x>>8)]&number != 0 {
			return i + max(1, n-1)
		}
		symbol = 1
	}
	out := outside(x|0x20*ones, 'a', 'z') & outside(x, '0', '9') & outside(x, '\t', '\r') & outside(x, ' ', ' ')
	end := symbol + run(^out&highs>>(8*symbol))
	if end >= 8 {
		return i
	}
	if end += run(outsideLines(x >> (8 * end))); end < 8 {
		return i + end
	}
	return i
}

// outsideLines returns a word whose high bits tell which bytes of x do not end a line.
func outsideLines(x uint64) uint64 { return outside(x, '\n', '\n') & outside(x, '\r', '\r') }

// splitWords implements patternCL100K for words of the given class and numbers of at most the given
// length. The class holds all letters.
func splitWords(text []byte, i int, in class, most int) int {
	// Most pieces are a word of ASCII letters, with or without another character before it.
	start := i
	if b := text[i]; b < utf8.RuneSelf && ascii[b]&(letter|number|newline) == 0 && b != '\'' {
		start++
	}
	if end := letters(text, start); end > start {
		if end == len(text) || text[end] < utf8.RuneSelf {
			return end
		}
		return span(text, end, in)
	}
	if end := splitShort(text, i, most); end > i {
		return end
	}
	return splitOther(text, i, in, most)
}

// splitOther is splitWords where no word of ASCII letters begins.
func splitOther(text []byte, i int, in class, most int) int {
	if end := contraction(text, i, true); end > i {
		return end
	}
	c, n := next(text, i)
	switch {
	case c&in != 0: // a mark before the word joins it, as a word or in front of one
		return span(text, i+n, in)
	case c&number != 0:
		return digits(text, i, most)
	}
	other := c&space == 0
	if body := i + n; body < len(text) && c&newline == 0 {
		d, m := next(text, body)
		if d&in != 0 {
			return span(text, body+m, in)
		}
		other = other || text[i] == ' ' && d&(number|space) == 0
	}
	if !other {
		return blanks(text, i, true)
	}
	return span(text, others(text, i+n, in|number|space), newline)
}
