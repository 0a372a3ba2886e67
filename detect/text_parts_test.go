package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
)

// TestTextInParts: the pairs of a text in parts are those of an Accumulator that gets the parts one
// by one, whether or not places are asked for.
func TestTextInParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for _, c := range []struct {
		name  string
		dedup detect.Dedup
		width int
	}{{"pairs", detect.DedupPair, 2}, {"contexts", detect.DedupContext, 2}, {"a wide context", detect.DedupPair, 6}, {"no context", detect.DedupPair, 0}} {
		t.Run(c.name, func(t *testing.T) {
			m := testmark.Green(t, testmark.Key(3), c.width)
			for i := range 200 {
				text := testmark.Uniform(rng, rng.IntN(300), 12+i)
				for range rng.IntN(3) {
					if len(text) > 0 {
						text[rng.IntN(len(text))] = -1
					}
				}
				breaks := []int{}
				for at := rng.IntN(60); at <= len(text); at += rng.IntN(60) {
					breaks = append(breaks, at)
				}
				o := detect.Options{Dedup: c.dedup}
				prompts := [][]detect.Token{testmark.Uniform(rng, 20, 12+i)}
				plain := detect.Text(m, text, &detect.TextOptions{Options: o, Prompts: prompts, Breaks: breaks})
				placed := detect.Text(m, text, &detect.TextOptions{Options: o, Prompts: prompts, Breaks: breaks, Colours: true})
				assert.Equal(t, fmt.Sprintf("%+v", plain.Result), fmt.Sprintf("%+v", placed.Result))
				scored := int64(0)
				for _, colour := range placed.Colours {
					if colour != detect.Unscored {
						scored++
					}
				}
				assert.Equal(t, placed.Scored, scored)

				a := detect.NewAccumulator(m, &o)
				a.Exclude(prompts[0])
				from := 0
				for _, to := range append(breaks, len(text)) {
					a.Add(text[from:to])
					from = to
				}
				want := a.Result()
				assert.Equal(t, want.Tokens, plain.Tokens)
				assert.Equal(t, want.Skipped, plain.Skipped)
				assert.Equal(t, want.Scored, plain.Scored)
				if c.dedup == detect.DedupPair {
					assert.Equal(t, want.Green, plain.Green)
				}
				// Colours stand where the parts alone have them, unless an earlier part has the pair.
				if len(breaks) > 0 {
					first := detect.Text(m, text[:breaks[0]], &detect.TextOptions{Options: o, Prompts: prompts, Colours: true})
					assert.Equal(t, first.Colours, placed.Colours[:breaks[0]])
				}
			}
		})
	}
}

func TestBreaksThatDoNotFit(t *testing.T) {
	m := testmark.Green(t, testmark.Key(3), 2)
	for _, breaks := range [][]int{{-1}, {11}, {5, 4}} {
		assert.PanicsWithValue(t, "detect: Breaks do not ascend within the text", func() {
			detect.Text(m, make([]detect.Token, 10), &detect.TextOptions{Breaks: breaks})
		})
	}
	assert.NotPanics(t, func() { detect.Text(m, make([]detect.Token, 10), &detect.TextOptions{Breaks: []int{0, 3, 3, 10}}) })
}

// TestOneOf: a result as one of n tests is the result of a test that counts them from the beginning.
func TestOneOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	m := testmark.Green(t, testmark.Key(3), 2)
	for i := range 60 {
		text := testmark.Uniform(rng, 40*i, 900)
		if i%2 == 0 {
			text = greenText(rng, 40*i, m, float64(i%5))
		}
		o := detect.Options{Alpha: 1e-3, MinShare: 0.4, Tests: int64(1 + i%3)}
		alone := detect.Text(m, text, &detect.TextOptions{Options: o, Spans: i%4 > 1})
		for _, n := range []int64{1, 2, 1000} {
			of := o
			of.Tests *= n
			want := detect.Text(m, text, &detect.TextOptions{Options: of, Spans: i%4 > 1})
			got := alone.OneOf(n, m, &o)
			assert.InDelta(t, want.Log10PAdjusted, got.Log10PAdjusted, 1e-9)
			got.Log10PAdjusted = want.Log10PAdjusted
			assert.Equal(t, fmt.Sprintf("%+v", want.Result), fmt.Sprintf("%+v", got))
		}
	}
	r := detect.Result{Tests: math.MaxInt64}
	require.Panics(t, func() { r.OneOf(2, m, nil) })
	require.Panics(t, func() { detect.Result{Tests: 1}.OneOf(0, m, nil) })
}
