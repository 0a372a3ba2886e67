package student

import (
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// A RowReference is a [detect.Reference] that gives the whole next-token law at once, which saves
// most of the time where a context is followed by many different tokens.
type RowReference interface {
	detect.Reference
	// LogProbs returns the natural logarithms of the probabilities of every token after
	// context; it may use dst for them. A row that is too short has no more tokens.
	LogProbs(dst []float32, context []detect.Token) []float32
}

// residuals returns, in fixed point, by how much each pair occurs more often than the
// reference expects after all occurrences of its context in the outputs:
//
//	a = count(context, token) - sum over positions t with that context of p_ref(token | all before t)
//
// the score of an exponential tilt of the reference at no tilt (Cox and Hinkley 1974,
// section 4.8). A token that occurs less often than expected has a weight below 0.
func (s *Test) residuals(pairs []detect.Pair, counts []int64) []int64 {
	width := s.scorer.Width()
	after := make(map[string][]int32) // pairs by context
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
		history = append(append(history[:0], o.prompt...), o.text...)
		for at := width; at < len(o.text); at++ {
			key = evidence.Pack(key[:0], o.text[at-width:at]...)
			ids := after[string(key)]
			if len(ids) == 0 {
				continue
			}
			before := history[:len(o.prompt)+at]
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

// probability returns e^x in fixed point, within 0 and 1; NaN is 0.
func probability(x float64) int64 {
	p := math.Exp(x)
	if !(p > 0) {
		return 0
	}
	return toFixed(min(p, 1))
}
