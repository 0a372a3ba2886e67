package main

import (
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A test is one statistic of one text under one key.
type test struct {
	Scored int64   // units
	Green  int64   // green units
	Z      float64 // for comparison with papers
	Log10P float64 // exact or an upper bound, not adjusted for other tests
}

// closedTests holds the tests of a suspect's outputs.
type closedTests struct {
	Tokens int
	// Pairs and Residual are the declared tests of distinct pairs: without weights, and with the
	// weights of detect.ResidualWeights against the unmarked teacher.
	Pairs, Residual test
	// Score is the residual statistic of the literature. Its weights are signed and unbounded,
	// and include pairs that were expected and did not occur.
	Score test
	// BaseScore is Score against the base that the student started with, if it had one.
	BaseScore *test `json:",omitempty"`
	// Naive is the invalid test that counts every position.
	Naive test
}

// declared runs the two declared tests for marks of the same width.
func declared(marks []*watermark.Mark, texts [][]int32, weights [][]uint8) (pairs, residual []detect.Result) {
	scorers := make([]detect.Scorer, len(marks))
	for i, m := range marks {
		scorers[i] = m
	}
	p := detect.NewPanel(scorers, nil)
	r := detect.NewPanel(scorers, &detect.Options{Weighting: detect.WeightGiven})
	for i, text := range texts {
		p.Add(text)
		r.AddWeighted(text, weights[i])
	}
	return p.Results(), r.Results()
}

func asTest(r detect.Result) test {
	return test{Scored: r.Scored, Green: r.Green, Z: r.Z, Log10P: r.Log10P}
}

// closedTest runs all tests of outputs for one key. base may be nil.
func (w *world) closedTest(mark *watermark.Mark, texts [][]int32, base model) closedTests {
	weights := detect.ResidualWeights(texts, nil, mark.Width(), w.teacher)
	pairs, residual := declared([]*watermark.Mark{mark}, texts, weights)
	c := closedTests{
		Tokens: length(texts), Pairs: asTest(pairs[0]), Residual: asTest(residual[0]),
		Score: scoreWeights(texts, mark.Width(), ngram{w.teacher}, w.Vocab).test(mark),
		Naive: naive(mark, texts),
	}
	if base != nil {
		t := scoreWeights(texts, mark.Width(), base, w.Vocab).test(mark)
		c.BaseScore = &t
	}
	return c
}

// naive counts every position. The test is not valid, because the claimed law does not hold.
func naive(mark *watermark.Mark, texts [][]int32) test {
	var n, green int64
	scores := make([]int64, 0, 512)
	pairs := make([]watermark.Pair, 0, 512)
	flush := func() {
		scores = mark.Score(scores[:0], pairs)
		for _, s := range scores {
			if s != watermark.NotScored {
				n, green = n+1, green+s
			}
		}
		pairs = pairs[:0]
	}
	k := mark.Width()
	for _, text := range texts {
		for at := k; at < len(text); at++ {
			pairs = append(pairs, watermark.Pair{Context: text[at-k : at], Token: text[at]})
			if len(pairs) == cap(pairs) {
				flush()
			}
		}
	}
	flush()
	return test{n, green, zOf(float64(green)-gamma*float64(n), float64(n)), tail.Binomial(green, n, gamma)}
}

// zOf returns an excess in standard deviations. squares is the sum of the squared weights.
func zOf(excess, squares float64) float64 {
	if squares == 0 {
		return 0
	}
	return excess / math.Sqrt(gamma*(1-gamma)*squares)
}

// A place is a position of a text.
type place struct{ text, at int32 }

// byContext calls f for every distinct context of texts, with the positions after it. The order is
// fixed.
func byContext(texts [][]int32, width int, f func(context []int32, places []place)) {
	type keyed struct {
		key [watermark.MaxWidth]int32
		place
	}
	all := make([]keyed, 0, length(texts))
	for i, text := range texts {
		for at := width; at < len(text); at++ {
			k := keyed{place: place{int32(i), int32(at)}}
			copy(k.key[:], text[at-width:at])
			all = append(all, k)
		}
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		return slices.Compare(a.key[:width], b.key[:width])
	})
	places := make([]place, 0, 64)
	for from := 0; from < len(all); {
		places = places[:0]
		to := from
		for ; to < len(all) && all[to].key == all[from].key; to++ {
			places = append(places, all[to].place)
		}
		f(all[from].key[:width], places)
		from = to
	}
}

// scoreStep is the number of weight steps per occurrence.
const scoreStep = 4

// scoreWeights returns the score test of an exponential tilt of a reference (Cox and Hinkley 1974,
// section 4.8). The weight of a pair is its number of occurrences less the number that the reference
// expects after all occurrences of its context.
func scoreWeights(texts [][]int32, width int, reference model, vocab int) *weighted {
	s := new(weighted)
	row, excess := make([]float32, vocab), make([]float64, vocab)
	var entries []entry
	byContext(texts, width, func(context []int32, places []place) {
		clear(excess)
		for _, p := range places {
			text := texts[p.text]
			reference.logits(row, text[:p.at])
			softmax(row)
			for id, q := range row {
				excess[id] -= float64(q)
			}
			excess[text[p.at]]++
		}
		entries = entries[:0]
		for id, a := range excess {
			if weight := math.Round(a * scoreStep); weight != 0 {
				entries = append(entries, entry{int32(id), int32(weight)})
			}
		}
		s.add(context, entries)
	})
	return s.finish()
}
