package tokenize

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

// splitWords implements patternCL100K for words of the given class and numbers of at most the given
// length. The class holds all letters.
func splitWords(text []byte, i int, in class, most int) int {
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
