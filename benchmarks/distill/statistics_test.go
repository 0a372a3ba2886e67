package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/watermark"
)

// toy returns a world with a random teacher. It needs no corpus.
func toy(t *testing.T) *world {
	t.Helper()
	w := &world{
		scale: scale{Name: "toy", Vocab: 40, StudentOrder: 3, Document: 64, NgramTrain: 6400, Dummies: 50},
		texts: make(map[string]func() ([][]int32, error)),
	}
	rng := random("toy")
	docs := make([][]int32, 100)
	for i := range docs {
		docs[i] = make([]int32, 60)
		for j := range docs[i] {
			docs[i][j] = int32(rng.IntN(1 + rng.IntN(40)))
		}
	}
	var err error
	w.teacher, err = lm.Train(docs, w.Vocab, lm.Options{Order: 3})
	require.NoError(t, err)
	w.human, w.heldOut = docs[10:], docs[:10]
	return w
}

// TestDistinctIsDetect compares the sets that control keys are tested on with the evidence of package
// detect, for both declared statistics and every width.
func TestDistinctIsDetect(t *testing.T) {
	w := toy(t)
	for width := 1; width <= 4; width++ {
		mark := w.mark(width, "key", strconv.Itoa(width))
		texts, err := w.write("marked", 3000, mark)
		require.NoError(t, err)
		weights := detect.ResidualWeights(texts, nil, width, w.teacher)
		pairs, residual := declared([]*watermark.Mark{mark}, texts, weights)
		for _, c := range []struct {
			name string
			set  *weighted
			want detect.Result
		}{
			{"pairs", distinct(texts, width, nil), pairs[0]},
			{"residual", distinct(texts, width, weights), residual[0]},
		} {
			t.Run(fmt.Sprintf("%s/k=%d", c.name, width), func(t *testing.T) {
				got := c.set.test(mark)
				assert.Equal(t, c.want.Scored, got.Scored)
				assert.Equal(t, c.want.Green, got.Green)
				assert.InEpsilon(t, c.want.Z, got.Z, 1e-12)
				assert.InEpsilon(t, c.want.Log10P, got.Log10P, 1e-9)
			})
		}
		assert.Less(t, pairs[0].Log10P, -10.0, "marked text, width %d", width)
	}
}

// TestScoreWeightsIsTheResidual: the weights of the score test, cut as in package detect and without the
// pairs that did not occur, equal detect.ResidualWeights.
func TestScoreWeightsIsTheResidual(t *testing.T) {
	w := toy(t)
	texts, err := w.write("some", 3000)
	require.NoError(t, err)
	for width := 1; width <= 2; width++ {
		want := distinct(texts, width, detect.ResidualWeights(texts, nil, width, w.teacher))
		occurs := gather(texts, width)
		full := scoreWeights(texts, width, ngram{w.teacher}, w.Vocab)
		cut := new(weighted)
		negative := 0
		full.each(func(context []int32, e entry) {
			if e.weight < 0 && !occurs.hasPair(context, e.id) {
				negative++
				expected := 0.0
				for _, text := range texts {
					for at := width; at < len(text); at++ {
						if slices.Equal(text[at-width:at], context) {
							expected += math.Exp(w.teacher.LogProb(text[:at], e.id))
						}
					}
				}
				assert.InDelta(t, -expected*scoreStep, float64(e.weight), 0.501)
			}
			if occurs.hasPair(context, e.id) && e.weight > 0 {
				cut.add(context, []entry{{e.id, min(e.weight, detect.MaxWeight)}})
			}
		})
		assert.Equal(t, want.groups, cut.finish().groups)
		assert.Greater(t, negative, 50)
	}
}

// each calls f for every pair of a set.
func (s *weighted) each(f func(context []int32, e entry)) {
	for i, context := range s.contexts {
		for _, e := range s.entries[i] {
			f(context, e)
		}
	}
	for i, p := range s.pairs {
		f(p.Context, entry{p.Token, int32(s.weights[i])})
	}
}

// TestWeightedSum compares masks and scores with the definition of the sum.
func TestWeightedSum(t *testing.T) {
	w := toy(t)
	mark := w.mark(2, "key")
	s := new(weighted)
	rng := random("sum")
	var want, green int64
	for c := range 30 {
		context := []int32{int32(c), int32(rng.IntN(40))}
		var entries []entry
		for id := range int32(1 + c) { // few pairs for scores, many for a mask
			e := entry{id, int32(rng.IntN(9)) - 4}
			if e.weight == 0 {
				continue
			}
			entries = append(entries, e)
			bit := mark.Score(nil, []watermark.Pair{{Context: context, Token: id}})[0]
			want, green = want+bit*int64(e.weight), green+bit
		}
		s.add(context, entries)
	}
	s.finish()
	require.NotEmpty(t, s.contexts)
	require.NotEmpty(t, s.pairs)
	sum, n := s.sum(mark)
	assert.Equal(t, want, sum)
	assert.Equal(t, green, n)
}

// TestAttainable compares with a search over every sum of a small law.
func TestAttainable(t *testing.T) {
	s := new(weighted)
	s.add([]int32{1}, []entry{{1, 3}, {2, 3}, {3, 1}, {4, -2}, {5, 2}, {6, 1}, {7, 1}, {8, 1}})
	s.finish()
	want := 0.0
	for sum := int64(-2); sum <= 12; sum++ {
		if p := s.log10P(sum); p <= -1.5 {
			want = max(want, pow10(p))
		}
	}
	require.Positive(t, want)
	assert.InEpsilon(t, want, s.attainable(-1.5), 1e-12)
	assert.Less(t, s.attainable(-1.5), pow10(-1.5))
}

// TestNaiveCountsEveryPosition checks both computations of the invalid test.
func TestNaiveCountsEveryPosition(t *testing.T) {
	w := toy(t)
	mark := w.mark(1, "key")
	texts := [][]int32{{1, 2, 1, 2, 1, 2, 3}, {1, 2}}
	n := naive(mark, texts)
	assert.EqualValues(t, 7, n.Scored)
	sum, _ := everyPosition(texts, 1).sum(mark)
	assert.Equal(t, n.Green, sum)
	assert.EqualValues(t, 3, distinct(texts, 1, nil).scored, "12 21 23")
}

// TestReadOpen checks the three statistics of open weights on known laws.
func TestReadOpen(t *testing.T) {
	texts := [][]int32{{1, 2, 1, 1}, {2, 1, 0}}
	suspect := fixed{1: {0.5, 0.25, 0.25}, 2: {0.1, 0.2, 0.7}}
	base := fixed{1: {0.25, 0.5, 0.25}, 2: {0.1, 0.2, 0.7}}
	s := readOpen(suspect, base, texts, 1, 3)
	assert.Equal(t, 5, s.positions)
	collect := func(w *weighted) map[[2]int32]int32 {
		m := make(map[[2]int32]int32)
		w.each(func(context []int32, e entry) { m[[2]int32{context[0], e.id}] = e.weight })
		return m
	}
	assert.Equal(t, map[[2]int32]int32{{1, 0}: 1, {2, 2}: 1}, collect(s.argmax), "pairs once over all texts")
	mass := map[[2]int32]int32{
		{1, 0}: 500, {1, 1}: 250, {1, 2}: 250, {2, 0}: 100, {2, 1}: 200, {2, 2}: 700,
	}
	assert.Equal(t, mass, collect(s.mass))
	assert.Equal(t, map[[2]int32]int32{{1, 0}: 250, {1, 1}: -250}, collect(s.difference))
}

// TestReadingModeOncePerText: a context counts once per text, because a model may copy from the past of a
// text.
func TestReadingModeOncePerText(t *testing.T) {
	m := lengths{1: {0.6, 0.2, 0.2}, 2: {0.2, 0.6, 0.2}, 3: {0.2, 0.2, 0.6}}
	tokens := func(texts ...[]int32) (ids []int32) {
		readOpen(m, m, texts, 1, 3).argmax.each(func(_ []int32, e entry) { ids = append(ids, e.id) })
		return ids
	}
	assert.Equal(t, []int32{0}, tokens([]int32{1, 1, 1, 1}), "the first time only")
	assert.Equal(t, []int32{0, 1, 0}, tokens([]int32{1, 1}, []int32{2, 1, 1}),
		"again in another text, and the 0 after 2")
}

// lengths is a model whose law depends on the length of the text.
type lengths map[int][]float64

func (l lengths) logits(row []float32, text []int32) {
	for i, p := range l[len(text)] {
		row[i] = float32(math.Log(p))
	}
}

// fixed is a model whose law depends on the last token.
type fixed map[int32][]float64

func (f fixed) logits(row []float32, text []int32) {
	for i, p := range f[text[len(text)-1]] {
		row[i] = float32(math.Log(p))
	}
}

func TestKolmogorov(t *testing.T) {
	assert.InDelta(t, 0.5, kolmogorov([]float64{math.Log10(0.5)}), 1e-12)
	assert.InDelta(t, 0.9, kolmogorov([]float64{-1, -1, -1}), 1e-12)
	var even []float64
	for i := range 1000 {
		even = append(even, math.Log10((float64(i)+0.5)/1000))
	}
	assert.InDelta(t, 0.0005, kolmogorov(even), 1e-9)
}

// TestSubstitute checks the rate, and that the other tokens do not change.
func TestSubstitute(t *testing.T) {
	texts := [][]int32{make([]int32, 5000), make([]int32, 5000)}
	hit := substitute(texts, 0.3, [][]int32{{1}}, random("substitute"))
	n := 0
	for _, text := range hit {
		require.Len(t, text, 5000)
		for _, id := range text {
			n += int(id)
		}
	}
	assert.InDelta(t, 3000, n, 5*math.Sqrt(10_000*0.3*0.7))
	assert.Equal(t, make([]int32, 5000), texts[0], "substitute does not change its argument")
}

// TestMixture checks the share of marked documents.
func TestMixture(t *testing.T) {
	w := toy(t)
	marked, err := w.shared(1, "key", w.NgramTrain)
	require.NoError(t, err)
	for _, share := range []float64{0, 0.05, 0.5, 1} {
		docs, err := w.mixture(share, w.NgramTrain, 1, "key", "x")
		require.NoError(t, err)
		require.Len(t, docs, 100)
		n := 0
		for _, d := range docs {
			if slices.ContainsFunc(marked, func(m []int32) bool { return slices.Equal(m, d) }) {
				n++
			}
		}
		assert.Equal(t, percent(share), n)
	}
}
