package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/isotope-wm/isotope/watermark"
)

// substitute replaces each token with probability rate by one drawn from the tokens of
// other text, as a crude paraphrase does.
func substitute(texts [][]int32, rate float64, other [][]int32, rng *rand.Rand) [][]int32 {
	out := make([][]int32, len(texts))
	for i, text := range texts {
		out[i] = slices.Clone(text)
		for at := range out[i] {
			if rng.Float64() < rate {
				doc := other[rng.IntN(len(other))]
				out[i][at] = doc[rng.IntN(len(doc))]
			}
		}
	}
	return out
}

// A substitution is text with a share of its tokens replaced.
type substitution struct {
	Rate float64
	// Kept is the excess of green over positions as a share of that without substitutions,
	// an effect size. Law is (1-rate)^(k+1): a pair survives when none of its tokens is hit.
	Kept, Law float64
	Pairs     test
}

// substitutions measures how a mark decays.
func substitutions(mark *watermark.Mark, texts, other [][]int32, rates []float64, label string) []substitution {
	excess := func(t test) float64 { return float64(t.Green)/float64(t.Scored) - gamma }
	before := excess(naive(mark, texts))
	out := make([]substitution, len(rates))
	for i, rate := range rates {
		hit := substitute(texts, rate, other, random("substitute", label, rate))
		out[i] = substitution{
			Rate: rate, Law: math.Pow(1-rate, float64(mark.Width()+1)),
			Kept:  excess(naive(mark, hit)) / before,
			Pairs: distinct(hit, mark.Width(), nil).test(mark),
		}
	}
	return out
}
