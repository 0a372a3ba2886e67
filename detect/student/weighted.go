package student

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A SignedClass is the pairs of one weight.
type SignedClass struct {
	Weight        int64 // whole number in units of WeightedResult.Unit, not 0
	Scored, Green int64 // pairs, and the green ones
}

// A WeightedResult tests the hypothesis that the text, or the model that was read, does not depend
// on the key. Its statistic is T = sum of weight times colour over distinct pairs. The weights are
// whole numbers of either sign that do not depend on the key. Given them, the terms are
// independent. So the tail of T is exact, however unequal the weights are. A weight below 0 counts
// against green.
type WeightedResult struct {
	Mark string // ID of the detect.Scorer

	// Log10P is log10 of the exact probability, under the null, of a Sum at least as large, at most
	// 0. It is 0 if nothing was scored.
	Log10P float64
	// Log10PAdjusted is Log10P adjusted for every test that this one belongs to, at most 0.
	Log10PAdjusted float64
	// Z is the z-score, to compare with papers. It is NaN if nothing was scored.
	Z float64

	Scored int64 // pairs with a weight other than 0
	Green  int64 // green pairs, at most Scored
	Sum    int64 // sum of weight times colour
	Tests  int64 // tests that Log10PAdjusted is adjusted for, at least 1

	// Unit is the real weight that a whole 1 stands for, a power of two above 0. The rule that
	// finds it does not see a colour.
	Unit float64
	// Clipped is the number of pairs whose weight was cut to the largest one.
	Clipped int64
	// Unweighted is the number of pairs whose weight was rounded to 0, inside the band or outside
	// it.
	Unweighted int64
	// Heaviest is the largest share of one pair in the variance of Sum, in [0,1]. The p-value holds
	// for every share. A large one says that few pairs decide.
	Heaviest float64

	// Classes splits Scored and Green by weight, in ascending order of the weights. The p-value
	// depends on them and on gamma alone.
	Classes []SignedClass
}

// String returns one line for a log.
func (r WeightedResult) String() string {
	return fmt.Sprintf("log10p=%s z=%s scored=%d green=%d sum=%d tests=%d",
		evidence.Rounded(r.Log10PAdjusted, 3), evidence.Rounded(r.Z, 2), r.Scored, r.Green, r.Sum, r.Tests)
}

// A weightedSum is a weighted sum over a fixed list of pairs, to be tested under many keys.
type weightedSum struct {
	weights []int16 // of each pair
	lattice lattice
	classes []int64 // the weights that occur, ascending
	class   []int16 // for each pair, the index of its weight in classes; -1 for weight 0
	zero    int64   // number of pairs of weight 0
}

// newWeightedSum returns the sum for weights in fixed point, one for each pair.
func newWeightedSum(fixed []int64) *weightedSum {
	w := &weightedSum{class: make([]int16, len(fixed))}
	w.weights, w.lattice = ontoLattice(fixed)
	distinct := make(map[int16]int16)
	for _, x := range w.weights {
		if x != 0 {
			distinct[x] = 0
		}
	}
	for i, x := range slices.Sorted(maps.Keys(distinct)) {
		distinct[x] = int16(i)
		w.classes = append(w.classes, int64(x))
	}
	for i, x := range w.weights {
		if w.class[i] = -1; x != 0 {
			w.class[i] = distinct[x]
		} else {
			w.zero++
		}
	}
	return w
}

// A signedTally is a weighted sum under one key.
type signedTally struct{ classes []SignedClass }

func (w *weightedSum) newTally() signedTally {
	t := signedTally{classes: make([]SignedClass, len(w.classes))}
	for i, x := range w.classes {
		t.classes[i].Weight = x
	}
	return t
}

// count counts pair i.
func (w *weightedSum) count(t *signedTally, i int, green int64) {
	if c := w.class[i]; c >= 0 {
		t.classes[c].Scored++
		t.classes[c].Green += green
	}
}

// countAll counts the pairs from number from on that are scored.
func (w *weightedSum) countAll(t *signedTally, from int, scores []int64) {
	classes := t.classes
	for i, c := range w.class[from : from+len(scores)] {
		if x := scores[i]; c >= 0 && x != watermark.NotScored && x != watermark.InMessage {
			classes[c].Scored++
			classes[c].Green += x
		}
	}
}

// sum returns the statistic.
func (t *signedTally) sum() (sum int64) {
	for _, c := range t.classes {
		sum += c.Weight * c.Green
	}
	return sum
}

// tail returns log10 of the exact probability, under the null, that the statistic is at least sum.
// It is 0 if nothing was scored.
func (t *signedTally) tail(sum int64, gamma float64) float64 {
	groups := make([]tail.Bernoulli, 0, len(t.classes))
	for _, c := range t.classes {
		if c.Scored > 0 {
			groups = append(groups, tail.Bernoulli{Weight: c.Weight, Count: c.Scored, P: gamma})
		}
	}
	if len(groups) == 0 {
		return 0
	}
	return tail.WeightedBernoulli(groups, sum)
}

// A weighted tail takes about a millisecond, and most keys of a scan do not have a small p-value.
// So sums with a z-score below coarseZ are rounded down to steps of 1/coarseSteps of the standard
// deviation. This bounds the p-value from above, by less than a factor of 1.2. Other sums stay as
// they are.
const (
	coarseZ     = 1.5
	coarseSteps = 16
)

// coarse returns the sum whose tail scan computes for the statistic.
func (t *signedTally) coarse(gamma float64) int64 {
	mean, variance, _ := t.moments(gamma)
	sd, sum := math.Sqrt(variance), t.sum()
	if float64(sum) > mean+float64(coarseZ*sd) {
		return sum
	}
	step := max(int64(sd/coarseSteps), 1)
	from := int64(math.Floor(mean - float64(4*sd))) // nearly every sum is above it
	if sum < from {
		return min(sum, t.least())
	}
	return from + (sum-from)/step*step
}

// least returns the smallest possible sum.
func (t *signedTally) least() (sum int64) {
	for _, c := range t.classes {
		sum += min(c.Weight, 0) * c.Scored
	}
	return sum
}

// key names the law of the statistic. Equal keys mean equal laws.
func (t *signedTally) key(gamma float64) string {
	key := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+8*len(t.classes)), math.Float64bits(gamma))
	for _, c := range t.classes { // all keys have the same weights
		key = binary.LittleEndian.AppendUint64(key, uint64(c.Scored))
	}
	return string(key)
}

// moments returns the mean and the variance of the statistic, and the largest share of one pair in
// the variance.
func (t *signedTally) moments(gamma float64) (mean, variance, heaviest float64) {
	for _, c := range t.classes {
		if c.Scored > 0 {
			w, n := float64(c.Weight), float64(c.Scored)
			mean += float64(w * n * gamma)
			variance += float64(w * w * n * gamma * (1 - gamma))
			heaviest = max(heaviest, float64(w*w)*gamma*(1-gamma))
		}
	}
	if variance > 0 {
		heaviest /= variance
	}
	return mean, variance, heaviest
}

// result returns the result of a tally.
func (w *weightedSum) result(s detect.Scorer, t *signedTally, log10P float64, tests int64) WeightedResult {
	law := greenLaw(s)
	r := WeightedResult{
		Mark: s.ID(), Tests: tests, Log10P: log10P, Log10PAdjusted: tail.Bonferroni(log10P, tests),
		Sum: t.sum(), Unit: w.lattice.unit, Clipped: w.lattice.clipped, Unweighted: w.zero,
	}
	for _, c := range t.classes {
		if c.Scored > 0 {
			r.Classes = append(r.Classes, c)
			r.Scored += c.Scored
			r.Green += c.Green
		}
	}
	mean, variance, heaviest := t.moments(law.P)
	r.Heaviest = heaviest
	r.Z = (float64(r.Sum) - mean) / math.Sqrt(variance) // 0/0 when nothing is scored
	return r
}

// greenLawOf returns the law of a green list's scores. Weights of either sign need it: this package
// has no exact tail of them under the other laws.
func greenLawOf(s detect.Scorer) (watermark.Bernoulli, error) {
	law, ok := s.Law().(watermark.Bernoulli)
	if !ok {
		return law, fmt.Errorf("student: tests of students need a green list, but the scores have the law %T",
			s.Law())
	}
	return law, nil
}

// greenLaw is greenLawOf for a scorer that was checked.
func greenLaw(s detect.Scorer) watermark.Bernoulli {
	law, err := greenLawOf(s)
	if err != nil {
		panic(err.Error())
	}
	return law
}
