// Package reading reads and writes files of rows: what a model would write next, position by
// position. Any framework can write them. docs/formats/rows.md describes the format, and the
// packages under detect test the contents.
package reading

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	version = 1
	// MaxLine is the length of the longest line, in bytes. A text takes some five times as much
	// memory as its line.
	MaxLine = 64 << 20
	// MaxTokens is the largest number of tokens in a text.
	MaxTokens = 1 << 20
)

// gzipMagic begins a file that is compressed by gzip.
const gzipMagic = "\x1f\x8b"

// ErrFormat is wrapped by errors about a file that is not a valid reading file.
var ErrFormat = errors.New("not a valid reading file")

// A Kind says what a file has for each position.
type Kind string

const (
	Choices    Kind = "choices"    // the model's choice, for student.Choices
	Mass       Kind = "mass"       // the model's row, for student.NewMass
	Difference Kind = "difference" // the rows of the model and of its base, for student.NewDifference
	Reference  Kind = "reference"  // the rows of a model over texts of others, for student.OutputRows and informed.Test
)

// A Header is the first line.
type Header struct {
	Version         int    `json:"isotope_reading"`
	Kind            Kind   `json:"kind"`
	Vocab           int    `json:"vocab"`
	Tokenizer       string `json:"tokenizer"`                  // name, or "none"
	TokenizerDigest string `json:"tokenizer_digest,omitempty"` // "sha256:..."
	Model           string `json:"model"`                      // whose choices or rows
	Base            string `json:"base,omitempty"`             // for a difference: whose rows are subtracted
	// Marked is true if the texts are outputs of a marked model, in the order of its log. They
	// are for student.Marked.
	Marked bool `json:"marked,omitempty"`
	// Temperature is that of the rows of a reference, at least 0. nil is 1, as for all other kinds.
	Temperature *float64 `json:"temperature,omitempty"`
	// Top says that each row of a reference holds at least so many of the model's likeliest tokens,
	// whatever else it holds. 0 promises nothing.
	Top  int    `json:"top,omitempty"`
	Note string `json:"note,omitempty"`
}

// A Text is one line: the tokens that the model was given, and what it gave after each of them.
// Either Choices has an entry for each token, or Model has, and for a difference Base as well. A
// Row with nil Probs and a choice of -1 stand for positions where the model was not asked.
type Text struct {
	// Start is the number of tokens that come before the text: what the model was given. It is
	// above 0 for a reference only.
	Start       int
	Tokens      []watermark.Token
	Choices     []watermark.Token
	Model, Base []student.Row
}

// rowJSON is a Row in JSON. Null is no row.
type rowJSON struct {
	IDs []watermark.Token `json:"ids"`
	P   []float32         `json:"p"`
}

// textJSON is a Text in JSON.
type textJSON struct {
	Start   int               `json:"start,omitempty"`
	Tokens  []watermark.Token `json:"tokens"`
	Choices []watermark.Token `json:"choices,omitempty"`
	Rows    []*rowJSON        `json:"rows,omitempty"`
	Base    []*rowJSON        `json:"base,omitempty"`
}

// A Reader reads one file. It is not safe for concurrent use.
type Reader struct {
	lines  *bufio.Reader
	number int // of the last line, from 1
	header Header
	buffer []byte
}

// NewReader reads the first line of a file, which may be compressed by gzip. Errors about it wrap [ErrFormat].
func NewReader(r io.Reader) (*Reader, error) {
	d := &Reader{lines: bufio.NewReaderSize(r, 1<<16)}
	if magic, _ := d.lines.Peek(len(gzipMagic)); string(magic) == gzipMagic {
		z, err := gzip.NewReader(d.lines)
		if err != nil {
			return nil, fmt.Errorf("reading: %w: damaged gzip: %w", ErrFormat, err)
		}
		d.lines = bufio.NewReaderSize(z, 1<<16)
	}
	text, err := d.line()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading: %w: the file is empty", ErrFormat)
	}
	if err != nil {
		return nil, err
	}
	if err := strictjson.Decode(text, &d.header); err != nil {
		return nil, d.wrong("%v", err)
	}
	h := &d.header
	switch {
	case h.Version != version:
		return nil, d.wrong("isotope_reading is %d, and this program reads %d", h.Version, version)
	case h.Kind != Choices && h.Kind != Mass && h.Kind != Difference && h.Kind != Reference:
		return nil, d.wrong("unknown kind %s; write choices, mass, difference or reference", strictjson.Quote(string(h.Kind)))
	case h.Vocab < 1 || h.Vocab > watermark.MaxVocab:
		return nil, d.wrong("the vocabulary size %d is outside 1 to %d", h.Vocab, watermark.MaxVocab)
	case h.Tokenizer == "" || h.Model == "":
		return nil, d.wrong("tokenizer or model is missing; write both")
	case secret.Holds(text):
		return nil, d.wrong("the line holds a secret key; leave it out")
	case (h.Kind == Difference) != (h.Base != ""):
		return nil, d.wrong("a difference needs a base, and no other kind has one")
	case h.Marked && h.Kind != Choices:
		return nil, d.wrong("marked texts need the kind choices")
	case h.Kind != Reference && (h.Temperature != nil || h.Top != 0):
		return nil, d.wrong("temperature and top are for the kind reference; leave them out")
	case h.Temperature != nil && !(*h.Temperature >= 0) || h.Top < 0 || h.Top > h.Vocab:
		return nil, d.wrong("temperature must be at least 0, and top between 0 and the vocabulary size")
	}
	return d, nil
}

// Header returns the first line.
func (d *Reader) Header() Header { return d.header }

// Next returns the next text, or io.EOF after the last one. Errors about a line wrap [ErrFormat] and
// give its number. After an error Next must not be called again.
func (d *Reader) Next() (*Text, error) {
	for {
		text, err := d.line()
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		return d.parse(text)
	}
}

// parse parses one text.
func (d *Reader) parse(text []byte) (*Text, error) {
	var l textJSON
	if err := strictjson.Decode(text, &l); err != nil {
		return nil, d.wrong("%v", err)
	}
	n := len(l.Tokens)
	want := func(kind Kind, present bool, got int) bool {
		if d.header.Kind == kind || kind == Mass && (d.header.Kind == Difference || d.header.Kind == Reference) {
			return got == n
		}
		return !present
	}
	switch {
	case n == 0 || n > MaxTokens:
		return nil, d.wrong("%d tokens are outside 1 to %d", n, MaxTokens)
	case !want(Choices, l.Choices != nil, len(l.Choices)),
		!want(Mass, l.Rows != nil, len(l.Rows)),
		!want(Difference, l.Base != nil, len(l.Base)):
		return nil, d.wrong("a text of kind %s needs one entry for each of its %d tokens, and nothing else", d.header.Kind, n)
	}
	if l.Start < 0 || l.Start >= n || l.Start > 0 && d.header.Kind != Reference {
		return nil, d.wrong("start is %d; it is below the number of tokens, and above 0 for a reference only", l.Start)
	}
	for _, id := range l.Tokens {
		if id < 0 || int(id) >= d.header.Vocab {
			return nil, d.wrong("token %d is outside the vocabulary of the header", id)
		}
	}
	for _, id := range l.Choices {
		if id < -1 || int(id) >= d.header.Vocab {
			return nil, d.wrong("choice %d is outside the vocabulary of the header", id)
		}
	}
	t := &Text{Start: l.Start, Tokens: l.Tokens, Choices: l.Choices}
	var err error
	if t.Model, err = d.rows(l.Rows); err != nil {
		return nil, err
	}
	t.Base, err = d.rows(l.Base)
	return t, err
}

// rows checks rows and returns them, or nil for nil.
func (d *Reader) rows(in []*rowJSON) ([]student.Row, error) {
	if in == nil {
		return nil, nil
	}
	out := make([]student.Row, len(in))
	for i, r := range in {
		if r == nil {
			continue
		}
		if r.P == nil {
			return nil, d.wrong("row %d has no probabilities", i)
		}
		out[i] = student.Row{Tokens: r.IDs, Probs: r.P}
		if err := out[i].Check(d.header.Vocab); err != nil {
			return nil, d.wrong("row %d: %v", i, err)
		}
		if d.header.Top > 0 && !holdsLikeliest(&out[i], d.header.Vocab) {
			return nil, d.wrong("row %d does not hold the model's likeliest token, as \"top\" promises: a token that it leaves out is likelier than all of its own; write the likeliest token too, or null for no row", i)
		}
	}
	return out, nil
}

// holdsLikeliest reports whether the likeliest token of a law can be in a row of it. What the row leaves
// over falls to the other tokens, and none of them has more than the likeliest one.
func holdsLikeliest(r *student.Row, vocab int) bool {
	const rounding = 0.01 // of all probabilities together
	most, left := 0.0, 1.0
	for _, p := range r.Probs {
		most = max(most, float64(p))
		left -= float64(p)
	}
	return left <= float64(most*float64(vocab-len(r.Probs)))+rounding
}

// line returns the next line without its end. The next call overwrites it.
func (d *Reader) line() ([]byte, error) {
	d.number++
	d.buffer = d.buffer[:0]
	for {
		part, err := d.lines.ReadSlice('\n')
		d.buffer = append(d.buffer, part...)
		switch {
		case len(d.buffer) > MaxLine:
			return nil, d.wrong("longer than %d bytes", MaxLine)
		case err == nil:
			return d.buffer[:len(d.buffer)-1], nil
		case errors.Is(err, io.EOF) && len(d.buffer) > 0:
			return d.buffer, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// wrong returns an error about the current line.
func (d *Reader) wrong(format string, args ...any) error {
	return fmt.Errorf("reading: %w: line %d: %s", ErrFormat, d.number, fmt.Sprintf(format, args...))
}
