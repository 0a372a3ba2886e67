package student

import (
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// A RowReference is a [detect.Reference] that returns the whole next-token law at once. That saves
// most of the time if many different tokens follow a context.
type RowReference interface {
	detect.Reference
	// LogProbs returns the natural logarithms of the probabilities of all tokens after context,
	// each at most 0. It may use the memory of dst. Tokens beyond the end of the row have
	// probability 0.
	LogProbs(dst []float32, context []detect.Token) []float32
}

// residuals returns, in fixed point, how far each pair occurs more often than the reference expects
// after all occurrences of its context in the outputs:
//
//	a = count(context, token) - sum over positions t with that context of p_ref(token | all before t)
//
// This is the score of an exponential tilt of the reference, taken at tilt 0 (Cox and Hinkley 1974,
// section 4.8). A token that occurs less often than expected has a weight below 0.
func (s *Test) residuals(pairs []detect.Pair, counts []int64) []int64 {
	width := s.scorer.Width()
	after := make(map[string][]int32) // indexes of pairs, by context
	var key []byte
	for i, p := range pairs {
		key = evidence.Pack(key[:0], p.Context...)
		after[string(key)] = append(after[string(key)], int32(i))
	}
	fixed := make([]int64, len(pairs))
	for i, n := range counts {
		fixed[i] = min(n, math.MaxInt64/fixedOne/2) * fixedOne
	}
	rows, _ := s.options.Reference.(RowReference)
	var history []detect.Token
	var row []float32
	for _, o := range s.outputs {
		given := o.before()
		history = append(append(history[:0], given...), o.text...)
		for at := width; at < len(o.text); at++ {
			key = evidence.Pack(key[:0], o.text[at-width:at]...)
			ids := after[string(key)]
			if len(ids) == 0 {
				continue
			}
			before := history[:len(given)+at]
			if rows != nil {
				row = rows.LogProbs(row, before)
			}
			for _, i := range ids {
				token := pairs[i].Token
				switch {
				case rows == nil:
					fixed[i] -= probability(s.options.Reference.LogProb(before, token))
				case int(token) < len(row):
					fixed[i] -= probability(float64(row[token]))
				}
			}
		}
	}
	return fixed
}

// probability returns e^x in fixed point, within 0 and 1. It returns 0 for NaN.
func probability(x float64) int64 {
	p := math.Exp(x)
	if !(p > 0) {
		return 0
	}
	return toFixed(min(p, 1))
}
