package evidence

import (
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tokset"
	"github.com/isotope-wm/isotope/watermark"
)

// A Scorer is what a tally needs of a mark. Package detect documents it.
type Scorer interface {
	ID() string
	Width() int
	Vocab() int
	Law() watermark.Law
	Score(dst []int64, pairs []Pair) []int64
}

// Skipped counts positions that were not scored, each under the first reason that applies.
// Package detect documents the reasons.
type Skipped struct {
	Vocab        int64
	ShortContext int64
	Band         int64
	Payload      int64
	Excluded     int64
	Duplicate    int64
	Unweighted   int64
	Sampled      int64
}

// A Class is the scored units of one weight.
type Class struct {
	Scored int64 // units
	Green  int64 // green units; 0 if scores are not colours
	Sum    int64 // sum of the scores, at most math.MaxInt64
}

// add counts a unit.
func (c *Class) add(score int64, colours bool) {
	c.Scored++
	c.Sum = null.AddSaturated(c.Sum, score)
	if colours {
		c.Green += score
	}
}

// A Tally is evidence under one key.
type Tally struct {
	Law     null.Law
	Tokens  int64                     // all positions
	Classes [null.MaxWeight + 1]Class // units by weight; class 0 stays empty
	Skipped Skipped
}

// Batch is the number of pairs that a Scorer receives at once.
const Batch = tokset.Batch

// Score applies a Scorer to every unit.
func (e *Evidence) Score(s Scorer) Tally { return e.ScoreNoting(s, nil) }

// ScoreUnder is Score for a caller that keeps null.Of(s.Law()). It does not allocate for a green list.
func (e *Evidence) ScoreUnder(law null.Law, s Scorer) Tally { return e.score(law, s, nil) }

// ScoreNoting is Score. If scored is not nil, it calls scored for each unit that counts, in the
// order of the units.
func (e *Evidence) ScoreNoting(s Scorer, scored func(unit int, score int64)) Tally {
	return e.score(null.Of(s.Law()), s, scored)
}

func (e *Evidence) score(law null.Law, s Scorer, scored func(unit int, score int64)) Tally {
	t := Tally{
		Law:    law,
		Tokens: e.fixed.tokens,
		Skipped: Skipped{
			Vocab:        e.fixed.vocab,
			ShortContext: e.fixed.shortContext,
			Sampled:      e.set.Positions(), // less the positions of the units below
		},
	}
	if namer, ok := s.(UnitNamer); ok {
		e.scoreGroups(&t, namer, scored)
		return t
	}
	b := batchScorer{Scorer: s, set: e.set}
	plain := e.config.Weighting == WeightOne && len(e.config.Exempt) == 0 && !e.set.Excludes()
	if m, ok := s.(*watermark.Mark); ok && plain && scored == nil {
		if green, ok := countPacked(m, e.set); ok {
			t.all(e.set, green)
			return t
		}
	}
	var counts []int64
	for from, n := 0, e.set.Len(); from < n; from += Batch {
		to := min(from+Batch, n)
		scores := b.score(from, to)
		if scored == nil && plain {
			counts = e.set.AppendCounts(counts[:0], from, to)
			for i, score := range scores {
				n := counts[i]
				t.Skipped.Sampled -= n
				t.unit(score, 1, n, false)
			}
			continue
		}
		for i := from; i < to; i++ {
			u := e.set.Unit(i)
			t.Skipped.Sampled -= u.Count
			score, weight := scores[i-from], e.config.Weighting.of(u)
			if t.unit(score, weight, u.Count, u.Excluded || e.isExempt(u.Token)) && scored != nil {
				scored(i, score)
			}
		}
	}
	return t
}

// Counted returns the inputs of the units that count, if each counts with weight 1. The caller must not
// change them, and the next call overwrites them.
func (e *Evidence) Counted() (inputs []watermark.Packed, ok bool) {
	if e.config.Weighting != WeightOne {
		return nil, false
	}
	n := e.set.Len()
	all := len(e.config.Exempt) == 0 && !e.set.Excludes()
	if inputs = e.set.Inputs(0, n); all && len(inputs) == n {
		return inputs, true
	}
	e.kept = e.kept[:0]
	for from := 0; from < n; from += len(inputs) {
		inputs = e.set.Inputs(from, n)
		for i := range inputs {
			if u := e.set.Unit(from + i); all || !u.Excluded && !e.isExempt(u.Token) {
				e.kept = append(e.kept, inputs[i])
			}
		}
	}
	return e.kept, true
}

// countPacked is [watermark.Mark.CountPacked] of all units of a set.
func countPacked(m *watermark.Mark, set *tokset.Set) (green int64, ok bool) {
	for from, n := 0, set.Len(); ; {
		inputs := set.Inputs(from, n)
		some, ok := m.CountPacked(inputs)
		green += some
		if from += len(inputs); !ok || from >= n {
			return green, ok
		}
	}
}

// all counts every unit of a set. All of them weigh 1 and are scored, and green of them are green.
func (t *Tally) all(set *tokset.Set, green int64) {
	units := int64(set.Len())
	positions := set.Held()
	t.Classes[1] = Class{Scored: units, Green: green, Sum: green}
	t.Skipped.Duplicate = positions - units
	t.Skipped.Sampled -= positions
}

// A batchScorer scores the units of a set in batches.
type batchScorer struct {
	Scorer
	set    *tokset.Set
	pairs  []Pair
	ids    []Token // the contexts of pairs
	scores []int64
}

// score returns the scores of units [from, to). The next call overwrites them.
func (b *batchScorer) score(from, to int) []int64 {
	// A type that embeds a Mark may score in its own way. Only a Mark itself is known to score
	// packed pairs alike.
	b.scores = slices.Grow(b.scores[:0], to-from)
	if m, ok := b.Scorer.(*watermark.Mark); ok && m.Width() <= watermark.MaxPackedWidth {
		b.scores = m.ScorePacked(b.scores, b.set.Inputs(from, to))
		return b.scores
	}
	b.pairs, b.ids = slices.Grow(b.pairs[:0], to-from), slices.Grow(b.ids[:0], (to-from)*b.Width())
	for i := from; i < to; i++ {
		at := len(b.ids)
		b.ids = b.set.AppendContext(b.ids, i)
		b.pairs = append(b.pairs, Pair{Context: b.ids[at:len(b.ids):len(b.ids)], Token: b.set.Unit(i).Token})
	}
	if b.scores = b.Score(b.scores, b.pairs); len(b.scores) != len(b.pairs) {
		panic("detect: the scorer did not return one score for each pair")
	}
	return b.scores
}

// unit counts the positions of one unit. One of them is scored. The others are skipped for the
// first reason that applies. unit reports whether one position is scored.
func (t *Tally) unit(score int64, weight uint8, count int64, excluded bool) bool {
	switch {
	case score == watermark.NotScored:
		t.Skipped.Band += count
	case score == watermark.InMessage:
		t.Skipped.Payload += count
	case excluded:
		t.Skipped.Excluded += count
	case weight == 0:
		t.Skipped.Duplicate += count - 1
		t.Skipped.Unweighted++
	default:
		null.CheckScore(score, t.Law.Top())
		t.Classes[weight].add(score, t.Law.Colours())
		t.Skipped.Duplicate += count - 1
		return true
	}
	return false
}

// Units returns the number of scored units of each weight.
func (t *Tally) Units() *null.Units {
	var units null.Units
	for w, c := range t.Classes {
		units[w] = c.Scored
	}
	return &units
}

// Sum returns the weighted sum of the scores.
func (t *Tally) Sum() null.Sum {
	var sum null.Sum
	for w, c := range t.Classes {
		sum = sum.Plus(int64(w), c.Sum)
	}
	return sum
}
