package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/watermark"
)

// TestProduct compares the tests of package detect with those of the experiment, on a student and its
// base.
func TestProduct(t *testing.T) {
	w := toy(t)
	mark := w.mark(1, "key")
	marked, err := w.write("marked", 12_000, mark)
	require.NoError(t, err)
	clean, err := w.write("clean", 12_000)
	require.NoError(t, err)
	suspect, err := w.learnNgram(marked)
	require.NoError(t, err)
	base, err := w.learnNgram(clean)
	require.NoError(t, err)
	scorer := func(k watermark.Key) (detect.Scorer, error) { return watermark.New(k, mark.Scheme(), w.Vocab) }
	decoyKeys, err := student.NewDecoys([16]byte{1}, student.MinDecoys, scorer)
	require.NoError(t, err)

	texts, err := w.generate(suspect, 6000, 1, "product")
	require.NoError(t, err)
	test, err := student.New(mark, decoyKeys, &student.Options{Reference: w.teacher})
	require.NoError(t, err)
	for _, text := range texts {
		test.Add(nil, text)
	}
	got := test.Result()
	pairs := distinct(texts, 1, nil).test(mark)
	assert.Equal(t, pairs.Scored, got.Pairs.Scored)
	assert.Equal(t, pairs.Green, got.Pairs.Green)
	assert.InEpsilon(t, pairs.Log10P, got.Pairs.Log10P, 1e-9)
	// The residual of detect is the score statistic of the pairs that occur, on a finer lattice.
	occurs, over := gather(texts, 1), new(weighted)
	scoreWeights(texts, 1, ngram{w.teacher}, w.Vocab).each(func(context []int32, e entry) {
		if occurs.hasPair(context, e.id) {
			over.add(context, []entry{e})
		}
	})
	score := over.finish().test(mark)
	assert.InEpsilon(t, score.Z, got.Residual.Z, 0.02)
	assert.Greater(t, score.Z, 5.0)

	human := w.heldOut
	reading, err := student.NewChoices(mark, decoyKeys, nil)
	require.NoError(t, err)
	difference, err := student.NewDifference(mark, decoyKeys, nil)
	require.NoError(t, err)
	for _, text := range human {
		choices := make([]int32, len(text))
		model, before := make([]student.Row, len(text)), make([]student.Row, len(text))
		choices[len(text)-1] = -1 // the text ends here
		for i := range len(text) - 1 {
			model[i], before[i] = rowOf(suspect, text[:i+1], w.Vocab), rowOf(base, text[:i+1], w.Vocab)
			choices[i] = argmax(model[i].Probs)
		}
		require.NoError(t, reading.Add(text, choices))
		require.NoError(t, difference.Add(text, model, before))
	}
	open := readOpen(suspect, base, human, 1, w.Vocab)
	argmaxTest := open.argmax.test(mark)
	assert.Equal(t, argmaxTest.Scored, reading.Result().Scored)
	assert.Equal(t, argmaxTest.Green, reading.Result().Green)
	// Difference reads a context once per text, and the experiment reads it every time.
	assert.InEpsilon(t, open.difference.test(mark).Z, difference.Result().Z, 0.1)
	assert.Less(t, difference.Result().Log10P, -10.0)
}

// rowOf returns the next-token probabilities of a model after a text.
func rowOf(m model, text []int32, vocab int) student.Row {
	row := make([]float32, vocab)
	m.logits(row, text)
	softmax(row)
	return student.Row{Probs: row}
}
