package lm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file decides what is prose. It keeps only text that reads like a paragraph, because a model of
// tables writes tables.

// join returns a wrapped paragraph as one line with single spaces.
func join(s string) string { return strings.Join(strings.Fields(s), " ") }

// sentences returns the part of a paragraph that reads like English prose. The part ends with the last
// full stop, because the text after it introduces a table or code. The result is empty unless the
// paragraph starts with a letter, has a few words, and has little that looks like code.
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
	// The shares were chosen by reading what they keep and what they drop.
	if letters*100 < len(p)*84 || digits*100 > len(p)*5 || code*100 > len(p)*4 {
		return ""
	}
	return p
}

// endsSentence reports whether a text ends with a full stop that does not belong to an abbreviation.
// Brackets and quotes may follow it.
func endsSentence(s string) bool {
	s = strings.TrimRight(s, `)"'`)
	return s != "" && strings.IndexByte(".?!", s[len(s)-1]) >= 0 &&
		!strings.HasSuffix(s, "e.g.") && !strings.HasSuffix(s, "i.e.")
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// plainParagraphs splits a text file at blank lines into paragraphs. It drops indented and fenced code,
// tables and headings of Markdown, and paragraphs with few letters. It works for any language, and
// for scripts without spaces.
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
			// code, because it does not continue a paragraph
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

// isText reports whether a paragraph has at least 16 characters, and at least two thirds of them are
// letters, marks and spaces.
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
