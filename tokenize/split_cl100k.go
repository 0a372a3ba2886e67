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
func splitCL100K(text []byte, i int) int {
	if end := contraction(text, i, true); end > i {
		return end
	}
	c, n := next(text, i)
	switch {
	case c&letter != 0:
		return span(text, i+n, letter)
	case c&number != 0:
		return digits(text, i)
	}
	symbol := c&space == 0
	if body := i + n; body < len(text) && c&newline == 0 {
		d, m := next(text, body)
		if d&letter != 0 {
			return span(text, body+m, letter)
		}
		symbol = symbol || text[i] == ' ' && d&(number|space) == 0
	}
	if !symbol {
		return blanks(text, i, true)
	}
	return span(text, symbols(text, i+n), newline)
}
