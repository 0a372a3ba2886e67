package llamacpp

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReaderRows compares rows with those of the model itself. A text longer than the context is read
// in windows that overlap.
func TestReaderRows(t *testing.T) {
	for _, c := range []struct {
		name                  string
		tokens, from, context int
	}{
		{"one chunk", 50, 0, 1000},
		{"chunks", 300, 0, 1000},
		{"the end alone", 300, 290, 1000},
		{"from beyond the first chunk", 300, 130, 1000},
		{"just the context", 200, 0, 200},
		{"longer than the context", 777, 0, 200},
		{"longer, the end alone", 777, 770, 200},
		{"longer, from the middle", 777, 333, 200},
		{"nothing", 0, 0, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{}
			r, err := NewReader(fakeModel(t, f), Config{Context: c.context, Batch: 100})
			require.NoError(t, err)
			text := words(7, c.tokens)
			next := c.from
			require.NoError(t, r.Rows(t.Context(), text, c.from, func(i int, row []float32) error {
				require.Equal(t, next, i)
				next++
				start := 0
				for i >= start+c.context {
					start += c.context / 2
				}
				require.Equal(t, f.logits(text[start:i+1]), row, "row %d", i)
				return nil
			}))
			assert.Equal(t, max(c.tokens, c.from), next)
			r.Close()
			assert.Equal(t, []string{"context"}, f.freed)
		})
	}
}

func TestReaderErrors(t *testing.T) {
	f := &fake{}
	r, err := NewReader(fakeModel(t, f), Config{})
	require.NoError(t, err)
	defer r.Close()
	none := func(int, []float32) error { return nil }
	assert.ErrorContains(t, r.Rows(t.Context(), []Token{1, fakeVocab}, 0, none), "outside the vocabulary")
	assert.ErrorContains(t, r.Rows(t.Context(), []Token{-1}, 0, none), "outside the vocabulary")
	enough := errors.New("enough")
	assert.ErrorIs(t, r.Rows(t.Context(), words(1, 9), 0, func(int, []float32) error { return enough }), enough)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, r.Rows(ctx, words(1, 9), 0, none), context.Canceled)
	f.broken.Store(true)
	assert.ErrorContains(t, r.Rows(t.Context(), words(1, 9), 0, none), "the device is gone")
}

func TestProbabilities(t *testing.T) {
	inf := float32(math.Inf(1))
	nan := float32(math.NaN())
	ln := func(x float64) float32 { return float32(math.Log(x)) }
	for _, c := range []struct {
		name        string
		row         []float32
		temperature float64
		want        []float32
	}{
		{"as it is", []float32{ln(0.5), ln(0.25), ln(0.25)}, 1, []float32{0.5, 0.25, 0.25}},
		{"shifted", []float32{ln(0.5) + 90, ln(0.25) + 90, ln(0.25) + 90}, 1, []float32{0.5, 0.25, 0.25}},
		{"hot", []float32{ln(4), 0}, 2, []float32{2.0 / 3, 1.0 / 3}},
		{"greedy", []float32{1, 3, 3}, 0, []float32{0, 1, 0}},
		{"forbidden", []float32{0, -inf, 0}, 1, []float32{0.5, 0, 0.5}},
		{"broken entries", []float32{0, nan, inf, 0}, 1, []float32{0.5, 0, 0, 0.5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Probabilities(slices.Clone(c.row), c.temperature)
			require.NoError(t, err)
			assert.InDeltaSlice(t, c.want, got, 1e-6)
		})
	}
	_, err := Probabilities([]float32{nan, -inf}, 1)
	assert.Error(t, err)
}
