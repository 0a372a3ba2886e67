// Package textfile reads text files as editors write them.
package textfile

import (
	"bufio"
	"strings"
)

// mark is the byte order mark that some editors write before the first line, in UTF-8.
const mark = "\ufeff"

// TrimMark returns text without a byte order mark at its beginning.
func TrimMark(text string) string { return strings.TrimPrefix(text, mark) }

// SkipMark reads a byte order mark if one comes next. Errors come back on the next read.
func SkipMark(r *bufio.Reader) {
	if next, err := r.Peek(len(mark)); err == nil && string(next) == mark {
		r.Discard(len(mark))
	}
}
