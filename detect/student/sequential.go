package student

import (
	"errors"
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/sequential"
)

// SequentialOptions declares a [Sequential]. nil means the zero SequentialOptions, which is sound
// and never gives up.
type SequentialOptions struct {
	// Filter narrows the test to some contexts. The zero ContextFilter keeps all.
	Filter ContextFilter
	// PromptsUnmarked declares that the marked model wrote no part of any prompt, except for
	// answers of the suspect. See [Options]. A Sequential does not check the declaration. Give the
	// outputs to a [Test] too, and look at its Prompts.
	PromptsUnmarked bool
	Exempt          []detect.Token // ids that are never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5]. 0 means
	// 1e-6.
	Alpha float64
	// Tests is the number of tests that this one belongs to (Bonferroni), at least 1. 0 means 1.
	Tests int64
	// C1, above 0, and MinShare, in (0,1], set the futility bound, at which the test ends. By
	// [plan.Student], a share MinShare of marked training text raises the green rate by C1 MinShare
	// sqrt(gamma(1-gamma)). At the bound this test shows that rise with probability 0.9, and a fixed
	// test shows it with 0.99. If both are 0, the test continues until the caller stops.
	C1, MinShare float64
	// C1Pairs is the number of scored distinct pairs at which C1 was measured, at least 0. At the
	// futility bound silence is called not_detected if at most C1Pairs were scored. Otherwise, and
	// if C1Pairs is 0, it is inconclusive.
	C1Pairs int64
}

// A Sequential tests a student while its outputs are collected. Its Result may be looked at after
// every output. It may decide whether the model is asked again, and what.
//
// It tests distinct pairs by an e-process, as [sequential.Test] does and for the reason given
// there. Each prompt takes its contexts out of the test when it is given, before the answer is
// scored. The residual statistic takes no part: its weights follow from all outputs, so they are
// not known when a pair is scored.
//
// If a test was stopped because of what it showed, report this result alone. The p-value of a
// [Test] over the same outputs does not hold then. The result depends on the order of outputs, so
// two Sequentials cannot be merged. A Sequential may be used by one goroutine at a time.
type Sequential struct {
	scorer   detect.Scorer
	test     *sequential.Test
	decoys   *Decoys
	options  SequentialOptions
	filtered int64
	outputs  int64
	fresh    pairList // units that the real key was asked about, for the control keys
}

// NewSequential returns an empty Sequential. o may be nil. It returns the errors of [New], and an
// error if only one of C1 and MinShare is set.
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
	options := sequential.Options{
		Exempt: c.Exempt, Alpha: c.Alpha, Tests: c.Tests, Futile: math.MaxInt64, Observe: q.fresh.add,
	}
	if err := options.Check(); err != nil {
		return nil, err
	}
	if c.C1 != 0 || c.MinShare != 0 {
		switch {
		case !(c.C1 > 0) || math.IsInf(c.C1, 1):
			return nil, errors.New("student: C1 is not a positive finite number; set C1 and MinShare, or neither")
		case !(c.MinShare > 0 && c.MinShare <= 1):
			return nil, errors.New("student: MinShare is outside (0,1]; set C1 and MinShare, or neither")
		case c.C1Pairs < 0:
			return nil, errors.New("student: C1Pairs is negative")
		}
		gamma := greenLaw(s).P
		own := options
		own.Futile, own.MinShare, own.Rate = 0, c.MinShare, min(c.C1*math.Sqrt(gamma*(1-gamma)), 1-gamma)
		options.Futile = sequential.New(s, &own).Result().Futile
		fixed := plan.Student{C1: c.C1, Alpha: c.Alpha, Tests: c.Tests}.Tokens(c.MinShare, fixedPower)
		if fixed >= math.MaxInt64/2 {
			options.Futile = math.MaxInt64
		}
		options.Futile = max(options.Futile, int64(math.Ceil(min(fixed, math.MaxInt64/2))))
	}
	q.test = sequential.New(s, &options)
	return q, nil
}

// Add counts one output. prompt is everything that the model received before it, as in [Test.Add].
// The contexts of prompts of earlier outputs stay out of the test.
func (q *Sequential) Add(prompt, text []detect.Token) {
	q.outputs++
	if !q.options.PromptsUnmarked {
		q.test.Prompt(prompt)
	}
	q.filtered += q.options.Filter.positions(text, q.scorer, q.test.AddPair)
}

// Exclude takes contexts out of the test that the model may have copied from since the beginning.
// It returns the error of [sequential.Test.Exclude].
func (q *Sequential) Exclude(tokens []detect.Token) error { return q.test.Exclude(tokens) }

// A SequentialResult tests, at any time, the hypothesis that the outputs do not depend on the key.
type SequentialResult struct {
	sequential.Result
	// Decoys are the anytime-valid p-values of the control keys at this time.
	Decoys   DecoyPanel
	Outputs  int64  // outputs added
	Filtered int64  // positions that the filter left out; they are not in another count
	Filter   string // name of the filter; "" without one
}

// Progress returns the present state of the test without the control keys. It takes constant time.
func (q *Sequential) Progress() sequential.Result {
	r := q.test.Result()
	if r.Verdict == detect.NotDetected && r.Scored > q.options.C1Pairs {
		r.Verdict = detect.Inconclusive
	}
	return r
}

// Done reports whether the test detected or reached the futility bound. Stop by it.
func (q *Sequential) Done() bool { return q.test.Done() }

// Result returns the present state of the test. It runs the control keys, and takes as long as one
// test for each of them.
func (q *Sequential) Result() SequentialResult {
	r := SequentialResult{
		Result: q.Progress(), Outputs: q.outputs, Filtered: q.filtered, Filter: q.options.Filter.Name,
	}
	log10P := make([]float64, q.decoys.Len())
	each(len(log10P), func(i int) {
		log10P[i] = replay(q.decoys.scorers[i], &q.fresh)
	})
	r.Decoys = newDecoyPanel(q.decoys.runKey, r.Log10P, r.Log10P, log10P)
	r.Warnings = append(r.Warnings, r.Decoys.Warnings()...)
	return r
}

// replay returns log10 of the anytime-valid p-value of a key over units in order.
func replay(s detect.Scorer, units *pairList) float64 {
	e := sequential.NewEProcessFor(greenLaw(s))
	scores := make([]int64, 0, evidence.Batch)
	pairs := make([]detect.Pair, 0, evidence.Batch)
	for from := 0; from < units.len(); from += evidence.Batch {
		pairs = units.appendTo(pairs[:0], from, min(from+evidence.Batch, units.len()))
		scores = s.Score(scores[:0], pairs)
		for _, score := range scores {
			if score == 0 || score == 1 {
				e.AddCounts(score, 1)
			}
		}
	}
	return e.Log10P()
}

// fixedPower is the power of a fixed test as large as the futility bound.
const fixedPower = 0.99
