package tokenize

import "unicode/utf8"

// splitO200K implements patternO200K. Its alternatives, of which the first two take two lines each:
//
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+
//		(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*
//		(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	\p{N}{1,3}
//	 ?[^\s\p{L}\p{N}]+[\r\n/]*
//	\s*[\r\n]+
//	\s+(?!\S)|\s+
func splitO200K(text []byte, i int) int { return splitCased(text, i, true, 3) }

// splitTekken implements patternTekken: patternO200K without the contractions, and with \p{N} for
// \p{N}{1,3}.
func splitTekken(text []byte, i int) int { return splitCased(text, i, false, 1) }

// splitCased implements patternO200K with or without contractions, and numbers of at most the given
// length.
func splitCased(text []byte, i int, contractions bool, most int) int {
	tail := func(end int) int {
		if contractions && end < len(text) && text[end] == '\'' {
			return contraction(text, end, true)
		}
		return end
	}
	if text[i]-'0' < 10 {
		return digits(text, i, most)
	}
	// Most pieces are a word of ASCII letters, with or without another character before it: capitals and
	// then small letters.
	start := i
	if b := text[i]; b < utf8.RuneSelf && ascii[b]&(letter|number|newline) == 0 {
		start++
	}
	capitals := start
	for capitals < len(text) && text[capitals]-'A' < 26 {
		capitals++
	}
	if end := smalls(text, capitals); end > start && (end == len(text) || text[end] < utf8.RuneSelf) {
		return tail(end)
	}
	c, n := next(text, i)
	switch {
	case c&letter != 0:
		end, _ := wordEnd(text, i)
		return tail(end)
	case c&number != 0:
		return digits(text, i, most)
	case c&newline != 0:
		return blanks(text, i, true)
	}
	// Here c may stand before a word. If c is a mark, it may also begin one. The first alternative
	// at c then comes before the second one after c.
	body := i + n
	end, lowered := wordEnd(text, body)
	if !lowered && c&lower != 0 {
		end, _ = wordEnd(text, i)
	}
	if end > body || c&lower != 0 {
		return tail(end)
	}
	end = symbols(text, body)
	if c&space == 0 || text[i] == ' ' && end > body {
		for end < len(text) && (text[end] == '\r' || text[end] == '\n' || text[end] == '/') {
			end++
		}
		return end
	}
	return blanks(text, i, true)
}

// wordEnd returns the end of the word at i, or i if there is none. lowered reports whether the first
// alternative of the pattern matched, and not the second.
//
// The first alternative backtracks over characters in both sets: from the longest run of upper to the
// last place where a lower follows. That place is after the run, or else before the last character of
// the run that is in both sets. Then the word ends after that character.
func wordEnd(text []byte, i int) (end int, lowered bool) {
	end = i
	both := i
	for end < len(text) {
		c, n := next(text, end)
		if c&upper == 0 {
			if c&lower != 0 {
				return span(text, end+n, lower), true
			}
			break
		}
		end += n
		if c&lower != 0 {
			both = end
		}
	}
	if both > i {
		return both, true
	}
	return end, false
}
