package lm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mustTrain returns the model of docs, and fails t on an error.
func mustTrain(t testing.TB, docs [][]int32, vocab int, o Options) *Model {
	t.Helper()
	m, err := Train(docs, vocab, o)
	require.NoError(t, err)
	return m
}

// modTen makes the ids that end in 9 breaks, and those that end in 8 not usable.
var modTen = Options{
	Usable: func(id int32) bool { return id%10 != 8 },
	Break:  func(id int32) bool { return id%10 == 9 },
}

// without8 deletes the ids that modTen makes not usable.
func without8(docs [][]int32) [][]int32 {
	for i := range docs {
		docs[i] = slices.DeleteFunc(docs[i], func(id int32) bool { return id%10 == 8 })
	}
	return docs
}

// TestLogitsEqualTheFormula compares rows of logits with the formula, for every order and every kind of
// context.
func TestLogitsEqualTheFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for order := 1; order <= MaxOrder; order++ {
		for _, size := range []struct{ vocab, docs, length int }{{3, 1, 6}, {10, 20, 30}, {40, 30, 60}} {
			t.Run(fmt.Sprintf("order=%d/vocab=%d", order, size.vocab), func(t *testing.T) {
				for _, o := range []Options{{}, modTen} {
					docs := without8(randomDocs(r, size.vocab, size.docs, size.length))
					docs = append(docs, []int32{0, 1}) // there must be a token
					o.Order = order
					m, ref := mustTrain(t, docs, size.vocab, o), newReference(docs, size.vocab, o)
					for range 30 {
						// Seen, half seen and unseen contexts, empty ones and long ones.
						doc := docs[r.IntN(len(docs))]
						text := slices.Clone(doc[:r.IntN(len(doc)+1)])
						for range r.IntN(3) {
							text = append(text, int32(r.IntN(size.vocab)))
						}
						checkRow(t, m, ref, text)
					}
					checkRow(t, m, ref, nil)
				}
			})
		}
	}
}

func checkRow(t *testing.T, m *Model, ref *reference, text []int32) {
	t.Helper()
	row := make([]float32, m.Vocab())
	for i := range row {
		row[i] = float32(math.NaN()) // Logits must write every entry
	}
	m.Logits(row, text)
	sum := 0.0
	for w, want := range ref.row(text) {
		sum += math.Exp(float64(row[w]))
		if math.IsInf(want, -1) {
			require.True(t, math.IsInf(float64(row[w]), -1), "context %v, id %d: %v", text, w, row[w])
		} else {
			require.InDelta(t, want, float64(row[w]), 5e-6, "context %v, id %d", text, w)
		}
		require.Equal(t, float64(row[w]), m.LogProb(text, int32(w)), "context %v, id %d", text, w)
	}
	ids := make([]int32, len(row)+2)
	for i := range ids {
		ids[i] = int32(i) - 1 // the first and the last one are outside the vocabulary
	}
	logs := m.StateLogProbs([]float64{42}, m.State(text), ids)
	require.Len(t, logs, 1+len(ids))
	for i, x := range logs[1:] {
		require.Equal(t, m.LogProb(text, ids[i]), x, "context %v, id %d, by its state", text, ids[i])
	}
	require.InDelta(t, 1, sum, 1e-5, "context %v", text)
}

func TestContext(t *testing.T) {
	docs := without8(randomDocs(rand.New(rand.NewPCG(2, 2)), 30, 50, 40))
	m := mustTrain(t, docs, 30, modTen)
	logits := func(context ...int32) []float32 {
		row := make([]float32, 30)
		m.Logits(row, context)
		return row
	}
	text := docs[slices.IndexFunc(docs, func(d []int32) bool {
		return len(d) > 12 && !slices.ContainsFunc(d[:12], modTen.Break)
	})][:12]
	assert.Equal(t, logits(text...), logits(text[12-4:]...), "only the last four tokens count")
	assert.NotEqual(t, logits(text...), logits(text[12-3:]...), "three are the beginning of a text")
	assert.Equal(t, logits(), logits(append(text, 9)...), "a new text starts after a break")
	assert.Equal(t, logits(text[0]), logits(append(text, 19, text[0])...))
	assert.Equal(t, logits(-1, 3), logits(30, 3), "tokens before an id outside the vocabulary do not count")
	assert.Equal(t, logits(1, 2, -1, 3), logits(2, 1, 1<<30, 3))
	assert.True(t, math.IsInf(m.LogProb(nil, 30), -1))
	assert.True(t, math.IsInf(m.LogProb(nil, -1), -1))
	assert.Panics(t, func() { m.Logits(make([]float32, 29), nil) })
	assert.Panics(t, func() { m.Logits(make([]float32, 31), nil) })
}

func TestLogitsDoesNotAllocate(t *testing.T) {
	docs := randomDocs(rand.New(rand.NewPCG(3, 3)), 50, 50, 40)
	m := mustTrain(t, docs, 50, Options{})
	row := make([]float32, 50)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		m.Logits(row, docs[0])
		m.Logits(row, nil)
		m.LogProb(docs[0], 1)
	}))
}

func TestModelIsSafeForConcurrentUse(t *testing.T) {
	docs := randomDocs(rand.New(rand.NewPCG(4, 4)), 50, 50, 40)
	m := mustTrain(t, docs, 50, Options{})
	want := make([]float32, 50)
	m.Logits(want, docs[0])
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) + 2 {
		wg.Go(func() {
			row := make([]float32, 50)
			for _, d := range docs {
				m.Logits(row, d)
			}
			m.Logits(row, docs[0])
			assert.Equal(t, want, row)
		})
	}
	wg.Wait()
}

// TestModelLearns: a model prefers the tokens that follow in its text.
func TestModelLearns(t *testing.T) {
	var doc []int32
	for range 50 {
		doc = append(doc, 1, 2, 3, 4, 5, 6)
	}
	m := mustTrain(t, [][]int32{doc}, 1000, Options{})
	assert.Greater(t, m.LogProb([]int32{1, 2, 3, 4}, 5), math.Log(0.9))
	assert.Less(t, m.LogProb([]int32{1, 2, 3, 4}, 6), math.Log(0.1))
	assert.Greater(t, m.LogProb([]int32{1, 2, 3, 4}, 6), m.LogProb([]int32{1, 2, 3, 4}, 7), "seen elsewhere")
	assert.Equal(t, "5-gram model of 1000 ids, 300 tokens, 28 n-grams", m.String())
}
