package detect

// Sums scores what was added and returns the number of units of each weight and their
// weighted sum, without testing it.
func (a *Accumulator) Sums() (units [MaxWeight + 1]int64, sum int64) {
	t := a.evidence.Score(a.scorer)
	return *t.Units(), t.Sum().Int64()
}

// SpansOf is the test of the parts of a text alone, which counts the Tests of o and no other.
func SpansOf(s Scorer, text []Token, o *Options, prompts ...[]Token) Scan {
	options := o.orDefault()
	q, _ := newSequence(s, text, options, nil, prompts)
	return q.scan(options)
}

// LabelAndMessage is [Text] with a message, of everything added.
func (a *Accumulator) LabelAndMessage() (Result, Decoded) {
	options := a.options.times(2)
	t := a.evidence.Score(a.scorer)
	r := measure(&t, a.scorer, options, 1)
	d := decode(a.evidence, a.scorer, options)
	r.Log10PAdjusted = min(r.Log10PAdjusted, d.Log10PAdjusted)
	r.decide(a.scorer, options)
	d.settle(r.Verdict == Detected, options)
	return r, d
}

// Tested is Result without a verdict and without the statement of power, which takes most of the time
// of a panel that needs p-values alone.
func (a *Accumulator) Tested() Result {
	t := a.evidence.Score(a.scorer)
	return testOf(&t, a.scorer, a.options, 1)
}

// Tested is Results without verdicts and without statements of power.
func (p *Panel) Tested() []Result {
	results := make([]Result, len(p.scorers))
	for i, s := range p.scorers {
		t := p.evidence[p.of[i]].Score(s)
		results[i] = testOf(&t, s, p.options, int64(len(p.scorers)))
	}
	return results
}
