package detect

import (
	"fmt"
	"slices"
)

// ReadingOptions declares a test of open weights; nil means the zero ReadingOptions, which
// is sound. All of it is decided before looking.
type ReadingOptions struct {
	Filter ContextFilter
	Exempt []Token // ids never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,1). 0 means
	// 1e-6.
	Alpha float64
	// Tests is the number of tests this one belongs to: reading mode, mass and difference
	// of one model are three (Bonferroni). 0 means 1.
	Tests int64
}

func (o *ReadingOptions) orDefault() ReadingOptions {
	var c ReadingOptions
	if o != nil {
		c = *o
	}
	c.Filter.check()
	fixed := (&Options{Exempt: c.Exempt, Alpha: c.Alpha, Tests: c.Tests}).orDefault()
	c.Exempt, c.Alpha, c.Tests = fixed.Exempt, fixed.Alpha, fixed.Tests
	return c
}

func (o *ReadingOptions) same(p *ReadingOptions) bool {
	return o.Filter.Name == p.Filter.Name && slices.Equal(o.Exempt, p.Exempt)
}

// A ChoiceReading tests a model whose weights one holds by what it would write next at each
// position of texts it is given: its choice, the token of the largest probability. Each
// window, the last Width tokens, counts once in a text, where it occurs first, since a
// model copies what it has seen earlier in the text; and each pair of window and
// choice counts once over all texts. (Sander et al. 2024, "reading mode".)
//
// The null hypothesis is that model and texts do not depend on the key. So the texts
// must not: human text, prompts, or what a model wrote without the mark. Contexts of
// anything marked that stands in them must be given to Exclude. For one's own marked outputs,
// which of course depend on the key, there is [MarkedReading].
//
// Results do not depend on order or shards. One goroutine at a time.
type ChoiceReading struct {
	decoys   *Decoys
	options  ReadingOptions
	test     *Accumulator
	counts   readingCounts
	position readingPositions
}

// readingCounts counts positions that are in no other count.
type readingCounts struct{ texts, unread, repeated, filtered int64 }

// NewChoiceReading returns an empty ChoiceReading. o may be nil. It panics as [NewStudent]
// does.
func NewChoiceReading(s Scorer, decoys *Decoys, o *ReadingOptions) *ChoiceReading {
	greenLaw(s)
	decoys.match(s)
	c := o.orDefault()
	return &ChoiceReading{
		decoys: decoys, options: c,
		test: New(s, &Options{Exempt: c.Exempt, Alpha: c.Alpha, Tests: c.Tests, MinShare: 1}),
	}
}

// Add counts one text and the model's choices: choices[i] is its choice after text[:i+1], -1
// where it was not asked. The error wraps [ErrRow] when there are not as many choices as
// tokens or one is outside the vocabulary; then nothing is counted.
func (r *ChoiceReading) Add(text, choices []Token) error {
	if len(choices) != len(text) {
		return fmt.Errorf("detect: %w: %d choices for %d tokens", ErrRow, len(choices), len(text))
	}
	s := r.test.scorer
	for _, c := range choices {
		if c < -1 || int(c) >= s.Vocab() {
			return fmt.Errorf("detect: %w: choice %d is outside the vocabulary", ErrRow, c)
		}
	}
	r.counts.texts++
	r.position.begin()
	for i, c := range choices {
		window, fate := r.position.window(text[:i+1], s, r.options.Filter)
		switch {
		case c < 0:
			r.counts.unread++
		case fate == windowRepeated:
			r.counts.repeated++
		case fate == windowFiltered:
			r.counts.filtered++
		default: // what is short or outside the vocabulary is counted there
			r.test.AddPair(window, c)
		}
	}
	return nil
}

// AddModel asks a model about one text.
func (r *ChoiceReading) AddModel(m ChoiceReader, text []Token) error {
	choices, err := m.Choices(text)
	if err != nil {
		return err
	}
	return r.Add(text, choices)
}

// Exclude takes every context that occurs in tokens out of the test; see
// [Accumulator.Exclude].
func (r *ChoiceReading) Exclude(tokens []Token) { r.test.Exclude(tokens) }

// Merge adds what b holds, and leaves b as it is. Both must have been made for the same
// mark, Exempt and Filter, or the error wraps [ErrMismatch].
func (r *ChoiceReading) Merge(b *ChoiceReading) error {
	if !r.options.same(&b.options) {
		return fmt.Errorf("detect: cannot merge readings with other Exempt or Filter: %w", ErrMismatch)
	}
	if err := r.test.Merge(b.test); err != nil {
		return err
	}
	r.counts.texts += b.counts.texts
	r.counts.unread += b.counts.unread
	r.counts.repeated += b.counts.repeated
	r.counts.filtered += b.counts.filtered
	return nil
}

// A ChoiceReadingResult tests the hypothesis that neither model nor texts depend on the key.
type ChoiceReadingResult struct {
	Result
	Decoys DecoyPanel

	Texts    int64 // texts read
	Unread   int64 // positions where the model was not asked
	Repeated int64 // positions whose window came before in their text
	Filtered int64 // positions that the filter left out
	Filter   string
}

// Result tests everything added so far, once: see [Student.Result].
func (r *ChoiceReading) Result() ChoiceReadingResult {
	out := ChoiceReadingResult{
		Result: r.test.Result(),
		Texts:  r.counts.texts, Unread: r.counts.unread, Repeated: r.counts.repeated, Filtered: r.counts.filtered,
		Filter: r.options.Filter.Name,
	}
	sub := &subject{unitary: true}
	e := r.test.evidence
	for i := range e.set.Len() {
		if u := e.set.Unit(i); !u.Excluded && !e.isExempt(u.Token) {
			sub.pairs = append(sub.pairs, Pair{Context: e.set.AppendContext(nil, i), Token: u.Token})
		}
	}
	out.Decoys = r.decoys.panel(out.Log10P, out.Log10P, sub.scan(r.decoys.scorers), func(t *keyTest) float64 { return t.pairs })
	if out.Verdict == NotDetected {
		out.Verdict = Inconclusive // a green rate says nothing about a share of training text
	}
	out.Warnings = append(out.Warnings, out.Decoys.Warnings()...)
	return out
}

// A windowFate is what becomes of a position that is read.
type windowFate uint8

const (
	windowRead windowFate = iota
	windowShort
	windowOutside
	windowRepeated
	windowFiltered
)

// readingPositions follows one text.
type readingPositions struct {
	seen map[string]struct{}
	key  []byte
}

func (p *readingPositions) begin() { p.seen = make(map[string]struct{}) }

// window returns the window at the end of a text and whether it is read.
func (p *readingPositions) window(text []Token, s Scorer, f ContextFilter) ([]Token, windowFate) {
	window := text[max(0, len(text)-s.Width()):]
	if len(window) < s.Width() {
		return window, windowShort
	}
	for _, t := range window {
		if t < 0 || int(t) >= s.Vocab() {
			return window, windowOutside
		}
	}
	p.key = pack(p.key[:0], window...)
	if _, ok := p.seen[string(p.key)]; ok {
		return window, windowRepeated
	}
	p.seen[string(p.key)] = struct{}{}
	if !f.keeps(window) {
		return window, windowFiltered
	}
	return window, windowRead
}
