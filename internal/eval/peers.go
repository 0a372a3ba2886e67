package eval

import (
	"fmt"
	"math"
	"strconv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/informed"
	"github.com/isotope-wm/isotope/watermark"
)

// The families of other projects, from their papers and sources. Colours and uniform numbers are those
// of package watermark, so that families differ in what they do and not in their hash.

// weighted is a test of package detect with a weight for each position. A position without a row
// has weight 0.
type weighted struct {
	acc     *detect.Accumulator
	weight  func(logits []float32) uint8
	logits  []float32
	text    []Token
	weights []uint8
}

func newWeighted(s detect.Scorer, weight func(logits []float32) uint8) Test {
	return &weighted{acc: detect.NewAccumulator(s, &detect.Options{Alpha: noPower, Weighting: detect.WeightGiven}), weight: weight}
}

func (t *weighted) Add(context []Token, next Token, row *Row) {
	if row == nil {
		return
	}
	t.logits = t.logits[:0]
	for _, p := range row.Probs {
		t.logits = append(t.logits, float32(math.Log(float64(p))))
	}
	t.text = append(append(t.text[:0], context...), next)
	t.weights = append(t.weights[:0], make([]uint8, len(context)+1)...)
	t.weights[len(context)] = t.weight(t.logits)
	t.acc.AddWeighted(t.text, t.weights)
}

func (t *weighted) Log10P() float64 { return t.acc.Result().Log10P }

// firstOf is a test that sees each context once.
type firstOf struct {
	Test
	seen map[string]bool
	key  []byte
}

func (t *firstOf) Add(context []Token, next Token, row *Row) {
	t.key = appendTokens(t.key[:0], context)
	if !t.seen[string(t.key)] {
		t.seen[string(t.key)] = true
		t.Test.Add(context, next, row)
	}
}

// EWD is a green list whose test weighs positions by their spike entropy (Lu et al. 2024).
func EWD(name string, g watermark.GreenList) Scheme {
	return native{name: name, scheme: g, rows: true, test: func(m *watermark.Mark) Test {
		return newWeighted(m, func(logits []float32) uint8 { return detect.LinearEntropyWeight(logits, g) })
	}}
}

// SWEET is a green list that marks and tests only rows with an entropy above a threshold in nats (Lee
// et al. 2023).
func SWEET(name string, g watermark.GreenList) Scheme {
	return native{name: name, scheme: g, rows: true, test: func(m *watermark.Mark) Test {
		return newWeighted(m, func(logits []float32) uint8 { return detect.EntropyGate(logits, g.Gate) })
	}}
}

// EntropyWeighted is a keyed draw whose test weighs positions by their entropy, as TextSeal does.
func EntropyWeighted(name string, s watermark.Scheme) Scheme {
	return native{name: name, scheme: s, rows: true, test: func(m *watermark.Mark) Test {
		return &firstOf{Test: newWeighted(m, func(logits []float32) uint8 {
			var r Row
			for _, l := range logits {
				r.Probs = append(r.Probs, float32(math.Exp(float64(l))))
			}
			return uint8(math.Round(min(detect.MaxWeight, 1+14*r.Entropy()/4)))
		}), seen: map[string]bool{}}
	}}
}

// Informed is a scheme of package watermark that detect/informed tests, with the probability of each
// token. A position without a row has an unknown probability.
func Informed(name string, s watermark.Scheme) Scheme {
	_, bias := s.(watermark.GreenList)
	return native{name: name, scheme: s, rows: true, test: func(m *watermark.Mark) Test {
		o := &informed.Options{}
		if !bias {
			o.Dedup = detect.DedupContext
		}
		return &informedTest{informed.New(m, o)}
	}}
}

type informedTest struct{ t *informed.Test }

func (t *informedTest) Add(context []Token, next Token, row *Row) {
	p := math.NaN()
	if row != nil {
		p = row.Prob(next)
	}
	t.t.AddPair(context, next, p)
}

func (t *informedTest) Log10P() float64 { return t.t.Result().Log10P }

// A Window is a green list whose colours depend on one token of a window of Width: that with the
// smallest keyed hash (Kirchenbauer et al. 2023, "On the Reliability of Watermarks for Large Language
// Models"). Self hashes each token of the window with the candidate (selfhash), else alone (minhash).
type Window struct {
	Label        string
	Gamma, Delta float64
	Width        int // tokens of the window; with Self the candidate is one of them
	Self         bool
}

// Name returns the label.
func (w Window) Name() string { return w.Label }

// Bind returns the mark under a key.
func (w Window) Bind(key watermark.Key, vocab int) (Mark, error) {
	colours, err := watermark.New(key.Derive("colours"), watermark.GreenList{Gamma: w.Gamma, Delta: w.Delta, Width: 1}, vocab)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.Label, err)
	}
	order, err := watermark.New(key.Derive("order"), watermark.GumbelMax{Width: 1}, vocab)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.Label, err)
	}
	return &window{w, colours, order}, nil
}

type window struct {
	of             Window
	colours, order *watermark.Mark
}

func (w *window) ID() string         { return w.of.Label + " " + w.colours.ID() }
func (w *window) Vocab() int         { return w.colours.Vocab() }
func (w *window) Law() watermark.Law { return w.colours.Law() }

func (w *window) Width() int {
	if w.of.Self {
		return w.of.Width - 1
	}
	return w.of.Width
}

// seed returns the token of the window that decides the colour of a pair.
func (w *window) seed(p watermark.Pair) Token {
	from := p.Context
	if w.of.Self {
		from = append(from[:len(from):len(from)], p.Token)
	}
	pairs := make([]watermark.Pair, len(from))
	contexts := make([]Token, len(from))
	copy(contexts, from)
	for i := range from {
		pairs[i].Context = contexts[i : i+1]
		if w.of.Self {
			pairs[i].Token = p.Token
		}
	}
	best := 0
	scores := w.order.Score(make([]int64, 0, len(pairs)), pairs)
	for i, s := range scores {
		if s < scores[best] {
			best = i
		}
	}
	return from[best]
}

func (w *window) Score(dst []int64, pairs []watermark.Pair) []int64 {
	for _, p := range pairs {
		dst = w.colours.Score(dst, []watermark.Pair{{Context: []Token{w.seed(p)}, Token: p.Token}})
	}
	return dst
}

// AppendUnit names the coin that a pair tosses: windows with one seed toss the same one.
func (w *window) AppendUnit(dst []byte, p watermark.Pair) []byte {
	return appendTokens(dst, []Token{w.seed(p), p.Token})
}

func (w *window) Reweight(ids []Token, probs []float64, context []Token) {
	odds := math.Exp(w.of.Delta)
	if !w.of.Self {
		tilt(w.colours, odds, ids, probs, []Token{w.seed(watermark.Pair{Context: context})})
		return
	}
	tilt(w, odds, ids, probs, context)
}

// Routed is a keyed draw of two keys, between which a keyed coin of the context chooses. The test knows
// the coin, as SGLang's does, and so scores the key that drew.
type Routed struct {
	Label string
	Width int
}

// Name returns the label.
func (r Routed) Name() string { return r.Label }

// Bind returns the mark under a key.
func (r Routed) Bind(key watermark.Key, vocab int) (Mark, error) {
	var m routed
	for i, name := range []string{"first", "second", "coin"} {
		var s watermark.Scheme = watermark.GumbelMax{Width: r.Width}
		if name == "coin" {
			s = watermark.GreenList{Gamma: 0.5, Delta: 1, Width: r.Width}
		}
		x, err := watermark.New(key.Derive(name), s, vocab)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Label, err)
		}
		m.marks[i] = x
	}
	return &m, nil
}

type routed struct{ marks [3]*watermark.Mark }

func (r *routed) ID() string         { return "routed " + r.marks[0].ID() }
func (r *routed) Width() int         { return r.marks[0].Width() }
func (r *routed) Vocab() int         { return r.marks[0].Vocab() }
func (r *routed) Law() watermark.Law { return r.marks[0].Law() }

func (r *routed) of(context []Token) *watermark.Mark {
	return r.marks[r.marks[2].Score(nil, []watermark.Pair{{Context: context}})[0]]
}

func (r *routed) Score(dst []int64, pairs []watermark.Pair) []int64 {
	for i := range pairs {
		dst = r.of(pairs[i].Context).Score(dst, pairs[i:i+1])
	}
	return dst
}

func (r *routed) Pick(ids []Token, probs []float32, context []Token, u float64) int {
	return r.of(context).Pick(ids, probs, context, u)
}

// Variants is a GumbelMax of several keys, of which each request has one.
func Variants(name string, g watermark.GumbelMax, keys int) Scheme {
	return native{name: name, scheme: g, variants: keys}
}

// Unweighted is a scheme of package watermark whose test has no weights.
func Unweighted(name string, s watermark.Scheme) Scheme {
	return native{name: name, scheme: s, unweighted: true}
}

// number writes a parameter in names.
func number(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
