package tokenize

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The functions of this file look at eight bytes at a time. A word of a text is seldom longer, so that the
// processor does not guess at which byte it ends.

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// outside returns a word whose high bits tell which bytes of x are not in from to to. Both are below 0x80.
func outside(x uint64, from, to byte) uint64 {
	low := x &^ highs
	ge := low + (0x80-uint64(from))*ones
	gt := low + (0x7f-uint64(to))*ones
	return (^ge | gt | x) & highs
}

// letters returns the end of the run of ASCII letters at i.
func letters(text []byte, i int) int {
	for ; len(text)-i >= 8; i += 8 {
		if out := outside(binary.LittleEndian.Uint64(text[i:])|0x20*ones, 'a', 'z'); out != 0 {
			return i + bits.TrailingZeros64(out)/8
		}
	}
	for i < len(text) && isASCIILetter(text[i]) {
		i++
	}
	return i
}

// smalls returns the end of the run of small ASCII letters at i.
func smalls(text []byte, i int) int {
	for ; len(text)-i >= 8; i += 8 {
		if out := outside(binary.LittleEndian.Uint64(text[i:]), 'a', 'z'); out != 0 {
			return i + bits.TrailingZeros64(out)/8
		}
	}
	for i < len(text) && text[i]-'a' < 26 {
		i++
	}
	return i
}

func isASCIILetter(b byte) bool { return b|0x20-'a' < 26 }

// asciis returns the end of the run of ASCII characters at i.
func asciis(text []byte, i int) int {
	for ; len(text)-i >= 8; i += 8 {
		if out := binary.LittleEndian.Uint64(text[i:]) & highs; out != 0 {
			return i + bits.TrailingZeros64(out)/8
		}
	}
	for i < len(text) && text[i] < utf8.RuneSelf {
		i++
	}
	return i
}
