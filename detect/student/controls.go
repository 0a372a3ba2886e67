package student

import (
	"maps"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/internal/tail"
)

// copiedPairs is the number of pairs in a row from which text counts as copied. A few pairs in a row
// occur in two texts by chance, and in the outputs of a student more often if they are green.
const copiedPairs = 4

// maxCopies is the largest weight of a pair that is copied again and again.
const maxCopies = 15

// copied tests the pairs that an output copies from its own prompt, by their number and weighed by
// how often they are copied. A test of all prompts does not see what a suspect repeats thirty times,
// and the residual weighs just that.
func (s *Test) copied() float64 {
	if !s.options.PromptsUnmarked {
		return 0
	}
	width := s.scorer.Width()
	run := width + copiedPairs
	copies := make(map[string]int64) // of each pair
	var key []byte
	for _, o := range s.outputs {
		given := make(map[string]struct{})
		for end := run; end <= len(o.prompt); end++ {
			given[string(evidence.Pack(key[:0], o.prompt[end-run:end]...))] = struct{}{}
		}
		next := width // the first position that is not counted yet
		for end := run; end <= len(o.text) && len(given) > 0; end++ {
			if _, ok := given[string(evidence.Pack(key[:0], o.text[end-run:end]...))]; !ok {
				continue
			}
			for next = max(next, end-copiedPairs); next < end; next++ {
				copies[string(evidence.Pack(key[:0], o.text[next-width:next+1]...))]++
			}
		}
	}
	if len(copies) == 0 {
		return 0
	}
	pairs := make([]detect.Pair, 0, len(copies))
	for _, k := range slices.Sorted(maps.Keys(copies)) {
		if evidence.AllBelow(k, s.scorer.Vocab()) {
			ids := evidence.Unpack(k)
			pairs = append(pairs, detect.Pair{Context: ids[:width], Token: ids[width]})
		}
	}
	gamma := greenLaw(s.scorer).P
	groups := make([]tail.Bernoulli, maxCopies)
	var scored, green, sum int64
	for i, score := range s.scorer.Score(make([]int64, 0, len(pairs)), pairs) {
		if score < 0 { // outside the band
			continue
		}
		weight := min(copies[string(evidence.Pack(evidence.Pack(key[:0], pairs[i].Context...), pairs[i].Token))], maxCopies)
		g := &groups[weight-1]
		g.Weight, g.P = weight, gamma
		g.Count++
		scored++
		green += score
		sum += score * weight
	}
	if scored == 0 {
		return 0
	}
	groups = slices.DeleteFunc(groups, func(g tail.Bernoulli) bool { return g.Count == 0 })
	return tail.Bonferroni(min(tail.Binomial(green, scored, gamma), tail.WeightedBernoulli(groups, sum)), 2)
}

// referenceChoices tests the likeliest token of the reference after each context that is new in its
// conversation. Such a pair cannot have been copied from before, so a reference that does not know
// the key has a share gamma of green ones. Both tails count.
func (s *Test) referenceChoices(set *pairSet) float64 {
	rows, ok := s.options.Reference.(RowReference)
	if !ok {
		return 0
	}
	width := s.scorer.Width()
	var key []byte
	var ids []int32
	tested := set.pairs.index()
	asked := make([]bool, set.pairs.len()) // the first pair of each context stands for it
	choices := &pairSet{countsPairs: true}
	var row []float32
	for _, o := range s.outputs {
		before := o.before()
		history := append(before[:len(before):len(before)], o.text...)
		seen := make(map[string]struct{})
		for at := width; at < len(history); at++ {
			context := string(evidence.Pack(key[:0], history[at-width:at]...))
			if _, ok := seen[context]; ok {
				continue
			}
			seen[context] = struct{}{}
			ids = tested.appendPairs(ids[:0], &key, history[at-width:at])
			if len(ids) == 0 || at < len(before)+width || asked[ids[0]] {
				continue
			}
			asked[ids[0]] = true
			row = rows.LogProbs(row, history[:at])
			best := 0
			for i, x := range row {
				if x > row[best] {
					best = i
				}
			}
			if best < min(len(row), s.scorer.Vocab()) {
				choices.pairs.add(detect.Pair{Context: history[at-width : at], Token: detect.Token(best)})
			}
		}
	}
	if choices.pairs.len() == 0 {
		return 0
	}
	t, gamma := choices.test(s.scorer), greenLaw(s.scorer).P
	return tail.Bonferroni(min(t.pairs, tail.Binomial(t.scored-t.green, t.scored, 1-gamma)), 2)
}
