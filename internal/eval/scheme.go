package eval

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// Token is a vocabulary index.
type Token = watermark.Token

// A Row has the probabilities of the next token: ascending ids, and probabilities that sum to 1.
type Row struct {
	IDs   []Token
	Probs []float32
}

// Entropy returns the entropy of the row in nats.
func (r Row) Entropy() float64 {
	var h float64
	for _, p := range r.Probs {
		if p > 0 {
			h -= float64(p) * math.Log(float64(p))
		}
	}
	return h
}

// Prob returns the probability of a token, 0 for one that is not in the row.
func (r Row) Prob(t Token) float64 {
	for i, id := range r.IDs {
		if id == t {
			return float64(r.Probs[i])
		}
	}
	return 0
}

// A Scheme is a mark that the suite measures.
type Scheme interface {
	// Name is unique in a Design. It decides the keys of the texts.
	Name() string
	// Bind returns the mark under a key, for a vocabulary of vocab ids.
	Bind(key watermark.Key, vocab int) (Mark, error)
}

// A Mark is a scheme under a key. It also is a [Bias] or a [Draw]. It may be a [Tester]. It is safe
// for concurrent use.
type Mark interface{ detect.Scorer }

// A Bias is a mark that changes the probabilities of a row.
type Bias interface {
	// Reweight replaces the probabilities of a row by the marked ones, in place. They need not sum
	// to 1. context holds the last Width tokens of the text, the newest last.
	Reweight(ids []Token, probs []float64, context []Token)
}

// A Draw is a mark that draws by its key. On average over keys it keeps the probabilities of the row,
// unless it is a [Distorting] one.
type Draw interface {
	// Pick returns the index of the token that is drawn, or -1 for none. u in [0,1) is an ordinary
	// random number. *watermark.Mark has this method.
	Pick(ids []Token, probs []float32, context []Token, u float64) int
}

// Distorting is a Draw that changes the distribution of a token. The suite then states no divergence.
type Distorting interface{ Distorts() bool }

// A Requester is a mark whose requests differ, such as one of several keys.
type Requester interface {
	// Request returns the mark of request n. It is a Bias or a Draw.
	Request(n uint32) Mark
}

// A Tester is a mark with a test of its own, such as one that knows the rows.
type Tester interface{ NewTest() Test }

// A Test gathers the positions of one text.
type Test interface {
	// Add counts a position: a token after its context of Width tokens. row is what the model gave
	// there, or nil where nobody knows it.
	Add(context []Token, t Token, row *Row)
	// Log10P returns log10 of the p-value of everything so far. It is exact, or an upper bound.
	Log10P() float64
}

// KnowsRows is a Tester that needs the rows of the text. Attacks that leave no rows are not measured
// for it.
type KnowsRows interface{ KnowsRows() bool }

// noPower keeps tests from computing statements of power, which nothing here uses.
const noPower = 1e-300

// A plainTest is the test of package detect.
type plainTest struct {
	acc  *detect.Accumulator
	seen map[string]bool // contexts, for a mark that left repeated ones alone; else nil
	key  []byte
}

// PlainTest returns the test of package detect for a mark. With contexts it looks at each context
// once, at its first occurrence, else at each distinct pair.
func PlainTest(s detect.Scorer, contexts bool) Test {
	t := &plainTest{acc: detect.NewAccumulator(s, &detect.Options{Alpha: noPower})}
	if contexts {
		t.seen = map[string]bool{}
	}
	return t
}

func (t *plainTest) Add(context []Token, next Token, _ *Row) {
	if t.seen != nil {
		t.key = appendTokens(t.key[:0], context)
		if t.seen[string(t.key)] {
			return
		}
		t.seen[string(t.key)] = true
	}
	t.acc.AddPair(context, next)
}

func (t *plainTest) Log10P() float64 { return t.acc.Result().Log10P }

func appendTokens(dst []byte, tokens []Token) []byte {
	for _, t := range tokens {
		dst = append(dst, byte(t), byte(t>>8), byte(t>>16), byte(t>>24))
	}
	return dst
}

// newTest returns the test of a mark.
func newTest(m Mark) Test {
	if t, ok := m.(Tester); ok {
		return t.NewTest()
	}
	return PlainTest(m, isDraw(m))
}

func isDraw(m Mark) bool {
	_, bias := m.(Bias)
	return !bias
}

func knowsRows(m Mark) bool {
	k, ok := m.(KnowsRows)
	return ok && k.KnowsRows()
}

// drawIndex draws from weights by an ordinary random number in [0,1). It returns -1 without weight.
func drawIndex(weights []float64, u float64) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	if !(sum > 0) {
		return -1
	}
	u *= sum
	last := -1
	for i, w := range weights {
		if w > 0 {
			if u < w {
				return i
			}
			u -= w
			last = i
		}
	}
	return last
}

// native is a scheme of package watermark.
type native struct {
	name       string
	scheme     watermark.Scheme
	unweighted bool
	variants   int // keys, of which each text has one; 0 is one
	test       func(m *watermark.Mark) Test
	rows       bool // test needs rows
}

// Native returns a scheme of package watermark with its own test.
func Native(name string, s watermark.Scheme) Scheme { return native{name: name, scheme: s} }

func (n native) Name() string { return n.name }

func (n native) Bind(key watermark.Key, vocab int) (Mark, error) {
	keys := []watermark.Key{key}
	if n.variants > 1 {
		keys = key.Variants(n.variants)
	}
	var marks []Mark
	for _, k := range keys {
		m, err := watermark.New(k, n.scheme, vocab)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.name, err)
		}
		b := bound{Mark: m, of: n}
		if n.unweighted {
			b.Mark = m.Unweighted()
		}
		if g, ok := n.scheme.(watermark.GreenList); ok {
			marks = append(marks, &greenList{bound: b, params: g, odds: math.Exp(g.Delta)})
			continue
		}
		marks = append(marks, &b)
	}
	if n.variants > 1 {
		return &variants{marks[0], marks}, nil
	}
	return marks[0], nil
}

// bound is a mark of package watermark.
type bound struct {
	*watermark.Mark
	of native
}

func (b *bound) KnowsRows() bool { return b.of.rows }

func (b *bound) Distorts() bool {
	t, ok := b.of.scheme.(watermark.Tournament)
	return ok && t.Candidates > 2
}

func (b *bound) Request(n uint32) Mark {
	c := *b
	c.Mark = b.Mark.Salted(n)
	return &c
}

func (b *bound) NewTest() Test {
	if b.of.test != nil {
		return b.of.test(b.Mark)
	}
	return PlainTest(b.Mark, true)
}

// greenList is a green list of package watermark.
type greenList struct {
	bound
	params watermark.GreenList
	odds   float64
}

func (g *greenList) Request(uint32) Mark { return g }

func (g *greenList) NewTest() Test {
	if g.of.test != nil {
		return g.of.test(g.Mark)
	}
	return PlainTest(g.Mark, false)
}

func (g *greenList) Reweight(ids []Token, probs []float64, context []Token) {
	if g.params.Gate > 0 && entropyOf(probs) <= g.params.Gate {
		return
	}
	tilt(g.Mark, g.odds, ids, probs, context)
}

// tilt multiplies the probabilities of green tokens.
func tilt(s detect.Scorer, odds float64, ids []Token, probs []float64, context []Token) {
	pairs := make([]watermark.Pair, len(ids))
	for i, id := range ids {
		pairs[i] = watermark.Pair{Context: context, Token: id}
	}
	for i, score := range s.Score(make([]int64, 0, len(ids)), pairs) {
		if score == 1 {
			probs[i] *= odds
		}
	}
}

func entropyOf(probs []float64) float64 {
	var h float64
	for _, p := range probs {
		if p > 0 {
			h -= p * math.Log(p)
		}
	}
	return h
}

// variants are the marks of several keys, of which each request has one. The test tries them all.
type variants struct {
	Mark  // the first, for ID, Width, Vocab and Law
	marks []Mark
}

func (v *variants) Request(n uint32) Mark { return v.marks[int(n)%len(v.marks)] }

func (v *variants) Pick(ids []Token, probs []float32, context []Token, u float64) int {
	return v.marks[0].(Draw).Pick(ids, probs, context, u)
}

func (v *variants) NewTest() Test {
	t := &allTests{}
	for _, m := range v.marks {
		t.tests = append(t.tests, newTest(m))
	}
	return t
}

// allTests are the tests of independent keys, adjusted for their number (Sidak).
type allTests struct{ tests []Test }

func (t *allTests) Add(context []Token, next Token, row *Row) {
	for _, x := range t.tests {
		x.Add(context, next, row)
	}
}

func (t *allTests) Log10P() float64 {
	least := 0.0
	for _, x := range t.tests {
		least = min(least, x.Log10P())
	}
	return tail.Sidak(least, int64(len(t.tests)))
}
