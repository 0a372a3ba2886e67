package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/watermark"
)

// maxInput is the longest text that is tested, in bytes. It bounds the memory.
const maxInput = 16 << 20

// readInput reads a file of at most maxInput bytes, or standard input for "-".
func (c *cli) readInput(name string) ([]byte, error) {
	r := c.stdin
	if name == "-" {
		if file, ok := r.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
			c.hint("reading standard input")
		}
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s is a directory; name a file", name)
		}
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	if len(text) > maxInput {
		return nil, fmt.Errorf("%s is longer than %d MiB, the longest text that is tested; split it", name, maxInput>>20)
	}
	return text, refuseKeys(name, text)
}

// parseTokens parses a JSON array of token ids, or ids separated by white space. An id that
// fits into no vocabulary becomes -1, which the test counts as outside the vocabulary.
func parseTokens(text []byte) ([]watermark.Token, error) {
	s := strings.TrimSpace(textfile.TrimMark(string(text)))
	if !strings.HasPrefix(s, "[") {
		fields := strings.Fields(s)
		ids := make([]watermark.Token, len(fields))
		for i, f := range fields {
			id, err := parseID(f)
			if err != nil {
				return nil, fmt.Errorf("token %d: %w", i+1, err)
			}
			ids[i] = id
		}
		return ids, nil
	}
	var numbers []json.RawMessage
	if err := json.Unmarshal([]byte(s), &numbers); err != nil {
		return nil, errors.New("not a JSON array of token ids, such as [1, 2, 3]")
	}
	ids := make([]watermark.Token, len(numbers))
	for i, n := range numbers {
		id, err := parseID(string(n))
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", i+1, err)
		}
		ids[i] = id
	}
	return ids, nil
}

func parseID(s string) (watermark.Token, error) {
	id, err := strconv.ParseInt(s, 10, 32)
	if errors.Is(err, strconv.ErrRange) {
		return -1, nil
	}
	if err != nil {
		if holdsKey(s) {
			s = "(a secret key)"
		}
		return 0, fmt.Errorf("%.40q is not a token id; write a JSON array, or ids separated by white space", s)
	}
	return watermark.Token(id), nil
}
