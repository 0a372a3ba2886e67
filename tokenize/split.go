package tokenize

// A stage takes a text and the start of a piece, and returns its end. Its comment shows the pattern that
// it implements: the first alternative that matches counts. No stage reads a character more than a few
// times, because a rule that reads beyond its piece reads the start of the next one.
type stage func(text []byte, i int) int

// span returns the end of the run of characters in set that starts at i.
func span(text []byte, i int, set class) int {
	for i < len(text) {
		c, n := next(text, i)
		if c&set == 0 {
			break
		}
		i += n
	}
	return i
}

// others returns the end of the run of characters at i that are not in set.
func others(text []byte, i int, set class) int {
	for i < len(text) {
		c, n := next(text, i)
		if c&set != 0 {
			break
		}
		i += n
	}
	return i
}

// symbols returns the end of the run of characters at i that are neither letters nor numbers nor white
// space.
func symbols(text []byte, i int) int { return others(text, i, letter|number|space) }

// digits returns the end of \p{N}{1,most} at i. The character at i is a number.
func digits(text []byte, i, most int) int {
	for range most {
		if i == len(text) {
			break
		}
		c, n := next(text, i)
		if c&number == 0 {
			break
		}
		i += n
	}
	return i
}

// blanks returns the end of \s+(?!\S)|\s+ at i. The character at i is white space. The piece is the run
// of white space without its last character, which belongs to the next piece. It is the whole run if
// the text ends there, or if the run is one character. With lines, \s*[\r\n]+ comes first: a piece up
// to the last line end in the run.
func blanks(text []byte, i int, lines bool) int {
	end, last, line := i, i, i
	for end < len(text) {
		c, n := next(text, end)
		if c&space == 0 {
			break
		}
		last = end
		end += n
		if c&newline != 0 {
			line = end
		}
	}
	switch {
	case lines && line > i:
		return line
	case end == len(text) || last == i:
		return end
	}
	return last
}

// contraction returns the end of 's|'t|'re|'ve|'m|'ll|'d at i, or i if there is none. With fold, case
// does not matter, and the long s counts as s.
func contraction(text []byte, i int, fold bool) int {
	if len(text)-i < 2 || text[i] != '\'' {
		return i
	}
	var bit byte
	if fold {
		bit = 'a' - 'A'
		if text[i+1] == "ſ"[0] && len(text)-i > 2 && text[i+2] == "ſ"[1] {
			return i + 3
		}
	}
	a := text[i+1] | bit
	switch a {
	case 's', 't', 'm', 'd':
		return i + 2
	}
	if len(text)-i > 2 {
		switch b := text[i+2] | bit; {
		case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
			return i + 3
		}
	}
	return i
}

// isolated returns the stage of a pattern that does not match everywhere. What lies between two matches
// is a piece too. match returns the end of the match at i, or i if there is none.
func isolated(match stage) stage {
	return func(text []byte, i int) int {
		if end := match(text, i); end > i {
			return end
		}
		for i < len(text) {
			_, n := next(text, i)
			i += n
			if i < len(text) && match(text, i) > i {
				break
			}
		}
		return i
	}
}

// A splitter cuts a text with one stage after the other: a stage sees one piece of the stage before it,
// and nothing around it.
type splitter struct {
	stages []stage
	ends   [maxStages]int // of the piece of each stage
}

const maxStages = 8

// next returns the end of the piece at i. The text must be the same in all calls, and i the result of
// the call before, or 0.
func (s *splitter) next(text []byte, i int) int {
	end := len(text)
	for k, cut := range s.stages {
		if s.ends[k] <= i {
			s.ends[k] = cut(text[:end], i)
		}
		end = s.ends[k]
	}
	return end
}
