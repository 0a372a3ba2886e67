package detect

import (
	"encoding/binary"
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
)

// A Reference is a model that does not know the mark. It may be the provider's own model without
// the mark, the public base of a suspect, or any other model of the language.
type Reference interface {
	// LogProb returns the natural logarithm of the probability of next after context. It is at most
	// 0. context is the text so far, with the newest token last.
	LogProb(context []Token, next Token) float64
}

// residualStep is the number of steps of weight for one occurrence above the expected number.
const residualStep = 4

// ResidualWeights returns weights for WeightGiven, one slice for each text. They are the residual
// statistic for students. A pair (context, token) weighs as much as it occurs more often than a
// reference expects after all occurrences of its context,
//
//	a = count(context, token) - sum over positions t with that context of p_ref(token | text before t)
//
// This is the score of an exponential tilt of the reference, taken at tilt 0 (Cox and Hinkley 1974,
// section 4.8). It is small where the text had no choice. The weight is a in steps of 1/4, clamped
// to [0, MaxWeight]. So a pair that occurs less often than expected has the weight 0. A bad
// reference costs power and never validity.
//
// prompts[i] precedes texts[i], and is context for the reference only. prompts may be nil. width is
// that of the mark to be tested. The time is the number of positions, times the number of distinct
// tokens after one context.
func ResidualWeights(texts, prompts [][]Token, width int, ref Reference) [][]uint8 {
	type place struct{ text, at int }
	places := make(map[string][]place)
	key := make([]byte, 0, 4*width)
	for i, text := range texts {
		for at := width; at < len(text); at++ {
			key = key[:0]
			for _, t := range text[at-width : at] {
				key = binary.LittleEndian.AppendUint32(key, uint32(t))
			}
			places[string(key)] = append(places[string(key)], place{i, at})
		}
	}
	weights, histories := make([][]uint8, len(texts)), make([][]Token, len(texts))
	for i, text := range texts {
		weights[i] = make([]uint8, len(text))
		if i < len(prompts) {
			histories[i] = append(histories[i], prompts[i]...)
		}
		histories[i] = append(histories[i], text...)
	}
	for _, same := range places {
		counts := make(map[Token]float64)
		for _, p := range same {
			counts[texts[p.text][p.at]]++
		}
		for token, count := range counts {
			expected := 0.0
			for _, p := range same {
				history := histories[p.text]
				end := len(history) - len(texts[p.text]) + p.at
				expected += tail.Exp(ref.LogProb(history[:end], token))
			}
			weight := uint8(math.Round(min(max((count-expected)*residualStep, 0), MaxWeight)))
			for _, p := range same {
				if texts[p.text][p.at] == token {
					weights[p.text][p.at] = weight
				}
			}
		}
	}
	return weights
}
