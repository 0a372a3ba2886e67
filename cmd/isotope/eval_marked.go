package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/eval"
)

// readMarked reads the texts of --marked: a file of their rows, or texts in any format.
func (c *cli) readMarked(ctx context.Context, o *evalFlags) (*eval.Given, error) {
	p, err := readNativeProfile(o.profiles[0])
	if err != nil {
		return nil, err
	}
	key, err := readNativeKey(o.key)
	if err != nil {
		return nil, err
	}
	if err := c.loadTokenizers(o.tokenizers); err != nil {
		return nil, err
	}
	tok, err := c.tokenizerOf(described(p))
	if err != nil {
		return nil, err
	}
	name := filepath.Base(o.marked)
	g := eval.NewGiven(strings.TrimSuffix(name, filepath.Ext(name)), key, p.Vocab, o.length)
	g.Tok = tok
	ledger := &inputs.Ledger{}
	if isRows(o.marked) {
		if err := readWith(o.marked, g.ReadRows); err != nil {
			return nil, err
		}
	} else if err := c.addMarked(ctx, g, ledger, o.marked); err != nil {
		return nil, err
	}
	if n := ledger.Skipped(); n > 0 {
		c.hint("%s: %s; 'isotope detect' says why", o.marked, ledger.Rows())
	}
	if n := g.Short(); n > 0 {
		c.hint("left out: %d texts with less than %d tokens; a smaller --length takes them in", n, o.length)
	}
	if g.Len() < 2 {
		return nil, fmt.Errorf("%s has %d texts of at least %d tokens, and a share needs 2 or more; give more texts or a smaller --length", o.marked, g.Len(), o.length)
	}
	if tok == nil {
		return g, nil // nobody can write the ids of other text
	}
	words, err := loadTokenizer(defaultTokenizer)
	if err != nil {
		return nil, err
	}
	b, err := c.loadModel(ctx, words, o.corpus)
	if err != nil {
		return nil, err
	}
	for _, doc := range b.HeldOut {
		text, err := words.Decode(nil, doc)
		if err != nil {
			return nil, err
		}
		if ids := tok.Append(nil, text); len(ids) > 0 {
			g.People = append(g.People, ids)
		}
	}
	return g, nil
}

// isRows reports whether a file begins as one of rows does.
func isRows(path string) (yes bool) {
	_ = readWith(path, func(r io.Reader) error { // the reader of texts says what is wrong
		head, _ := bufio.NewReader(r).Peek(256)
		yes = bytes.Contains(head, []byte(`"isotope_reading"`))
		return nil
	})
	return yes
}

// addMarked reads texts as detect does. Each row of a file is a text.
func (c *cli) addMarked(ctx context.Context, g *eval.Given, ledger *inputs.Ledger, path string) error {
	options := &corpus.Options{}
	options.Limits.SkippedBy = promptSearch // a file without an end is no list of texts
	reader, err := c.reader(options)
	if err != nil {
		return err
	}
	r := &textReader{tokenizer: g.Tok, vocab: g.Vocab()}
	for doc := range ledger.Documents(ctx, reader, path) {
		s := newSubject(doc)
		f := s.forms(nil)[0]
		t, ok := r.tokens(s, &f)
		if !ok {
			return fmt.Errorf("%s: the profile names no tokenizer, so eval cannot read text; give token ids", inputs.PlaceWords(doc.Place))
		}
		if _, err := g.Add(t.ids); err != nil {
			return fmt.Errorf("%s: %w", inputs.PlaceWords(doc.Place), err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if ledger.Unreadable() > 0 {
		return nothingTested(ledger)
	}
	return ledger.Check()
}
