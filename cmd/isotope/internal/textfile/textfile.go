// Package textfile reads text files as editors write them.
package textfile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// Read reads a file of at most a number of bytes. It stops at a longer one, and at a device without
// an end.
func Read(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > most:
		return nil, fmt.Errorf("%s is longer than %d bytes, the most that is read of such a file", path, most)
	}
	return text, nil
}

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
