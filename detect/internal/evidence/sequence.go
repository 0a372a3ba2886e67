package evidence

import "github.com/isotope-wm/isotope/detect/internal/null"

// A Sequence is the scored positions of one text, in text order.
type Sequence struct {
	Law    null.Law
	At     []int32 // token offset of each scored position, ascending
	prefix []int64 // sum of the first i scores, at most math.MaxInt64
}

// NewSequence scores one text as an Accumulator does, in parts as AddParts takes them. It also
// returns the Accumulator's tally. It panics if the Config asks for a sample, which loses the positions.
func NewSequence(c Config, s Scorer, text []Token, breaks []int, prompts [][]Token) (*Sequence, Tally) {
	if c.SampleSize > 0 {
		panic("detect: a Sample has no spans")
	}
	e := New(c)
	for _, p := range prompts {
		e.Exclude(p)
	}
	first := make([]int32, 0, len(text)) // of each unit: units are in text order
	e.addPartsNoting(text, breaks, func(position int) { first = append(first, int32(position)) })
	q := &Sequence{At: make([]int32, 0, len(first)), prefix: make([]int64, 1, len(first)+1)}
	t := e.ScoreNoting(s, func(unit int, score int64) {
		q.At = append(q.At, first[unit])
		q.prefix = append(q.prefix, null.AddSaturated(q.prefix[len(q.At)-1], score))
	})
	q.Law = t.Law
	return q, t
}

// Len returns the number of scored positions.
func (q *Sequence) Len() int { return len(q.At) }

// Sum adds the scores of the scored positions [from, to). It is never above the true sum.
func (q *Sequence) Sum(from, to int) int64 { return q.prefix[to] - q.prefix[from] }

// Tokens returns the token offsets of the scored positions [from, to), which are not empty.
func (q *Sequence) Tokens(from, to int) (start, end int) {
	return int(q.At[from]), int(q.At[to-1]) + 1
}
