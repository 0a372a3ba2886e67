package detect_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// TestNullPValuesAreUniform tests 10,000 texts that do not depend on the keys. The law is discrete, so
// P(p <= alpha) is the largest attainable level at or below alpha, which depends on the number
// scored. The count must match the sum of those levels, and must not exceed what alpha promises.
// Keys derive from a fixed root, so the outcome is one fixed number. The bounds are those of a fresh
// draw at 1e-6.
func TestNullPValuesAreUniform(t *testing.T) {
	if testing.Short() {
		t.Skip("the null panel has a short form")
	}
	root := testmark.Key(2)
	for _, c := range []struct {
		name  string
		dedup detect.Dedup
		text  func(rng *rand.Rand) []Token
	}{
		{"long texts of few tokens", detect.DedupPair, func(rng *rand.Rand) []Token { return testmark.Uniform(rng, 400, 8) }},
		{"short texts of many tokens", detect.DedupPair, func(rng *rand.Rand) []Token { return testmark.Uniform(rng, 20+rng.IntN(200), vocab) }},
		{"texts that loop", detect.DedupPair, func(rng *rand.Rand) []Token {
			loop := testmark.Uniform(rng, 40+rng.IntN(40), vocab)
			var text []Token
			for range 10 {
				text = append(text, loop...)
			}
			return text
		}},
		{"first occurrences", detect.DedupContext, func(rng *rand.Rand) []Token { return testmark.Uniform(rng, 600, 15) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const texts = 10_000
			rng := rand.New(rand.NewPCG(17, 18))
			depths := []float64{0.5, 0.1, 1e-2, 1e-3, 1e-4}
			counts := make([]int64, len(depths))
			levels := make([]float64, len(depths))
			for i := range texts {
				key := root.Derive(c.name, strconv.Itoa(i))
				gamma := []float64{0.5, 0.25, 0.0625, 0.80078125}[i%4]
				m := testmark.Mark(t, key, watermark.GreenList{Gamma: gamma, Delta: 1, Width: 1 + i%3}, vocab)
				a := detect.NewAccumulator(m, &detect.Options{Dedup: c.dedup})
				a.Add(c.text(rng))
				r := a.Tested()
				for d, alpha := range depths {
					if r.Log10P <= math.Log10(alpha) {
						counts[d]++
					}
					k := tail.BinomialCritical(r.Scored, gamma, math.Log10(alpha))
					levels[d] += math.Pow(10, tail.Binomial(k, r.Scored, gamma))
				}
			}
			for d, alpha := range depths {
				t.Logf("p <= %v: %d of %d, attainable %.1f, promised %.0f", alpha, counts[d], texts, levels[d], texts*alpha)
				level := levels[d] / texts
				assert.LessOrEqual(t, level, alpha)
				assert.Greater(t, tail.Binomial(counts[d], texts, level), -6.0, "too many p <= %v: %d", alpha, counts[d])
				below := math.Log10(1 - math.Pow(10, tail.Binomial(counts[d]+1, texts, level)))
				assert.Greater(t, below, -6.0, "too few p <= %v: %d", alpha, counts[d])
			}
		})
	}
}
