package detect

// tally is evidence under one key.
type tally struct {
	scored, sum int64
	skipped     Skipped
	tokens      int64
}

// batch is how many pairs a Scorer sees at once.
const batch = 512

// score applies a Scorer to every unit.
func (e *evidence) score(s Scorer) tally {
	t := tally{
		tokens: e.fixed.tokens,
		skipped: Skipped{
			Vocab:        e.fixed.vocab,
			ShortContext: e.fixed.shortContext,
		},
	}
	pairs := make([]Pair, 0, batch)
	scores := make([]int64, 0, batch)
	for from := 0; from < e.set.Len(); from += batch {
		to := min(from+batch, e.set.Len())
		pairs = pairs[:0]
		for i := from; i < to; i++ {
			context, token, _, _ := e.set.Unit(i)
			pairs = append(pairs, Pair{Context: context, Token: token})
		}
		scores = s.Score(scores[:0], pairs)
		for i := from; i < to; i++ {
			_, token, count, excluded := e.set.Unit(i)
			t.unit(scores[i-from], count, excluded || e.isExempt(token))
		}
	}
	return t
}

// unit counts the positions of one unit: one of them is scored, and the reason why
// the others are not is the first that applies.
func (t *tally) unit(score, count int64, excluded bool) {
	switch {
	case score == notScored:
		t.skipped.Band += count
	case excluded:
		t.skipped.Excluded += count
	default:
		t.scored++
		t.sum += score
		t.skipped.Duplicate += count - 1
	}
}
