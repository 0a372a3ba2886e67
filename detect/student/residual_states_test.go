package student

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// contextual is a model of n-grams that does not name its states.
type contextual struct{ m *lm.Model }

func (c contextual) LogProb(context []detect.Token, next detect.Token) float64 {
	return c.m.LogProb(context, next)
}

// asked counts the laws that a test asks for.
type asked struct {
	*lm.Model
	laws int
}

func (a *asked) StateLogProbs(dst []float64, state uint64, ids []detect.Token) []float64 {
	a.laws++
	return a.Model.StateLogProbs(dst, state, ids)
}

// TestStatesGiveWhatContextsGive: laws that are asked for once give the weights of those that are asked
// for at every position, however many positions are sorted at a time.
func TestStatesGiveWhatContextsGive(t *testing.T) {
	const vocab, ids = 300, 12
	rng := rand.New(rand.NewPCG(70, 70))
	var docs [][]detect.Token
	for range 40 {
		docs = append(docs, testmark.Zipf(rng, 60, ids))
	}
	m, err := lm.Train(docs, vocab, lm.Options{})
	require.NoError(t, err)
	defer func(n int) { lawUses = n }(lawUses)
	for _, width := range []int{1, 2, 3} {
		decoys, err := NewDecoys([16]byte{7}, MinDecoys, func(k watermark.Key) (detect.Scorer, error) {
			return watermark.New(k, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: width}, vocab)
		})
		require.NoError(t, err)
		mark := testmark.Mark(t, testmark.Key(70), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: width}, vocab)
		run := func(reference detect.Reference) Result {
			test, err := New(mark, decoys, &Options{Reference: reference})
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(71, 71))
			for i := range 60 {
				text := slices.Concat(docs[i%len(docs)][:20], testmark.Zipf(rng, 40, ids+2), []detect.Token{-1, vocab, 3, 4})
				test.Add(testmark.Zipf(rng, 2+i%3, ids), text)
			}
			test.AddConversation([]Turn{{Own: true, Tokens: docs[0]}, {Tokens: docs[1][:3]}, {Own: true, Tokens: docs[2]}})
			return test.Result()
		}
		want := run(contextual{m})
		require.NotEmpty(t, want.Residual.Classes)
		for _, n := range []int{1, 7, 1 << 19} {
			lawUses = n
			a := &asked{Model: m}
			assert.Equal(t, want, run(a), "width %d, %d positions at a time", width, n)
			if n > 1<<10 && width < 3 {
				assert.Less(t, a.laws, 62*60/2, "laws of %d positions", 62*60)
			}
		}
	}
}
