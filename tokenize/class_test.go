package tokenize

import (
	"fmt"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// classOf returns the class of a character.
func classOf(r rune) class {
	c, _ := next([]byte(string(r)), 0)
	return c
}

// unicodeClass returns the class by the tables of the Go that runs the test.
func unicodeClass(r rune) (c class) {
	for _, in := range []struct {
		class  class
		tables []*unicode.RangeTable
	}{
		{letter, []*unicode.RangeTable{unicode.L}},
		{number, []*unicode.RangeTable{unicode.N}},
		{space, []*unicode.RangeTable{unicode.White_Space}},
		{upper, []*unicode.RangeTable{unicode.Lu, unicode.Lt, unicode.Lm, unicode.Lo, unicode.M}},
		{lower, []*unicode.RangeTable{unicode.Ll, unicode.Lm, unicode.Lo, unicode.M}},
		{punct, []*unicode.RangeTable{unicode.P}},
		{symbol, []*unicode.RangeTable{unicode.S}},
	} {
		if unicode.In(r, in.tables...) {
			c |= in.class
		}
	}
	if r == '\r' || r == '\n' {
		c |= newline
	}
	return c
}

// TestClassesAgainstGo compares the table, which is of Unicode 16.0, with that of Go. An older version in
// Go must agree, except for characters that are new in 16.0 and have no class there.
func TestClassesAgainstGo(t *testing.T) {
	loadClasses()
	require.Less(t, len(classPages), 256, "a page number has 8 bits")
	want, ok := map[string]int{"15.0.0": 5812, "16.0.0": 0}[unicode.Version]
	if !ok {
		t.Skip("Unicode", unicode.Version)
	}
	since := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r == 0xd800 {
			r = 0xe000
		}
		if ours, theirs := classOf(r), unicodeClass(r); theirs == 0 && ours != 0 {
			since++
		} else if ours != theirs {
			t.Errorf("%U: %b, not %b", r, ours, theirs)
		}
	}
	assert.Equal(t, want, since)
}

func TestClasses(t *testing.T) {
	loadClasses()
	for _, c := range []struct {
		r    rune
		want class
	}{
		{'A', letter | upper},
		{'z', letter | lower},
		{'7', number},
		{' ', space},
		{'\n', space | newline},
		{'\r', space | newline},
		{'\v', space},
		{0x1c, 0}, // other definitions of white space have it, and \s does not
		{0x85, space},
		{0xa0, space},
		{0x180e, 0},
		{0x200b, 0},
		{0x200d, 0},
		{0x2028, space},
		{0x301, upper | lower},
		{0x1c5, letter | upper},
		{0x2b0, letter | upper | lower},
		{0x3082, letter | upper | lower},
		{0x2167, number},
		{0x24b6, symbol}, // upper case by property, not by category
		{0xe000, 0},
		{0x378, 0},
		{0xfffd, symbol},
		{'_', punct},
		{'+', symbol},
		{0x105c0, letter | upper | lower}, // since Unicode 16
		{0x10ffff, 0},
	} {
		t.Run(fmt.Sprintf("%U", c.r), func(t *testing.T) { assert.Equal(t, c.want, classOf(c.r)) })
	}
	c, n := next([]byte{0xff, 'a'}, 0)
	assert.Zero(t, c)
	assert.Equal(t, 1, n)
}
