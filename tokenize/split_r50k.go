package tokenize

// splitR50K implements patternR50K:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitR50K(text []byte, i int) int {
	if end := contraction(text, i, false); end > i {
		return end
	}
	body := i
	if text[i] == ' ' {
		body++
	}
	if body < len(text) {
		switch c, n := next(text, body); {
		case c&letter != 0:
			return span(text, body+n, letter)
		case c&number != 0:
			return span(text, body+n, number)
		case c&space == 0:
			return symbols(text, body+n)
		}
	}
	return blanks(text, i, false)
}
