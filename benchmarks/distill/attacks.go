package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/isotope-wm/isotope/watermark"
)

// substitute replaces each token with probability rate by a random token of other text, like a crude
// paraphrase.
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
	// Kept is the green excess over positions, an effect size, as a share of that without
	// substitutions. Law is (1-rate)^(k+1): a pair survives if none of its tokens is replaced.
	Kept, Law float64
	Pairs     test
}

// substitutions measures how a mark decays with the rate of substitutions.
func substitutions(
	mark *watermark.Mark, texts, other [][]int32, rates []float64, label string,
) []substitution {
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

// rates lists the rates of substitution.
var rates = []float64{0, 0.05, 0.1, 0.2, 0.3, 0.5}

// A decay holds the effect of substitutions on a mark.
type decay struct {
	Width   int
	Teacher []substitution // in marked text
	Student []substitution // in the outputs of a student of marked text
}

// substitutionArm is the arm of substitutions in text of the teacher and, with withStudent, in outputs of
// an n-gram student.
func substitutionArm(name string, width int, withStudent bool) arm {
	type config struct {
		Attack      string
		Width       int
		WithStudent bool
		Rates       []float64
	}
	return arm{name, config{"substitution", width, withStudent, rates}, func(w *world) (any, error) {
		mark := w.mark(width, "trace")
		marked, err := w.shared(width, "trace", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		other, err := w.shared(-1, "unmarked", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		teacher := substitutions(mark, take(marked, w.NeuralScore), other, rates, name)
		d := decay{Width: width, Teacher: teacher}
		if withStudent {
			m, err := w.learnNgram(marked)
			if err != nil {
				return nil, err
			}
			texts, err := w.generate(m, w.NeuralScore, 1, name)
			if err != nil {
				return nil, err
			}
			d.Student = substitutions(mark, texts, other, rates, name+" student")
		}
		return d, nil
	}}
}

// A launderedResult is the result of a student whose training text has substitutions.
type launderedResult struct {
	Rate float64
	closedTests
}

// launder returns the arm of a student whose training text has substitutions.
func launder(name string, width int, rate float64) arm {
	type config struct {
		Attack string
		Width  int
		Rate   float64
	}
	return arm{name, config{"launder", width, rate}, func(w *world) (any, error) {
		marked, err := w.shared(width, "trace", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		other, err := w.shared(-1, "unmarked", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		m, err := w.learnNgram(substitute(marked, rate, other, random(name)))
		if err != nil {
			return nil, err
		}
		texts, err := w.generate(m, w.NgramScore, 1, name)
		if err != nil {
			return nil, err
		}
		return launderedResult{rate, w.closedTest(w.mark(width, "trace"), texts, nil)}, nil
	}}
}
