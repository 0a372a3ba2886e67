package reading

import (
	"errors"
	"io"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/watermark"
)

// TemperatureOrOne returns the temperature of the rows.
func (h *Header) TemperatureOrOne() float64 {
	if h.Temperature == nil {
		return 1
	}
	return *h.Temperature
}

// Output returns the tokens of a text without what comes before it.
func (t *Text) Output() []watermark.Token { return t.Tokens[t.Start:] }

// OutputRows returns a Row for each token of Output: the law of that token. The first token of a text
// without anything before it has none.
func (t *Text) OutputRows() []student.Row {
	if t.Start == 0 {
		return append([]student.Row{{}}, t.Model[:len(t.Model)-1]...)
	}
	return t.Model[t.Start-1 : len(t.Model)-1]
}

// References are the rows of a model over many texts. They are a student.OutputRows.
type References struct {
	texts map[string][]kept // by the ids of the text
	count int
	used  map[*kept]struct{}
}

// kept are the rows of one text.
type kept struct {
	before []watermark.Token
	rows   []student.Row
}

// NewReferences returns References without texts.
func NewReferences() *References {
	return &References{texts: make(map[string][]kept), used: make(map[*kept]struct{})}
}

// ReadReferences reads all texts of a file of the kind [Reference]. Errors about the file wrap
// [ErrFormat].
func ReadReferences(file io.Reader) (*References, Header, error) {
	r, err := NewReader(file)
	if err != nil {
		return nil, Header{}, err
	}
	h := r.Header()
	if h.Kind != Reference {
		return nil, h, r.wrong("the kind is %s; rows of a reference model have the kind %s", h.Kind, Reference)
	}
	out := NewReferences()
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, h, nil
		}
		if err != nil {
			return nil, h, err
		}
		out.Add(t.Tokens[:t.Start], t.Output(), t.OutputRows())
	}
}

// Add adds the rows of a text, one for each token. It keeps the slices.
func (r *References) Add(before, text []watermark.Token, rows []student.Row) {
	key := keyOf(text)
	r.texts[key] = append(r.texts[key], kept{before, rows})
	r.count++
}

// Len returns the number of texts that were added.
func (r *References) Len() int { return r.count }

// Used returns the number of texts whose rows somebody asked for.
func (r *References) Used() int { return len(r.used) }

// Rows returns the rows of a text, or nil if it has none. Of several texts with these tokens it takes
// the one after the same tokens, or else the first.
func (r *References) Rows(before, text []watermark.Token) []student.Row {
	list := r.texts[keyOf(text)]
	if len(list) == 0 {
		return nil
	}
	i := max(0, slices.IndexFunc(list, func(k kept) bool { return slices.Equal(k.before, before) }))
	r.used[&list[i]] = struct{}{}
	return list[i].rows
}

func keyOf(text []watermark.Token) string {
	key := make([]byte, 0, 4*len(text))
	for _, t := range text {
		key = append(key, byte(t), byte(t>>8), byte(t>>16), byte(t>>24))
	}
	return string(key)
}

// Drawn returns the probability of each token of a text by its row: NaN without a row, and for a
// token that the row leaves out all that the row leaves over.
func Drawn(text []watermark.Token, rows []student.Row) []float64 {
	out := make([]float64, len(text))
	for i, t := range text {
		out[i] = math.NaN()
		if i < len(rows) && rows[i].Probs != nil {
			out[i] = drawn(&rows[i], t)
		}
	}
	return out
}

func drawn(r *student.Row, t watermark.Token) float64 {
	if r.Tokens == nil {
		if t >= 0 && int(t) < len(r.Probs) {
			return min(float64(r.Probs[t]), 1)
		}
	} else if i, ok := slices.BinarySearch(r.Tokens, t); ok {
		return min(float64(r.Probs[i]), 1)
	}
	left := 1.0
	for _, p := range r.Probs {
		left -= float64(p)
	}
	return max(left, 0)
}
