package detect

import (
	"cmp"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A Selection says which of several tests reject.
type Selection struct {
	// Rejected says for each hypothesis whether it is rejected, in the given order.
	Rejected []bool
	// Log10Adjusted is log10 of the smallest level at which each hypothesis would be rejected, at
	// most 0. A hypothesis is rejected if it is at most log10 of the level.
	Log10Adjusted []float64
	// Count is the number of rejected hypotheses.
	Count int
}

// BenjaminiHochberg selects documents by their log10 p-values. It bounds the false discovery rate
// by q, in (0,1): the expected share of wrong documents among the selected ones. It selects the k
// documents with the smallest p-values, where k is the largest with p_(k) <= q k/m. The adjusted
// value of a document is the minimum of m p_(j)/j over the j from its rank on.
//
// It needs p-values that are independent, or positively dependent (PRDS, Benjamini and Yekutieli
// 2001, theorem 1.2). Documents that share text, under one key and with DedupPair and equal
// weights, have positively dependent counts. docs/statistics.md says how far the proof goes. It
// does not cover weighted scores. For those, and whenever a list of documents is evidence and not
// triage, use [BenjaminiYekutieli] or [EBH]. For a statement about the corpus, add all documents to
// one [Accumulator].
//
// p-values may have any depth: -Inf is a p-value of 0, and a number above 0 counts as 0. Equal
// p-values are treated alike. Without documents nothing is selected. BenjaminiHochberg panics if a
// p-value is NaN or q is outside (0,1).
//
// Benjamini and Hochberg, "Controlling the False Discovery Rate" (1995).
func BenjaminiHochberg(log10P []float64, q float64) Selection {
	return stepUp(log10P, q, 0)
}

// BenjaminiYekutieli is [BenjaminiHochberg] at the level q / (1 + 1/2 + ... + 1/m). It bounds the
// false discovery rate under any dependence. It panics as BenjaminiHochberg does.
//
// Benjamini and Yekutieli, "The Control of the False Discovery Rate in Multiple Testing under
// Dependency" (2001), theorem 1.3.
func BenjaminiYekutieli(log10P []float64, q float64) Selection {
	var harmonic float64
	for j := len(log10P); j > 0; j-- {
		harmonic += 1 / float64(j)
	}
	return stepUp(log10P, q, tail.Log10(max(harmonic, 1)))
}

// EBH selects documents by their log10 e-values. It bounds the false discovery rate by q, in (0,1),
// under any dependence. It selects the k documents with the largest e-values, where k is the
// largest with e_(k) >= m/(k q). It is BenjaminiHochberg with 1/e for p.
//
// An e-value must be that of a fixed count, as Log10E of package sequential computes it. The Log10E
// of sequential tests will do too, at one time that all documents have in common. The supremum of
// an e-process is not an e-value.
//
// -Inf is an e-value of 0, and +Inf is one that rejects at any level. EBH panics if an e-value is
// NaN or q is outside (0,1).
//
// Wang and Ramdas, "False Discovery Rate Control with E-values" (2022).
func EBH(log10E []float64, q float64) Selection {
	inverse := make([]float64, len(log10E))
	for i, e := range log10E {
		inverse[i] = -e
	}
	return stepUp(inverse, q, 0)
}

// Holm bounds by alpha, in (0,1), the probability that it selects even one document or key wrongly,
// under any dependence. Use it to name keys or documents. From the smallest p-value on, it rejects
// while p_(k) <= alpha/(m-k+1). The adjusted value is the maximum of (m-j+1) p_(j) over the j up to
// the rank. Holm panics if a p-value is NaN or alpha is outside (0,1).
//
// Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
func Holm(log10P []float64, alpha float64) Selection {
	order := ascending(log10P)
	adjusted := make([]float64, len(log10P))
	worst := math.Inf(-1)
	for rank, i := range order {
		worst = max(worst, log10P[i]+tail.Log10(float64(len(order)-rank)))
		adjusted[i] = min(worst, 0)
	}
	return selection(adjusted, alpha)
}

// stepUp is Benjamini and Hochberg's rule for p-values multiplied by 10^penalty.
func stepUp(log10P []float64, q, penalty float64) Selection {
	order := ascending(log10P)
	adjusted := make([]float64, len(log10P))
	best := 0.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		best = min(best, log10P[i]+penalty+tail.Log10(float64(len(order))/float64(rank)))
		adjusted[i] = best
	}
	return selection(adjusted, q)
}

// ascending returns the indexes of the values in ascending order of the values.
func ascending(values []float64) []int {
	order := make([]int, len(values))
	for i, v := range values {
		if math.IsNaN(v) {
			panic("detect: a p-value or e-value is NaN")
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	return order
}

// selection rejects at level, which it checks.
func selection(adjusted []float64, level float64) Selection {
	if !(level > 0 && level < 1) {
		panic("detect: the level is outside (0,1)")
	}
	s := Selection{Rejected: make([]bool, len(adjusted)), Log10Adjusted: adjusted}
	limit := tail.Log10(level)
	for i, a := range adjusted {
		if a <= limit+null.LevelSlack {
			s.Rejected[i] = true
			s.Count++
		}
	}
	return s
}
