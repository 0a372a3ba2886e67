package eval

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/reading"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// Given is a Source of texts that somebody else marked, under one key of his own. Nothing is written:
// the texts are tested at growing lengths and edited. Costs are known where their rows are. False
// alarms are those of the same texts under unrelated keys. Texts have at least Longest tokens. It is
// measured with the one scheme of their profile, from [OfMarked].
type Given struct {
	Label  string
	Key    watermark.Key
	Tok    tokenize.Tokenizer // nil: attacks on characters are not measured
	People [][]Token          // text that people wrote; empty: attacks that need it are not measured

	vocab int
	least int
	short int
	texts []walk
	rows  bool
}

// NewGiven returns a Source without texts, for ids below vocab. Texts of less than least tokens are
// left out.
func NewGiven(label string, key watermark.Key, vocab, least int) *Given {
	return &Given{Label: label, Key: key, vocab: vocab, least: least}
}

// Add adds a text without rows. It reports whether the text is long enough.
func (g *Given) Add(ids []Token) (bool, error) { return g.add(ids, nil) }

// Short returns the number of texts that were left out.
func (g *Given) Short() int { return g.short }

// Len returns the number of texts.
func (g *Given) Len() int { return len(g.texts) }

func (g *Given) add(ids []Token, rows []Row) (bool, error) {
	for _, id := range ids {
		if id < 0 || int(id) >= g.vocab {
			return false, fmt.Errorf("a text has the id %d, and the profile has a vocabulary of %d ids; give texts of the profile's tokenizer", id, g.vocab)
		}
	}
	if len(ids) < g.least {
		g.short++
		return false, nil
	}
	var w walk
	for i, id := range ids {
		at := int32(-1)
		if rows != nil && rows[i].Probs != nil {
			at = int32(i)
			w.rows, g.rows = rows, true
		}
		w.text.add(id, at)
	}
	g.texts = append(g.texts, w)
	return true, nil
}

// ReadRows adds the texts of a file of rows, of kind mass or reference (docs/formats/rows.md). A row is
// renormalised.
func (g *Given) ReadRows(r io.Reader) error {
	d, err := reading.NewReader(r)
	if err != nil {
		return err
	}
	if h := d.Header(); h.Kind != reading.Mass && h.Kind != reading.Reference {
		return fmt.Errorf("the rows are of kind %s; write rows of kind mass or reference", h.Kind)
	}
	for {
		text, err := d.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		ids := text.Output()
		rows := make([]Row, len(ids))
		for i, m := range text.OutputRows() {
			if m.Probs == nil {
				continue
			}
			if rows[i], err = rowOf(m.Tokens, m.Probs); err != nil {
				return fmt.Errorf("text %d: %w", len(g.texts)+g.short+1, err)
			}
		}
		if _, err := g.add(ids, rows); err != nil {
			return err
		}
	}
}

// rowOf returns a renormalised row. ids is nil for a dense one.
func rowOf(ids []Token, probs []float32) (Row, error) {
	if ids == nil {
		ids = make([]Token, len(probs))
		for i := range ids {
			ids[i] = Token(i)
		}
	}
	var sum float64
	for _, p := range probs {
		sum += float64(p)
	}
	if !(sum > 0) {
		return Row{}, errors.New("a row has no probability; leave it out")
	}
	row := Row{IDs: ids, Probs: slices.Clone(probs)}
	for i, p := range probs {
		row.Probs[i] = float32(float64(p) / sum)
	}
	return row, nil
}

func (g *Given) Name() string { return g.Label }

func (g *Given) About() string {
	if g.rows {
		return fmt.Sprintf("%d marked texts from a file, with rows of a model", len(g.texts))
	}
	return fmt.Sprintf("%d marked texts from a file, without rows", len(g.texts))
}

func (g *Given) Vocab() int                    { return g.vocab }
func (g *Given) Streams() int                  { return max(len(g.texts), 1) }
func (g *Given) Longest() int                  { return g.least }
func (g *Given) Tokenizer() tokenize.Tokenizer { return g.Tok }

func (g *Given) Human(stream int) []Token {
	if len(g.People) == 0 {
		return nil
	}
	return g.People[stream%len(g.People)]
}

// Write returns an error: nobody can ask for more of the texts.
func (g *Given) Write(context.Context, int, int, func(Row) Token) error {
	return fmt.Errorf("given texts cannot be written anew: %w", ErrNotHere)
}

func (g *Given) digest() string {
	h := sha256.New()
	fmt.Fprintln(h, g.Key.ID(), g.least, g.People)
	for _, t := range g.texts {
		fmt.Fprintln(h, t.text.IDs, t.rows)
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
}

// unknownCost is the cost of a text about which nothing is known.
func unknownCost() Cost {
	nan := Real(math.NaN())
	return Cost{Entropy: nan, KL: nan, Surprise: nan, Distinct: nan, Repeated: nan, Marked: nan, Greedy: -1}
}

// costOf returns what a mark did to the first n tokens of a text, as far as its rows show it.
func costOf(m Mark, w *walk, n int) Cost {
	c := unknownCost()
	d, r := variety(w.text.IDs[:n])
	c.Distinct, c.Repeated = Real(d), Real(r)
	var entropy, surprise, kl, weight float64
	known := 0.0
	bias, _ := m.(Bias)
	if x, ok := m.(Distorting); bias == nil && !(ok && x.Distorts()) {
		c.KL = 0
	}
	for i, id := range w.text.IDs[:n] {
		if w.text.At[i] < 0 {
			continue
		}
		row := w.rows[w.text.At[i]]
		known++
		entropy += row.Entropy()
		surprise -= math.Log(row.Prob(id))
		if bias == nil || i < m.Width() {
			continue
		}
		weights := make([]float64, len(row.Probs))
		for j, p := range row.Probs {
			weights[j] = float64(p)
		}
		bias.Reweight(row.IDs, weights, w.text.IDs[i-m.Width():i])
		kl += divergence(weights, row.Probs)
		weight++
	}
	if known == 0 {
		return c
	}
	c.Entropy, c.Surprise = Real(entropy/known), Real(surprise/known)
	if weight > 0 {
		c.KL = Real(kl / weight)
	}
	return c
}

// measureGiven measures a text that somebody else marked.
func (d *Design) measureGiven(ctx context.Context, item Item, g *Given) (*Outcome, error) {
	scheme := d.Schemes[item.Scheme]
	master, err := scheme.Bind(g.Key, g.vocab)
	if err != nil {
		return nil, err
	}
	w := &g.texts[item.Text]
	n := d.length(g)
	text := &walk{text: w.text.slice(0, n), rows: w.rows}
	o := &Outcome{Source: g.Name(), Scheme: scheme.Name(), Text: item.Text, Cost: costOf(master, text, n), Plain: unknownCost()}
	o.Clean = test(master, text.text, text.rows, lengthGrid(n, d.Lengths))
	if o.Null, err = d.null(g, scheme, item.Text, text); err != nil {
		return nil, err
	}
	return o, d.attack(ctx, item, master, text, o)
}

// OfMarked returns the scheme of a profile for texts of [Given]: marks have the profile's rules, with
// the ids that it leaves out, and all its variants.
func OfMarked(name string, p *watermark.Profile) Scheme { return ofMarked{name, p} }

type ofMarked struct {
	name    string
	profile *watermark.Profile
}

func (s ofMarked) Name() string { return s.name }

func (s ofMarked) Bind(key watermark.Key, _ int) (Mark, error) {
	list, err := s.profile.Marks(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	var marks []Mark
	for _, m := range list {
		b := bound{Mark: m, of: native{name: s.name, scheme: s.profile.Scheme, test: ownTest}}
		if g, ok := s.profile.Scheme.(watermark.GreenList); ok {
			marks = append(marks, &greenList{bound: b, params: g, odds: math.Exp(g.Delta)})
			continue
		}
		marks = append(marks, &b)
	}
	if len(marks) == 1 {
		return marks[0], nil
	}
	return &variants{marks[0], marks}, nil
}

// ownTest is the test of a mark by the rules of its profile.
func ownTest(m *watermark.Mark) Test {
	o := detect.OptionsOf(m)
	o.Alpha = noPower
	t := &plainTest{acc: detect.NewAccumulator(m, o)}
	if o.Dedup == detect.DedupContext {
		t.seen = map[string]bool{} // AddPair does not know what came before
	}
	return t
}
