package detect

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// lawsToTest are laws of every kind.
func lawsToTest() map[string]watermark.Law {
	return map[string]watermark.Law{
		"green list":           watermark.Bernoulli{P: 0.25, Marked: 0.7},
		"gumbel":               watermark.Exponential{First: 1},
		"gumbel, sum of two":   watermark.Exponential{First: 1, Second: 1},
		"gumbel, mixture":      watermark.Exponential{First: 0.75, Second: 0.25},
		"tournament, weighted": watermark.Layers{Depth: 30, Weighted: true, Marked: 0.75},
		"tournament":           watermark.Layers{Depth: 30, Marked: 0.75},
		"tournament of three":  watermark.Layers{Depth: 10, Weighted: true, Marked: 0.875},
	}
}

// drawScore draws a score under the null, as a mark makes it.
func drawScore(rng *rand.Rand, l watermark.Law) int64 {
	switch l := l.(type) {
	case watermark.Bernoulli:
		if rng.Float64() < l.P {
			return 1
		}
		return 0
	case watermark.Exponential:
		return int64(watermark.ScoreUnit * (l.First*rng.ExpFloat64() + l.Second*rng.ExpFloat64()))
	case watermark.Layers:
		var sum int64
		for _, v := range l.Weights() {
			sum += v * rng.Int64N(2)
		}
		return sum
	}
	panic("unknown law")
}

// scores is a scorer that is asked for its law alone.
type scores struct{ law watermark.Law }

func (s scores) ID() string         { return "scores" }
func (s scores) Width() int         { return 1 }
func (s scores) Vocab() int         { return 1 << 20 }
func (s scores) Law() watermark.Law { return s.law }
func (s scores) Score(dst []int64, pairs []Pair) []int64 {
	return append(dst, make([]int64, len(pairs))...)
}

// wrongScores is a scorer whose scores its law does not have.
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

// TestScoresOfAnotherLaw: what would pass for the strongest evidence is a mistake of the
// programmer.
func TestScoresOfAnotherLaw(t *testing.T) {
	for name, law := range lawsToTest() {
		for _, score := range []int64{-1, lawOf(law).top() + 1} {
			s := wrongScores{scores{law}, score}
			for _, w := range []Weighting{WeightOne, WeightCounts} {
				a := New(s, &Options{Weighting: w})
				a.Add([]Token{1, 2, 3})
				assert.Panics(t, func() { a.Result() }, "%s: %d", name, score)
			}
			assert.Panics(t, func() { NewSequential(s, nil).Add([]Token{1, 2, 3}) }, "%s: %d", name, score)
			assert.Panics(t, func() { NewSegments(law, 0, nil).Add(score) }, "%s: %d", name, score)
		}
		a := New(wrongScores{scores{law}, lawOf(law).top()}, nil)
		a.Add([]Token{1, 2, 3})
		assert.EqualValues(t, 2, a.Result().Scored, name)
	}
}

func units(n int64, w int) *unitCounts {
	var u unitCounts
	u[w] = n
	return &u
}

// TestSurvivalReference compares with values of other implementations: exact rational
// arithmetic and 50 digits for the references, and closed forms.
func TestSurvivalReference(t *testing.T) {
	one := lawOf(watermark.Exponential{First: 1})
	unit := func(x float64) wide { return wide{}.plus(int64(x*8), watermark.ScoreUnit/8) }
	for _, c := range []struct {
		n       int64
		s, want float64
	}{
		{1, 10, -4.34294481903252}, {10, 20, -2.30142866042440}, {100, 150, -5.22734533941186},
		{100, 1000, -293.219263178439}, {1000, 4000, -703.199894631774}, {200, 200, -0.309275481867205},
	} {
		assert.InEpsilon(t, c.want, one.survival(units(c.n, 1), unit(c.s)), 1e-13)
		assert.InEpsilon(t, c.want, one.survival(units(c.n, 5), unit(5*c.s)), 1e-13, "one weight is no weight")
		two := lawOf(watermark.Exponential{First: 1, Second: 1})
		if c.n%2 == 0 {
			assert.InEpsilon(t, c.want, two.survival(units(c.n/2, 1), unit(c.s)), 1e-13, "the sum of two keys is Gamma(2n, 1)")
		}
	}
	weighted := unitCounts{1: 5, 2: 4, 3: 3}
	for s, want := range map[float64]float64{30: -0.899488332606067, 60: -4.09006603754062, 100: -9.22046899970713, 200: -22.9483498716517} {
		assert.InEpsilon(t, want, one.survival(&weighted, unit(s)), 1e-13)
	}
	// a E + b E' >= s for one unit: (a e^(-s/a) - b e^(-s/b)) / (a - b).
	mixture := lawOf(watermark.Exponential{First: 0.75, Second: 0.25})
	for _, s := range []float64{1, 4, 20, 100} {
		want := math.Log10(0.75*math.Exp(-s/0.75)-0.25*math.Exp(-s/0.25)) - math.Log10(0.5)
		assert.InEpsilon(t, want, mixture.survival(units(1, 1), unit(s)), 1e-12)
	}
	layers := lawOf(watermark.Layers{Depth: 30, Weighted: true})
	for s, want := range map[int64]float64{492250: -1.6430511146, 506000: -4.5016171260, 533499: -15.2459575065, 615996: -90.209756255} {
		assert.InDelta(t, want, layers.survival(units(200, 1), wide{}.plus(1, s)), 1e-9)
	}
	mean := lawOf(watermark.Layers{Depth: 30})
	assert.Equal(t, tail.Binomial(3200, 6000, 0.5), mean.survival(units(200, 1), wide{}.plus(1, 3200)))
	assert.Equal(t, tail.Binomial(3200, 6000, 0.5), mean.survival(units(200, 7), wide{}.plus(7, 3200)))
}

// TestMomentMatchIsNotTheLaw: a Gamma law with the mean and the variance of a mixture of
// two keys claims too much, by more the further out; the exact one does not.
func TestMomentMatchIsNotTheLaw(t *testing.T) {
	const n, a, b = 50, 0.75, 0.25
	l := lawOf(watermark.Exponential{First: a, Second: b})
	scale := a*a + b*b // variance over mean, which is n
	s := 110.0
	matched := tail.Gamma(n*8/5, s/scale) // shape n/scale = 80
	require.Equal(t, 1.6, 1/scale)
	exact := l.survival(units(n, 1), wide{}.plus(int64(s), watermark.ScoreUnit))
	t.Logf("exact %.4f, moment match %.4f", exact, matched)
	assert.Greater(t, exact, matched+0.5)
}

// TestSurvivalIsTheLaw draws sums under the null: as many reach each depth as the
// survival says, and never more.
func TestSurvivalIsTheLaw(t *testing.T) {
	draws := 5000
	if testing.Short() {
		draws = 1000
	}
	for name, public := range lawsToTest() {
		l := lawOf(public)
		rng := rand.New(rand.NewPCG(201, 202))
		counts := unitCounts{1: 40, 3: 30, 15: 20}
		var hits [3]int64
		depths := [3]float64{0.3, 0.05, 0.005}
		// Tails of tournaments are costly; the critical sums are found once.
		tl := tally{law: l}
		for w, n := range counts {
			tl.classes[w].Scored = n
		}
		var critical [3]int64
		var level [3]float64
		for d, depth := range depths {
			critical[d] = tl.critical(math.Log10(depth), tl.max().int64())
			level[d] = math.Pow(10, l.survival(&counts, wide{}.plus(1, critical[d])))
			require.LessOrEqual(t, level[d], depth)
			assert.Greater(t, l.survival(&counts, wide{}.plus(1, critical[d]-1)), math.Log10(depth), "%s: the critical sum is the smallest", name)
		}
		for range draws {
			var sum int64
			for w, n := range counts {
				for range n {
					sum += int64(w) * drawScore(rng, public)
				}
			}
			for d := range depths {
				if sum >= critical[d] {
					hits[d]++
				}
			}
		}
		for d := range depths {
			assert.Greater(t, tail.Binomial(hits[d], int64(draws), level[d]), -7.0, "%s: %d of %d at %v", name, hits[d], draws, level[d])
			assert.Greater(t, tail.Binomial(int64(draws)-hits[d], int64(draws), 1-level[d]), -7.0, "%s: %d of %d at %v", name, hits[d], draws, level[d])
		}
	}
}

// TestMoments compares with draws.
func TestMoments(t *testing.T) {
	for name, public := range lawsToTest() {
		l := lawOf(public)
		mean, variance := l.moments()
		rng := rand.New(rand.NewPCG(203, 204))
		const draws = 100_000
		var sum, squares float64
		for range draws {
			x := drawScore(rng, public)
			require.LessOrEqual(t, x, l.top())
			d := float64(x) - mean
			sum += d
			squares += d * d
		}
		assert.InDelta(t, 0, sum/draws/math.Sqrt(variance), 6/math.Sqrt(draws), name)
		assert.InDelta(t, 1, squares/draws/variance, 0.06, name)
	}
}

// TestFloorsOnlyLowerSums: the p-value of floored scores is never below that of the scores
// themselves, and equal but for 2^-30 of the sum.
func TestFloorsOnlyLowerSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(205, 206))
	l := lawOf(watermark.Exponential{First: 1})
	for range 200 {
		n := 1 + rng.Int64N(50)
		sum, exact := wide{}, 0.0
		for range n {
			s := 1.3 * rng.ExpFloat64()
			exact += s
			sum = sum.plus(1, int64(s*watermark.ScoreUnit))
		}
		floored, truth := l.survival(units(n, 1), sum), tail.Gamma(n, exact)
		require.GreaterOrEqual(t, floored, truth-1e-12*max(1, -truth))
		require.InDelta(t, truth, floored, 1e-7)
	}
}

func TestWide(t *testing.T) {
	rng := rand.New(rand.NewPCG(207, 208))
	for range 2000 {
		var s wide
		exact := new(big.Int)
		for range 1 + rng.IntN(4) {
			a, b := rng.Int64()>>rng.IntN(63), rng.Int64()>>rng.IntN(63)
			s = s.plus(a, b)
			exact.Add(exact, new(big.Int).Mul(big.NewInt(a), big.NewInt(b)))
		}
		if exact.IsInt64() {
			require.Equal(t, exact.Int64(), s.int64())
		} else {
			require.Equal(t, int64(math.MaxInt64), s.int64())
		}
		got, _ := new(big.Float).SetFloat64(s.float()).Int(nil)
		require.LessOrEqual(t, got.Cmp(exact), 0, "%v is above %v", got, exact)
		up, _ := new(big.Float).SetFloat64(math.Nextafter(s.float(), math.Inf(1))).Int(nil)
		require.Positive(t, new(big.Int).Add(up, big.NewInt(1)).Cmp(exact), "%v is far below %v", got, exact)
	}
	assert.Equal(t, int64(math.MaxInt64), saturated(math.MaxInt64-3, 4))
	assert.Equal(t, int64(math.MaxInt64-1), saturated(math.MaxInt64-3, 2))
}

// TestBillionsOfScores: sums of scores of a billion units with weights do not fit an
// int64, and are tested all the same.
func TestBillionsOfScores(t *testing.T) {
	law := watermark.Exponential{First: 1}
	tl := tally{law: lawOf(law)}
	for w := range tl.classes[1:] {
		tl.classes[w+1] = WeightClass{Scored: 1e9, Sum: 1e9*watermark.ScoreUnit + 1<<47}
	}
	r := tl.measure(scores{law: law}, (*Options)(nil).orDefault(), 1)
	assert.Equal(t, int64(math.MaxInt64), r.Sum)
	assert.EqualValues(t, 15e9, r.Scored)
	// 2^15 on top of each of the classes: z = 2^15 * 120 / sqrt(1e9 * 1240).
	assert.InDelta(t, 32768*120/math.Sqrt(1240e9), r.Z, 1e-3)
	assert.InDelta(t, tail.Normal(r.Z), r.Log10P, 1e-3)

	var c WeightClass
	c.add(math.MaxInt64-1, false)
	c.add(5, false)
	assert.Equal(t, WeightClass{Scored: 2, Sum: math.MaxInt64}, c)
}

// TestBetsAreFair: under the null the mean of e^gain is at most 1, and close to it.
func TestBetsAreFair(t *testing.T) {
	for name, public := range lawsToTest() {
		for _, b := range lawOf(public).bets() {
			var mean float64
			switch l := public.(type) {
			case watermark.Bernoulli:
				mean = l.P*ratioOf(b.gain(1)) + (1-l.P)*ratioOf(b.gain(0))
			case watermark.Exponential:
				if l.Second == 0 {
					mean = meanOfBet(b)
					break
				}
				theta := slope(b, 40*watermark.ScoreUnit) * watermark.ScoreUnit
				mean = ratioOf(b.gain(0)) / (1 - theta*l.First) / (1 - theta*l.Second)
			case watermark.Layers:
				if l.Depth > 10 {
					theta := slope(b, lawOf(l).top())
					mean = ratioOf(b.gain(0))
					for _, v := range l.Weights() {
						mean *= (1 + math.Exp(theta*float64(v))) / 2
					}
					break
				}
				all := 1 << l.Depth
				for bits := range all {
					var score int64
					for i, v := range l.Weights() {
						score += v * int64(bits>>i&1)
					}
					mean += ratioOf(b.gain(score)) / float64(all)
				}
			}
			// What is known of a tilt from two of its values is known to some 2^-24.
			assert.LessOrEqual(t, mean, 1+1e-12+linear(public)*1e-6, "%s %v", name, b.strength)
			assert.Greater(t, mean, 1-1e-6, "%s %v", name, b.strength)
		}
	}
}

// linear is 1 for a law whose bets are known from two values, else 0.
func linear(l watermark.Law) float64 {
	switch l := l.(type) {
	case watermark.Exponential:
		if l.Second > 0 {
			return 1
		}
	case watermark.Layers:
		if l.Depth > 10 {
			return 1
		}
	}
	return 0
}

// slope is by how much a bet rises with a score, known from a score far from 0.
func slope(b bet, far int64) float64 {
	return float64(b.gain(far)-b.gain(0)) / ratioUnit / float64(far)
}

func ratioOf(gain int64) float64 { return math.Exp(float64(gain) / ratioUnit) }

// meanOfBet integrates e^gain over bins of a Gumbel score, each at its left end as far as
// the bet can tell, from below and hence no more than 2^-20 too small.
func meanOfBet(b bet) float64 {
	mean := -math.Expm1(-1.0/watermark.ScoreUnit) * ratioOf(b.gain(0))
	at := int64(1)
	for at < maxScore*watermark.ScoreUnit {
		// e^gain rises by less than 2^-20 of itself from bin to bin of this width.
		next := at + max(1, at>>16)
		p := math.Exp(-float64(at)/watermark.ScoreUnit) - math.Exp(-float64(next)/watermark.ScoreUnit)
		// The midpoint in probability, rounded down.
		mean += p * ratioOf(b.gain(at+(next-at)/2))
		at = next
	}
	return mean
}
