package detect

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/tokset"
	"github.com/isotope-wm/isotope/watermark"
)

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
func (e *evidence) score(s Scorer) tally { return e.scoreNoting(s, nil) }

// scoreNoting is score, and calls scored, unless it is nil, for each unit that counts, in
// the order of the units.
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
	b := batchScorer{Scorer: s, set: e.set}
	plain := e.weighting == WeightOne && len(e.exempt) == 0 && !e.set.Excludes()
	if m, ok := s.(*watermark.Mark); ok && plain && scored == nil {
		if green, ok := m.CountPacked(e.set.Inputs(0, e.set.Len())); ok {
			t.all(e.set, green)
			return t
		}
	}
	for from, n := 0, e.set.Len(); from < n; from += batch {
		to := min(from+batch, n)
		scores := b.score(from, to)
		if scored == nil && plain {
			for i, score := range scores {
				n := e.set.Count(from + i)
				t.skipped.Sampled -= n
				t.unit(score, 1, n, false)
			}
			continue
		}
		for i := from; i < to; i++ {
			u := e.set.Unit(i)
			t.skipped.Sampled -= u.Count
			score, weight := scores[i-from], e.weighting.of(u)
			if t.unit(score, weight, u.Count, u.Excluded || e.isExempt(u.Token)) && scored != nil {
				scored(i, score)
			}
		}
	}
	return t
}

// all counts every unit of a set, when all weigh 1 and each is scored.
func (t *tally) all(set *tokset.Set, green int64) {
	units := int64(set.Len())
	var positions int64
	for i := range int(units) {
		positions += set.Count(i)
	}
	t.classes[1] = WeightClass{Scored: units, Green: green, Sum: green}
	t.skipped.Duplicate = positions - units
	t.skipped.Sampled -= positions
}

// A batchScorer scores units of a set, some at a time.
type batchScorer struct {
	Scorer
	set    *tokset.Set
	pairs  []Pair
	ids    []Token // their contexts
	scores []int64
}

// score returns the scores of units [from, to). They are overwritten by the next call.
func (b *batchScorer) score(from, to int) []int64 {
	// A type that embeds a Mark may score in its own way: only a Mark itself is known to
	// score packed pairs alike.
	if m, ok := b.Scorer.(*watermark.Mark); ok && m.Width() <= watermark.MaxPackedWidth {
		b.scores = m.ScorePacked(b.scores[:0], b.set.Inputs(from, to))
		return b.scores
	}
	b.pairs, b.ids = b.pairs[:0], slices.Grow(b.ids[:0], (to-from)*b.Width())
	for i := from; i < to; i++ {
		at := len(b.ids)
		b.ids = b.set.AppendContext(b.ids, i)
		b.pairs = append(b.pairs, Pair{Context: b.ids[at:len(b.ids):len(b.ids)], Token: b.set.Unit(i).Token})
	}
	if b.scores = b.Score(b.scores[:0], b.pairs); len(b.scores) != len(b.pairs) {
		panic("detect: the scorer did not give one score for each pair")
	}
	return b.scores
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
		checkScore(score, t.law.top())
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
