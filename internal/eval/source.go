package eval

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/internal/reading"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A Source gives the rows that texts are drawn from. It is safe for concurrent use.
type Source interface {
	Name() string
	// About describes the source for a reader: the model, its digest, the sampler.
	About() string
	Vocab() int
	Streams() int // prompts or given texts, at least 1
	Longest() int // tokens of the longest text; 0 for any number
	// Write walks n positions of a stream. It calls draw with the row of each position, which is valid
	// until the next call, and continues with the token that draw returns.
	Write(ctx context.Context, stream, n int, draw func(Row) Token) error
	// Human returns unmarked text that people wrote, not empty.
	Human(stream int) []Token
	// Tokenizer is that of the ids, or nil.
	Tokenizer() tokenize.Tokenizer
}

// Model is a Source whose rows follow the text: a language model after prompts.
type Model struct {
	Label   string
	Bundle  *lm.Bundle
	Tok     tokenize.Tokenizer
	Sampler watermark.Sampler // TopK above 0, MinP and Temperature; TopP is not used
	rows    sync.Pool         // of *[]float32
	prompts [][]Token
	once    sync.Once
}

// promptTokens is the number of tokens of a prompt of the embedded model.
const promptTokens = 8

func (m *Model) init() {
	m.once.Do(func() { m.prompts = m.Bundle.Prompts(promptTokens) })
}

func (m *Model) Name() string { return m.Label }

func (m *Model) About() string {
	return fmt.Sprintf("%v; temperature %g, top-k %d, min-p %g; %s", m.Bundle.Model, m.Sampler.Temperature, m.Sampler.TopK, m.Sampler.MinP, m.Bundle.Model.Digest())
}

func (m *Model) Vocab() int                    { return m.Bundle.Model.Vocab() }
func (m *Model) Longest() int                  { return 0 }
func (m *Model) Tokenizer() tokenize.Tokenizer { return m.Tok }

func (m *Model) Streams() int {
	m.init()
	return len(m.prompts)
}

func (m *Model) Human(stream int) []Token {
	return m.Bundle.HeldOut[stream%len(m.Bundle.HeldOut)]
}

func (m *Model) Write(ctx context.Context, stream, n int, draw func(Row) Token) error {
	m.init()
	pooled, _ := m.rows.Get().(*[]float32)
	if pooled == nil {
		row := make([]float32, m.Vocab())
		pooled = &row
	}
	defer m.rows.Put(pooled)
	history := slices.Clone(m.prompts[stream])
	var row Row
	for i := range n {
		if i%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		m.Bundle.Model.Logits(*pooled, history)
		row = Truncate(row, *pooled, m.Sampler)
		history = append(history, draw(row))
	}
	return nil
}

// Truncate returns what a sampler leaves of a row of logits, by the rules of [watermark.Sampler]
// without TopP. It leaves out infinite logits. It reuses the memory of dst.
func Truncate(dst Row, logits []float32, s watermark.Sampler) Row {
	dst.IDs, dst.Probs = dst.IDs[:0], dst.Probs[:0]
	top := float32(math.Inf(-1))
	for _, x := range logits {
		if x > top && x <= math.MaxFloat32 {
			top = x
		}
	}
	if top < -math.MaxFloat32 {
		return dst
	}
	t := float64(s.Temperature)
	edge := float32(-math.MaxFloat32)
	if s.MinP > 0 {
		edge = top + float32(t*math.Log(float64(s.MinP))) - 1e-3 // a little below: the exact rule comes last
	}
	for id, x := range logits {
		if x >= edge && x <= math.MaxFloat32 {
			dst.IDs, dst.Probs = append(dst.IDs, Token(id)), append(dst.Probs, x)
		}
	}
	if k := s.TopK; k > 0 && k < len(dst.IDs) {
		order := make([]int, len(dst.IDs))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(dst.Probs[b], dst.Probs[a]), a-b) })
		order = order[:k]
		slices.Sort(order)
		for i, j := range order {
			dst.IDs[i], dst.Probs[i] = dst.IDs[j], dst.Probs[j]
		}
		dst.IDs, dst.Probs = dst.IDs[:k], dst.Probs[:k]
	}
	n := 0
	var sum float64
	for i, x := range dst.Probs {
		w := math.Exp(float64(x-top) / t)
		if w < float64(s.MinP) {
			continue
		}
		sum += w
		dst.IDs[n], dst.Probs[n] = dst.IDs[i], float32(w)
		n++
	}
	dst.IDs, dst.Probs = dst.IDs[:n], dst.Probs[:n]
	for i := range dst.Probs {
		dst.Probs[i] = float32(float64(dst.Probs[i]) / sum)
	}
	return dst
}

// Fixed is a Source with the rows of given texts. Rows do not depend on what is drawn.
type Fixed struct {
	Label  string
	Model  string
	size   int
	tokens [][]Token
	rows   [][]Row
	tok    tokenize.Tokenizer
}

// ReadFixed reads rows in the format of docs/formats/rows.md, of kind mass. tok may be nil. Row i of a
// text is the law of its token i+1. A row is renormalised. A text ends before its first position
// without a row, except for a last one.
func ReadFixed(label string, r io.Reader, tok tokenize.Tokenizer) (*Fixed, error) {
	d, err := reading.NewReader(r)
	if err != nil {
		return nil, err
	}
	h := d.Header()
	if h.Kind != reading.Mass {
		return nil, fmt.Errorf("the rows are of kind %s; write rows of kind mass", h.Kind)
	}
	if tok != nil && tok.Vocab() > h.Vocab {
		return nil, fmt.Errorf("the tokenizer has %d ids, and the rows are for %d; name the tokenizer of the model", tok.Vocab(), h.Vocab)
	}
	f := &Fixed{Label: label, Model: h.Model, size: h.Vocab, tok: tok}
	for {
		text, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		var rows []Row
		for _, m := range text.Model {
			if m.Probs == nil {
				break
			}
			row, err := rowOf(m.Tokens, m.Probs)
			if err != nil {
				return nil, fmt.Errorf("text %d: %w", len(f.rows)+1, err)
			}
			rows = append(rows, row)
		}
		if len(rows) > 0 {
			f.rows, f.tokens = append(f.rows, rows), append(f.tokens, text.Tokens)
		}
	}
	if len(f.rows) == 0 {
		return nil, errors.New("no text has rows")
	}
	return f, nil
}

func (f *Fixed) Name() string { return f.Label }
func (f *Fixed) About() string {
	return "given rows of " + f.Model + "; they do not follow what is drawn"
}
func (f *Fixed) Vocab() int                    { return f.size }
func (f *Fixed) Streams() int                  { return len(f.rows) }
func (f *Fixed) Human(stream int) []Token      { return f.tokens[stream%len(f.tokens)] }
func (f *Fixed) Tokenizer() tokenize.Tokenizer { return f.tok }

func (f *Fixed) Longest() int {
	least := len(f.rows[0])
	for _, r := range f.rows {
		least = min(least, len(r))
	}
	return least
}

func (f *Fixed) Write(ctx context.Context, stream, n int, draw func(Row) Token) error {
	if n > len(f.rows[stream]) {
		return fmt.Errorf("the rows of text %d end after %d positions, and %d were asked for", stream+1, len(f.rows[stream]), n)
	}
	for _, row := range f.rows[stream][:n] {
		draw(row)
	}
	return ctx.Err()
}

// digest returns a hash of all rows.
func (f *Fixed) digest() string {
	h := sha256.New()
	for i, text := range f.rows {
		fmt.Fprintln(h, f.tokens[i])
		for _, r := range text {
			fmt.Fprintln(h, r.IDs, r.Probs)
		}
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
}
