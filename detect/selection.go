package detect

import (
	"cmp"
	"math"
	"slices"
)

// A Selection is which of several tests are called, and how far each was from it.
type Selection struct {
	// Rejected says which hypotheses are rejected, in the order they were given.
	Rejected []bool
	// Log10Adjusted is log10 of the smallest level at which each would have been
	// rejected: Rejected where it is at most log10 of the level. At most 0.
	Log10Adjusted []float64
	// Count is the number rejected.
	Count int
}

// BenjaminiHochberg selects documents by their log10 p-values, such that the expected
// share of false ones among those selected, the false discovery rate, is at most q:
// the k with the smallest p-values, k the largest with p_(k) <= q k/m. An adjusted value is
// the minimum of m p_(j)/j over the j from the document's rank on.
//
// Condition: independent p-values, or positively dependent ones (PRDS: Benjamini and
// Yekutieli 2001, theorem 1.2). Counts of documents that share text are positively
// dependent when every pair weighs the same, DedupPair under one key; docs/statistics.md
// says how far the proof goes. Weighted scores are not covered, so for those, and
// wherever a list of documents is evidence and not triage, use [BenjaminiYekutieli] or
// [EBH]. To say something about the corpus, add all documents to one [Accumulator].
//
// Any depth will do: -Inf is a p-value of 0, and what is above 0 counts as 0. Equal
// p-values are treated alike; without documents nothing is selected. It panics if a
// p-value is NaN or q is outside (0,1).
//
// Benjamini and Hochberg, "Controlling the False Discovery Rate" (1995).
func BenjaminiHochberg(log10P []float64, q float64) Selection {
	return stepUp(log10P, q, 0)
}

// BenjaminiYekutieli is [BenjaminiHochberg] at the level q / (1 + 1/2 + ... + 1/m),
// which holds whatever the dependence. It panics as BenjaminiHochberg does.
//
// Benjamini and Yekutieli, "The Control of the False Discovery Rate in Multiple
// Testing under Dependency" (2001), theorem 1.3.
func BenjaminiYekutieli(log10P []float64, q float64) Selection {
	var harmonic float64
	for j := len(log10P); j > 0; j-- {
		harmonic += 1 / float64(j)
	}
	return stepUp(log10P, q, math.Log10(max(harmonic, 1)))
}

// EBH selects documents by their log10 e-values, such that the false discovery rate is
// at most q whatever the dependence: the k with the largest e-values, k the largest
// with e_(k) >= m/(k q). It is BenjaminiHochberg with 1/e for p.
//
// E-values are those of [Log10E], of any fixed count or of [SequentialResult.Log10E] at one
// time that all documents have in common. The supremum of an e-process is not one.
//
// -Inf is an e-value of 0 and +Inf one that rejects at any level. It panics if an
// e-value is NaN or q is outside (0,1).
//
// Wang and Ramdas, "False Discovery Rate Control with E-values" (2022).
func EBH(log10E []float64, q float64) Selection {
	inverse := make([]float64, len(log10E))
	for i, e := range log10E {
		inverse[i] = -e
	}
	return stepUp(inverse, q, 0)
}

// Holm selects such that the probability of a single false one is at most alpha,
// whatever the dependence: the right rule to accuse by, of keys as well as of documents.
// From the smallest p-value on it rejects while p_(k) <= alpha/(m-k+1). An adjusted value is
// the maximum of (m-j+1) p_(j) over the j up to the rank. It panics if a p-value is NaN or
// alpha is outside (0,1).
//
// Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
func Holm(log10P []float64, alpha float64) Selection {
	order := ascending(log10P)
	adjusted := make([]float64, len(log10P))
	worst := math.Inf(-1)
	for rank, i := range order {
		worst = max(worst, log10P[i]+math.Log10(float64(len(order)-rank)))
		adjusted[i] = min(worst, 0)
	}
	return selection(adjusted, alpha)
}

// stepUp is Benjamini and Hochberg's rule for p-values that are 10^penalty times as
// large.
func stepUp(log10P []float64, q, penalty float64) Selection {
	order := ascending(log10P)
	adjusted := make([]float64, len(log10P))
	best := 0.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		best = min(best, log10P[i]+penalty+math.Log10(float64(len(order))/float64(rank)))
		adjusted[i] = best
	}
	return selection(adjusted, q)
}

// ascending returns the places of the values from the smallest on.
func ascending(values []float64) []int {
	order := make([]int, len(values))
	for i, v := range values {
		if math.IsNaN(v) {
			panic("detect: a p-value or e-value is not a number")
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	return order
}

// levelSlack makes a value that equals its threshold reach it although logarithms
// round: some ulps, and far less than what a log10 p is exact to.
const levelSlack = 1e-13

func selection(adjusted []float64, level float64) Selection {
	if !(level > 0 && level < 1) {
		panic("detect: the level is outside (0,1)")
	}
	s := Selection{Rejected: make([]bool, len(adjusted)), Log10Adjusted: adjusted}
	limit := math.Log10(level)
	for i, a := range adjusted {
		if a <= limit+levelSlack {
			s.Rejected[i] = true
			s.Count++
		}
	}
	return s
}
