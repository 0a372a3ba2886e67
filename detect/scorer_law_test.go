package detect

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// scores is a scorer of which tests use the law alone.
type scores struct{ law watermark.Law }

func (s scores) ID() string         { return "scores" }
func (s scores) Width() int         { return 1 }
func (s scores) Vocab() int         { return 1 << 20 }
func (s scores) Law() watermark.Law { return s.law }
func (s scores) Score(dst []int64, pairs []Pair) []int64 {
	return append(dst, make([]int64, len(pairs))...)
}

// wrongScores is a scorer that always returns one score.
type wrongScores struct {
	scores
	score int64
}

func (s wrongScores) Score(dst []int64, pairs []Pair) []int64 {
	for range pairs {
		dst = append(dst, s.score)
	}
	return dst
}

// TestScoresOfAnotherLaw: a score that the law does not have would pass for the strongest evidence. It
// is a mistake of the programmer.
func TestScoresOfAnotherLaw(t *testing.T) {
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			law := c.Law
			for _, score := range []int64{-1, null.Of(law).Top() + 1} {
				s := wrongScores{scores{law}, score}
				for _, w := range []Weighting{WeightOne, WeightCounts} {
					a := NewAccumulator(s, &Options{Weighting: w})
					a.Add([]Token{1, 2, 3})
					assert.Panics(t, func() { a.Result() }, "score %d", score)
				}
			}
			a := NewAccumulator(wrongScores{scores{law}, null.Of(law).Top()}, nil)
			a.Add([]Token{1, 2, 3})
			assert.EqualValues(t, 2, a.Result().Scored)
		})
	}
}

// TestBillionsOfScores: weighted sums of the scores of a billion units do not fit an int64, and are
// tested all the same.
func TestBillionsOfScores(t *testing.T) {
	law := watermark.Exponential{First: 1}
	tl := evidence.Tally{Law: null.Of(law)}
	for w := range tl.Classes[1:] {
		tl.Classes[w+1] = evidence.Class{Scored: 1e9, Sum: 1e9*watermark.ScoreUnit + 1<<47}
	}
	r := measure(&tl, scores{law: law}, (*Options)(nil).orDefault(), 1)
	assert.Equal(t, int64(math.MaxInt64), r.Sum)
	assert.EqualValues(t, 15e9, r.Scored)
	// 2^15 on top of each of the classes: z = 2^15 * 120 / sqrt(1e9 * 1240).
	assert.InDelta(t, 32768*120/math.Sqrt(1240e9), r.Z, 1e-3)
	assert.InDelta(t, tail.Normal(r.Z), r.Log10P, 1e-3)
}
