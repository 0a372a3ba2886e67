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

// A SignedClass is the units of one weight.
type SignedClass struct {
	Weight        int64
	Scored, Green int64
}

// A WeightedResult tests the hypothesis that the text, or the model that was read, does not
// depend on the key, by T = sum of weight times colour over distinct pairs, where the
// weights are whole numbers of either sign that know nothing of the key. Given them,
// the terms are independent, so the tail of T is exact however unequal they are; a weight
// below 0 counts against green.
type WeightedResult struct {
	Mark string // ID of the detect.Scorer

	// Log10P is log10 of the exact probability, under the null, of a Sum at least as
	// large. 0 when nothing was scored.
	Log10P float64
	// Log10PAdjusted counts every test this one belongs to.
	Log10PAdjusted float64
	// Z is the z-score, to compare with papers; NaN when nothing was scored.
	Z float64

	Scored int64 // pairs with a weight other than 0
	Green  int64 // of them green
	Sum    int64 // of weight times colour
	Tests  int64 // tests that Log10PAdjusted counts

	// Unit is the real weight that a whole 1 stands for, a power of two: the rule that
	// found it sees no colour.
	Unit float64
	// Clipped is the number of pairs whose weight was cut to the largest one.
	Clipped int64
	// Unweighted is the number of pairs whose weight was rounded to 0, outside the band
	// or not.
	Unweighted int64
	// Heaviest is the largest share of one pair in the variance of Sum, in [0,1]. The
	// p-value holds at any; a large one says that few pairs decide.
	Heaviest float64

	// Classes splits Scored and Green by weight, in ascending order: what the p-value
	// depends on.
	Classes []SignedClass
}

// String returns the one line to log.
func (r WeightedResult) String() string {
	return fmt.Sprintf("log10p=%s z=%s scored=%d green=%d sum=%d tests=%d", evidence.Rounded(r.Log10PAdjusted, 3), evidence.Rounded(r.Z, 2), r.Scored, r.Green, r.Sum, r.Tests)
}

// weighted is a weighted sum over a fixed list of pairs, to be tested under many keys.
type weighted struct {
	weights []int16 // by pair
	lattice lattice
	classes []int64 // the weights that occur, ascending
	class   []int16 // by pair: the place of its weight in classes; -1 for weight 0
	zero    int64   // pairs of weight 0
}

func newWeighted(fixed []int64) *weighted {
	w := &weighted{class: make([]int16, len(fixed))}
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

// tally is a weighted sum under one key.
type signedTally struct{ classes []SignedClass }

func (w *weighted) newTally() signedTally {
	t := signedTally{classes: make([]SignedClass, len(w.classes))}
	for i, x := range w.classes {
		t.classes[i].Weight = x
	}
	return t
}

// count counts pair i.
func (w *weighted) count(t *signedTally, i int, green int64) {
	if c := w.class[i]; c >= 0 {
		t.classes[c].Scored++
		t.classes[c].Green += green
	}
}

// sum returns the statistic.
func (t *signedTally) sum() (sum int64) {
	for _, c := range t.classes {
		sum += c.Weight * c.Green
	}
	return sum
}

// tail returns log10 of the exact probability, under the null, of a statistic of at least
// sum; 0 when nothing was scored.
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

// A weighted tail takes a millisecond or so, and most keys of a scan are nowhere near a
// small p-value. Sums with a z-score below coarseZ are therefore rounded down to steps of a
// part coarseSteps of the standard deviation, which bounds the p-value from above, by less
// than a factor of 1.2; the others stay as they are.
const (
	coarseZ     = 1.5
	coarseSteps = 16
)

// coarse returns the sum to look up for the statistic.
func (t *signedTally) coarse(gamma float64) int64 {
	mean, variance, _ := t.moments(gamma)
	sd, sum := math.Sqrt(variance), t.sum()
	if float64(sum) > mean+coarseZ*sd {
		return sum
	}
	step := max(int64(sd/coarseSteps), 1)
	from := int64(math.Floor(mean - 4*sd)) // nearly everything is above
	if sum < from {
		return min(sum, t.least())
	}
	return from + (sum-from)/step*step
}

// least is the smallest sum there can be.
func (t *signedTally) least() (sum int64) {
	for _, c := range t.classes {
		sum += min(c.Weight, 0) * c.Scored
	}
	return sum
}

// key names the law of the statistic.
func (t *signedTally) key(gamma float64) string {
	key := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+8*len(t.classes)), math.Float64bits(gamma))
	for _, c := range t.classes { // the weights are the same for all keys
		key = binary.LittleEndian.AppendUint64(key, uint64(c.Scored))
	}
	return string(key)
}

// moments returns mean and variance of the statistic, and the largest part of a pair in
// the variance.
func (t *signedTally) moments(gamma float64) (mean, variance, heaviest float64) {
	for _, c := range t.classes {
		if c.Scored > 0 {
			w, n := float64(c.Weight), float64(c.Scored)
			mean += float64(w*n) * gamma
			variance += float64(float64(w*w)*n) * gamma * (1 - gamma)
			heaviest = max(heaviest, float64(w*w)*gamma*(1-gamma))
		}
	}
	if variance > 0 {
		heaviest /= variance
	}
	return mean, variance, heaviest
}

// result tests a tally.
func (w *weighted) result(s detect.Scorer, t *signedTally, log10P float64, tests int64) WeightedResult {
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

// greenLawOf returns the law of a green list's scores. Weights of either sign need it: the other
// laws have no exact tail for them here.
func greenLawOf(s detect.Scorer) (watermark.Bernoulli, error) {
	law, ok := s.Law().(watermark.Bernoulli)
	if !ok {
		return law, fmt.Errorf("student: tests of students need a green list, and scores have the law %T", s.Law())
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
