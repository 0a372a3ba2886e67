package plan

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/tail"
)

// zipfTokens is the vocabulary size of an [Entropy].
const zipfTokens = 2000

// Entropy returns the law of steps at which the model's next-token law has this entropy in nats, in
// [0, 7.5]. It assumes a shape: the probability of the r-th of 2000 tokens is proportional to r^-s
// (Zipf), with the s that gives the entropy. Real models differ. A logged
// [watermark.GreenMassHistogram] holds their own law. Entropy panics if gamma is outside (0,1) or
// entropy is out of range.
func Entropy(gamma, entropy float64) *Mass {
	if !(entropy >= 0 && entropy <= 7.5) {
		panic("plan: entropy is outside [0,7.5]")
	}
	checkGamma(gamma)
	return rowMass(gamma, zipfRow(entropy))
}

// zipfRow returns numbers in proportion to the probabilities r^-s that have this entropy.
func zipfRow(entropy float64) []float64 {
	row := make([]float64, zipfTokens)
	// With Z the sum of r^-s, the entropy is ln Z + s * mean of ln r.
	fill := func(s float64) float64 {
		var sum, logs float64
		for i := range row {
			l := tail.Ln(float64(i + 1))
			row[i] = tail.Exp(-s * l)
			sum += row[i]
			logs += row[i] * l
		}
		return tail.Ln(sum) + s*logs/sum
	}
	lo, hi := 0.0, 64.0 // as s rises from lo to hi, the entropy falls from ln 2000 to 0
	for range 45 {
		mid := lo + (hi-lo)/2
		if fill(mid) > entropy {
			lo = mid
		} else {
			hi = mid
		}
	}
	fill(hi)
	return row
}

// mixtureEntropies are the entropies, in nats, that kinds of text are mixed of.
var mixtureEntropies = []float64{.02, .1, .25, .5, 1, 1.5, 2, 3, 4}

// textMixtures are the weights of mixtureEntropies in the kinds of text of [TextKinds]. They are
// illustrations and not measurements. Only the mean entropy of each kind matters.
var textMixtures = map[string][]float64{
	"code": {.70, .10, .07, .06, .04, .02, .01, 0, 0},
	"chat": {.40, .12, .10, .12, .11, .07, .05, .025, .005},
	"web":  {.10, .07, .08, .12, .15, .13, .12, .14, .09},
}

// TextKinds returns the kinds of text that [Text] knows, from least to most entropy.
func TextKinds() []string { return []string{"code", "chat", "web"} }

// Text returns the law of a kind of text of [TextKinds]. It is a mixture of [Entropy] laws, to plan
// with before anything was logged. ok is false if the kind is unknown. Text panics if gamma is
// outside (0,1).
func Text(gamma float64, text string) (law *Mass, ok bool) {
	checkGamma(gamma)
	weights, ok := textMixtures[text]
	if !ok {
		return nil, false
	}
	laws := make([]*Mass, len(weights))
	for i, h := range mixtureEntropies {
		laws[i] = Entropy(gamma, h)
	}
	return Mix(laws, slices.Clone(weights)), true
}
