// Rows writes what a GGUF model gives after each token of a text, in the format of docs/formats/rows.md,
// for `isotope eval --rows`.
//
//	go run ./eval/rows -gguf model.gguf -text articles.jsonl -field article > rows.jsonl
//
// It takes the text token by token, keeps the likeliest tokens of each position, and renormalises
// them. The probabilities are those of temperature 1.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/internal/llamacpp"
	"github.com/isotope-wm/isotope/watermark"
)

type options struct {
	gguf, text, fields, note string
	streams, tokens, top     int
	join                     bool
}

func main() {
	var o options
	flag.StringVar(&o.gguf, "gguf", "", "model file")
	flag.StringVar(&o.text, "text", "", "JSON lines")
	flag.StringVar(&o.fields, "field", "text", "fields of a line that hold the text, separated by commas")
	flag.StringVar(&o.note, "note", "", "note of the header")
	flag.IntVar(&o.streams, "streams", 24, "texts to write")
	flag.IntVar(&o.tokens, "tokens", 500, "positions of each text")
	flag.IntVar(&o.top, "top", 100, "likeliest tokens of a row")
	flag.BoolVar(&o.join, "join", false, "put lines together until a text is long enough")
	flag.Parse()
	if o.gguf == "" || o.text == "" || o.streams < 1 || o.tokens < 1 || o.top < 2 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "rows: want -gguf, -text, positive numbers, and no arguments")
		os.Exit(2)
	}
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "rows:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, o options) error {
	model, err := llamacpp.Open(llamacpp.Files{Model: o.gguf})
	if err != nil {
		return err
	}
	defer model.Close()
	texts, err := o.read(model)
	if err != nil {
		return err
	}
	const slots = 4
	engine, err := llamacpp.NewEngine(model, llamacpp.Config{Slots: slots, Context: o.tokens + 8, Queue: len(texts)})
	if err != nil {
		return err
	}
	defer engine.Close()
	digest, err := model.Digest()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	header := map[string]any{
		"isotope_reading": 1, "kind": "mass", "vocab": model.Vocab(), "tokenizer": "none",
		"model": model.Description() + ", " + digest, "note": o.note,
	}
	encoder := json.NewEncoder(out)
	if err := encoder.Encode(header); err != nil {
		return err
	}
	lines := make([]line, len(texts))
	errs := make([]error, len(texts))
	var wg sync.WaitGroup
	for i, text := range texts {
		wg.Go(func() { lines[i], errs[i] = read(engine, text, o.top) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, l := range lines {
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	return out.Flush()
}

// read returns the first tokens of the texts.
func (o options) read(m *llamacpp.Model) ([][]watermark.Token, error) {
	f, err := os.Open(o.text)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	var texts [][]watermark.Token
	var text strings.Builder
	for lines.Scan() && len(texts) < o.streams {
		var fields map[string]any
		if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
			return nil, err
		}
		if !o.join {
			text.Reset()
		}
		for _, name := range strings.Split(o.fields, ",") {
			s, ok := fields[name].(string)
			if !ok {
				return nil, fmt.Errorf("a line has no text in field %s", name)
			}
			text.WriteString(s)
		}
		if o.join {
			text.WriteString("\n")
		}
		ids, err := m.Tokenize(text.String())
		if err != nil {
			return nil, err
		}
		if len(ids) > o.tokens {
			texts = append(texts, ids[:o.tokens+1])
			text.Reset()
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(texts) < o.streams {
		return nil, fmt.Errorf("there are %d texts of more than %d tokens, and %d were asked for", len(texts), o.tokens, o.streams)
	}
	return texts, nil
}

type line struct {
	Tokens []watermark.Token `json:"tokens"`
	Rows   []*row            `json:"rows"`
}

type row struct {
	IDs []watermark.Token `json:"ids"`
	P   []float32         `json:"p"`
}

// A forcer is a bias that keeps each row and lets one token stand.
type forcer struct {
	text []watermark.Token
	seq  *watermark.Sequence
	top  int
	rows []*row
}

func (f *forcer) Width() int { return 0 }

func (f *forcer) Process(logits []float32, _ []watermark.Token) {
	at := f.seq.Len()
	if at == len(f.rows) {
		f.rows = append(f.rows, rowOf(logits, f.top))
	}
	for i := range logits {
		logits[i] = float32(math.Inf(-1))
	}
	if at+1 < len(f.text) {
		logits[f.text[at+1]] = 0
	}
}

func read(e *llamacpp.Engine, text []watermark.Token, top int) (line, error) {
	seq, err := watermark.NewSequence()
	if err != nil {
		return line{}, err
	}
	f := &forcer{text: text, seq: seq, top: top}
	if err := seq.AddBias(f); err != nil {
		return line{}, err
	}
	seq.Reset(text[:1])
	n := 0
	_, err = e.Generate(context.Background(), &llamacpp.Request{
		Prompt: text[:1], MaxTokens: len(text) - 1, Sequence: seq, Sampler: watermark.Sampler{Temperature: 1},
	}, func(out llamacpp.Output) bool { n++; return true })
	if err != nil {
		return line{}, err
	}
	if len(f.rows) < len(text)-1 {
		return line{}, fmt.Errorf("a text ended after %d of %d tokens", n, len(text)-1)
	}
	// The format has a row after each token; nothing was asked after the last.
	return line{text, append(f.rows[:len(text)-1:len(text)-1], nil)}, nil
}

// rowOf returns the likeliest tokens in ascending order, with probabilities that sum to 1.
func rowOf(logits []float32, top int) *row {
	ids := make([]watermark.Token, len(logits))
	for i := range ids {
		ids[i] = watermark.Token(i)
	}
	slices.SortFunc(ids, func(a, b watermark.Token) int {
		return cmp.Or(cmp.Compare(logits[b], logits[a]), cmp.Compare(a, b))
	})
	ids = ids[:min(top, len(ids))]
	most := float64(logits[ids[0]])
	slices.Sort(ids)
	weights := make([]float64, len(ids))
	var sum float64
	for i, id := range ids {
		weights[i] = math.Exp(float64(logits[id]) - most)
		sum += weights[i]
	}
	r := &row{IDs: ids, P: make([]float32, len(ids))}
	for i, w := range weights {
		r.P[i] = float32(math.Round(w/sum*1e7) / 1e7)
	}
	return r
}
