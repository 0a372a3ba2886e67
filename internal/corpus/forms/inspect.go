package forms

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// A Sign hints that a text was changed after it was written, in a way that a form undoes.
type Sign struct {
	Form   string // that undoes it
	Count  int    // of the places that hint at it
	First  int    // where the first is, in bytes of the text
	Detail string // in words, for a message
}

// signShare is how many bytes there are for each place that hints at a change, where the
// change is worth a word. Each spoils the token it stands in and the context of the next
// few. At 4 to 5 bytes a token, one in 400 bytes is one in about 90 tokens, which costs 3 to
// 6 % of what can be scored with contexts of 2 to 4 tokens.
const signShare = 400

// Inspect returns the signs of a text, in the order of All. It looks at all of the text in
// one pass, and skips ASCII fast; wide says whether there is anything else.
func Inspect(text []byte, wide bool) []Sign {
	var signs []Sign
	add := func(form string, count, first int, what string) {
		if count > 0 && count >= len(text)/signShare {
			f, _ := Lookup(form)
			signs = append(signs, Sign{form, count, first, fmt.Sprintf(what, count) +
				fmt.Sprintf("; if they were not in the text as it was written, its mark is weakened, and the form %s undoes %s", form, f.Undoes)})
		}
	}
	if n, first := countFunc(text, '\\', func(b []byte) int {
		if len(b) >= 6 && b[1] == 'u' || len(b) >= 2 && b[1] == 'n' {
			return 2
		}
		return 0
	}); n >= 3 {
		add("json", n, first, "the text has %d escapes as in a string of JSON")
	}
	if n, first := countFunc(text, '&', func(b []byte) int { n, _ := entity(b); return n }); n >= 2 {
		add("entities", n, first, "the text has %d entities of HTML")
	}
	if !wide {
		return signs
	}
	var broken, odd, full, marks counter
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			if n := asciiPrefix(text[i:]); n > 0 {
				i += n
				continue
			}
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case spaceLike(r), invisible(r):
			odd.at(i)
		case joiner(r):
			if i > 0 && text[i-1] < utf8.RuneSelf {
				odd.at(i)
			}
		case 0xff01 <= r && r <= 0xff5e && !('\u3000' <= before(text[:i]) && before(text[:i]) < '\uff00'), ligatures[r] != "":
			// Punctuation of this width is at home in Chinese and Japanese.
			full.at(i)
		case 0x300 <= r && r <= 0x36f:
			marks.at(i)
		default:
			if n, _ := widened(text[i:]); n > 0 {
				broken.at(i)
				size = n
			}
		}
		i += size
	}
	var fakes counter
	words(text, func(word []byte, at int) {
		latin, fake := false, false
		for i := 0; i < len(word); {
			r, size := utf8.DecodeRune(word[i:])
			i += size
			if latinOf[r] != "" {
				fake = true
			} else if r < utf8.RuneSelf {
				latin = true
			}
		}
		if latin && fake {
			fakes.at(at)
		}
	})
	add("mojibake", broken.n, broken.first, "the text has %d groups of characters such as Ã© that are UTF-8 read as Latin-1")
	add("spaces", odd.n, odd.first, "the text has %d Unicode spaces or invisible characters")
	add("width", full.n, full.first, "the text has %d full-width characters or ligatures")
	add("nfc", marks.n, marks.first, "the text has %d accents that stand apart from their letters")
	add("lookalikes", fakes.n, fakes.first, "the text has %d words that mix Latin letters with Cyrillic or Greek ones that look alike")
	return signs
}

type counter struct{ n, first int }

func (c *counter) at(i int) {
	if c.n == 0 {
		c.first = i
	}
	c.n++
}

// before returns the last character of b.
func before(b []byte) rune {
	r, _ := utf8.DecodeLastRune(b)
	return r
}

// asciiPrefix returns how many bytes of b come before the first beyond ASCII.
func asciiPrefix(b []byte) int {
	const highs = 0x8080808080808080
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		if x := binary.LittleEndian.Uint64(b[n:]) & highs; x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(b) && b[n] < utf8.RuneSelf {
		n++
	}
	return n
}

// countFunc counts the places that begin with c and have a length.
func countFunc(b []byte, c byte, length func([]byte) int) (n, first int) {
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], c)
		if j < 0 {
			break
		}
		i += j
		size := length(b[i:])
		if size > 0 {
			if n == 0 {
				first = i
			}
			n++
		}
		i += max(size, 1)
	}
	return n, first
}
