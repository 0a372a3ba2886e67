package reading

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/isotope-wm/isotope/detect/student"
)

// A Writer writes one file. It is not safe for concurrent use.
type Writer struct {
	w *bufio.Writer
	h Header
}

// NewWriter writes the first line. It sets the version of h.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Version = version
	out := &Writer{w: bufio.NewWriterSize(w, 1<<16), h: h}
	return out, out.line(&h)
}

// Write writes one text. The caller ensures that a Reader would take it.
func (w *Writer) Write(t *Text) error {
	return w.line(&textJSON{Start: t.Start, Tokens: t.Tokens, Choices: t.Choices, Rows: rowsJSON(t.Model), Base: rowsJSON(t.Base)})
}

// Flush writes what is held back. Call it at the end.
func (w *Writer) Flush() error { return w.w.Flush() }

func (w *Writer) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if len(text) > MaxLine {
		return fmt.Errorf("reading: a line of %d bytes is longer than %d, which no reader takes; write fewer tokens of each row", len(text), MaxLine)
	}
	_, err = w.w.Write(append(text, '\n'))
	return err
}

func rowsJSON(rows []student.Row) []*rowJSON {
	if rows == nil {
		return nil
	}
	out := make([]*rowJSON, len(rows))
	for i, r := range rows {
		if r.Probs != nil {
			out[i] = &rowJSON{IDs: r.Tokens, P: r.Probs}
		}
	}
	return out
}

// Round returns a probability with the digits that files have: four significant ones.
func Round(p float64) float32 {
	if !(p > 0) {
		return 0
	}
	x, err := strconv.ParseFloat(strconv.FormatFloat(min(p, 1), 'e', 3, 64), 32)
	if err != nil || math.IsInf(x, 0) {
		return 0
	}
	return float32(x)
}
