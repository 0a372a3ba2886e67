package lm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file decides what is prose. What reads like a paragraph is kept, the rest is
// dropped: a model of text that is half tables writes tables.

// join puts a wrapped paragraph on one line, with single spaces.
func join(s string) string { return strings.Join(strings.Fields(s), " ") }

// sentences returns the part of a paragraph of a doc comment that reads like English
// prose: up to its last full stop, since what follows introduces a table or a piece of
// code that is dropped. The result is empty unless the paragraph starts with a letter,
// has a few words, and not much that looks like code.
func sentences(p string) string {
	if !endsSentence(p) {
		end := strings.LastIndexByte(p, ' ')
		for end > 0 && !endsSentence(p[:end]) {
			end = strings.LastIndexByte(p[:end], ' ')
		}
		p = p[:max(end, 0)]
	}
	if len(p) < 24 || strings.Count(p, " ") < 3 || !isLetter(p[0]) {
		return ""
	}
	for _, s := range []string{"://", "Copyright", "TODO", "FIXME", "XXX", "BUG(", "nolint", "linkname"} {
		if strings.Contains(p, s) {
			return ""
		}
	}
	var letters, digits, code int
	for i := range len(p) {
		switch c := p[i]; {
		case isLetter(c) || c == ' ':
			letters++
		case '0' <= c && c <= '9':
			digits++
		case strings.IndexByte(".,'\"()-;:[]", c) < 0:
			code++ // operators, braces, bytes of other scripts
		}
	}
	// Shares found by reading what they let through and what they stop.
	if letters*100 < len(p)*84 || digits*100 > len(p)*5 || code*100 > len(p)*4 {
		return ""
	}
	return p
}

// endsSentence reports whether a text ends with a full stop, which brackets and quotes
// may close, and which is not that of an abbreviation.
func endsSentence(s string) bool {
	s = strings.TrimRight(s, `)"'`)
	return s != "" && strings.IndexByte(".?!", s[len(s)-1]) >= 0 &&
		!strings.HasSuffix(s, "e.g.") && !strings.HasSuffix(s, "i.e.")
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// plainParagraphs splits a text file into paragraphs at blank lines. What is indented
// like code, fenced, a table or a heading of Markdown, or has few letters, is dropped.
// It works for any language; a script without spaces is kept too.
func plainParagraphs(text string) []string {
	var out []string
	var para []string
	flush := func() {
		p := join(strings.Join(para, " "))
		para = para[:0]
		if isText(p) {
			out = append(out, p)
		}
	}
	fence := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		bare := strings.TrimSpace(line)
		if fence != "" {
			if strings.HasPrefix(bare, fence) {
				fence = ""
			}
			continue
		}
		switch {
		case bare == "":
			flush()
		case strings.HasPrefix(bare, "```"), strings.HasPrefix(bare, "~~~"):
			flush()
			fence = bare[:3]
		case len(para) == 0 && (line[0] == '\t' || strings.HasPrefix(line, "    ")):
			// code, unless it goes on a paragraph
		case bare[0] == '#' || bare[0] == '|' || bare[0] == '<' || strings.Trim(bare, "=-*_ ") == "":
			// heading, table, markup, rule or the underline of a heading
			if bare[0] == '=' || bare[0] == '-' {
				para = para[:0]
			}
			flush()
		default:
			item := strings.TrimLeft(bare, "-*+> ")
			if item != bare {
				flush() // a list item or a quotation
			}
			para = append(para, item)
		}
	}
	flush()
	return out
}

// isText reports whether at least two thirds of a paragraph are letters, marks and
// spaces, and there are a few of them.
func isText(p string) bool {
	letters := 0
	for _, r := range p {
		if unicode.IsLetter(r) || unicode.IsMark(r) || r == ' ' {
			letters++
		}
	}
	n := utf8.RuneCountInString(p)
	return n >= 16 && letters*3 >= n*2
}
