package student

import (
	"errors"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/sequential"
)

// SequentialOptions declares a [Sequential]; nil means the zero
// SequentialOptions, which is sound and never gives up.
type SequentialOptions struct {
	Filter ContextFilter
	// PromptsUnmarked declares that the marked model wrote no part of any prompt, answers of
	// the suspect apart; see [Options]. Here nothing tests the declaration: let a
	// [Test] hold the outputs, too, and look at its Prompts.
	PromptsUnmarked bool
	Exempt          []detect.Token // ids never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5]. 0 means
	// 1e-6.
	Alpha float64
	// Tests is the number of tests this one belongs to (Bonferroni). 0 means 1.
	Tests int64
	// C1 and MinShare make the futility bound: once there are as many units as a fixed
	// test needs to show the share MinShare of marked training text with power 0.99, by
	// [plan.Student] with this C1, silence is called not_detected. A C1 of 0, unknown, goes
	// on until the budget ends.
	C1, MinShare float64
}

// A Sequential tests a student while its outputs are collected: its detect.Result may be
// looked at after every output and may decide whether and what the model is asked next. It
// tests distinct pairs by an e-process, as [sequential.Test] does and for the reason given
// there; each prompt takes its contexts out of the test from the moment the prompt is
// given, before the answer is scored. The residual statistic has no part in it: its weights
// follow from all outputs, so they are not known when a pair is scored.
//
// A test that was stopped because of what it showed is reported by this result alone: the
// p-value of [Test] over the same outputs does not hold then. The result depends on the
// order of outputs, and two of them cannot be merged. One goroutine at a time.
type Sequential struct {
	scorer   detect.Scorer
	test     *sequential.Test
	decoys   *Decoys
	options  SequentialOptions
	filtered int64
	outputs  int64
	fresh    pairs // the units that the real key was asked about, for the decoys
}

// NewSequential returns an empty Sequential. o may be nil. It returns an error as [New] does.
func NewSequential(s detect.Scorer, decoys *Decoys, o *SequentialOptions) (*Sequential, error) {
	var c SequentialOptions
	if o != nil {
		c = *o
	}
	if err := c.Filter.check(); err != nil {
		return nil, err
	}
	if err := decoys.fit(s); err != nil {
		return nil, err
	}
	q := &Sequential{scorer: s, decoys: decoys, options: c}
	options := sequential.Options{Exempt: c.Exempt, Alpha: c.Alpha, Tests: c.Tests, Futile: math.MaxInt64, Observe: q.fresh.add}
	if err := options.Check(); err != nil {
		return nil, err
	}
	if c.C1 != 0 || c.MinShare != 0 {
		switch {
		case !(c.C1 > 0) || math.IsInf(c.C1, 1):
			return nil, errors.New("student: C1 is not a positive number, and MinShare needs it")
		case !(c.MinShare > 0 && c.MinShare <= 1):
			return nil, errors.New("student: MinShare is outside (0,1], and C1 needs it")
		}
		n := plan.Student{C1: c.C1, Alpha: c.Alpha, Tests: c.Tests}.Tokens(c.MinShare, futilePower)
		if n < math.MaxInt64/2 {
			options.Futile = int64(math.Ceil(n))
		}
	}
	q.test = sequential.New(s, &options)
	return q, nil
}

// Add counts one output, after a prompt that is everything the model was given before it.
// See [Test.Add]. Prompts that came with earlier outputs stay out of the test for later
// ones.
func (q *Sequential) Add(prompt, text []detect.Token) {
	q.outputs++
	if !q.options.PromptsUnmarked {
		q.test.Prompt(prompt)
	}
	q.filtered += q.options.Filter.positions(text, q.scorer, q.test.AddPair)
}

// Exclude takes contexts out of the test that the model may have copied from since the
// beginning; see [sequential.Test.Exclude] for its error.
func (q *Sequential) Exclude(tokens []detect.Token) error { return q.test.Exclude(tokens) }

// A SequentialResult tests the hypothesis that the outputs do not depend on the key,
// at any time.
type SequentialResult struct {
	sequential.Result
	// Decoys are the anytime-valid p-values of the decoy keys at this time.
	Decoys   DecoyPanel
	Outputs  int64 // outputs added
	Filtered int64 // positions that the filter left out; they are in no other count
	Filter   string
}

// Progress returns what is known now, without the decoys. It takes no time to speak of.
func (q *Sequential) Progress() sequential.Result { return q.test.Result() }

// Done reports whether the verdict is in: the rule to stop by.
func (q *Sequential) Done() bool { return q.test.Done() }

// detect.Result returns what is known now, and runs the decoys.
func (q *Sequential) Result() SequentialResult {
	r := SequentialResult{
		Result: q.test.Result(), Outputs: q.outputs, Filtered: q.filtered, Filter: q.options.Filter.Name,
	}
	log10P := make([]float64, q.decoys.Len())
	each(len(log10P), func(i int) {
		log10P[i] = replay(q.decoys.scorers[i], q.fresh)
	})
	r.Decoys = newDecoyPanel(q.decoys.runKey, r.Log10P, r.Log10P, log10P)
	r.Warnings = append(r.Warnings, r.Decoys.Warnings()...)
	return r
}

// replay returns log10 of the anytime-valid p-value of a key over units in order.
func replay(s detect.Scorer, units []detect.Pair) float64 {
	e := sequential.NewEProcess(greenLaw(s).P)
	scores := make([]int64, 0, evidence.Batch)
	for from := 0; from < len(units); from += evidence.Batch {
		to := min(from+evidence.Batch, len(units))
		scores = s.Score(scores[:0], units[from:to:to])
		for _, score := range scores {
			if score == 0 || score == 1 {
				e.AddCounts(score, 1)
			}
		}
	}
	return e.Log10P()
}

// futilePower is the power of the fixed test at whose size silence is called not_detected.
const futilePower = 0.99

// pairs collects pairs with contexts of their own.
type pairs []detect.Pair

func (p *pairs) add(pair detect.Pair) {
	*p = append(*p, detect.Pair{Context: slices.Clone(pair.Context), Token: pair.Token})
}
