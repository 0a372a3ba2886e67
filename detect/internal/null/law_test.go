package null

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

func units(n int64, w int) *Units {
	var u Units
	u[w] = n
	return &u
}

// TestSurvivalReference compares with values of other implementations, by exact rational arithmetic
// and with 50 digits, and with closed forms.
func TestSurvivalReference(t *testing.T) {
	one := Of(watermark.Exponential{First: 1})
	unit := func(x float64) Sum { return Sum{}.Plus(int64(x*8), watermark.ScoreUnit/8) }
	for _, c := range []struct {
		n       int64
		s, want float64
	}{
		{1, 10, -4.34294481903252}, {10, 20, -2.30142866042440}, {100, 150, -5.22734533941186},
		{100, 1000, -293.219263178439}, {1000, 4000, -703.199894631774}, {200, 200, -0.309275481867205},
	} {
		assert.InEpsilon(t, c.want, one.Survival(units(c.n, 1), unit(c.s)), 1e-13, "%d units, %v", c.n, c.s)
		assert.InEpsilon(t, c.want, one.Survival(units(c.n, 5), unit(5*c.s)), 1e-13, "one weight for all changes nothing")
		two := Of(watermark.Exponential{First: 1, Second: 1})
		if c.n%2 == 0 {
			assert.InEpsilon(t, c.want, two.Survival(units(c.n/2, 1), unit(c.s)), 1e-13, "the sum of two keys is Gamma(2n, 1)")
		}
	}
	weighted := Units{1: 5, 2: 4, 3: 3}
	for _, c := range []struct{ s, want float64 }{
		{30, -0.899488332606067}, {60, -4.09006603754062}, {100, -9.22046899970713}, {200, -22.9483498716517},
	} {
		assert.InEpsilon(t, c.want, one.Survival(&weighted, unit(c.s)), 1e-13, "weighted, %v", c.s)
	}
	// a E + b E' >= s for one unit: (a e^(-s/a) - b e^(-s/b)) / (a - b).
	mixture := Of(watermark.Exponential{First: 0.75, Second: 0.25})
	for _, s := range []float64{1, 4, 20, 100} {
		want := math.Log10(0.75*math.Exp(-s/0.75)-0.25*math.Exp(-s/0.25)) - math.Log10(0.5)
		assert.InEpsilon(t, want, mixture.Survival(units(1, 1), unit(s)), 1e-12)
	}
	layers := Of(watermark.Layers{Depth: 30, Weighted: true})
	for _, c := range []struct {
		s    int64
		want float64
	}{{492250, -1.6430511146}, {506000, -4.5016171260}, {533499, -15.2459575065}, {615996, -90.209756255}} {
		assert.InDelta(t, c.want, layers.Survival(units(200, 1), SumOf(c.s)), 1e-9, "layers, %d", c.s)
	}
	mean := Of(watermark.Layers{Depth: 30})
	assert.Equal(t, tail.Binomial(3200, 6000, 0.5), mean.Survival(units(200, 1), SumOf(3200)))
	assert.Equal(t, tail.Binomial(3200, 6000, 0.5), mean.Survival(units(200, 7), Sum{}.Plus(7, 3200)))
}

// TestMomentMatchIsNotTheLaw: a Gamma law with the mean and the variance of a mixture of two keys gives
// p-values that are too small. The error grows with the depth. The exact law has no such error.
func TestMomentMatchIsNotTheLaw(t *testing.T) {
	const n, a, b = 50, 0.75, 0.25
	l := Of(watermark.Exponential{First: a, Second: b})
	scale := a*a + b*b // variance over mean, which is n
	s := 110.0
	matched := tail.Gamma(n*8/5, s/scale) // shape n/scale = 80
	require.Equal(t, 1.6, 1/scale)
	exact := l.Survival(units(n, 1), Sum{}.Plus(int64(s), watermark.ScoreUnit))
	t.Logf("exact %.4f, moment match %.4f", exact, matched)
	assert.Greater(t, exact, matched+0.5)
}

// TestSurvivalIsTheLaw draws sums under the null. As many reach each depth as Survival says.
func TestSurvivalIsTheLaw(t *testing.T) {
	draws := 5000
	if testing.Short() {
		draws = 1000
	}
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			public := c.Law
			l := Of(public)
			rng := rand.New(rand.NewPCG(201, 202))
			counts := Units{1: 40, 3: 30, 15: 20}
			var hits [3]int64
			depths := [3]float64{0.3, 0.05, 0.005}
			// Tails of tournaments are costly; the critical sums are found once.
			var critical [3]int64
			var level [3]float64
			for d, depth := range depths {
				critical[d] = Critical(l, &counts, math.Log10(depth), Max(l, &counts).Int64())
				level[d] = math.Pow(10, l.Survival(&counts, SumOf(critical[d])))
				require.LessOrEqual(t, level[d], depth)
				assert.Greater(t, l.Survival(&counts, SumOf(critical[d]-1)), math.Log10(depth), "the critical sum is the smallest")
			}
			for range draws {
				var sum int64
				for w, n := range counts {
					for range n {
						sum += int64(w) * lawtest.Draw(rng, public)
					}
				}
				for d := range depths {
					if sum >= critical[d] {
						hits[d]++
					}
				}
			}
			for d := range depths {
				assert.Greater(t, tail.Binomial(hits[d], int64(draws), level[d]), -7.0, "%d of %d at %v", hits[d], draws, level[d])
				assert.Greater(t, tail.Binomial(int64(draws)-hits[d], int64(draws), 1-level[d]), -7.0, "%d of %d at %v", hits[d], draws, level[d])
			}
		})
	}
}

// TestMoments compares with draws.
func TestMoments(t *testing.T) {
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			public := c.Law
			l := Of(public)
			mean, variance := l.Moments()
			rng := rand.New(rand.NewPCG(203, 204))
			const draws = 100_000
			var sum, squares float64
			for range draws {
				x := lawtest.Draw(rng, public)
				require.LessOrEqual(t, x, l.Top())
				d := float64(x) - mean
				sum += d
				squares += d * d
			}
			assert.InDelta(t, 0, sum/draws/math.Sqrt(variance), 6/math.Sqrt(draws))
			assert.InDelta(t, 1, squares/draws/variance, 0.06)
		})
	}
}

// TestFloorsOnlyLowerSums: the p-value of floored scores is never below that of the scores, and equal
// except for 2^-30 of the sum.
func TestFloorsOnlyLowerSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(205, 206))
	l := Of(watermark.Exponential{First: 1})
	for range 200 {
		n := 1 + rng.Int64N(50)
		sum, exact := Sum{}, 0.0
		for range n {
			s := 1.3 * rng.ExpFloat64()
			exact += s
			sum = sum.Plus(1, int64(s*watermark.ScoreUnit))
		}
		floored, truth := l.Survival(units(n, 1), sum), tail.Gamma(n, exact)
		require.GreaterOrEqual(t, floored, truth-1e-12*max(1, -truth))
		require.InDelta(t, truth, floored, 1e-7)
	}
}

func TestSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(207, 208))
	for range 2000 {
		var s Sum
		exact := new(big.Int)
		for range 1 + rng.IntN(4) {
			a, b := rng.Int64()>>rng.IntN(63), rng.Int64()>>rng.IntN(63)
			s = s.Plus(a, b)
			exact.Add(exact, new(big.Int).Mul(big.NewInt(a), big.NewInt(b)))
		}
		if exact.IsInt64() {
			require.Equal(t, exact.Int64(), s.Int64())
		} else {
			require.Equal(t, int64(math.MaxInt64), s.Int64())
		}
		got, _ := new(big.Float).SetFloat64(s.Float()).Int(nil)
		require.LessOrEqual(t, got.Cmp(exact), 0, "%v is above %v", got, exact)
		up, _ := new(big.Float).SetFloat64(math.Nextafter(s.Float(), math.Inf(1))).Int(nil)
		require.Positive(t, new(big.Int).Add(up, big.NewInt(1)).Cmp(exact), "%v is far below %v", got, exact)
	}
	assert.Equal(t, int64(math.MaxInt64), AddSaturated(math.MaxInt64-3, 4))
	assert.Equal(t, int64(math.MaxInt64-1), AddSaturated(math.MaxInt64-3, 2))
}

// TestBetsAreFair: under the null the mean of e^gain is at most 1, and close to it.
func TestBetsAreFair(t *testing.T) {
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			public := c.Law
			for _, b := range Of(public).Bets() {
				var mean float64
				switch l := public.(type) {
				case watermark.Bernoulli:
					mean = l.P*ratioOf(b.Gain(1)) + (1-l.P)*ratioOf(b.Gain(0))
				case watermark.Exponential:
					if l.Second == 0 {
						mean = meanOfBet(b)
						break
					}
					theta := slope(b, 40*watermark.ScoreUnit) * watermark.ScoreUnit
					mean = ratioOf(b.Gain(0)) / (1 - theta*l.First) / (1 - theta*l.Second)
				case watermark.Layers:
					if l.Depth > 10 {
						theta := slope(b, Of(l).Top())
						mean = ratioOf(b.Gain(0))
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
						mean += ratioOf(b.Gain(score)) / float64(all)
					}
				}
				// Two values of a tilt determine it to some 2^-24.
				assert.LessOrEqual(t, mean, 1+1e-12+linear(public)*1e-6, "strength %v", b.Strength)
				assert.Greater(t, mean, 1-1e-6, "strength %v", b.Strength)
			}
		})
	}
}

// linear is 1 for a law whose bets two values determine, else 0.
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

// slope returns the rise of a Bet with the score, from a score far from 0.
func slope(b Bet, far int64) float64 {
	return float64(b.Gain(far)-b.Gain(0)) / RatioUnit / float64(far)
}

func ratioOf(gain int64) float64 { return math.Exp(float64(gain) / RatioUnit) }

// meanOfBet integrates e^gain over bins of a Gumbel score, each at its left end as far as the Bet can
// tell. So the result is too small by at most 2^-20.
func meanOfBet(b Bet) float64 {
	mean := -math.Expm1(-1.0/watermark.ScoreUnit) * ratioOf(b.Gain(0))
	at := int64(1)
	for at < maxScore*watermark.ScoreUnit {
		// e^gain rises by less than 2^-20 of itself from bin to bin of this width.
		next := at + max(1, at>>16)
		p := math.Exp(-float64(at)/watermark.ScoreUnit) - math.Exp(-float64(next)/watermark.ScoreUnit)
		// The midpoint in probability, rounded down.
		mean += p * ratioOf(b.Gain(at+(next-at)/2))
		at = next
	}
	return mean
}

// TestFairChoice compares the gain of each layer with its definition, the sum over the bits of two
// tokens in all layers.
func TestFairChoice(t *testing.T) {
	for _, shape := range []tournamentShape{{2, 1}, {2, 6}, {3, 5}, {5, 4}, {16, 3}} {
		t.Run(fmt.Sprintf("candidates=%d depth=%d", shape.candidates, shape.depth), func(t *testing.T) {
			n, got := float64(shape.candidates), shape.fairChoice()
			want := make([]float64, shape.depth)
			all := 1 << (2 * shape.depth)
			for bits := range all {
				p := 0.5
				for l := range shape.depth {
					switch bits >> (2 * l) & 3 {
					case 1:
						p = 1 - math.Pow(1-p, n)
					case 2:
						p = math.Pow(p, n)
					}
				}
				for l := range want {
					first, second := bits>>(2*l)&1, bits>>(2*l+1)&1
					want[l] += (p*float64(first) + (1-p)*float64(second)) / float64(all)
				}
			}
			for l := range want {
				assert.LessOrEqual(t, got[l], want[l]-0.5+1e-12, "layer %d", l)
				assert.InDelta(t, want[l]-0.5, got[l], 3e-3, "layer %d", l)
			}
		})
	}
}

// TestFloor: contexts of more than four tokens are hashed to 96 bits, and two of them can collide.
func TestFloor(t *testing.T) {
	for _, c := range []struct {
		width int
		units int64
		want  float64
	}{
		{0, 1e6, Log10KeySpace}, {4, 1e9, Log10KeySpace}, {5, 1, Log10KeySpace},
		{5, 1e4, -21.2}, {5, 1e6, -17.2}, {16, 1e6, -17.2},
	} {
		assert.InDelta(t, c.want, Log10Floor(c.width, c.units), 0.01, "width %d, %d units", c.width, c.units)
	}
}
