package student

import (
	"fmt"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// A Choices tests a model whose weights one holds by what it would write next at each
// position of texts it is given: its choice, the token of the largest probability. Each
// window, the last Width tokens, counts once in a text, where it occurs first, since a
// model copies what it has seen earlier in the text; and each pair of window and
// choice counts once over all texts. (Sander et al. 2024, "reading mode".)
//
// The null hypothesis is that model and texts do not depend on the key. So the texts
// must not: human text, prompts, or what a model wrote without the mark. Contexts of
// anything marked that stands in them must be given to Exclude. For one's own marked outputs,
// which of course depend on the key, there is [Marked].
//
// Results do not depend on order or shards. One goroutine at a time.
type Choices struct {
	scorer   detect.Scorer
	decoys   *Decoys
	options  WeightsOptions
	test     *detect.Accumulator
	counts   readingCounts
	position readingPositions
}

// readingCounts counts positions that are in no other count.
type readingCounts struct{ texts, unread, repeated, filtered int64 }

// NewChoices returns an empty Choices. o may be nil. It returns an error as [New] does.
func NewChoices(s detect.Scorer, decoys *Decoys, o *WeightsOptions) (*Choices, error) {
	if err := checkWeights(s, decoys, o); err != nil {
		return nil, err
	}
	c := o.filled()
	return &Choices{
		scorer: s, decoys: decoys, options: c,
		test: detect.NewAccumulator(s, &detect.Options{Exempt: c.Exempt, Alpha: c.Alpha, Tests: c.Tests, MinShare: 1}),
	}, nil
}

// Add counts one text and the model's choices: choices[i] is its choice after text[:i+1], -1
// where it was not asked. The error wraps [ErrRow] when there are not as many choices as
// tokens or one is outside the vocabulary; then nothing is counted.
func (r *Choices) Add(text, choices []detect.Token) error {
	if len(choices) != len(text) {
		return fmt.Errorf("student: %w: %d choices for %d tokens", ErrRow, len(choices), len(text))
	}
	s := r.scorer
	for _, c := range choices {
		if c < -1 || int(c) >= s.Vocab() {
			return fmt.Errorf("student: %w: choice %d is outside the vocabulary", ErrRow, c)
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
func (r *Choices) AddModel(m ChoiceReader, text []detect.Token) error {
	choices, err := m.Choices(text)
	if err != nil {
		return err
	}
	return r.Add(text, choices)
}

// Exclude takes every context that occurs in tokens out of the test; see
// [detect.Accumulator.Exclude].
func (r *Choices) Exclude(tokens []detect.Token) { r.test.Exclude(tokens) }

// Merge adds what b holds, and leaves b as it is. Both must have been made for the same
// mark, Exempt and Filter, or the error wraps [detect.ErrMismatch].
func (r *Choices) Merge(b *Choices) error {
	if !r.options.same(&b.options) {
		return fmt.Errorf("student: cannot merge readings with other Exempt or Filter: %w", detect.ErrMismatch)
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

// A ChoicesResult tests the hypothesis that neither model nor texts depend on the key.
type ChoicesResult struct {
	detect.Result
	Decoys DecoyPanel

	Texts    int64 // texts read
	Unread   int64 // positions where the model was not asked
	Repeated int64 // positions whose window came before in their text
	Filtered int64 // positions that the filter left out
	Filter   string
}

// detect.Result tests everything added so far, once: see [Test.Result].
func (r *Choices) Result() ChoicesResult {
	out := ChoicesResult{
		Result: r.test.Result(),
		Texts:  r.counts.texts, Unread: r.counts.unread, Repeated: r.counts.repeated, Filtered: r.counts.filtered,
		Filter: r.options.Filter.Name,
	}
	sub := &subject{unitary: true}
	for u := range r.test.Units() {
		if !u.Excluded {
			sub.pairs = append(sub.pairs, u.Pair)
		}
	}
	out.Decoys = r.decoys.panel(out.Log10P, out.Log10P, sub.scan(r.decoys.scorers), func(t *keyTest) float64 { return t.pairs })
	if out.Verdict == detect.NotDetected {
		out.Verdict = detect.Inconclusive // a green rate says nothing about a share of training text
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
func (p *readingPositions) window(text []detect.Token, s detect.Scorer, f ContextFilter) ([]detect.Token, windowFate) {
	window := text[max(0, len(text)-s.Width()):]
	if len(window) < s.Width() {
		return window, windowShort
	}
	for _, t := range window {
		if t < 0 || int(t) >= s.Vocab() {
			return window, windowOutside
		}
	}
	p.key = evidence.Pack(p.key[:0], window...)
	if _, ok := p.seen[string(p.key)]; ok {
		return window, windowRepeated
	}
	p.seen[string(p.key)] = struct{}{}
	if !f.keeps(window) {
		return window, windowFiltered
	}
	return window, windowRead
}
