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

// ErrMarkedPrompts is a warning: the prompts carry the mark. Their contexts are out of the
// test in any case, but a prompt that quotes the marked model may have shaped the answer
// further than its contexts reach.
var ErrMarkedPrompts = errors.New("the prompts carry the mark themselves: ask with text that the marked model did not write")

// A Test tests a model by what it wrote: do its outputs depend on the key? Every output
// comes with what the model was given, and contexts that occur in any prompt are out of
// the test, for all outputs. Two statistics are declared ahead,
//
//   - distinct pairs: each (context, token) pair once, green ones counted;
//   - with a detect.Reference, the residual: each pair weighs as much as it occurs more often than
//     the reference expects (see [detect.ResidualWeights] for the formula), with either sign,
//     because what a student says less often than it would have counts as well;
//
// and the p-value counts both. Decoy keys run beside the real one. There is no test without
// dedup, and no filter that sees a token.
//
// The outputs are kept, four bytes a token. Results do not depend on the order of calls or on
// how the outputs were spread over Tests that were merged. One goroutine at a time.
type Test struct {
	scorer   detect.Scorer
	decoys   *Decoys
	options  Options
	outputs  []output
	excluded [][]detect.Token
}

// An output is what the model wrote, after a prompt. Ids outside the vocabulary are -1.
type output struct{ prompt, text []detect.Token }

// New returns an empty Test. o may be nil. The error says that [Options.Check] refuses o, that the
// scorer's law is not a [watermark.Bernoulli], or that the control keys are missing or are not marks
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

// Add counts one output. prompt is everything that the model was given before it: system
// text, retrieved documents and earlier turns included; it may be empty. An answer that
// quotes a prompt after a space has another first token: Exclude that tokenization, too.
// Contexts do not reach from the output into the prompt. Neither slice is kept or changed.
func (s *Test) Add(prompt, text []detect.Token) {
	s.outputs = append(s.outputs, output{s.clean(prompt), s.clean(text)})
}

// Exclude takes every context that occurs in tokens out of the test: whatever else the
// model may have copied from.
func (s *Test) Exclude(tokens []detect.Token) {
	s.excluded = append(s.excluded, s.clean(tokens))
}

// clean copies ids, those outside the vocabulary as -1.
func (s *Test) clean(tokens []detect.Token) []detect.Token {
	c := make([]detect.Token, len(tokens))
	for i, t := range tokens {
		if c[i] = t; t < 0 || int(t) >= s.scorer.Vocab() {
			c[i] = -1
		}
	}
	return c
}

// Merge adds what b holds, and leaves b as it is. Both must have been made for the same
// mark, Exempt and Filter, or the error wraps [detect.ErrMismatch].
func (s *Test) Merge(b *Test) error {
	if s.scorer.ID() != b.scorer.ID() || s.options.Filter.Name != b.options.Filter.Name || !slices.Equal(s.options.Exempt, b.options.Exempt) {
		return fmt.Errorf("student: cannot merge tests of students with other marks, Exempt or Filter: %w", detect.ErrMismatch)
	}
	s.outputs = append(s.outputs, b.outputs...)
	s.excluded = append(s.excluded, b.excluded...)
	return nil
}

// A Result tests the hypothesis that the outputs do not depend on the key. It says
// nothing about how they came to.
type Result struct {
	// Pairs is the statistic of distinct pairs. Its Power is about green rates and says
	// nothing about shares of training text.
	Pairs detect.Result
	// Residual is the statistic against the reference model; nil without one.
	Residual *WeightedResult

	// Log10P is the p-value of the declared bundle: the smaller of the statistics', each
	// counted.
	Log10P float64
	// Log10PAdjusted counts the Tests of the options, too. It decides.
	Log10PAdjusted float64
	Statistics     int64 // 1 or 2
	Tests          int64 // Statistics times those of the options
	Verdict        detect.Verdict

	// PairsDecoys and ResidualDecoys are the same statistics under the decoy keys.
	PairsDecoys    DecoyPanel
	ResidualDecoys *DecoyPanel

	// Prompts tests the prompts, which should carry no mark.
	Prompts detect.Result
	// Refused says that the prompts were declared unmarked and carry the mark, or may: their
	// p-value is at most 0.001. Nothing was tested then; every p-value is 1.
	Refused bool

	Gamma    float64 // probability of green under the null
	Outputs  int64   // outputs added
	Filtered int64   // positions that the filter left out; they are in no other count
	Filter   string
	Warnings []error // beside those of Pairs
}

// String returns the one line to log.
func (r Result) String() string {
	return fmt.Sprintf("%s log10p=%s statistics=%d tests=%d scored=%d rank=%d of %d",
		r.Verdict, evidence.Rounded(r.Log10PAdjusted, 3), r.Statistics, r.Tests, r.Pairs.Scored, r.PairsDecoys.Rank, len(r.PairsDecoys.Log10P)+1)
}

// detect.Result tests everything added so far. It takes the time of as many tests as there are
// decoys. More may follow, but a detect.Result that decided whether more follows is no longer a
// fixed test: its p-value would not hold. [Sequential] is for that.
func (s *Test) Result() Result {
	r, _ := s.test()
	return r
}

// test returns the result and what was tested.
func (s *Test) test() (Result, *subject) {
	s.settle()
	acc, filtered := s.gather()
	sub := s.subject(acc)
	r := Result{
		Pairs:      acc.Result(),
		Statistics: s.options.statistics(),
		Tests:      s.options.Tests * s.options.statistics(),
		Prompts:    s.testPrompts(),
		Outputs:    int64(len(s.outputs)),
		Filtered:   filtered,
		Gamma:      greenLaw(s.scorer).P,
		Filter:     s.options.Filter.Name,
	}
	own := sub.test(s.scorer)
	decoys := sub.scan(s.decoys.scorers)
	r.PairsDecoys = s.decoys.panel(own.pairs, own.pairs, decoys, func(t *keyTest) float64 { return t.pairs })
	r.Warnings = append(r.Warnings, r.PairsDecoys.Warnings()...)
	r.Log10P = own.best(r.Statistics)
	if sub.weighted != nil {
		w := sub.weighted.result(s.scorer, &own.weighted, own.residual, r.Tests)
		r.Residual = &w
		panel := s.decoys.panel(own.residual, own.bound, decoys, func(t *keyTest) float64 { return t.residual })
		r.ResidualDecoys = &panel
		if len(r.Warnings) == 0 {
			r.Warnings = panel.Warnings()
		}
	}
	r.Log10PAdjusted = tail.Bonferroni(r.Log10P, s.options.Tests)
	if r.Prompts.Log10P <= log10Marked {
		r.Warnings = append(r.Warnings, ErrMarkedPrompts)
		if s.options.PromptsUnmarked {
			r.refuse()
		}
	}
	if r.Verdict = detect.Inconclusive; !r.Refused {
		r.Verdict = s.options.verdict(r.Log10PAdjusted, r.Pairs.Scored, r.Tests)
	}
	r.Pairs.Verdict = r.Verdict
	return r, sub
}

// log10Marked is the p-value at which prompts count as marked.
const log10Marked = -3

// refuse takes back what was tested. That makes rejections rarer under the null, whatever
// the prompts depend on.
func (r *Result) refuse() {
	r.Refused = true
	r.Log10P, r.Log10PAdjusted, r.Pairs.Log10P, r.Pairs.Log10PAdjusted = 0, 0, 0, 0
	if r.Residual != nil {
		r.Residual.Log10P, r.Residual.Log10PAdjusted = 0, 0
	}
}

// verdict concludes from the adjusted p-value and the number of units.
func (o *Options) verdict(log10P float64, scored, tests int64) detect.Verdict {
	switch {
	case log10P <= math.Log10(o.Alpha):
		return detect.Detected
	case o.C1 > 0 && o.MinShare > 0 && scored > 0 &&
		(plan.Student{C1: o.C1, Alpha: min(o.Alpha, 0.5), Tests: tests}).Share(scored, null.TargetPower) <= o.MinShare:
		return detect.NotDetected
	}
	return detect.Inconclusive
}

// panel makes a DecoyPanel of one statistic. compared is the real p-value as the decoys have
// theirs.
func (d *Decoys) panel(real, compared float64, tests []keyTest, p func(*keyTest) float64) DecoyPanel {
	log10P := make([]float64, len(tests))
	for i := range tests {
		log10P[i] = p(&tests[i])
	}
	return newDecoyPanel(d.runKey, real, compared, log10P)
}

// settle brings the outputs into an order of their own, so that whatever is computed from
// them does not depend on how they came.
func (s *Test) settle() {
	slices.SortFunc(s.outputs, func(a, b output) int {
		if c := slices.Compare(a.prompt, b.prompt); c != 0 {
			return c
		}
		return slices.Compare(a.text, b.text)
	})
	slices.SortFunc(s.excluded, slices.Compare[[]detect.Token])
}

// gather collects the positions, and counts those that the filter leaves out.
func (s *Test) gather() (acc *detect.Accumulator, filtered int64) {
	acc = detect.NewAccumulator(s.scorer, &detect.Options{
		Exempt: s.options.Exempt, Alpha: s.options.Alpha, MinShare: 1, Tests: s.options.Tests * s.options.statistics(),
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

// subject lists the distinct pairs that are tested, with their weights.
func (s *Test) subject(acc *detect.Accumulator) *subject {
	sub := &subject{unitary: true}
	var counts []int64
	for u := range acc.Units() {
		if !u.Excluded {
			sub.pairs = append(sub.pairs, u.Pair)
			counts = append(counts, u.Count)
		}
	}
	if s.options.Reference != nil {
		sub.weighted = newWeighted(s.residuals(sub.pairs, counts))
	}
	return sub
}
