package report

import "unicode/utf8"

// Colours joins the bytes of tokens into text that can be shown: a character whose
// bytes are spread over several tokens takes the colour of the first. What is no
// UTF-8 in the end shows as the replacement character.
func Colours(n int, token func(i int) ([]byte, Colour)) []Token {
	var out []Token
	var pending []byte
	var colour Colour
	for i := range n {
		b, c := token(i)
		if len(pending) == 0 {
			colour = c
		}
		pending = append(pending, b...)
		if i < n-1 && endsInside(pending) {
			continue
		}
		out = append(out, Token{Text: string([]rune(string(pending))), Colour: colour})
		pending = pending[:0]
	}
	return out
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
