package detect

import (
	"math"
	"slices"
)

// StudentSequentialOptions declares a [StudentSequential]; nil means the zero
// StudentSequentialOptions, which is sound and never gives up.
type StudentSequentialOptions struct {
	Filter ContextFilter
	// PromptsUnmarked declares that the marked model wrote no part of any prompt, answers of
	// the suspect apart; see [StudentOptions]. Here nothing tests the declaration: let a
	// [Student] hold the outputs, too, and look at its Prompts.
	PromptsUnmarked bool
	Exempt          []Token // ids never scored; they still are context
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5]. 0 means
	// 1e-6.
	Alpha float64
	// Tests is the number of tests this one belongs to (Bonferroni). 0 means 1.
	Tests int64
	// C1 and MinShare make the futility bound: once there are as many units as a fixed
	// test needs to show the share MinShare of marked training text with power 0.99, by
	// [StudentPlan] with this C1, silence is called not_detected. A C1 of 0, unknown, goes
	// on until the budget ends.
	C1, MinShare float64
}

// A StudentSequential tests a student while its outputs are collected: its Result may be
// looked at after every output and may decide whether and what the model is asked next. It
// tests distinct pairs by an e-process, as [Sequential] does and for the reason given
// there; each prompt takes its contexts out of the test from the moment the prompt is
// given, before the answer is scored. The residual statistic has no part in it: its weights
// follow from all outputs, so they are not known when a pair is scored.
//
// A test that was stopped because of what it showed is reported by this result alone: the
// p-value of [Student] over the same outputs does not hold then. The result depends on the
// order of outputs, and two of them cannot be merged. One goroutine at a time.
type StudentSequential struct {
	test     *Sequential
	decoys   *Decoys
	options  StudentSequentialOptions
	filtered int64
	outputs  int64
	// fresh are the units that the real key was asked about, whether in its band or
	// not, in order: those the decoys are asked about.
	fresh []Pair
}

// NewStudentSequential returns an empty StudentSequential. o may be nil. It panics as
// [NewStudent] does.
func NewStudentSequential(s Scorer, decoys *Decoys, o *StudentSequentialOptions) *StudentSequential {
	greenLaw(s)
	decoys.match(s)
	var c StudentSequentialOptions
	if o != nil {
		c = *o
	}
	c.Filter.check()
	q := &StudentSequential{decoys: decoys, options: c}
	q.test = NewSequential(s, &SequentialOptions{Exempt: c.Exempt, Alpha: c.Alpha, Tests: c.Tests})
	q.test.futile = neverFutile
	if c.C1 != 0 || c.MinShare != 0 {
		n := StudentPlan{C1: c.C1, Alpha: q.test.options.Alpha, Tests: q.test.options.Tests}.Tokens(c.MinShare, futilePower)
		if n < math.MaxInt64/2 {
			q.test.futile = int64(math.Ceil(n))
		}
	}
	return q
}

// Add counts one output, after a prompt that is everything the model was given before it.
// See [Student.Add]. Prompts that came with earlier outputs stay out of the test for later
// ones.
func (q *StudentSequential) Add(prompt, text []Token) {
	q.outputs++
	if !q.options.PromptsUnmarked {
		q.test.Prompt(prompt)
	}
	width := q.test.scorer.Width()
	bad := -width - 1 // the last position outside the vocabulary
	for i, t := range text {
		if !q.test.inVocab(t) {
			bad = i
		}
		context := text[max(0, i-width):i]
		inVocab := i-bad > width
		if inVocab && len(context) == width && !q.options.Filter.keeps(context) {
			q.filtered++
			continue
		}
		q.position(context, t, inVocab)
	}
}

// position counts one position and keeps it if the decoys are to be asked about it.
func (q *StudentSequential) position(context []Token, next Token, inVocab bool) {
	l := &q.test.ledger
	units := len(l.unit)
	q.test.position(context, next, inVocab)
	if len(l.unit) == units {
		return
	}
	if l.unit[string(l.keyOf(context, next))] != fateExcluded {
		q.fresh = append(q.fresh, Pair{Context: slices.Clone(context), Token: next})
	}
}

// Exclude takes contexts out of the test that the model may have copied from since the
// beginning; see [Sequential.Exclude] for its error.
func (q *StudentSequential) Exclude(tokens []Token) error { return q.test.Exclude(tokens) }

// A StudentSequentialResult tests the hypothesis that the outputs do not depend on the key,
// at any time.
type StudentSequentialResult struct {
	SequentialResult
	// Decoys are the anytime-valid p-values of the decoy keys at this time.
	Decoys   DecoyPanel
	Outputs  int64 // outputs added
	Filtered int64 // positions that the filter left out; they are in no other count
	Filter   string
}

// Progress returns what is known now, without the decoys. It takes no time to speak of.
func (q *StudentSequential) Progress() SequentialResult { return q.test.Result() }

// Done reports whether the verdict is in: the rule to stop by.
func (q *StudentSequential) Done() bool { return q.test.Done() }

// Result returns what is known now, and runs the decoys.
func (q *StudentSequential) Result() StudentSequentialResult {
	r := StudentSequentialResult{
		SequentialResult: q.test.Result(), Outputs: q.outputs, Filtered: q.filtered, Filter: q.options.Filter.Name,
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
func replay(s Scorer, units []Pair) float64 {
	e := NewEProcess(greenLaw(s).P)
	scores := make([]int64, 0, batch)
	for from := 0; from < len(units); from += batch {
		to := min(from+batch, len(units))
		scores = s.Score(scores[:0], units[from:to:to])
		for _, score := range scores {
			if score == 0 || score == 1 {
				e.AddCounts(score, 1)
			}
		}
	}
	return e.Log10P()
}

// neverFutile is a number of units that no test reaches.
const neverFutile = math.MaxInt64
