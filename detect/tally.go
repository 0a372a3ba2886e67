package detect

import "github.com/isotope-wm/isotope/watermark"

// MaxWeight is the largest weight of a unit.
const MaxWeight = 15

// A WeightClass is the units of one weight: what a test depends on. The classes of
// tests over disjoint evidence add up.
type WeightClass struct {
	Scored int64 // units
	Green  int64 // of them green; 0 where scores are not colours
	// Sum is of the scores: Green, where they are colours. It stays at math.MaxInt64 when
	// it gets there, some two billion Gumbel scores, which understates the evidence.
	Sum int64
}

// add counts a unit.
func (c *WeightClass) add(score int64, colours bool) {
	c.Scored++
	c.Sum = saturated(c.Sum, score)
	if colours {
		c.Green += score
	}
}

// tally is evidence under one key.
type tally struct {
	law     law
	tokens  int64
	classes [MaxWeight + 1]WeightClass // by weight; the first stays empty
	skipped Skipped
}

// batch is how many pairs a Scorer sees at once.
const batch = 512

// score applies a Scorer to every unit.
func (e *evidence) score(s Scorer) tally { return e.scoreNoting(s, func(int, int64) {}) }

// scoreNoting is score, and calls scored for each unit that counts, in the order of
// the units.
func (e *evidence) scoreNoting(s Scorer, scored func(unit int, score int64)) tally {
	t := tally{
		law:    lawOf(s.Law()),
		tokens: e.fixed.tokens,
		skipped: Skipped{
			Vocab:        e.fixed.vocab,
			ShortContext: e.fixed.shortContext,
			Sampled:      e.set.Positions(), // less what follows
		},
	}
	pairs := make([]Pair, 0, batch)
	scores := make([]int64, 0, batch)
	for from, n := 0, e.set.Len(); from < n; from += batch {
		to := min(from+batch, n)
		pairs = pairs[:0]
		for i := from; i < to; i++ {
			u := e.set.Unit(i)
			pairs = append(pairs, Pair{Context: u.Context, Token: u.Token})
		}
		if scores = s.Score(scores[:0], pairs); len(scores) != len(pairs) {
			panic("detect: the scorer did not give one score for each pair")
		}
		for i := from; i < to; i++ {
			u := e.set.Unit(i)
			t.skipped.Sampled -= u.Count
			score, weight := scores[i-from], e.weighting.of(u)
			if t.unit(score, weight, u.Count, u.Excluded || e.isExempt(u.Token)) {
				scored(i, score)
			}
		}
	}
	return t
}

// unit counts the positions of one unit: one of them is scored, and the reason why
// the others are not is the first that applies. It reports whether one is scored.
func (t *tally) unit(score int64, weight uint8, count int64, excluded bool) bool {
	switch {
	case score == watermark.NotScored:
		t.skipped.Band += count
	case score == watermark.InMessage:
		t.skipped.Payload += count
	case excluded:
		t.skipped.Excluded += count
	case weight == 0:
		t.skipped.Duplicate += count - 1
		t.skipped.Unweighted++
	default:
		if score < 0 || score > t.law.top() {
			panic("detect: the scorer gave a score that its law does not have")
		}
		t.classes[weight].add(score, t.law.colours())
		t.skipped.Duplicate += count - 1
		return true
	}
	return false
}

// units counts the scored units by weight.
func (t *tally) units() *unitCounts {
	var units unitCounts
	for w, c := range t.classes {
		units[w] = c.Scored
	}
	return &units
}

// sum returns the weighted sum of the scores.
func (t *tally) sum() wide {
	var sum wide
	for w, c := range t.classes {
		sum = sum.plus(int64(w), c.Sum)
	}
	return sum
}

// max returns the largest weighted sum there can be.
func (t *tally) max() wide {
	var sum wide
	for w, c := range t.classes {
		sum = sum.plus(int64(w)*t.law.top(), c.Scored)
	}
	return sum
}
