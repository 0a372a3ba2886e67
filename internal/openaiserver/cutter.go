package openaiserver

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A cutter turns the bytes of tokens into pieces of text that can be sent. A piece contains no
// part of a stop sequence, and does not end within a character.
type cutter struct {
	stops []string
	held  []byte
}

// add appends bytes and returns the text that later bytes cannot change. stopped is true once a
// stop sequence is complete; the text ends before it.
func (c *cutter) add(b []byte) (piece string, stopped bool) {
	c.held = append(c.held, b...)
	end := -1
	for _, s := range c.stops {
		if i := bytes.Index(c.held, []byte(s)); i >= 0 && (end < 0 || i < end) {
			end = i
		}
	}
	if end >= 0 {
		return string(c.held[:end]), true
	}
	keep := partOfCharacter(c.held)
	for _, s := range c.stops {
		keep = max(keep, overlap(c.held, s))
	}
	return c.take(len(c.held) - keep), false
}

// rest returns what add has held back, at the end of the text.
func (c *cutter) rest() string { return c.take(len(c.held)) }

func (c *cutter) take(n int) string {
	piece := string(c.held[:n])
	c.held = c.held[:copy(c.held, c.held[n:])]
	return piece
}

// overlap returns the length of the longest proper prefix of s with which text ends.
func overlap(text []byte, s string) int {
	for n := min(len(text), len(s)-1); n > 0; n-- {
		if strings.HasPrefix(s, string(text[len(text)-n:])) {
			return n
		}
	}
	return 0
}

// partOfCharacter returns the number of bytes of an incomplete character at the end of text.
func partOfCharacter(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}
