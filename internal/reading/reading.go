// Package reading reads files of what a model with open weights would write next, position
// by position, as any framework can write them. docs/reading.md describes the format;
// package detect tests what is in them.
package reading

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	version = 1
	// MaxLine bounds a line, and with it the memory that a text takes: some five times as
	// much.
	MaxLine = 64 << 20
	// MaxTokens bounds the tokens of a text.
	MaxTokens = 1 << 20
)

// ErrFormat is wrapped by errors about text that is no file of readings.
var ErrFormat = errors.New("not a file of readings")

// A Kind says what a file holds for each position.
type Kind string

const (
	Choices    Kind = "choices"    // the model's choice, for detect.ChoiceReading
	Mass       Kind = "mass"       // the model's row, for detect.NewMass
	Difference Kind = "difference" // the rows of the model and of its base, for detect.NewDifference
)

// A Header is the first line.
type Header struct {
	Version         int    `json:"isotope_reading"`
	Kind            Kind   `json:"kind"`
	Vocab           int    `json:"vocab"`
	Tokenizer       string `json:"tokenizer"`                  // name, or "none"
	TokenizerDigest string `json:"tokenizer_digest,omitempty"` // "sha256:..."
	Model           string `json:"model"`                      // whose choices or rows
	Base            string `json:"base,omitempty"`             // of a difference: whose rows are taken off
	// Marked says that the texts are outputs of a marked model, in the order of its log:
	// they are for detect.MarkedReading.
	Marked bool   `json:"marked,omitempty"`
	Note   string `json:"note,omitempty"`
}

// A Text is one line: what the model was given, and what it gave. Choices, or Model and, in
// a difference, Base have an entry for each token; a Row of nil Probs and a choice of -1
// are positions where the model was not asked.
type Text struct {
	Tokens      []watermark.Token
	Choices     []watermark.Token
	Model, Base []detect.Row
}

// A row is a Row in JSON; null is none.
type row struct {
	IDs []watermark.Token `json:"ids"`
	P   []float32         `json:"p"`
}

// line is a Text in JSON.
type line struct {
	Tokens  []watermark.Token `json:"tokens"`
	Choices []watermark.Token `json:"choices"`
	Rows    []*row            `json:"rows"`
	Base    []*row            `json:"base"`
}

// A Reader reads one file. One goroutine at a time.
type Reader struct {
	lines  *bufio.Reader
	number int // of the line last read
	header Header
	buffer []byte
}

// NewReader reads the first line.
func NewReader(r io.Reader) (*Reader, error) {
	d := &Reader{lines: bufio.NewReaderSize(r, 1<<16)}
	text, err := d.line()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading: %w: it is empty", ErrFormat)
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
		return nil, d.wrong("isotope_reading is %d and not %d", h.Version, version)
	case h.Kind != Choices && h.Kind != Mass && h.Kind != Difference:
		return nil, d.wrong("the kind is none of choices, mass and difference")
	case h.Vocab < 1 || h.Vocab > watermark.MaxVocab:
		return nil, d.wrong("the vocabulary size %d is outside 1 to %d", h.Vocab, watermark.MaxVocab)
	case h.Tokenizer == "" || h.Model == "":
		return nil, d.wrong("tokenizer and model must be named")
	case (h.Kind == Difference) != (h.Base != ""):
		return nil, d.wrong("a difference names its base, and nothing else does")
	case h.Marked && h.Kind != Choices:
		return nil, d.wrong("marked texts are read by choices alone")
	}
	return d, nil
}

// Header returns the first line.
func (d *Reader) Header() Header { return d.header }

// Next returns the next text; io.EOF after the last one. Other errors wrap [ErrFormat],
// name the line, and are final.
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

func (d *Reader) parse(text []byte) (*Text, error) {
	var l line
	if err := strictjson.Decode(text, &l); err != nil {
		return nil, d.wrong("%v", err)
	}
	n := len(l.Tokens)
	want := func(kind Kind, present bool, got int) bool {
		if d.header.Kind == kind || kind == Mass && d.header.Kind == Difference {
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
		return nil, d.wrong("the %s do not come with one entry for each of %d tokens, and nothing else", d.header.Kind, n)
	}
	for _, id := range l.Tokens {
		if id < 0 || int(id) >= d.header.Vocab {
			return nil, d.wrong("token %d is outside the vocabulary", id)
		}
	}
	for _, id := range l.Choices {
		if id < -1 || int(id) >= d.header.Vocab {
			return nil, d.wrong("choice %d is outside the vocabulary", id)
		}
	}
	t := &Text{Tokens: l.Tokens, Choices: l.Choices}
	var err error
	if t.Model, err = d.rows(l.Rows); err != nil {
		return nil, err
	}
	t.Base, err = d.rows(l.Base)
	return t, err
}

// rows checks rows.
func (d *Reader) rows(in []*row) ([]detect.Row, error) {
	if in == nil {
		return nil, nil
	}
	out := make([]detect.Row, len(in))
	for i, r := range in {
		if r == nil {
			continue
		}
		if r.P == nil {
			return nil, d.wrong("row %d has no probabilities", i)
		}
		out[i] = detect.Row{Tokens: r.IDs, Probs: r.P}
		if err := out[i].Check(d.header.Vocab); err != nil {
			return nil, d.wrong("row %d: %v", i, err)
		}
	}
	return out, nil
}

// line reads one line without its end. It is overwritten by the next call.
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

func (d *Reader) wrong(format string, args ...any) error {
	return fmt.Errorf("reading: %w: line %d: %s", ErrFormat, d.number, fmt.Sprintf(format, args...))
}
