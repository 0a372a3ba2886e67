package eval

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"crypto/sha256"

	"github.com/isotope-wm/isotope/watermark"
)

// A Design says what is measured. Two Designs with one digest have the same outcomes.
type Design struct {
	Seed    uint64
	Sources []Source
	Schemes []Scheme
	Attacks []Attack
	Means   Means
	// Texts is the number of texts of each source and scheme, at least 1. Text i continues stream i of
	// the source; there may be more texts than streams.
	Texts int
	// Length is the number of tokens of a text, at least 8. A source that ends sooner has fewer.
	Length int
	// Lengths are those at which shares of detected texts are reported.
	Lengths []int
	// Edited are the numbers of marked tokens that attacks begin with.
	Edited []int
	// NullKeys is the number of keys under which each unmarked text is tested.
	NullKeys int
	// Steal are numbers of marked tokens that an attacker counts, in ascending order, and Forged is the
	// number of texts that the attacker then writes. Both may be empty.
	Steal  []int
	Forged int
}

// Check returns an error for a Design that cannot be run.
func (d *Design) Check() error {
	switch {
	case len(d.Sources) == 0 || len(d.Schemes) == 0:
		return errors.New("the design has no source or no scheme; name both")
	case d.Texts < 1 || d.Length < 8:
		return errors.New("the design has no texts, or texts of less than 8 tokens")
	}
	for _, s := range d.Sources {
		if g, ok := s.(*Given); ok && (d.Texts > g.Len() || len(d.Steal) > 0) {
			return fmt.Errorf("%s has %d texts that are long enough, and the design asks for more", g.Name(), g.Len())
		}
	}
	names := map[string]bool{}
	for _, s := range d.Sources {
		names["source "+s.Name()] = true
	}
	for _, s := range d.Schemes {
		names["scheme "+s.Name()] = true
	}
	if len(names) != len(d.Sources)+len(d.Schemes) {
		return errors.New("two sources or two schemes have one name; a name decides keys, so give each its own")
	}
	for _, src := range d.Sources {
		for _, s := range d.Schemes {
			if _, err := d.bind(src, s, "check", 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// length returns the number of tokens of the texts of a source.
func (d *Design) length(s Source) int {
	if n := s.Longest(); n > 0 {
		return min(n, d.Length)
	}
	return d.Length
}

func (d *Design) lengths(s Source) []int {
	return slices.DeleteFunc(slices.Clone(d.Lengths), func(n int) bool { return n > d.length(s) })
}

func (d *Design) edited(s Source) []int {
	return slices.DeleteFunc(slices.Clone(d.Edited), func(n int) bool { return n > d.length(s) })
}

// Digest returns "sha256:" and a hash of everything that outcomes depend on. A scheme counts by its
// name, and by its test's ID under a fixed key.
func (d *Design) Digest() string {
	h := sha256.New()
	fmt.Fprintln(h, "isotope eval 1", d.Seed, d.Texts, d.Length, d.Lengths, d.Edited, d.NullKeys, d.Steal, d.Forged)
	for _, s := range d.Sources {
		fmt.Fprintf(h, "source %q %q %d %d %d\n", s.Name(), s.About(), s.Vocab(), s.Streams(), s.Longest())
		if f, ok := s.(interface{ digest() string }); ok {
			fmt.Fprintln(h, f.digest())
		}
		if n := questionsOf(s); n > 0 {
			fmt.Fprintln(h, "questions", n, answersEach, answerTokens)
		}
	}
	for _, s := range d.Schemes {
		m, err := s.Bind(keyOf(d.Seed, "digest"), d.Sources[0].Vocab())
		if err == nil {
			fmt.Fprintf(h, "scheme %q %q %+v\n", s.Name(), m.ID(), parametersOf(s))
		}
	}
	for _, a := range d.Attacks {
		fmt.Fprintf(h, "attack %q %v\n", a.Name, a.Rates)
	}
	means, _ := json.Marshal([]any{d.Means.Synonyms, d.Means.Paraphrase}) // maps of strings have a fixed order
	h.Write(means)
	if d.Means.Second != nil {
		fmt.Fprintln(h, d.Means.Second.Digest())
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// parametersOf returns what a scheme of this package does besides its scores.
func parametersOf(s Scheme) any {
	if n, ok := s.(native); ok {
		return fmt.Sprintf("%#v %v %d %v", n.scheme, n.unweighted, n.variants, n.rows) // its String leaves out delta
	}
	if w, ok := s.(Window); ok {
		return w
	}
	return nil
}

// keyOf returns a key that follows from a seed and a path of names. Everybody can compute it.
func keyOf(seed uint64, path ...string) watermark.Key {
	sum := sha256.Sum256(fmt.Appendf(nil, "isotope eval key %d", seed))
	key, err := watermark.ParseKey("isotope-secret-key-1:" + hex.EncodeToString(sum[:]))
	if err != nil {
		panic("eval: a hash is not a key")
	}
	return key.Derive(path...)
}

func (d *Design) bind(src Source, s Scheme, purpose string, n int) (Mark, error) {
	m, err := s.Bind(keyOf(d.Seed, src.Name(), s.Name(), purpose, fmt.Sprint(n)), src.Vocab())
	if err != nil {
		return nil, err
	}
	_, bias := m.(Bias)
	_, draw := m.(Draw)
	if !bias && !draw {
		return nil, fmt.Errorf("the scheme %s has neither Reweight nor Pick; give its mark one of them", s.Name())
	}
	return m, nil
}

// generator returns random numbers that follow from the seed and names.
func (d *Design) generator(names ...any) *rand.Rand {
	h := fnv.New128a()
	for _, n := range names {
		fmt.Fprintf(h, "%v\x00", n)
	}
	var sum [32]byte
	h.Sum(sum[:0])
	sum = sha256.Sum256(fmt.Appendf(sum[:16:16], "isotope eval random %d", d.Seed))
	return rand.New(rand.NewChaCha8(sum))
}

// A Cost is what a mark did to a text, as means over its tokens. NaN is not known.
type Cost struct {
	Entropy  Real `json:"entropy"`  // of the model's rows, nats
	KL       Real `json:"kl"`       // of the marked row from the model's, nats; 0 for a draw that keeps it on average, NaN for one that does not
	Surprise Real `json:"surprise"` // -ln of the model's probability of the drawn token, nats
	Distinct Real `json:"distinct"` // distinct pairs of neighbours, as a share of all
	Repeated Real `json:"repeated"` // four tokens in a row that occurred before, as a share of all
	Marked   Real `json:"marked"`   // share of the positions that were marked
	// Greedy is the number of tokens until a greedy text with the mark differs from one without, or the
	// whole length. -1 is not known.
	Greedy int `json:"greedy"`
}

// An Outcome is what one text gave.
type Outcome struct {
	Source string `json:"source"`
	Scheme string `json:"scheme"`
	Text   int    `json:"text"`
	Cost   Cost   `json:"cost"`
	Plain  Cost   `json:"plain"` // of the unmarked text of the same stream
	// Clean holds log10 p at each length of the grid, and Null those of the unmarked text at the
	// reported lengths: all keys at the first length, then at the next.
	Clean []float64 `json:"clean"`
	Null  []float64 `json:"null"`
	// Edited holds log10 p of the attacks, in the order of the Design: rates, and for each the lengths
	// of Edited. It is null where the attack was not measured.
	Edited [][]*float64 `json:"edited"`
	// Stolen holds, for each number of Steal, the forged texts: log10 p under the key.
	Stolen [][]float64 `json:"stolen,omitempty"`
	// Answers and PlainAnswers are what questions gave, with the mark and without. Most sources have none.
	Answers      []Answered `json:"answers,omitempty"`
	PlainAnswers []Answered `json:"answers_plain,omitempty"`
}

// roundUp rounds log10 p to four decimals, away from evidence.
func roundUp(log10P float64) float64 { return math.Ceil(log10P*1e4) / 1e4 }

// An Item names one text of a Design. Numbers from Texts on are keys whose lists are stolen.
type Item struct {
	Source, Scheme, Text int
}

// Items returns all items in order.
func (d *Design) Items() (items []Item) {
	for i, src := range d.Sources {
		for j := range d.Schemes {
			for k := range d.Texts + d.thefts(src) {
				items = append(items, Item{i, j, k})
			}
		}
	}
	return items
}

// thefts returns the number of keys whose lists are stolen. Given rows cannot be asked again.
func (d *Design) thefts(src Source) int {
	if len(d.Steal) == 0 || src.Longest() > 0 {
		return 0
	}
	return 4
}

// Run measures the items that done does not have, on a number of workers. It calls keep for each
// outcome, one call at a time, in any order. It returns the first error, or that of ctx.
func (d *Design) Run(ctx context.Context, workers int, done map[Item]bool, keep func(Item, *Outcome) error) error {
	if err := d.Check(); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	items := make(chan Item)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range max(workers, 1) {
		wg.Go(func() {
			for item := range items {
				o, err := d.measure(ctx, item)
				if err == nil {
					mu.Lock()
					if ctx.Err() == nil {
						err = keep(item, o)
					}
					mu.Unlock()
				}
				if err != nil {
					stop(err)
				}
			}
		})
	}
feed:
	for _, item := range d.Items() {
		if done[item] {
			continue
		}
		select {
		case items <- item:
		case <-ctx.Done():
			break feed
		}
	}
	close(items)
	wg.Wait()
	return context.Cause(ctx)
}

// A walk is a text that was written, with its rows.
type walk struct {
	text Text
	rows []Row
	cost Cost
}

// A writer draws one text under a mark, or without any.
type writer struct {
	mark    Mark // nil for unmarked text
	text    []Token
	seen    map[string]bool // contexts, for a keyed draw
	key     []byte
	weights []float64
	marked  int
}

func newWriter(m Mark) *writer { return &writer{mark: m, seen: map[string]bool{}} }

// marks reports whether the next position is marked, and counts its context.
func (w *writer) marks() (context []Token, ok bool) {
	if w.mark == nil || len(w.text) < w.mark.Width() {
		return nil, false
	}
	context = w.text[len(w.text)-w.mark.Width():]
	if !isDraw(w.mark) {
		return context, true
	}
	w.key = appendTokens(w.key[:0], context)
	if w.seen[string(w.key)] {
		return nil, false
	}
	w.seen[string(w.key)] = true
	return context, true
}

// draw draws the token of the next position. It returns the divergence of the marked row, in nats.
func (w *writer) draw(row Row, u float64) (Token, float64) {
	w.weights = w.weights[:0]
	for _, p := range row.Probs {
		w.weights = append(w.weights, float64(p))
	}
	at, kl := -1, 0.0
	context, ok := w.marks()
	if !ok {
		at = drawIndex(w.weights, u)
	} else if b, bias := w.mark.(Bias); bias {
		w.marked++
		b.Reweight(row.IDs, w.weights, context)
		kl = divergence(w.weights, row.Probs)
		at = drawIndex(w.weights, u)
	} else {
		w.marked++
		at = w.mark.(Draw).Pick(row.IDs, row.Probs, context, u)
		if x, ok := w.mark.(Distorting); ok && x.Distorts() {
			kl = math.NaN()
		}
	}
	if at < 0 {
		at = 0
	}
	w.text = append(w.text, row.IDs[at])
	return row.IDs[at], kl
}

// divergence returns the Kullback-Leibler divergence of weights, which need not sum to 1, from
// probabilities, in nats.
func divergence(weights []float64, probs []float32) float64 {
	var sum, kl float64
	for _, w := range weights {
		sum += w
	}
	for i, w := range weights {
		if w > 0 {
			kl += w / sum * math.Log(w/sum/float64(probs[i]))
		}
	}
	return max(kl, 0)
}

// write writes n tokens of a stream.
func (d *Design) write(ctx context.Context, src Source, m Mark, stream, n int, rng *rand.Rand) (*walk, error) {
	w := newWriter(m)
	out := &walk{}
	err := src.Write(ctx, stream, n, func(row Row) Token {
		t, kl := w.draw(row, rng.Float64())
		out.cost.Entropy += Real(row.Entropy())
		out.cost.KL += Real(kl)
		out.cost.Surprise -= Real(math.Log(row.Prob(t)))
		out.rows = append(out.rows, Row{slices.Clone(row.IDs), slices.Clone(row.Probs)})
		out.text.add(t, int32(len(out.text.IDs)))
		return t
	})
	if err != nil {
		return nil, err
	}
	c := &out.cost
	for _, x := range []*Real{&c.Entropy, &c.KL, &c.Surprise} {
		*x /= Real(n)
	}
	c.Marked = Real(w.marked) / Real(n)
	distinct, repeated := variety(out.text.IDs)
	c.Distinct, c.Repeated = Real(distinct), Real(repeated)
	return out, nil
}

// variety returns the share of distinct pairs, and that of repeated runs of four.
func variety(text []Token) (distinct, repeated float64) {
	pairs, runs := map[[2]Token]bool{}, map[[4]Token]bool{}
	again := 0
	for i := range text {
		if i >= 1 {
			pairs[[2]Token{text[i-1], text[i]}] = true
		}
		if i >= 3 {
			run := [4]Token(text[i-3 : i+1])
			if runs[run] {
				again++
			}
			runs[run] = true
		}
	}
	if len(text) < 4 {
		return 1, 0
	}
	return float64(len(pairs)) / float64(len(text)-1), float64(again) / float64(len(text)-3)
}

// greedy returns the number of tokens until a greedy text with the mark differs from one without.
func (d *Design) greedy(ctx context.Context, src Source, m Mark, stream, n int) (int, error) {
	b, ok := m.(Bias)
	if !ok {
		return n, nil // a keyed draw does not take part in greedy decoding
	}
	w := newWriter(m)
	same, differs := 0, false
	err := src.Write(ctx, stream, n, func(row Row) Token {
		plain := largest(row.Probs)
		marked := plain
		if context, ok := w.marks(); ok && !differs {
			weights := make([]float64, len(row.Probs))
			for i, p := range row.Probs {
				weights[i] = float64(p)
			}
			b.Reweight(row.IDs, weights, context)
			marked = largest(weights)
		}
		if marked != plain {
			differs = true
		}
		if !differs {
			same++
		}
		w.text = append(w.text, row.IDs[plain])
		return row.IDs[plain]
	})
	return same, err
}

// largest returns the index of the first largest number.
func largest[F float32 | float64](list []F) int {
	best := 0
	for i, x := range list {
		if x > list[best] {
			best = i
		}
	}
	return best
}

// test returns log10 p of a text at each of some lengths, which ascend.
func test(m Mark, t Text, rows []Row, lengths []int) []float64 {
	x := newTest(m)
	width := m.Width()
	var out []float64
	for i, id := range t.IDs {
		if i >= width {
			var row *Row
			if at := t.At[i]; at >= 0 {
				row = &rows[at]
			}
			x.Add(t.IDs[i-width:i], id, row)
		}
		for len(out) < len(lengths) && lengths[len(out)] == i+1 {
			out = append(out, roundUp(x.Log10P()))
		}
	}
	return out
}

// measure measures one item.
func (d *Design) measure(ctx context.Context, item Item) (*Outcome, error) {
	if item.Text >= d.Texts {
		return d.steal(ctx, item)
	}
	src, scheme := d.Sources[item.Source], d.Schemes[item.Scheme]
	if g, ok := src.(*Given); ok {
		return d.measureGiven(ctx, item, g)
	}
	o := &Outcome{Source: src.Name(), Scheme: scheme.Name(), Text: item.Text}
	stream := item.Text % src.Streams()
	master, err := d.bind(src, scheme, "text", item.Text)
	if err != nil {
		return nil, err
	}
	m := request(master, uint32(item.Text))
	n := d.length(src)
	text, err := d.write(ctx, src, m, stream, n, d.generator("draw", src.Name(), item.Text))
	if err != nil {
		return nil, err
	}
	o.Cost = text.cost
	if o.Cost.Greedy, err = d.greedy(ctx, src, m, stream, min(n, 200)); err != nil {
		return nil, err
	}
	o.Clean = test(master, text.text, text.rows, lengthGrid(n, d.Lengths))

	plain, err := d.write(ctx, src, nil, stream, n, d.generator("plain", src.Name(), item.Text))
	if err != nil {
		return nil, err
	}
	o.Plain = plain.cost
	if o.Null, err = d.null(src, scheme, item.Text, plain); err != nil {
		return nil, err
	}
	if err := d.attack(ctx, item, master, text, o); err != nil {
		return nil, err
	}
	if o.Answers, err = d.answer(ctx, src, m, item.Text); err != nil {
		return nil, err
	}
	o.PlainAnswers, err = d.answer(ctx, src, nil, item.Text)
	return o, err
}

// null tests a text under unrelated keys: all keys at the first of the reported lengths, then at the
// next.
func (d *Design) null(src Source, scheme Scheme, number int, text *walk) (list []float64, err error) {
	lengths := d.lengths(src)
	byKey := make([][]float64, d.NullKeys)
	for k := range byKey {
		other, err := d.bind(src, scheme, "null", number*d.NullKeys+k)
		if err != nil {
			return nil, err
		}
		byKey[k] = test(other, text.text, text.rows, lengths)
	}
	for i := range lengths {
		for _, p := range byKey {
			list = append(list, p[i])
		}
	}
	return list, nil
}

func request(m Mark, n uint32) Mark {
	if r, ok := m.(Requester); ok {
		return r.Request(n)
	}
	return m
}

// attack tests the edits of a text.
func (d *Design) attack(ctx context.Context, item Item, master Mark, text *walk, o *Outcome) error {
	src, scheme := d.Sources[item.Source], d.Schemes[item.Scheme]
	stream := item.Text % src.Streams()
	env := &Env{Source: src, Stream: stream, Rows: text.rows, Means: d.Means}
	env.Other = func(n int) (Text, error) {
		if _, given := src.(*Given); given {
			return Text{}, ErrNotHere
		}
		m, err := d.bind(src, scheme, "other", item.Text)
		if err != nil {
			return Text{}, err
		}
		w, err := d.write(ctx, src, request(m, uint32(item.Text)), (stream+1)%src.Streams(), n, d.generator("other", src.Name(), item.Text))
		if err != nil {
			return Text{}, err
		}
		return w.text, nil
	}
	env.Again = func(before []Token, row Row, number uint32, u float64) Token {
		w := newWriter(request(master, number))
		w.text = slices.Clone(before)
		t, _ := w.draw(row, u)
		return t
	}
	for _, a := range d.Attacks {
		var found []*float64
		for _, rate := range a.Rates {
			for _, n := range d.edited(src) {
				if knowsRows(master) && !a.Rows {
					found = append(found, nil)
					continue
				}
				changed, err := a.Apply(env, text.text.slice(0, n), rate, d.generator("attack", a.Name, rate, src.Name(), item.Text, n))
				if errors.Is(err, ErrNotHere) {
					found = append(found, nil)
					continue
				}
				if err != nil {
					return fmt.Errorf("%s: %w", a.Name, err)
				}
				p := 0.0
				if k := len(changed.IDs); k > 0 {
					p = test(master, changed, text.rows, []int{k})[0]
				}
				found = append(found, &p)
			}
		}
		o.Edited = append(o.Edited, found)
	}
	return ctx.Err()
}

// A Time is how long a scheme takes, in nanoseconds on this machine. It differs from run to run.
type Time struct {
	Scheme string `json:"scheme"`
	Step   int64  `json:"step_ns"` // to draw one token from a row that is cut already
	Test   int64  `json:"test_ns"` // for each token of a test of one text
}

// Times measures each scheme on one text of the first source: the best of five runs.
func (d *Design) Times() ([]Time, error) {
	src := d.Sources[0]
	if _, given := src.(*Given); given {
		return nil, nil // nothing is drawn
	}
	var times []Time
	for _, s := range d.Schemes {
		m, err := d.bind(src, s, "time", 0)
		if err != nil {
			return nil, err
		}
		n := min(d.length(src), 200)
		text, err := d.write(context.Background(), src, request(m, 0), 0, n, d.generator("time"))
		if err != nil {
			return nil, err
		}
		x := Time{Scheme: s.Name(), Step: math.MaxInt64, Test: math.MaxInt64}
		for range 5 {
			start := time.Now()
			w := newWriter(request(m, 0))
			for _, row := range text.rows {
				w.draw(row, 0.5)
			}
			x.Step = min(x.Step, time.Since(start).Nanoseconds()/int64(n))
			start = time.Now()
			test(m, text.text, text.rows, []int{n})
			x.Test = min(x.Test, time.Since(start).Nanoseconds()/int64(n))
		}
		times = append(times, x)
	}
	return times, nil
}

// WriteTexts writes the marked text of each item of the Design that attacks begin with, as JSON lines
// of source, scheme, text and its number. A file of paraphrases pairs these texts with others.
func (d *Design) WriteTexts(ctx context.Context, w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for _, item := range d.Items() {
		if item.Text >= d.Texts {
			continue
		}
		src, scheme := d.Sources[item.Source], d.Schemes[item.Scheme]
		if src.Tokenizer() == nil {
			return fmt.Errorf("%s has no tokenizer; name that of its model", src.Name())
		}
		m, err := d.bind(src, scheme, "text", item.Text)
		if err != nil {
			return err
		}
		text, err := d.write(ctx, src, request(m, uint32(item.Text)), item.Text%src.Streams(), d.length(src), d.generator("draw", src.Name(), item.Text))
		if err != nil {
			return err
		}
		for _, n := range d.edited(src) {
			var bytes []byte
			for i := range n {
				if more, err := src.Tokenizer().Decode(bytes, text.text.IDs[i:i+1]); err == nil {
					bytes = more // an id without text is not in what people read
				}
			}
			if err := out.Encode(map[string]any{"source": src.Name(), "scheme": scheme.Name(), "number": item.Text, "tokens": n, "text": string(bytes)}); err != nil {
				return err
			}
		}
	}
	return nil
}
