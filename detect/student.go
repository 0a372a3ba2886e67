package detect

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/internal/tail"
)

// ErrMarkedPrompts is a warning: the prompts carry the mark. Their contexts are out of the
// test in any case, but a prompt that quotes the marked model may have shaped the answer
// further than its contexts reach.
var ErrMarkedPrompts = errors.New("the prompts carry the mark themselves: ask with text that the marked model did not write")

// StudentOptions declares a test of a student; nil means the zero StudentOptions, which
// is sound. All of it is decided before looking.
type StudentOptions struct {
	// Reference adds the second statistic, the residual against this model, and makes the
	// test one of two (Bonferroni). nil tests distinct pairs alone.
	Reference Reference
	Filter    ContextFilter
	// PromptsUnmarked declares that the marked model wrote no part of any prompt. Contexts
	// of prompts then stay in the test: with a short context most would go. The declaration
	// is tested, and a test whose prompts carry the mark is refused.
	PromptsUnmarked bool
	Exempt          []Token // ids never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,1).
	// 0 means 1e-6.
	Alpha float64
	// Tests is the number of tests this one belongs to, its own statistics apart: other
	// keys, other sets of prompts, other tokenizations (Bonferroni). 0 means 1.
	Tests int64
	// C1 is the sensitivity that [StudentPlan] rests on, measured on a student of one's
	// own, and MinShare the share of marked training text of interest, in (0,1]. With both,
	// silence of a test that would have shown MinShare with power 0.9 is called
	// not_detected. With a C1 of 0, unknown, silence is inconclusive.
	C1, MinShare float64
}

func (o *StudentOptions) orDefault() StudentOptions {
	var c StudentOptions
	if o != nil {
		c = *o
	}
	c.Filter.check()
	fixed := (&Options{Exempt: c.Exempt, Alpha: c.Alpha, Tests: c.Tests}).orDefault()
	c.Exempt, c.Alpha, c.Tests = fixed.Exempt, fixed.Alpha, fixed.Tests
	switch {
	case !(c.C1 >= 0) || math.IsInf(c.C1, 1):
		panic("detect: C1 is not a number of at least 0")
	case !(c.MinShare >= 0 && c.MinShare <= 1):
		panic("detect: MinShare is outside [0,1]")
	case c.Tests > math.MaxInt64/8:
		panic("detect: Tests is too large")
	}
	return c
}

// statistics is the number of statistics of the test.
func (o *StudentOptions) statistics() int64 {
	if o.Reference == nil {
		return 1
	}
	return 2
}

// A Student tests a model by what it wrote: do its outputs depend on the key? Every output
// comes with what the model was given, and contexts that occur in any prompt are out of
// the test, for all outputs. Two statistics are declared ahead,
//
//   - distinct pairs: each (context, token) pair once, green ones counted;
//   - with a Reference, the residual: each pair weighs as much as it occurs more often than
//     the reference expects (see [ResidualWeights] for the formula), with either sign,
//     because what a student says less often than it would have counts as well;
//
// and the p-value counts both. Decoy keys run beside the real one. There is no test without
// dedup, and no filter that sees a token.
//
// The outputs are kept, four bytes a token. Results do not depend on the order of calls or on
// how the outputs were spread over Students that were merged. One goroutine at a time.
type Student struct {
	scorer   Scorer
	decoys   *Decoys
	options  StudentOptions
	outputs  []output
	excluded [][]Token
}

// An output is what the model wrote, after a prompt. Ids outside the vocabulary are -1.
type output struct{ prompt, text []Token }

// NewStudent returns an empty Student. o may be nil. It panics when an option is out of its
// range, when the scorer's law is not a [watermark.Bernoulli], and when the decoys are
// missing or are not marks like s.
func NewStudent(s Scorer, decoys *Decoys, o *StudentOptions) *Student {
	greenLaw(s)
	decoys.match(s)
	return &Student{scorer: s, decoys: decoys, options: o.orDefault()}
}

// Add counts one output. prompt is everything that the model was given before it: system
// text, retrieved documents and earlier turns included; it may be empty. An answer that
// quotes a prompt after a space has another first token: Exclude that tokenization, too.
// Contexts do not reach from the output into the prompt. Neither slice is kept or changed.
func (s *Student) Add(prompt, text []Token) {
	s.outputs = append(s.outputs, output{s.clean(prompt), s.clean(text)})
}

// Exclude takes every context that occurs in tokens out of the test: whatever else the
// model may have copied from.
func (s *Student) Exclude(tokens []Token) {
	s.excluded = append(s.excluded, s.clean(tokens))
}

// clean copies ids, those outside the vocabulary as -1.
func (s *Student) clean(tokens []Token) []Token {
	c := make([]Token, len(tokens))
	for i, t := range tokens {
		if c[i] = t; t < 0 || int(t) >= s.scorer.Vocab() {
			c[i] = -1
		}
	}
	return c
}

// Merge adds what b holds, and leaves b as it is. Both must have been made for the same
// mark, Exempt and Filter, or the error wraps [ErrMismatch].
func (s *Student) Merge(b *Student) error {
	if s.scorer.ID() != b.scorer.ID() || s.options.Filter.Name != b.options.Filter.Name || !slices.Equal(s.options.Exempt, b.options.Exempt) {
		return fmt.Errorf("detect: cannot merge tests of students with other marks, Exempt or Filter: %w", ErrMismatch)
	}
	s.outputs = append(s.outputs, b.outputs...)
	s.excluded = append(s.excluded, b.excluded...)
	return nil
}

// A StudentResult tests the hypothesis that the outputs do not depend on the key. It says
// nothing about how they came to.
type StudentResult struct {
	// Pairs is the statistic of distinct pairs. Its Power is about green rates and says
	// nothing about shares of training text.
	Pairs Result
	// Residual is the statistic against the reference model; nil without one.
	Residual *WeightedResult

	// Log10P is the p-value of the declared bundle: the smaller of the statistics', each
	// counted.
	Log10P float64
	// Log10PAdjusted counts the Tests of the options, too. It decides.
	Log10PAdjusted float64
	Statistics     int64 // 1 or 2
	Tests          int64 // Statistics times those of the options
	Verdict        Verdict

	// PairsDecoys and ResidualDecoys are the same statistics under the decoy keys.
	PairsDecoys    DecoyPanel
	ResidualDecoys *DecoyPanel

	// Prompts tests the prompts, which should carry no mark.
	Prompts Result
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
func (r StudentResult) String() string {
	return fmt.Sprintf("%s log10p=%s statistics=%d tests=%d scored=%d rank=%d of %d",
		r.Verdict, rounded(r.Log10PAdjusted, 3), r.Statistics, r.Tests, r.Pairs.Scored, r.PairsDecoys.Rank, len(r.PairsDecoys.Log10P)+1)
}

// Result tests everything added so far. It takes the time of as many tests as there are
// decoys. More may follow, but a Result that decided whether more follows is no longer a
// fixed test: its p-value would not hold. [StudentSequential] is for that.
func (s *Student) Result() StudentResult {
	r, _ := s.test()
	return r
}

// test returns the result and what was tested.
func (s *Student) test() (StudentResult, *subject) {
	s.settle()
	e, filtered := s.gather()
	sub := s.subject(e)
	pairOptions := Options{Exempt: s.options.Exempt, Alpha: s.options.Alpha, MinShare: 1, Tests: s.options.Tests * s.options.statistics()}
	r := StudentResult{
		Pairs:      e.score(s.scorer).result(s.scorer, pairOptions, 1),
		Statistics: s.options.statistics(),
		Tests:      pairOptions.Tests,
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
	if r.Verdict = Inconclusive; !r.Refused {
		r.Verdict = s.options.verdict(r.Log10PAdjusted, r.Pairs.Scored, r.Tests)
	}
	r.Pairs.Verdict = r.Verdict
	return r, sub
}

// log10Marked is the p-value at which prompts count as marked.
const log10Marked = -3

// refuse takes back what was tested. That makes rejections rarer under the null, whatever
// the prompts depend on.
func (r *StudentResult) refuse() {
	r.Refused = true
	r.Log10P, r.Log10PAdjusted, r.Pairs.Log10P, r.Pairs.Log10PAdjusted = 0, 0, 0, 0
	if r.Residual != nil {
		r.Residual.Log10P, r.Residual.Log10PAdjusted = 0, 0
	}
}

// verdict concludes from the adjusted p-value and the number of units.
func (o *StudentOptions) verdict(log10P float64, scored, tests int64) Verdict {
	switch {
	case log10P <= math.Log10(o.Alpha):
		return Detected
	case o.C1 > 0 && o.MinShare > 0 && scored > 0 &&
		(StudentPlan{C1: o.C1, Alpha: min(o.Alpha, 0.5), Tests: tests}).Share(scored, targetPower) <= o.MinShare:
		return NotDetected
	}
	return Inconclusive
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
func (s *Student) settle() {
	slices.SortFunc(s.outputs, func(a, b output) int {
		if c := slices.Compare(a.prompt, b.prompt); c != 0 {
			return c
		}
		return slices.Compare(a.text, b.text)
	})
	slices.SortFunc(s.excluded, slices.Compare[[]Token])
}

// gather collects the positions, and counts those that the filter leaves out.
func (s *Student) gather() (e *evidence, filtered int64) {
	e = newEvidence(s.scorer.Width(), s.scorer.Vocab(), (&Options{Exempt: s.options.Exempt}).orDefault())
	for _, x := range s.excluded {
		e.exclude(x)
	}
	for _, o := range s.outputs {
		if !s.options.PromptsUnmarked {
			e.exclude(o.prompt)
		}
		filtered += e.addFiltered(o.text, s.options.Filter)
	}
	return e, filtered
}

// addFiltered is add for positions whose context a filter keeps, and returns the number of
// the others. It does not filter what has no context.
func (e *evidence) addFiltered(tokens []Token, f ContextFilter) (filtered int64) {
	e.set.BeginText()
	bad := -e.width - 1 // the last position outside the vocabulary
	for i, t := range tokens {
		if !e.inVocab(t) {
			bad = i
		}
		context := tokens[max(0, i-e.width):i]
		inVocab := i-bad > e.width
		if inVocab && len(context) == e.width && !f.keeps(context) {
			filtered++
			continue
		}
		e.position(context, t, 1, inVocab)
	}
	return filtered
}

// testPrompts tests the prompts themselves.
func (s *Student) testPrompts() Result {
	o := (&Options{Exempt: s.options.Exempt, Alpha: s.options.Alpha}).orDefault()
	e := newEvidence(s.scorer.Width(), s.scorer.Vocab(), o)
	for _, x := range s.outputs {
		e.add(x.prompt, nil)
	}
	return e.score(s.scorer).result(s.scorer, o, 1)
}

// subject lists the distinct pairs that are tested, with their weights.
func (s *Student) subject(e *evidence) *subject {
	sub := &subject{unitary: true}
	var counts []int64
	for i := range e.set.Len() {
		if u := e.set.Unit(i); !u.Excluded && !e.isExempt(u.Token) {
			sub.pairs = append(sub.pairs, Pair{Context: e.set.AppendContext(nil, i), Token: u.Token})
			counts = append(counts, u.Count)
		}
	}
	if s.options.Reference != nil {
		sub.weighted = newWeighted(s.residuals(sub.pairs, counts))
	}
	return sub
}
