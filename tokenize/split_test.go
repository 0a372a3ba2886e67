package tokenize

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// pieces splits a text by the rules of an encoding.
func pieces(name, text string) []string {
	tok, err := Get(name)
	if err != nil {
		panic(err)
	}
	split := tok.(*BPE).stages[0]
	var all []string
	for i := 0; i < len(text); {
		end := split([]byte(text), i)
		all = append(all, text[i:end])
		i = end
	}
	return all
}

// TestPieces shows the rules, which the goldens test.
func TestPieces(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{
			"r50k_base", "I'll go.  It'S 1234\n \n x",
			[]string{"I", "'ll", " go", ".", " ", " It", "'", "S", " 1234", "\n \n", " x"},
		},
		{
			"cl100k_base", "I'LL go.  It's 1234\n \n x",
			[]string{"I", "'LL", " go", ".", " ", " It", "'s", " ", "123", "4", "\n \n", " x"},
		},
		{
			"o200k_base", "I'LL go.  It's 1234\n \n x",
			[]string{"I'LL", " go", ".", " ", " It's", " ", "123", "4", "\n \n", " x"},
		},
		{"cl100k_base", "a!\r\n\n b", []string{"a", "!\r\n\n", " b"}},
		{"cl100k_base", "a\nb\rc\td", []string{"a", "\n", "b", "\r", "c", "\td"}},
		{"o200k_base", "a\nb\rc\td", []string{"a", "\n", "b", "\r", "c", "\td"}},
		{"o200k_base", "a//\n/\n b", []string{"a", "//\n/\n", " b"}},
		{"o200k_base", "HTMLParser camelCase", []string{"HTMLParser", " camel", "Case"}},
		{"o200k_base", "A\u3082BC", []string{"A\u3082", "BC"}},
		{"o200k_base", "\u0301ABC \u0301's", []string{"\u0301", "ABC", " \u0301's"}},
		{"cl100k_base", "'\u017f'\u212a", []string{"'\u017f", "'\u212a"}},
		{"cl100k_base", "  \u3000x\t\t", []string{"  ", "\u3000x", "\t\t"}},
	} {
		t.Run(fmt.Sprintf("%s/%q", c.name, c.text), func(t *testing.T) {
			assert.Equal(t, c.want, pieces(c.name, c.text))
		})
	}
}

// TestInvalidByteIsSymbol: the rules split a byte that is not UTF-8 like a symbol.
func TestInvalidByteIsSymbol(t *testing.T) {
	for _, text := range []string{
		"?", "a?b", " ? ", "  ?", "?\n\n", "it?'s", "1?2", "'?", "A?a", "? a", "\n?\n",
	} {
		for _, name := range Names() {
			var want []string
			for _, p := range pieces(name, text) {
				want = append(want, strings.ReplaceAll(p, "?", "\xff"))
			}
			assert.Equal(t, want, pieces(name, strings.ReplaceAll(text, "?", "\xff")), "%s: %q", name, text)
		}
	}
}

// TestSplitLongTexts: a rule that reads far beyond its pieces would not finish on these texts.
func TestSplitLongTexts(t *testing.T) {
	loadClasses()
	size := 1 << 20
	if *long {
		size = 16 << 20
	}
	for _, s := range []string{
		" ", "\n ", " \n", "\r\n", "\u3000", "A", "A\u3082", "\u3082A", "\u0301", "\u0301A", " \u0301",
		"Aa", "'", "'s", "'S'", "1", "\u0663", "/\n", "!\n/", "! ", "\xff", "\xc5", "\u01c5", "\u02b0A", "漢1", "漢", "\x01",
	} {
		text := []byte(strings.Repeat(s, size/len(s)))
		for _, r := range rules {
			for i := 0; i < len(text); {
				end := r.stage(text, i)
				if end <= i || end > len(text) {
					t.Fatalf("%q by %s: piece from %d to %d", s, r.pattern, i, end)
				}
				i = end
			}
		}
	}
}

// TestNoTokenEndsInLineEndAndBlanks checks the claim of splitCL100K about the newer pattern.
func TestNoTokenEndsInLineEndAndBlanks(t *testing.T) {
	e := getBPE(t, "cl100k_base")
	across := regexp.MustCompile(`[\r\n][\t\v\f \x{85}\x{a0}\x{1680}` +
		`\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+$`)
	for id := range int32(e.Vocab()) {
		if text, ok := e.Token(id); ok {
			assert.False(t, across.MatchString(text), "%d: %q", id, text)
		}
	}
}

// TestSplitShort compares splitShort with splitOther, which looks at one character after the other: for each
// ASCII character at each place of some texts, and for random texts of a few characters.
func TestSplitShort(t *testing.T) {
	loadClasses()
	told, left := 0, 0
	compare := func(text []byte) {
		if letters(text, 0) > 0 || letters(text, 1) > 1 && ascii[text[0]&0x7f]&(number|newline) == 0 && text[0] != '\'' {
			return // a word
		}
		for _, most := range []int{1, 3} {
			end := splitShort(text, 0, most)
			if end == 0 {
				left++
				continue
			}
			told++
			if want := splitOther(text, 0, letter, most); end != want {
				t.Fatalf("%q: splitShort ends the piece at %d, and splitOther at %d", text, end, want)
			}
		}
	}
	for _, base := range []string{"12345678a", "  (){}\n\n\n", " \t\n \n   ", "(){}=;\n\nx", "=\r\n\r\n\r\n\r\n", " ! a b c 1", "\n\n\n\n\n\n\n\n\n", "'s 't 're"} {
		for at := range base {
			for b := range 256 {
				text := []byte(base)
				text[at] = byte(b)
				compare(text)
			}
		}
	}
	r := rand.New(rand.NewPCG(9, 10))
	const alphabet = "aZ09 \t\n\r\v.(='\x00\x1c\x7f\xc3\xa9\xe3\x80\x80\xcc\x81"
	for range 1_000_000 {
		text := make([]byte, 6+r.IntN(6))
		few := 2 + r.IntN(4)
		var chosen [6]byte
		for i := range few {
			chosen[i] = alphabet[r.IntN(len(alphabet))]
		}
		for i := range text {
			text[i] = chosen[r.IntN(few)]
		}
		compare(text)
	}
	assert.Greater(t, told, 200_000)
	assert.Greater(t, left, 200_000)
}

// TestRulesOfDigits: a rule that says so ends the piece of a digit after it, whatever follows.
func TestRulesOfDigits(t *testing.T) {
	loadClasses()
	for _, r := range rules {
		alone := r.everywhere
		for digit := byte('0'); digit <= '9'; digit++ {
			for b := range 256 {
				for _, after := range []string{"", "1", "s", "\u0301", "\u0663", "\n", " 1234567"} {
					text := append([]byte{digit, byte(b)}, after...)
					alone = alone && r.stage(text, 0) == 1
				}
			}
		}
		assert.Equal(t, alone, r.digits, r.pattern)
	}
}
