package detect

// sequence is the positions of one text that are scored, in text order.
type sequence struct {
	law    law
	at     []int32 // token offsets
	prefix []int64 // sum of the first i scores, at most math.MaxInt64
}

// newSequence scores one text as an Accumulator would, and returns the tally that the
// Accumulator would come to.
func newSequence(s Scorer, text []Token, o Options, prompts [][]Token) (*sequence, tally) {
	if o.Sample.Size > 0 {
		panic("detect: a Sample has no spans")
	}
	e := newEvidence(s.Width(), s.Vocab(), o)
	for _, p := range prompts {
		e.exclude(p)
	}
	first := make([]int32, 0, len(text)) // of each unit: units are in text order
	e.addNoting(text, nil, func(position int) { first = append(first, int32(position)) })
	q := &sequence{at: make([]int32, 0, len(first)), prefix: make([]int64, 1, len(first)+1)}
	t := e.scoreNoting(s, func(unit int, score int64) {
		q.at = append(q.at, first[unit])
		q.prefix = append(q.prefix, saturated(q.prefix[len(q.at)-1], score))
	})
	q.law = t.law
	return q, t
}

// len returns the number of scored positions.
func (q *sequence) len() int { return len(q.at) }

// sum adds the scores of the scored positions [from, to). It is never too large.
func (q *sequence) sum(from, to int) int64 { return q.prefix[to] - q.prefix[from] }

// tokens returns the token offsets of the scored positions [from, to), which are some.
func (q *sequence) tokens(from, to int) (start, end int) {
	return int(q.at[from]), int(q.at[to-1]) + 1
}
