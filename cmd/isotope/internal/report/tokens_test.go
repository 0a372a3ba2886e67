package report

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestColoursJoinSplitCharacters(t *testing.T) {
	parts := []string{"a", "\xe2\x82", "\xac", "b", "\xf0\x9f", "\x99", "\x82", "\xff", "c\xe2"}
	colours := []Colour{Green, Red, Green, Green, Red, Unscored, Green, Red, Green}
	got := Colours(len(parts), func(i int) ([]byte, Colour, int) { return []byte(parts[i]), colours[i], i })
	assert.Equal(t, []Token{
		{"a", Green, 0}, {"€", Red, 1}, {"b", Green, 3}, {"\U0001f642", Red, 4}, {"\ufffd", Red, 7}, {"c\ufffd", Green, 8},
	}, got)
	assert.Empty(t, Colours(0, nil))
}

func TestEndsInside(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"nothing", "", false}, {"ASCII", "ab", false}, {"a whole character", "a€", false}, {"one byte of three", "a\xe2", true}, {"two bytes of three", "a\xe2\x82", true},
		{"three bytes of four", "\xf0\x9f\x99", true}, {"a byte that begins nothing", "a\xff", false}, {"bytes that continue nothing", "\x82\x82\x82\x82", false},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, endsInside([]byte(c.text))) })
	}
}

func TestRuns(t *testing.T) {
	token := func(text string, part int) Token { return Token{text, Green, part} }
	for _, c := range []struct {
		name   string
		tokens []Token
		want   []Run
	}{
		{"nothing", nil, nil},
		{"no parts", []Token{token("a", 0), token("b", 0)}, []Run{{"", []Token{token("a", 0), token("b", 0)}}}},
		{"a part at the beginning", []Token{token("a", 1), token("b", 0)}, []Run{{"first", []Token{token("a", 1)}}, {"", []Token{token("b", 0)}}}},
		{"two parts side by side", []Token{token("a", 1), token("b", 1), token("c", 2)}, []Run{{"first", []Token{token("a", 1), token("b", 1)}}, {"second", []Token{token("c", 2)}}}},
		{"a part at the end", []Token{token("a", 0), token("b", 2)}, []Run{{"", []Token{token("a", 0)}}, {"second", []Token{token("b", 2)}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, Passage{Tokens: c.tokens, Parts: []string{"first", "second"}}.Runs())
		})
	}
}
