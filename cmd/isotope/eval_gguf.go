package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/isotope-wm/isotope/internal/eval"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// ggufPrompts are what the model of a file writes about in eval, by its chat template.
var ggufPrompts = []string{
	"Describe the history of lighthouses.",
	"Explain how bread is made, step by step.",
	"Write a short story about a lost umbrella.",
	"Give advice to somebody who moves to a new city.",
	"Explain how a bicycle works.",
	"Describe a walk through a market in the morning.",
	"Write a letter to a friend about a long train journey.",
	"Explain why people sleep, and what helps them to sleep well.",
	"Describe how a library is organised.",
	"Write a story about two neighbours who share a garden.",
	"Explain what a computer program is to a child.",
	"Compare life in a village with life in a big city.",
	"Describe the work of a baker on a busy day.",
	"Explain how rain forms, and where rivers come from.",
	"Write about a team that wins its last game.",
	"Give tips for somebody who learns to cook.",
	"Explain what a bank does with the money of its customers.",
	"Describe a museum that you would like to visit.",
	"Write a story about a boat in a storm.",
	"Explain how plants grow.",
	"Describe the planets of the solar system.",
	"Write about a teacher whom the pupils remember.",
	"Explain how to look after a dog.",
	"Describe what happens at an airport.",
}

// keptRows bounds the rows that a ggufSource keeps: 200,000 of 50 tokens need 80 MB.
const keptRows = 200_000

// A ggufSource is a source of texts that the model of a file writes, after prompts in its template. A
// text does not end: the tokens that would end it, and other special ones, are left out of its rows.
// It keeps rows, because all schemes share the unmarked text of a prompt. It is safe for concurrent
// use.
type ggufSource struct {
	label     string
	name      string // of the model, with its hash
	model     ggufModel
	tok       tokenize.Tokenizer
	sampler   watermark.Sampler
	special   []watermark.Token
	prompts   [][]watermark.Token
	questions []eval.Question
	asks      [][]watermark.Token // prompts of the questions
	human     [][]watermark.Token

	mu   sync.Mutex
	rows map[[16]byte]eval.Row // by the hash of the tokens before them
}

func (g *ggufSource) Name() string { return g.label }

func (g *ggufSource) About() string {
	return fmt.Sprintf("%s; temperature %g, top-k %d, min-p %g; %d prompts and %d questions, sha256:%x",
		g.name, g.sampler.Temperature, g.sampler.TopK, g.sampler.MinP, len(g.prompts), len(g.asks), sha256.Sum256(fmt.Append(nil, g.prompts, g.asks, g.questions, g.human)))
}

func (g *ggufSource) Vocab() int                    { return g.model.Vocab() }
func (g *ggufSource) Streams() int                  { return len(g.prompts) }
func (g *ggufSource) Longest() int                  { return 0 }
func (g *ggufSource) Tokenizer() tokenize.Tokenizer { return g.tok }
func (g *ggufSource) Questions() int                { return len(g.asks) }

func (g *ggufSource) Human(stream int) []watermark.Token { return g.human[stream%len(g.human)] }

func (g *ggufSource) Write(ctx context.Context, stream, n int, draw func(eval.Row) watermark.Token) error {
	ids, err := g.walk(ctx, g.prompts[stream], n, false, draw)
	if err == nil && len(ids) < n {
		err = fmt.Errorf("the model wrote %d of %d tokens, and then its context was full; give a smaller --length", len(ids), n)
	}
	return err
}

func (g *ggufSource) Answer(ctx context.Context, question, n int, draw func(eval.Row) watermark.Token) (eval.Answered, error) {
	ids, err := g.walk(ctx, g.asks[question], n, true, draw)
	if err != nil {
		return eval.Answered{}, err
	}
	var a eval.Answered
	if k := len(ids); k > 0 && g.model.IsEnd(ids[k-1]) {
		ids, a.Ended = ids[:k-1], true
	}
	a.Tokens = len(ids)
	text, err := g.model.Decode(ids)
	a.Right = g.questions[question].Right(text)
	return a, err
}

// walk writes at most n tokens after a prompt, or until the model ends the text. It returns them.
func (g *ggufSource) walk(ctx context.Context, prompt []watermark.Token, n int, ends bool, draw func(eval.Row) watermark.Token) ([]watermark.Token, error) {
	w := &ggufWalk{source: g, draw: draw, most: n, ends: ends}
	w.place = rowPlace([16]byte{}, prompt...)
	if ends {
		w.place = rowPlace(w.place, -1) // other rows
	}
	for len(w.ids) < n && !w.ended {
		g.mu.Lock()
		row, ok := g.rows[w.place]
		g.mu.Unlock()
		if !ok {
			break
		}
		w.take(row)
	}
	if len(w.ids) == n || w.ended {
		return w.ids, ctx.Err()
	}
	seq, err := watermark.NewSequence()
	if err != nil {
		return nil, err
	}
	if err := seq.AddBias(w); err != nil {
		return nil, err
	}
	before := append(slices.Clone(prompt), w.ids...)
	seq.Reset(before)
	w.first = len(w.ids)
	w.sequence = seq
	_, err = g.model.Write(ctx, &ggufRequest{prompt: before, length: n - w.first, sequence: seq, sampler: watermark.Sampler{Temperature: 1}})
	return w.ids, err
}

// rowPlace continues the hash of a text.
func rowPlace(place [16]byte, ids ...watermark.Token) [16]byte {
	for _, id := range ids {
		sum := sha256.Sum256(binary.LittleEndian.AppendUint32(place[:], uint32(id)))
		copy(place[:], sum[:])
	}
	return place
}

// A ggufWalk is a bias that lets nothing stand but the token that draw chooses.
type ggufWalk struct {
	source   *ggufSource
	draw     func(eval.Row) watermark.Token
	place    [16]byte
	sequence *watermark.Sequence
	first    int // tokens before the sequence began
	most     int
	ids      []watermark.Token
	ends     bool
	ended    bool
	row      eval.Row
}

func (w *ggufWalk) Width() int { return 0 }

func (w *ggufWalk) take(row eval.Row) {
	id := w.draw(row)
	w.ids = append(w.ids, id)
	w.place = rowPlace(w.place, id)
	w.ended = w.ends && w.source.model.IsEnd(id)
}

func (w *ggufWalk) Process(logits []float32, _ []watermark.Token) {
	at := w.first + w.sequence.Len()
	if at == len(w.ids) && at < w.most && !w.ended {
		for _, id := range w.source.special {
			if int(id) < len(logits) && !(w.ends && w.source.model.IsEnd(id)) {
				logits[id] = float32(math.Inf(-1))
			}
		}
		w.row = eval.Truncate(w.row, logits, w.source.sampler)
		w.source.keep(w.place, w.row)
		w.take(w.row)
	}
	for i := range logits {
		logits[i] = float32(math.Inf(-1))
	}
	if at < len(w.ids) {
		logits[w.ids[at]] = 0
	}
}

func (g *ggufSource) keep(place [16]byte, row eval.Row) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.rows) < keptRows {
		g.rows[place] = eval.Row{IDs: slices.Clone(row.IDs), Probs: slices.Clone(row.Probs)}
	}
}

// newGGUFSource loads the model of --gguf. The text that people wrote is that of the corpus.
func (c *cli) newGGUFSource(ctx context.Context, o *evalFlags) (*ggufSource, error) {
	tok, err := tokenize.Load(o.gguf)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer in the model file cannot be read: %w; write rows of the model, and use --rows", err)
	}
	words, err := loadTokenizer(defaultTokenizer)
	if err != nil {
		return nil, err
	}
	bundle, err := c.loadModel(ctx, words, o.corpus)
	if err != nil {
		return nil, err
	}
	questions := eval.Questions()
	if o.questions != "" {
		if err := readWith(o.questions, func(r io.Reader) (err error) {
			questions, err = eval.ReadQuestions(r)
			return err
		}); err != nil {
			return nil, err
		}
	}
	m, err := c.openModel(o.llamaLib, o.gguf)
	if err != nil {
		return nil, err
	}
	g := &ggufSource{label: "gguf", model: m, tok: tok, sampler: textSampler, special: m.Special(), questions: questions, rows: map[[16]byte]eval.Row{}}
	if err := g.fill(o.gguf, words, bundle.HeldOut); err != nil {
		m.Close()
		return nil, err
	}
	return g, nil
}

// fill makes the prompts and the text that people wrote.
func (g *ggufSource) fill(path string, words tokenize.Tokenizer, held [][]int32) (err error) {
	if g.name, err = ggufName(g.model, path); err != nil {
		return err
	}
	ask := func(text string) ([]watermark.Token, error) {
		ids, err := g.model.Chat([]ggufTurn{{"user", text}})
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return nil, errors.New("the model has an empty prompt; take a model with a chat template")
		}
		return ids, nil
	}
	for _, p := range ggufPrompts {
		ids, err := ask(p)
		if err != nil {
			return err
		}
		g.prompts = append(g.prompts, ids)
	}
	for _, q := range g.questions {
		ids, err := ask(q.Ask)
		if err != nil {
			return err
		}
		g.asks = append(g.asks, ids)
	}
	for _, doc := range held {
		text, err := words.Decode(nil, doc)
		if err != nil {
			return err
		}
		if ids := g.tok.Append(nil, text); len(ids) > 0 {
			g.human = append(g.human, ids)
		}
	}
	if len(g.human) == 0 {
		return errors.New("the corpus has no text for edits; give a larger --corpus")
	}
	return nil
}
