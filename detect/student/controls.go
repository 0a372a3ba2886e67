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
	namer, _ := s.scorer.(detect.UnitNamer)
	inputs := make(map[string]struct{})
	for i, score := range s.scorer.Score(make([]int64, 0, len(pairs)), pairs) {
		if score < 0 { // outside the band
			continue
		}
		if namer != nil {
			key = namer.AppendUnit(key[:0], pairs[i])
			if _, again := inputs[string(key)]; again {
				continue // one input of the function, which counts once
			}
			inputs[string(key)] = struct{}{}
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
// the key has a share gamma of green ones. Both tails count. It also counts the positions of outputs
// without a row.
func (s *Test) referenceChoices(set *pairSet) (log10P float64, unread int64) {
	dense, _ := s.options.Reference.(RowReference)
	if dense == nil && s.options.OutputRows == nil {
		return 0, 0
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
		var rows []Row
		if s.options.OutputRows != nil {
			rows = s.options.OutputRows.Rows(before, o.text)
			for at := width; at < len(o.text); at++ {
				if at >= len(rows) || rows[at].Probs == nil {
					unread++
				}
			}
		}
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
			best := detect.Token(-1)
			switch in := at - len(before); {
			case dense != nil:
				row = dense.LogProbs(row, history[:at])
				best = likeliest(row, s.scorer.Vocab())
			case in < len(rows):
				best = rows[in].Choice()
			}
			if dense == nil && best < 0 {
				continue // another output may have a row for the context
			}
			asked[ids[0]] = true
			if best >= 0 && int(best) < s.scorer.Vocab() {
				choices.pairs.add(detect.Pair{Context: history[at-width : at], Token: best})
			}
		}
	}
	if choices.pairs.len() == 0 {
		return 0, unread
	}
	t, gamma := choices.test(s.scorer), greenLaw(s.scorer).P
	return tail.Bonferroni(min(t.pairs, tail.Binomial(t.scored-t.green, t.scored, 1-gamma)), 2), unread
}

// likeliest returns the token with the largest logarithm of a dense row, the smallest of equal ones,
// or -1 if it is outside the vocabulary.
func likeliest(row []float32, vocab int) detect.Token {
	best := 0
	for i, x := range row {
		if x > row[best] {
			best = i
		}
	}
	if best >= min(len(row), vocab) {
		return -1
	}
	return detect.Token(best)
}
