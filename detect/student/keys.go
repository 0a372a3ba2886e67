package student

import (
	"math"
	"runtime"
	"sync"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/internal/prf"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A pairSet is a list of distinct pairs with their weights. It is tested under many keys in one
// pass: the pairs are found and weighed once, before any key looks at them.
type pairSet struct {
	pairs       pairList
	weighted    *weightedSum // nil without weights
	countsPairs bool         // the number of green pairs is a statistic too
}

// A keyTally is what a pairSet counts under one key.
type keyTally struct {
	scored, green int64
	weighted      signedTally
}

// A keyTest is a keyTally with its p-values. The p-value of a statistic that was not computed is 0,
// as log10 p.
type keyTest struct {
	keyTally
	pairs, residual float64
	bound           float64 // of residual, in the form that scan computes, to compare with other keys
}

// best returns the p-value of the declared statistics: the smaller one, adjusted for their number.
func (t *keyTest) best(statistics int64) float64 {
	return tail.Bonferroni(min(t.pairs, t.residual), statistics)
}

// A bandPairs is the pairs in a band.
type bandPairs struct {
	all bool    // every pair is in the band
	ids []int32 // the pairs, if these are not all
}

// count scores pairs under one key. If band is nil, it scores all of them. Otherwise band is that of the
// scorer. Pairs that are one input of a [detect.UnitNamer] count once.
func (s *pairSet) count(scorer detect.Scorer, band *bandPairs) keyTally {
	var t keyTally
	if s.weighted != nil {
		t.weighted = s.weighted.newTally()
	}
	n, score := s.pairs.len(), scorer.Score
	var ids []int32
	if band != nil {
		score = scorer.(bandScorer).ScoreInBand
		if !band.all {
			ids, n = band.ids, len(band.ids)
		}
	}
	// Several pairs can be one input of the function, and which ones depends on the key.
	namer, _ := scorer.(detect.UnitNamer)
	var seen map[string]struct{}
	var name []byte
	if namer != nil {
		seen = make(map[string]struct{}, n)
	}
	scores := make([]int64, 0, min(evidence.Batch, n))
	part := make([]detect.Pair, 0, min(evidence.Batch, n))
	for from := 0; from < n; from += evidence.Batch {
		to := min(from+evidence.Batch, n)
		if part = part[:0]; ids == nil {
			part = s.pairs.appendTo(part, from, to)
		} else {
			for _, id := range ids[from:to] {
				part = append(part, s.pairs.at(int(id)))
			}
		}
		if scores = score(scores[:0], part); len(scores) != len(part) {
			panic("student: the scorer did not return one score for each pair")
		}
		for i, x := range scores {
			if x == watermark.NotScored || x == watermark.InMessage {
				continue
			}
			if namer != nil {
				name = namer.AppendUnit(name[:0], part[i])
				if _, again := seen[string(name)]; again {
					continue
				}
				seen[string(name)] = struct{}{}
			}
			t.scored++
			t.green += x
			if s.weighted != nil {
				at := from + i
				if ids != nil {
					at = int(ids[at])
				}
				s.weighted.count(&t.weighted, at, x)
			}
		}
	}
	return t
}

// keysAtOnce is the number of keys for which pairs are packed once.
const keysAtOnce = 16

// countMarks is count for several marks of one width that score all contexts. ok is false for other
// scorers: one that embeds a Mark may score in its own way.
func (s *pairSet) countMarks(scorers []detect.Scorer) (tallies []keyTally, ok bool) {
	marks := make([]*watermark.Mark, len(scorers))
	for i, scorer := range scorers {
		m, ok := scorer.(*watermark.Mark)
		if !ok || m.Width() > watermark.MaxPackedWidth || m.Width() != scorers[0].Width() {
			return nil, false
		}
		if lo, hi, _ := m.Band(); lo > 0 || hi < watermark.BandSize {
			return nil, false
		}
		marks[i] = m
	}
	tallies = make([]keyTally, len(marks))
	if s.weighted != nil {
		for i := range tallies {
			tallies[i].weighted = s.weighted.newTally()
		}
	}
	n := s.pairs.len()
	inputs := make([]watermark.Packed, min(evidence.Batch, n))
	scores := make([]int64, 0, len(inputs))
	for from := 0; from < n; from += evidence.Batch {
		part := inputs[:min(evidence.Batch, n-from)]
		for i := range part {
			p := s.pairs.at(from + i)
			prf.PackOne(&part[i], p.Context, p.Token, s.pairs.width)
		}
		for k, m := range marks {
			t := &tallies[k]
			scores = m.ScorePacked(scores[:0], part)
			if s.weighted != nil {
				s.weighted.countAll(&t.weighted, from, scores)
			}
			for _, x := range scores {
				if x != watermark.NotScored && x != watermark.InMessage {
					t.scored++
					t.green += x
				}
			}
		}
	}
	return tallies, true
}

// inBand returns the pairs that are not outside a scorer's band.
func (s *pairSet) inBand(scorer detect.Scorer) *bandPairs {
	n := s.pairs.len()
	size := min(evidence.Batch, n)
	scores, part := make([]int64, 0, size), make([]detect.Pair, 0, size)
	// It goes through the pairs twice: the list of those in the band has just the memory that it needs.
	each := func(in func(i int)) {
		for from := 0; from < n; from += evidence.Batch {
			part = s.pairs.appendTo(part[:0], from, min(from+evidence.Batch, n))
			scores = scorer.Score(scores[:0], part)
			for i, score := range scores {
				if score != watermark.NotScored {
					in(from + i)
				}
			}
		}
	}
	count := 0
	each(func(int) { count++ })
	if count == n {
		return &bandPairs{all: true}
	}
	band := &bandPairs{ids: make([]int32, 0, count)}
	each(func(i int) { band.ids = append(band.ids, int32(i)) })
	return band
}

// A bandScorer says which contexts it scores. A [*watermark.Mark] does.
type bandScorer interface {
	Band() (lo, hi int, selector string)
	ScoreInBand(dst []int64, pairs []detect.Pair) []int64
}

// bandOf names the contexts of a scorer. ok is false if the scorer does not say which they are.
func bandOf(s detect.Scorer) (band [3]any, ok bool) {
	b, ok := s.(bandScorer)
	if !ok {
		return band, false
	}
	lo, hi, selector := b.Band()
	return [3]any{lo, hi, selector}, true
}

// scan tests the pairs under every key, on as many goroutines as there are processors. It finds the
// contexts of a band once for all keys of the band. The result does not depend on the number of
// processors. The residual's p-values are upper bounds, see coarse. Those of test are exact.
func (s *pairSet) scan(scorers []detect.Scorer) []keyTest {
	tests := make([]keyTest, len(scorers))
	bands := make(map[[3]any]*bandPairs)
	in := make([]*bandPairs, len(scorers))
	for i, scorer := range scorers {
		if band, ok := bandOf(scorer); ok {
			if _, known := bands[band]; !known {
				bands[band] = s.inBand(scorer)
			}
			in[i] = bands[band]
		}
	}
	each((len(scorers)+keysAtOnce-1)/keysAtOnce, func(group int) {
		from := group * keysAtOnce
		to := min(from+keysAtOnce, len(scorers))
		if tallies, ok := s.countMarks(scorers[from:to]); ok {
			for i, t := range tallies {
				tests[from+i] = keyTest{keyTally: t}
			}
		} else {
			for i := from; i < to; i++ {
				tests[i] = keyTest{keyTally: s.count(scorers[i], in[i])}
			}
		}
		for i := from; i < to; i++ {
			tests[i].testPairs(s, greenLaw(scorers[i]).P)
		}
	})
	if s.weighted == nil {
		return tests
	}
	// Keys of one band have one law, and many of them have one p-value.
	laws := make(map[string]int) // number of each law
	type tailOf struct {
		law int
		sum int64
	}
	of := make([]tailOf, len(scorers))
	known := make(map[tailOf]float64)
	var todo []int // one key for each tail
	for i := range tests {
		gamma := greenLaw(scorers[i]).P
		key := tests[i].weighted.key(gamma)
		if _, ok := laws[key]; !ok {
			laws[key] = len(laws)
		}
		of[i] = tailOf{laws[key], tests[i].weighted.coarse(gamma)}
		if _, ok := known[of[i]]; !ok {
			known[of[i]] = 0
			todo = append(todo, i)
		}
	}
	tails := make([]float64, len(todo))
	each(len(todo), func(j int) {
		i := todo[j]
		tails[j] = tests[i].weighted.tail(of[i].sum, greenLaw(scorers[i]).P)
	})
	for j, i := range todo {
		known[of[i]] = tails[j]
	}
	for i := range tests {
		tests[i].residual = known[of[i]]
	}
	return tests
}

// test tests the pairs under one key, exactly.
func (s *pairSet) test(scorer detect.Scorer) keyTest {
	t := keyTest{keyTally: s.count(scorer, nil)}
	gamma := greenLaw(scorer).P
	t.testPairs(s, gamma)
	if s.weighted != nil {
		t.residual = t.weighted.tail(t.weighted.sum(), gamma)
		t.bound = t.weighted.tail(t.weighted.coarse(gamma), gamma)
	}
	return t
}

func (t *keyTest) testPairs(s *pairSet, gamma float64) {
	if s.countsPairs && t.scored > 0 {
		t.pairs = tail.Binomial(t.green, t.scored, gamma)
	}
}

// each calls f for 0 to n-1 on several goroutines, and waits for them.
func each(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wait sync.WaitGroup
	next := make(chan int, workers)
	for range workers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range next {
				f(i)
			}
		}()
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}

// zOf returns the z-score of a count. It is NaN without units.
func zOf(green, scored int64, gamma float64) float64 {
	n := float64(scored)
	return (float64(green) - float64(n*gamma)) / math.Sqrt(n*gamma*(1-gamma))
}

// dropUnweighted removes pairs whose weight was rounded to 0, so that keys need not score them.
func (s *pairSet) dropUnweighted() {
	w := s.weighted
	n := 0
	for i, x := range w.weights {
		if x != 0 {
			s.pairs.keep(n, i)
			w.weights[n], w.class[n] = x, w.class[i]
			n++
		}
	}
	s.pairs.cut(n)
	w.weights, w.class = w.weights[:n], w.class[:n]
}
