package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/reading"
	"github.com/isotope-wm/isotope/watermark"
)

// The first word of a reference in a plan. Plans are declared and hashed, so they never change.
const (
	referenceGGUF = "gguf "
	referenceRows = "rows "
)

// setReference makes the reference model of a call ready. declared is that of a journal's plan, or ""
// for a new plan.
func (c *cli) setReference(ctx context.Context, s *suspect, o *studentFlags, declared string) error {
	switch {
	case o.referenceGGUF != "":
		return c.openReference(s, o)
	case strings.HasPrefix(declared, referenceGGUF):
		return usagef("the journal's plan has a GGUF file as its reference model; give it with --reference-gguf FILE")
	case declared != "" || o.reference == referenceEmbedded:
		return c.loadReference(ctx, s, o.corpus)
	case o.reference == referenceNone:
		return nil
	}
	return c.readReference(s, o)
}

// readReference reads the rows of --reference FILE.
func (c *cli) readReference(s *suspect, o *studentFlags) error {
	rows, h, digest, err := readRows(o.reference)
	if err != nil {
		return err
	}
	if err := rowsFit(o.reference, &h, s.profile); err != nil {
		return err
	}
	t := h.TemperatureOrOne()
	switch {
	case h.Top < 1:
		return fmt.Errorf("%s does not say that its rows hold the likeliest tokens, by which a reference model is tested for the mark; write those too, and \"top\":1 into the header", o.reference)
	case o.given("reference-temperature") && o.referenceTemperature != t:
		return usagef("--reference-temperature is %g, and the rows of %s are for %g; leave the flag out, or write the rows again", o.referenceTemperature, o.reference, t)
	}
	s.rows = rows
	s.referenceName = fmt.Sprintf("%sof %s at temperature %g, %s", referenceRows, strconv.Quote(h.Model), t, digest)
	return nil
}

// readRows reads a file of rows of a reference model, and returns the file's digest.
func readRows(path string) (*reading.References, reading.Header, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, reading.Header{}, "", openError(err)
	}
	defer f.Close()
	sum := sha256.New()
	file := io.TeeReader(f, sum)
	rows, h, err := reading.ReadReferences(file)
	if err == nil {
		_, err = io.Copy(io.Discard, file) // the digest is of the whole file
	}
	if err != nil {
		return nil, h, "", fmt.Errorf("%s: %w", path, err)
	}
	return rows, h, "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// rowsFit returns an error if a file of rows is for other ids than a profile.
func rowsFit(path string, h *reading.Header, p tokenized) error {
	name, digest := p.Tokenizer()
	switch {
	case h.Vocab > p.Vocab():
		return fmt.Errorf("%s is for a vocabulary of %d ids, and the profile for %d", path, h.Vocab, p.Vocab())
	case h.Tokenizer != watermark.TokenizerNone && (h.Tokenizer != name || h.TokenizerDigest != digest):
		return fmt.Errorf("%s is for the tokenizer %s, and the profile for %s", path,
			tokenizerWords(h.Tokenizer, h.TokenizerDigest), tokenizerWords(name, digest))
	}
	return nil
}

// A ggufReference is a model file that is asked about the outputs once they are there.
type ggufReference struct {
	model       ggufModel
	name        string
	temperature float64
	outputs     []ggufOutput
}

// A ggufOutput is an output, what the test takes as its prompt, and what the model gets before it.
type ggufOutput struct{ before, shown, text []watermark.Token }

// openReference opens the model of --reference-gguf.
func (c *cli) openReference(s *suspect, o *studentFlags) error {
	t := o.referenceTemperature
	if !o.given("reference-temperature") && o.given("temperature") {
		t = o.temperature
	}
	m, err := c.openModel(o.llamaLib, o.referenceGGUF)
	if err != nil {
		return fmt.Errorf("the reference model cannot be loaded: %w", err)
	}
	name, err := ggufName(m, o.referenceGGUF)
	if err != nil {
		m.Close()
		return err
	}
	s.gguf = &ggufReference{model: m, name: name, temperature: t}
	s.rows = reading.NewReferences()
	s.referenceName = fmt.Sprintf("%s%s at temperature %g", referenceGGUF, name, t)
	return nil
}

// close releases the model of a suspect, if it has one.
func (s *suspect) close() {
	if s.gguf != nil {
		s.gguf.model.Close()
	}
}

// addDocument adds a row of a file to an audit, and keeps what the reference model is asked.
func (s *suspect) addDocument(a *audit.Audit, d *corpus.Document) (refused string, err error) {
	refused = a.AddDocument(d)
	if refused != "" || s.rows == nil {
		return refused, nil
	}
	before, texts, _ := audit.DocumentTokens(s.tokenizer, d)
	if s.gguf == nil {
		for _, text := range texts {
			s.rows.Rows(before, text) // counts what is used
		}
		return "", nil
	}
	for i, t := range d.Texts {
		if !t.Kind.Tested() {
			continue
		}
		shown, err := ggufPrompt(s.gguf.model, d.Texts[:i])
		if err == nil {
			err = s.keep(shown, before, texts[0])
		}
		if err != nil {
			return "", fmt.Errorf("the reference model: %w", err)
		}
		texts = texts[1:]
	}
	return "", nil
}

// look adds a batch of answers of an endpoint to an audit. It is a collect.Look.
func (s *suspect) look(a *audit.Audit, d *audit.DeclaredPlan) collect.Look {
	if s.gguf == nil {
		return a.Look
	}
	return func(batch []collect.Answer) (bool, error) {
		given := d.Collection.Request.Given()
		for _, x := range batch {
			if x.Skip != "" {
				continue
			}
			shown, err := s.gguf.shown(d.Collection.Request.API, given, x.Prompt)
			before := audit.PromptTokens(s.tokenizer, append(given[:len(given):len(given)], x.Prompt)...)
			for _, text := range x.Texts {
				if err == nil {
					err = s.keep(shown, before, s.tokenizer.Append(nil, []byte(text)))
				}
			}
			if err != nil {
				return false, fmt.Errorf("the reference model: %w", err)
			}
		}
		return a.Look(batch)
	}
}

// shown returns what the model gets before an answer of an endpoint.
func (g *ggufReference) shown(api string, given []string, prompt string) ([]watermark.Token, error) {
	if api == collect.Completions {
		return g.model.Prompt(prompt)
	}
	var turns []corpus.Text
	for _, text := range given {
		turns = append(turns, corpus.Text{Kind: corpus.System, Text: []byte(text)})
	}
	return ggufPrompt(g.model, append(turns, corpus.Text{Kind: corpus.Prompt, Text: []byte(prompt)}))
}

// keep keeps one output for the reference model.
func (s *suspect) keep(shown, before, text []watermark.Token) error {
	if err := sameText(s.gguf.model, s.tokenizer, text); err != nil {
		return err
	}
	s.gguf.outputs = append(s.gguf.outputs, ggufOutput{before: before, shown: shown, text: text})
	return nil
}

// leastKept is the smallest probability that rows keep of tokens that are not the likeliest.
const leastKept = 1e-5

// readReferenceOutputs asks the reference model about all outputs, and writes the rows if that is wanted. A row
// holds the likeliest token and those that follow its context in any output.
func (c *cli) readReferenceOutputs(ctx context.Context, s *suspect, o *studentFlags) (err error) {
	if s.gguf == nil {
		if s.rows != nil && s.rows.Used() == 0 {
			return fmt.Errorf("%s has rows of %d texts, and none of them is an output that is tested; write the rows for these outputs, in the ids of the profile", o.reference, s.rows.Len())
		}
		return nil
	}
	g := s.gguf
	vocab := min(g.model.Vocab(), s.scorer.Vocab())
	file, err := createRows(o.writeRows, g.name, g.temperature, vocab, s.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.close()) }()
	follow := followers(g.outputs, s.scorer.Width())
	progress, finish := c.progress()
	defer finish()
	for i, x := range g.outputs {
		if progress != nil {
			progress("asking the reference model", int64(i), int64(len(g.outputs)))
		}
		rows, err := g.rows(ctx, &x, follow, s.scorer.Width(), vocab)
		if err != nil {
			return fmt.Errorf("the reference model: %w", err)
		}
		s.rows.Add(x.before, x.text, rows)
		if err := file.write(x.shown, x.text, rows); err != nil {
			return err
		}
	}
	return nil
}

// rows asks the model about one output. A token that the model does not have ends its rows.
func (g *ggufReference) rows(ctx context.Context, x *ggufOutput, follow map[string][]watermark.Token, width, vocab int) ([]student.Row, error) {
	rows := make([]student.Row, len(x.text))
	tokens := known(g.model, slices.Concat(x.shown, x.text))
	from := max(len(x.shown)+width-1, 0) // the row of the first token with a full context
	if from >= len(tokens) {
		return rows, nil
	}
	err := g.model.Rows(ctx, tokens, from, g.temperature, func(i int, law []float32) error {
		at := i + 1 - len(x.shown)
		if at < len(x.text) {
			rows[at] = sparse(law[:vocab], follow[contextKey(x.text[at-width:at])], x.text[at])
		}
		return nil
	})
	return rows, err
}

// known returns the tokens before the first one that a model does not have.
func known(m ggufModel, tokens []watermark.Token) []watermark.Token {
	if i := slices.IndexFunc(tokens, func(t watermark.Token) bool { return t < 0 || int(t) >= m.Vocab() }); i >= 0 {
		return tokens[:i]
	}
	return tokens
}

// sparse keeps of a law the likeliest token and the given ids, which ascend. It leaves out tiny
// probabilities, except for that of the drawn token, which is one of the ids.
func sparse(law []float32, ids []watermark.Token, drawn watermark.Token) student.Row {
	choice := student.Row{Probs: law}.Choice()
	r := student.Row{Tokens: make([]watermark.Token, 0, len(ids)+1), Probs: make([]float32, 0, len(ids)+1)}
	add := func(t watermark.Token) {
		r.Tokens, r.Probs = append(r.Tokens, t), append(r.Probs, reading.Round(float64(law[t])))
	}
	for _, t := range ids {
		if choice >= 0 && choice < t {
			add(choice)
		}
		if choice <= t {
			choice = -1
		}
		if t >= 0 && int(t) < len(law) && (law[t] >= leastKept || t == drawn) {
			add(t)
		}
	}
	if choice >= 0 {
		add(choice)
	}
	return r
}

// followers returns the tokens that follow each context anywhere in the outputs, in ascending order.
func followers(outputs []ggufOutput, width int) map[string][]watermark.Token {
	sets := make(map[string]map[watermark.Token]struct{})
	for _, x := range outputs {
		for at := width; at < len(x.text); at++ {
			key := contextKey(x.text[at-width : at])
			if sets[key] == nil {
				sets[key] = make(map[watermark.Token]struct{})
			}
			sets[key][x.text[at]] = struct{}{}
		}
	}
	out := make(map[string][]watermark.Token, len(sets))
	for key, set := range sets {
		out[key] = slices.Sorted(maps.Keys(set))
	}
	return out
}

func contextKey(context []watermark.Token) string {
	var b strings.Builder
	for _, t := range context {
		b.WriteString(strconv.Itoa(int(t)))
		b.WriteByte(' ')
	}
	return b.String()
}

// A rowsFile is the file of --write-rows. nil is none.
type rowsFile struct {
	file  *os.File
	w     *reading.Writer
	vocab int
}

// createRows makes the file of --write-rows, or returns nil for an empty path.
func createRows(path, model string, temperature float64, vocab int, p tokenized) (*rowsFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("the rows cannot be written: %w", err)
	}
	name, digest := p.Tokenizer()
	h := reading.Header{
		Kind: reading.Reference, Vocab: vocab, Tokenizer: name, TokenizerDigest: digest,
		Model: model, Temperature: &temperature, Top: 1,
	}
	w, err := reading.NewWriter(f, h)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &rowsFile{f, w, vocab}, nil
}

// write writes the rows of one text, one for each token. It leaves out a text with ids that the file
// cannot hold.
func (f *rowsFile) write(before, text []watermark.Token, rows []student.Row) error {
	if f == nil {
		return nil
	}
	t := &reading.Text{Start: len(before), Tokens: slices.Concat(before, text)}
	if len(text) == 0 || slices.ContainsFunc(t.Tokens, func(id watermark.Token) bool { return id < 0 || int(id) >= f.vocab }) {
		return nil
	}
	t.Model = make([]student.Row, len(t.Tokens))
	for i, r := range rows {
		if at := len(before) + i - 1; at >= 0 {
			t.Model[at] = r
		}
	}
	return f.w.Write(t)
}

func (f *rowsFile) close() error {
	if f == nil {
		return nil
	}
	return errors.Join(f.w.Flush(), f.file.Close())
}
