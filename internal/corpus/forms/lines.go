package forms

import "bytes"

// line returns the line that begins at i, without its end, and where the next begins.
func line(b []byte, i int) (text []byte, next int) {
	j := bytes.IndexByte(b[i:], '\n')
	if j < 0 {
		return b[i:], len(b)
	}
	return b[i : i+j], i + j + 1
}

func blank(b []byte) bool { return len(bytes.Trim(b, " \t\r")) == 0 }

// trailing removes the blanks at the ends of lines.
func trailing(e *editor) {
	b := e.src
	for i := 0; i < len(b); {
		text, next := line(b, i)
		if kept := bytes.TrimRight(text, " \t"); len(kept) < len(text) {
			e.replace(i+len(kept), i+len(text), "")
		}
		i = next
	}
}

// prefixRounds bounds how many kinds of prefixes stand before each other in a line.
const prefixRounds = 8

// maxLines bounds the lines of a text whose prefixes are looked for, each of which takes
// memory. A text of more is left as it is.
const maxLines = 1 << 20

// prefixes removes what stands before the lines of a quotation, a list or a listing: an
// indent that all lines have, quotation marks, line numbers, markers of lists. Each counts
// where at least four fifths of the lines that are not blank have it, and at least two.
func prefixes(e *editor) {
	b := e.src
	count := bytes.Count(b, []byte{'\n'})
	if count > maxLines {
		return
	}
	lines, lengths := make([]span, 0, count+1), make([]int, count+1)
	for i := 0; i < len(b); {
		text, next := line(b, i)
		lines = append(lines, span{i, i, i + len(text)})
		i = next
	}
	changed := false
	for range prefixRounds {
		round := false
		for _, find := range []func([]byte, []span, []int) bool{indent, quoted, numbered, bulleted} {
			clear(lengths)
			if find(b, lines, lengths) {
				for i := range lines {
					lines[i].at += lengths[i]
				}
				round = true
			}
		}
		if !round {
			break
		}
		changed = true
	}
	if !changed {
		return
	}
	for _, l := range lines {
		if l.at > l.from {
			e.replace(l.from, l.at, "")
		}
	}
}

// A span is a line: where it begins, what is left of it, and where it ends.
type span struct{ from, at, to int }

func (s span) rest(b []byte) []byte { return b[s.at:s.to] }

// most reports whether so many of the lines that are not blank are enough.
func most(have, all int) bool { return have >= 2 && 5*have >= 4*all }

// indent finds the blanks that all lines begin with.
func indent(b []byte, lines []span, lengths []int) bool {
	common, n := -1, 0
	for _, l := range lines {
		rest := l.rest(b)
		if blank(rest) {
			continue
		}
		n++
		have := len(rest) - len(bytes.TrimLeft(rest, " \t"))
		if common < 0 || have < common {
			common = have
		}
	}
	if n < 2 || common <= 0 {
		return false
	}
	for i, l := range lines {
		rest := l.rest(b)
		lengths[i] = min(common, len(rest)-len(bytes.TrimLeft(rest, " \t")))
	}
	return true
}

// quoted finds quotation marks, however many, with the blank after each.
func quoted(b []byte, lines []span, lengths []int) bool {
	return perLine(b, lines, lengths, func(rest []byte) int {
		n := 0
		for {
			m := n
			for m < len(rest) && (rest[m] == ' ' || rest[m] == '\t') && n > 0 {
				m++
			}
			if m == len(rest) || rest[m] != '>' && rest[m] != '|' {
				return n
			}
			n = m + 1
			if n < len(rest) && rest[n] == ' ' {
				n++
			}
		}
	})
}

// numbered finds numbers that go up by one from line to line, with what sets them off.
func numbered(b []byte, lines []span, lengths []int) bool {
	have, all, last := 0, 0, -1
	for i, l := range lines {
		rest := l.rest(b)
		if blank(rest) {
			continue
		}
		all++
		n, number := leadingNumber(rest)
		if n == 0 || last >= 0 && number <= last || last >= 0 && number > last+100 {
			continue
		}
		last = number
		lengths[i] = n
		have++
	}
	return most(have, all)
}

// leadingNumber returns the length of a number at the beginning of a line and what sets it
// off from the text, and the number.
func leadingNumber(rest []byte) (n, number int) {
	for n < len(rest) && rest[n] == ' ' {
		n++
	}
	from := n
	for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' && n-from < 9 {
		number = 10*number + int(rest[n]-'0')
		n++
	}
	if n == from {
		return 0, 0
	}
	digits := n
	for n < len(rest) && bytes.IndexByte([]byte(".:)|]"), rest[n]) >= 0 {
		n++
	}
	if n == len(rest) {
		return n, number
	}
	if rest[n] == '\t' {
		return n + 1, number
	}
	blanks := 0
	for n < len(rest) && rest[n] == ' ' && blanks < 2 {
		n++
		blanks++
	}
	if blanks == 0 {
		return 0, 0
	}
	if n < len(rest) && rest[n] == '|' && digits > from { // "12 | text"
		n++
		if n < len(rest) && rest[n] == ' ' {
			n++
		}
	}
	return n, number
}

// bulleted finds markers of lists.
func bulleted(b []byte, lines []span, lengths []int) bool {
	return perLine(b, lines, lengths, func(rest []byte) int {
		n := 0
		for n < len(rest) && rest[n] == ' ' {
			n++
		}
		for _, marker := range []string{"- ", "* ", "+ ", "• ", "– ", "‣ ", "◦ ", "▪ "} {
			if bytes.HasPrefix(rest[n:], []byte(marker)) {
				return n + len(marker)
			}
		}
		return 0
	})
}

func perLine(b []byte, lines []span, lengths []int, find func([]byte) int) bool {
	have, all := 0, 0
	for i, l := range lines {
		rest := l.rest(b)
		lengths[i] = find(rest)
		if blank(rest) {
			continue
		}
		all++
		if lengths[i] > 0 {
			have++
		}
	}
	return most(have, all)
}

// unwrap makes the lines of a paragraph into one, and what separates paragraphs into one
// blank line. Markers of lists, headings and indented lines begin a line of their own.
func unwrap(e *editor) {
	b := e.src
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return
		}
		from := i + j
		end, breaks := newlines(b, from)
		switch {
		case from == 0 || end == len(b): // at the ends of the text
		case breaks > 1:
			e.replace(from, end, "\n\n")
		case ownLine(b[end:]):
		case b[from-1] == ' ' || b[from-1] == '\t' || b[from-1] == '-' || b[end] == ' ':
			e.replace(from, end, "")
		default:
			e.replace(from, end, " ")
		}
		i = end
	}
}

// newlines returns the end of the line ends that begin at i with an LF, with the blank
// lines between them, and their number.
func newlines(b []byte, i int) (end, n int) {
	end = i
	for end < len(b) && b[end] == '\n' {
		n++
		end++
		text, _ := line(b, end)
		if !blank(text) || end+len(text) == len(b) {
			break
		}
		end += len(text)
	}
	return end, n
}

// ownLine reports whether the text begins with what begins a line.
func ownLine(b []byte) bool {
	switch b[0] {
	case '#', '|', '`', '\t', '>':
		return true
	case ' ':
		return len(b) > 1 && b[1] == ' '
	}
	for _, marker := range []string{"- ", "* ", "+ ", "• "} {
		if bytes.HasPrefix(b, []byte(marker)) {
			return true
		}
	}
	n, _ := leadingNumber(b[:min(len(b), 16)])
	return n > 1 && n < min(len(b), 16) && b[n-1] == ' ' && bytes.ContainsAny(b[:n], ".)")
}

// paragraphs sets every line off by one blank line, which takes away what was doubled and
// gives back what was lost.
func paragraphs(e *editor) {
	b := e.src
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return
		}
		from := i + j
		end, _ := newlines(b, from)
		if from > 0 && end < len(b) {
			e.replace(from, end, "\n\n")
		}
		i = end
	}
}

// joinLines makes all ends of lines, with the blanks around them, into one space.
func joinLines(e *editor) {
	b := e.src
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return
		}
		from, end := i+j, i+j+1
		for from > i && (b[from-1] == ' ' || b[from-1] == '\t' || b[from-1] == '\r') {
			from--
		}
		for end < len(b) && bytes.IndexByte([]byte(" \t\r\n"), b[end]) >= 0 {
			end++
		}
		if from > 0 && end < len(b) {
			e.replace(from, end, " ")
		}
		i = end
	}
}
