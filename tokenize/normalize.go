package tokenize

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A normalizer changes a text before it is cut into pieces.
//
// SentencePiece writes ▁ for a space. This package keeps spaces instead, in the vocabulary and in texts,
// and replaces a ▁ in a text by a space. The ids are the same, and a text without ▁ stays as it is.
type normalizer struct {
	form   form
	spaces bool // ▁ counts as a space
	prefix bool // a space stands before each chunk of text
}

// A form is a Unicode normalization form.
type form uint8

const (
	formNone form = iota
	formNFC
	formNFKC
)

// load returns a form and its settled characters, which it computes once.
func (f form) load() (norm.Form, *runeSet) {
	if f == formNFKC {
		return norm.NFKC, settledNFKC()
	}
	return norm.NFC, settledNFC()
}

var (
	settledNFC  = sync.OnceValue(func() *runeSet { return settled(norm.NFC) })
	settledNFKC = sync.OnceValue(func() *runeSet { return settled(norm.NFKC) })
)

const lowLine = "▁"

func (n *normalizer) none() bool { return *n == normalizer{} }

// An alignment tells which bytes of a text each byte of its normalized form stands for. The zero
// alignment is that of a text which did not change.
type alignment struct {
	from, to []int32 // byte i of the form stands for the bytes of the text from from[i] up to but not including to[i]
}

// apply returns the normalized form of a chunk of text. It returns text itself if nothing changes.
// align may be nil.
func (n *normalizer) apply(text []byte, align *alignment) []byte {
	if align != nil {
		*align = alignment{}
	}
	if len(text) == 0 {
		return text
	}
	var out []byte
	switch {
	case n.form != formNone:
		out = n.form.apply(text, align)
	case n.spaces && bytes.Contains(text, []byte(lowLine)):
		out = make([]byte, 0, len(text)+1)
		if n.prefix {
			out = append(out, ' ')
			align.add(0, 0)
		}
		for i := 0; i < len(text); {
			if bytes.HasPrefix(text[i:], []byte(lowLine)) {
				out = append(out, ' ')
				align.add(i, i+len(lowLine))
				i += len(lowLine)
				continue
			}
			out = append(out, text[i])
			align.add(i, i+1)
			i++
		}
	case n.prefix:
		out = append(append(make([]byte, 0, len(text)+1), ' '), text...)
		if align != nil {
			align.add(0, 0)
			for i := range text {
				align.add(i, i+1)
			}
		}
	default:
		out = text
	}
	return out
}

// add says that the next byte stands for the bytes from one place to another.
func (a *alignment) add(from, to int) {
	if a != nil {
		a.from = append(a.from, int32(from))
		a.to = append(a.to, int32(to))
	}
}

// apply returns the form of a text. Bytes that are not UTF-8 stay as they are.
func (f form) apply(text []byte, align *alignment) []byte {
	nf, still := f.load()
	from, to := unsettled(text, 0, nf, still)
	if from == len(text) {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	keep := func(i, j int) {
		out = append(out, text[i:j]...)
		if align != nil {
			for ; i < j; i++ {
				align.add(i, i+1)
			}
		}
	}
	for i := 0; ; {
		keep(i, from)
		for i = from; i < to; {
			end := i + segment(nf, text[i:to])
			before := len(out)
			if isLate(text[i:end]) {
				out = append(out, text[i:end]...)
			} else {
				out = appendSegment(out, nf, text[i:end])
			}
			if bytes.Equal(out[before:], text[i:end]) {
				out = out[:before]
				keep(i, end)
			} else {
				for range len(out) - before {
					align.add(i, end)
				}
			}
			i = end
		}
		if i == len(text) {
			return out
		}
		from, to = unsettled(text, i, nf, still)
	}
}

// A runeSet is a set of characters, one bit for each.
type runeSet [settledRunes / 64]uint64

// settledRunes is the first character that settled leaves out: the planes from it on have none that texts
// use.
const settledRunes = 0x30000

func (s *runeSet) has(r rune) bool { return r < settledRunes && s[r>>6]>>(r&63)&1 != 0 }

// settled returns the characters that stay as they are in a form, whatever stands before and after them, and
// that nothing before them combines with. A late character is not among them.
func settled(nf norm.Form) *runeSet {
	var s runeSet
	var buf [utf8.UTFMax]byte
	for r := range rune(settledRunes) {
		text := buf[:utf8.EncodeRune(buf[:], r)]
		if nf.QuickSpan(text) == len(text) && nf.Properties(text).CCC() == 0 {
			s[r>>6] |= 1 << (r & 63)
		}
	}
	for _, l := range late.R16 {
		for r := l.Lo; r <= l.Hi; r++ {
			s[r>>6] &^= 1 << (r & 63)
		}
	}
	for _, l := range late.R32 {
		for r := l.Lo; r <= l.Hi; r++ {
			s[r>>6] &^= 1 << (r & 63)
		}
	}
	return &s
}

// unsettled returns the first place from i on that a form changes or may change: what stands between two
// settled characters, with the one before. Without such a place it returns the length of the text twice.
// It cannot look at single characters, for a form also orders marks.
func unsettled(text []byte, i int, nf norm.Form, still *runeSet) (from, to int) {
	for from = i; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i = asciis(text, i)
			from = i - 1
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if still.has(r) {
			from = i
			i += n
			continue
		}
		for i += n; i < len(text); i += n {
			if r, n = utf8.DecodeRune(text[i:]); still.has(r) {
				break
			}
		}
		if part := text[from:i]; nf.QuickSpan(part) != len(part) || anyLate(part) {
			return from, i
		}
		from = i
	}
	return len(text), len(text)
}

// segment returns the length of the first segment of a text: a late character, or what is before the next
// one and before the next character that cannot combine with those before it. The package norm ends a
// segment after 30 combining marks as well, which other programs do not.
func segment(nf norm.Form, text []byte) int {
	r, end := utf8.DecodeRune(text)
	if unicode.Is(late, r) || r == utf8.RuneError && end == 1 {
		return end
	}
	for end < len(text) {
		r, n := utf8.DecodeRune(text[end:])
		if unicode.Is(late, r) || nf.Properties(text[end:]).BoundaryBefore() {
			break
		}
		end += n
	}
	return end
}

// appendSegment appends the form of a segment.
func appendSegment(dst []byte, nf norm.Form, text []byte) []byte {
	if len(text) <= maxSegment {
		return append(dst, nf.Bytes(text)...)
	}
	// By the definition (UAX 15): decompose, order the marks, compose.
	decompose := norm.NFD
	if nf == norm.NFKC {
		decompose = norm.NFKD
	}
	var runes []rune
	for len(text) > 0 {
		_, n := utf8.DecodeRune(text)
		runes = append(runes, []rune(string(decompose.Bytes(text[:n])))...)
		text = text[n:]
	}
	class := func(r rune) uint8 { return norm.NFC.PropertiesString(string(r)).CCC() }
	for i := 0; i < len(runes); {
		j := i
		for j < len(runes) && class(runes[j]) != 0 {
			j++
		}
		slices.SortStableFunc(runes[i:j], func(a, b rune) int { return cmp.Compare(class(a), class(b)) })
		i = j + 1
	}
	starter, last := -1, uint8(0)
	kept := runes[:0]
	for _, r := range runes {
		ccc := class(r)
		if starter >= 0 && (last < ccc || len(kept) == starter+1) {
			if both := []rune(norm.NFC.String(string([]rune{kept[starter], r}))); len(both) == 1 {
				kept[starter] = both[0]
				continue
			}
		}
		if ccc == 0 {
			starter = len(kept)
		}
		last = ccc
		kept = append(kept, r)
	}
	return append(dst, string(kept)...)
}

// maxSegment is the length in bytes up to which a segment has at most 30 marks, which norm can take.
const maxSegment = 24

func isLate(text []byte) bool {
	r, _ := utf8.DecodeRune(text)
	return unicode.Is(late, r)
}

func anyLate(text []byte) bool {
	for _, r := range string(text) {
		if r >= 0x7fd && unicode.Is(late, r) {
			return true
		}
	}
	return false
}

// late holds the characters that a form of Unicode 15 changes or moves, and that were not in Unicode 9.
// Hugging Face's tokenizers 0.23.3 use the forms of that version, so for them these are characters that
// nothing combines with.
var late = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x07fd, 0x07fd, 1}, {0x0898, 0x089f, 1}, {0x08ca, 0x08d3, 1}, {0x09fe, 0x09fe, 1},
		{0x0c3c, 0x0c3c, 1}, {0x0d3b, 0x0d3c, 1}, {0x0eba, 0x0eba, 1}, {0x1715, 0x1715, 1},
		{0x1abf, 0x1ace, 1}, {0x1df6, 0x1dfa, 1}, {0x32ff, 0x32ff, 1}, {0xa7f2, 0xa7f4, 1},
		{0xa82c, 0xa82c, 1}, {0xab69, 0xab69, 1},
	},
	R32: []unicode.Range32{
		{0x10781, 0x10785, 1}, {0x10787, 0x107b0, 1}, {0x107b2, 0x107ba, 1}, {0x10d24, 0x10d27, 1},
		{0x10eab, 0x10eac, 1}, {0x10efd, 0x10eff, 1}, {0x10f46, 0x10f50, 1}, {0x10f82, 0x10f85, 1},
		{0x11070, 0x11070, 1}, {0x1133b, 0x1133b, 1}, {0x1145e, 0x1145e, 1}, {0x11839, 0x1183a, 1},
		{0x11930, 0x11930, 1}, {0x1193d, 0x1193e, 1}, {0x11943, 0x11943, 1}, {0x119e0, 0x119e0, 1},
		{0x11a34, 0x11a34, 1}, {0x11a47, 0x11a47, 1}, {0x11a99, 0x11a99, 1}, {0x11d42, 0x11d42, 1},
		{0x11d44, 0x11d45, 1}, {0x11d97, 0x11d97, 1}, {0x11f41, 0x11f42, 1}, {0x16ff0, 0x16ff1, 1},
		{0x1e030, 0x1e06d, 1}, {0x1e08f, 0x1e08f, 1}, {0x1e130, 0x1e136, 1}, {0x1e2ae, 0x1e2ae, 1},
		{0x1e2ec, 0x1e2ef, 1}, {0x1e4ec, 0x1e4ef, 1}, {0x1f16c, 0x1f16c, 1}, {0x1fbf0, 0x1fbf9, 1},
	},
}
