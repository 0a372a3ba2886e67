package report

import "unicode/utf8"

// Colours joins the bytes of n tokens into text that can be shown. A character whose bytes are
// spread over several tokens has the colour and the part of the first one. Bytes that are not
// UTF-8 show as the replacement character.
func Colours(n int, token func(i int) (text []byte, c Colour, part int)) []Token {
	var out []Token
	var pending []byte
	var first Token
	for i := range n {
		b, c, part := token(i)
		if len(pending) == 0 {
			first = Token{Colour: c, Part: part}
		}
		pending = append(pending, b...)
		if i < n-1 && endsInside(pending) {
			continue
		}
		first.Text = string([]rune(string(pending)))
		out = append(out, first)
		pending = pending[:0]
	}
	return out
}

// A Run is a run of tokens in one part of a passage, or between parts.
type Run struct {
	Part   string // about the part, or "" between parts
	Tokens []Token
}

// Runs splits a passage at the ends of its parts.
func (p Passage) Runs() []Run {
	var runs []Run
	for i, t := range p.Tokens {
		if i == 0 || t.Part != p.Tokens[i-1].Part {
			r := Run{}
			if t.Part > 0 {
				r.Part = p.Parts[t.Part-1]
			}
			runs = append(runs, r)
		}
		last := &runs[len(runs)-1]
		last.Tokens = append(last.Tokens, t)
	}
	return runs
}

// endsInside reports whether b ends in the middle of a character.
func endsInside(b []byte) bool {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			return !utf8.FullRune(tail)
		}
	}
	return false
}
