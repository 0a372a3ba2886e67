// Package stoptext turns the bytes of tokens into text while a model draws them. It holds back what later bytes
// may change: a part of a stop string, and a part of a character.
package stoptext

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A Cutter is the state of one text. It is for one goroutine.
type Cutter struct {
	stops   []string
	held    []byte
	stopped bool
}

// New returns the Cutter of an empty text. The text ends before the first of the stop strings that is
// complete. Empty stop strings are ignored.
func New(stops ...string) *Cutter {
	c := &Cutter{}
	for _, stop := range stops {
		if stop != "" {
			c.stops = append(c.stops, stop)
		}
	}
	return c
}

// Add takes the next bytes and returns the text that no later bytes can change. It never ends inside a
// character, unless bytes are not UTF-8 and cannot become a character.
//
// stopped is true from the bytes on that complete a stop string. The text then ends before that string, and
// Add returns no more text. Of stop strings that end at the same byte the longest counts. So the text does
// not depend on how tokens cut it.
func (c *Cutter) Add(b []byte) (text string, stopped bool) {
	if c.stopped {
		return "", true
	}
	before := len(c.held)
	c.held = append(c.held, b...)

	// Only what ends in the new bytes can be complete now.
	at, end := 0, len(c.held)+1
	for _, stop := range c.stops {
		from := max(0, before-len(stop)+1)
		i := bytes.Index(c.held[from:], []byte(stop))
		if i < 0 {
			continue
		}
		i += from
		if e := i + len(stop); e < end || e == end && i < at {
			at, end = i, e
		}
	}
	if end <= len(c.held) {
		c.stopped = true
		text = string(c.held[:at])
		c.held = nil
		return text, true
	}
	keep := partOfCharacter(c.held)
	for _, stop := range c.stops {
		keep = max(keep, overlap(c.held, stop))
	}
	n := len(c.held) - keep
	return c.take(n - partOfCharacter(c.held[:n])), false
}

// Stopped reports whether a stop string is complete.
func (c *Cutter) Stopped() bool { return c.stopped }

// Rest returns what Add has held back, when no more bytes follow. It is empty after a stop string.
func (c *Cutter) Rest() string { return c.take(len(c.held)) }

// take returns the first bytes that are held, and forgets them.
func (c *Cutter) take(n int) string {
	text := string(c.held[:n])
	c.held = c.held[:copy(c.held, c.held[n:])]
	return text
}

// overlap returns the length of the longest proper prefix of stop with which text ends.
func overlap(text []byte, stop string) int {
	for n := min(len(text), len(stop)-1); n > 0; n-- {
		if strings.HasPrefix(stop, string(text[len(text)-n:])) {
			return n
		}
	}
	return 0
}

// partOfCharacter returns the number of bytes at the end of text that may become a character.
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
