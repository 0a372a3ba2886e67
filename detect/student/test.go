package student

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/internal/tail"
)

// ErrMarkedPrompts is a warning: the prompts carry the mark. Their contexts are out of the test in
// any case. But a prompt that quotes the marked model may have shaped the answer beyond the
// contexts.
var ErrMarkedPrompts = errors.New("the prompts carry the mark: " +
	"ask with text that the marked model did not write")

// ErrMarkedReference is a warning: the reference model depends on the key, in either direction. Its
// residual would convict a clean model or acquit another one.
var ErrMarkedReference = errors.New("the reference model depends on the key: " +
	"take one that learned neither from marked text nor from text that was chosen by a detector")

// A Test tests a model by its outputs: do they depend on the key? Every output comes with what the
// model received before it. Contexts that occur in any prompt are out of the test, for all outputs.
// Two statistics are declared ahead:
//
//   - Distinct pairs: each (context, token) pair counts once, and green ones are counted.
//   - The residual, with a reference model: each pair weighs as much as it occurs more often than
//     the reference expects. [detect.ResidualWeights] has the formula. Weights have either sign,
//     because under-use counts as well as over-use.
//
// The p-value is adjusted for both. Control keys run besides the real one, see [Decoys]. There is
// no test without dedup, and no filter that sees a token.
//
// A Test keeps the outputs, at four bytes a token. Results do not depend on the order of calls, or
// on how the outputs were spread over Tests that were merged. A Test may be used by one goroutine
// at a time.
type Test struct {
	scorer   detect.Scorer
	decoys   *Decoys
	options  Options
	outputs  []output
	excluded [][]detect.Token
}

// An output is what the model wrote, and the prompt before it. Ids outside the vocabulary are -1.
type output struct {
	prompt, text []detect.Token
	// history is everything before the text. It is nil if that is prompt. Otherwise prompt has -1
	// in place of what the model wrote itself.
	history []detect.Token
}

// before returns everything before the text.
func (o *output) before() []detect.Token {
	if o.history != nil {
		return o.history
	}
	return o.prompt
}

// New returns an empty Test. o may be nil. The error says that [Options.Check] refuses o, or that
// the law of s is not a [watermark.Bernoulli]. It also says that there are not enough control keys
// like s.
func New(s detect.Scorer, decoys *Decoys, o *Options) (*Test, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := decoys.fit(s); err != nil {
		return nil, err
	}
	return &Test{scorer: s, decoys: decoys, options: o.filled()}, nil
}

// Add counts one output. prompt is everything that the model received before it and did not write
// itself: system text, retrieved documents and what the user said. It may be empty. For a
// conversation call [Test.AddConversation]: the model's own earlier answers are not a prompt. An
// answer that quotes a prompt after a space has another first token: call Exclude with that
// tokenization too. Contexts do not reach from the output into the prompt. Add does not keep or
// change the slices.
func (s *Test) Add(prompt, text []detect.Token) {
	s.outputs = append(s.outputs, output{prompt: s.clean(prompt), text: s.clean(text)})
}

// A Turn is a part of a conversation.
type Turn struct {
	Own    bool // the suspect wrote it
	Tokens []detect.Token
}

// AddConversation counts every turn that the suspect wrote as one output. Its prompt is every turn
// before it that the suspect did not write. The suspect's own turns leave no context out of the
// test: under the null they are as independent of the key as the next one is. A reference model
// reads all turns. AddConversation does not keep or change the slices.
func (s *Test) AddConversation(turns []Turn) {
	var prompt, history []detect.Token
	own := false
	for _, turn := range turns {
		tokens := s.clean(turn.Tokens)
		if turn.Own {
			o := output{prompt: slices.Clone(prompt), text: tokens}
			if own {
				o.history = slices.Clone(history)
			}
			s.outputs = append(s.outputs, o)
			own = true
		}
		history = append(history, tokens...)
		if turn.Own {
			tokens = slices.Repeat([]detect.Token{-1}, len(tokens))
		}
		prompt = append(prompt, tokens...)
	}
}

// Exclude takes every context that occurs in tokens out of the test. Call it with everything else
// that the model may have copied from.
func (s *Test) Exclude(tokens []detect.Token) {
	s.excluded = append(s.excluded, s.clean(tokens))
}

// clean copies ids. Those outside the vocabulary become -1.
func (s *Test) clean(tokens []detect.Token) []detect.Token {
	c := make([]detect.Token, len(tokens))
	for i, t := range tokens {
		if c[i] = t; t < 0 || int(t) >= s.scorer.Vocab() {
			c[i] = -1
		}
	}
	return c
}

// Merge adds the outputs of b and leaves b unchanged. Both must have been made for the same mark,
// Exempt and Filter, or the error wraps [detect.ErrMismatch] and s is unchanged.
func (s *Test) Merge(b *Test) error {
	if s.scorer.ID() != b.scorer.ID() || s.options.Filter.Name != b.options.Filter.Name ||
		!slices.Equal(s.options.Exempt, b.options.Exempt) {
		return fmt.Errorf("student: cannot merge tests that differ in mark, Exempt or Filter: %w",
			detect.ErrMismatch)
	}
	s.outputs = append(s.outputs, b.outputs...)
	s.excluded = append(s.excluded, b.excluded...)
	return nil
}

// A Result tests the hypothesis that the outputs do not depend on the key. It does not say how a
// dependence came about.
type Result struct {
	// Pairs is the statistic of distinct pairs. Its Power is about green rates. It does not say
	// anything about shares of training text.
	Pairs detect.Result
	// Residual is the statistic against the reference model. It is nil without one.
	Residual *WeightedResult

	// Log10P is log10 of the p-value of the declared statistics, at most 0: the smaller one,
	// adjusted for their number.
	Log10P float64
	// Log10PAdjusted is Log10P adjusted for the Tests of Options too, at most 0. The verdict rests
	// on it.
	Log10PAdjusted float64
	Statistics     int64 // number of declared statistics, 1 or 2
	Tests          int64 // Statistics times the Tests of Options
	Verdict        detect.Verdict

	// PairsDecoys and ResidualDecoys are the same statistics under the control keys. ResidualDecoys
	// is nil without a reference.
	PairsDecoys    DecoyPanel
	ResidualDecoys *DecoyPanel

	// Prompts tests the prompts, which should not carry the mark.
	Prompts detect.Result
	// CopiedLog10P is log10 of the p-value of the pairs that outputs copy from their own prompts, four
	// or more in a row, at most 0. It is that of their number, and of their number weighed by how
	// often they are copied, adjusted for both. It is 0 unless PromptsUnmarked is declared, because
	// contexts of prompts are out of the test otherwise.
	CopiedLog10P float64
	// ReferenceLog10P is log10 of the p-value of the reference's own first choices, at most 0: after
	// each new context, is its likeliest token green more often than chance has it, or less often? A
	// reference that depends on the key makes the residual false in either direction. It is 0
	// without a RowReference or OutputRows.
	ReferenceLog10P float64
	// Unread is the number of positions of outputs for which OutputRows has no row. Each counts as
	// one at which the reference expects nothing. That costs power, and the p-value holds.
	Unread int64
	// Refused says that the prompts were declared unmarked, but they or what the outputs copy from
	// them have a p-value of at most 0.001, or that the reference has one. The test then does not
	// reject: every p-value is 1.
	Refused bool

	Gamma    float64 // probability of green under the null, in (0,1)
	Outputs  int64   // outputs added
	Filtered int64   // positions that the filter left out; they are not in another count
	Filter   string  // name of the filter; "" without one
	Warnings []error // reasons not to trust the rest, besides those of Pairs
}

// String returns one line for a log.
func (r Result) String() string {
	return fmt.Sprintf("%s log10p=%s statistics=%d tests=%d scored=%d rank=%d of %d",
		r.Verdict, evidence.Rounded(r.Log10PAdjusted, 3), r.Statistics, r.Tests,
		r.Pairs.Scored, r.PairsDecoys.Rank, len(r.PairsDecoys.Log10P)+1)
}

// Result tests everything added so far. It takes as long as one test for each control key. More
// outputs may follow. But if this Result decides whether more follow, the next one is not a fixed
// test, and its p-value does not hold. [Sequential] may be looked at.
func (s *Test) Result() Result {
	r, _ := s.test()
	return r
}

// test returns the result and the pairs that were tested.
func (s *Test) test() (Result, *pairSet) {
	s.settle()
	acc, filtered := s.gather()
	set, counts := s.pairSet(acc)
	pairs := acc.Result() // acc, which is large, is not needed from here on
	if counts != nil {
		set.weighted = newWeightedSum(s.residuals(set.pairs.index(), counts))
	}
	reference, unread := s.referenceChoices(set)
	r := Result{
		Unread:     unread,
		Pairs:      pairs,
		Statistics: s.options.statistics(),
		Tests:      s.options.Tests * s.options.statistics(),
		Prompts:    s.testPrompts(),
		Outputs:    int64(len(s.outputs)),
		Filtered:   filtered,
		Gamma:      greenLaw(s.scorer).P,
		Filter:     s.options.Filter.Name,
	}
	own := set.test(s.scorer)
	decoys := set.scan(s.decoys.scorers)
	r.PairsDecoys = s.decoys.panel(own.pairs, own.pairs, decoys, func(t *keyTest) float64 { return t.pairs })
	r.Warnings = append(r.Warnings, r.PairsDecoys.Warnings()...)
	r.Log10P = own.best(r.Statistics)
	if set.weighted != nil {
		w := set.weighted.result(s.scorer, &own.weighted, own.residual, r.Tests)
		r.Residual = &w
		panel := s.decoys.panel(own.residual, own.bound, decoys, func(t *keyTest) float64 { return t.residual })
		r.ResidualDecoys = &panel
		if len(r.Warnings) == 0 {
			r.Warnings = panel.Warnings()
		}
	}
	r.Log10PAdjusted = tail.Bonferroni(r.Log10P, s.options.Tests)
	r.CopiedLog10P, r.ReferenceLog10P = s.copied(), reference
	if min(r.Prompts.Log10P, r.CopiedLog10P) <= log10Marked {
		r.Warnings = append(r.Warnings, ErrMarkedPrompts)
		if s.options.PromptsUnmarked {
			r.refuse()
		}
	}
	if r.ReferenceLog10P <= log10Marked {
		r.Warnings = append(r.Warnings, ErrMarkedReference)
		r.refuse()
	}
	if r.Verdict = detect.Inconclusive; !r.Refused {
		r.Verdict = s.options.verdict(r.Log10PAdjusted, greenLaw(s.scorer).P, r.Pairs.Scored, r.Tests)
	}
	r.Pairs.Verdict = r.Verdict
	return r, set
}

// log10Marked is log10 of the largest p-value at which prompts count as marked.
const log10Marked = -3

// refuse sets every p-value to 1. That makes rejections rarer under the null, whatever the prompts
// depend on.
func (r *Result) refuse() {
	r.Refused = true
	r.Log10P, r.Log10PAdjusted, r.Pairs.Log10P, r.Pairs.Log10PAdjusted = 0, 0, 0, 0
	if r.Residual != nil {
		r.Residual.Log10P, r.Residual.Log10PAdjusted = 0, 0
	}
}

// verdict draws the verdict from the adjusted p-value and the number of units.
func (o *Options) verdict(log10P, gamma float64, scored, tests int64) detect.Verdict {
	switch {
	case log10P <= tail.Log10(o.Alpha):
		return detect.Detected
	case o.C1 > 0 && o.MinShare > 0 && scored > 0 && scored <= o.C1Pairs:
		p := plan.Student{C1: o.C1, Alpha: min(o.Alpha, 0.5), Tests: tests, Gamma: gamma}
		if p.Share(scored, null.TargetPower) <= o.MinShare {
			return detect.NotDetected
		}
	}
	return detect.Inconclusive
}

// panel returns the DecoyPanel of one statistic. compared is the real p-value in the form that
// those of the control keys have.
func (d *Decoys) panel(real, compared float64, tests []keyTest, p func(*keyTest) float64) DecoyPanel {
	log10P := make([]float64, len(tests))
	for i := range tests {
		log10P[i] = p(&tests[i])
	}
	return newDecoyPanel(d.runKey, real, compared, log10P)
}

// settle sorts the outputs. So nothing that is computed from them depends on the order in which
// they came.
func (s *Test) settle() {
	slices.SortFunc(s.outputs, func(a, b output) int {
		if c := slices.Compare(a.prompt, b.prompt); c != 0 {
			return c
		}
		if c := slices.Compare(a.text, b.text); c != 0 {
			return c
		}
		return slices.Compare(a.history, b.history)
	})
	slices.SortFunc(s.excluded, slices.Compare[[]detect.Token])
}

// gather collects the positions, and counts those that the filter leaves out.
func (s *Test) gather() (acc *detect.Accumulator, filtered int64) {
	acc = detect.NewAccumulator(s.scorer, &detect.Options{
		Exempt: s.options.Exempt, Alpha: s.options.Alpha, MinShare: 1,
		Tests: s.options.Tests * s.options.statistics(),
	})
	for _, x := range s.excluded {
		acc.Exclude(x)
	}
	for _, o := range s.outputs {
		if !s.options.PromptsUnmarked {
			acc.Exclude(o.prompt)
		}
		filtered += s.options.Filter.positions(o.text, s.scorer, acc.AddPair)
	}
	return acc, filtered
}

// testPrompts tests the prompts themselves.
func (s *Test) testPrompts() detect.Result {
	acc := detect.NewAccumulator(s.scorer, &detect.Options{Exempt: s.options.Exempt, Alpha: s.options.Alpha})
	for _, x := range s.outputs {
		acc.Add(x.prompt)
	}
	return acc.Result()
}

// pairSet lists the distinct pairs that are tested, without weights. If a residual is tested, counts has
// how often each pair occurs, in fixed point.
func (s *Test) pairSet(acc *detect.Accumulator) (set *pairSet, counts []int64) {
	set = &pairSet{countsPairs: true}
	for u := range acc.Units() {
		if !u.Excluded {
			set.pairs.add(u.Pair)
		}
	}
	if s.options.statistics() > 1 {
		counts = make([]int64, 0, set.pairs.len())
		for u := range acc.Units() {
			if !u.Excluded {
				counts = append(counts, min(u.Count, math.MaxInt64/fixedOne/2)*fixedOne)
			}
		}
	}
	return set, counts
}
