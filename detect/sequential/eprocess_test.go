package sequential_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/sequential"
)

// mixedRates returns the green rates of the mixture, as fractions.
func mixedRates(gamma *big.Rat) []*big.Rat {
	limit := big.NewRat(97, 100)
	if half := new(big.Rat).Add(gamma, big.NewRat(1, 1)); half.Quo(half, big.NewRat(2, 1)).Cmp(limit) > 0 {
		limit = half
	}
	var ps []*big.Rat
	for j := range 7 {
		p := new(big.Rat).Add(gamma, big.NewRat(5<<j, 1000))
		if p.Cmp(limit) > 0 {
			p = limit
		}
		ps = append(ps, p)
	}
	return ps
}

func ratPower(x *big.Rat, n int64) *big.Rat {
	e := big.NewInt(n)
	return new(big.Rat).SetFrac(new(big.Int).Exp(x.Num(), e, nil), new(big.Int).Exp(x.Denom(), e, nil))
}

// mixtureRat computes the definition in fractions.
func mixtureRat(green, n int64, gamma *big.Rat) *big.Rat {
	one := big.NewRat(1, 1)
	sum := new(big.Rat)
	for _, p := range mixedRates(gamma) {
		up := ratPower(new(big.Rat).Quo(p, gamma), green)
		down := ratPower(new(big.Rat).Quo(new(big.Rat).Sub(one, p), new(big.Rat).Sub(one, gamma)), n-green)
		sum.Add(sum, up.Mul(up, down))
	}
	return sum.Quo(sum, big.NewRat(7, 1))
}

// ratLog10 returns log10 of a positive fraction of any size.
func ratLog10(x *big.Rat) float64 {
	f := new(big.Float).SetPrec(200).SetRat(x)
	e := f.MantExp(nil)
	m, _ := f.SetMantExp(f, -e).Float64()
	return math.Log10(m) + float64(e)*math.Log10(2)
}

func TestLog10EEqualsItsDefinition(t *testing.T) {
	for _, gamma := range []*big.Rat{big.NewRat(1, 4), big.NewRat(1, 2), big.NewRat(1, 256), big.NewRat(250, 256), big.NewRat(255, 256)} {
		t.Run("gamma="+gamma.String(), func(t *testing.T) {
			g, _ := gamma.Float64()
			for _, n := range []int64{0, 1, 2, 10, 100, 1000} {
				for _, green := range []int64{0, n / 4, n / 2, n} {
					want := ratLog10(mixtureRat(green, n, gamma))
					assert.InDelta(t, want, sequential.Log10E(green, n, g), 1e-11*max(1, math.Abs(want)), "%d of %d at %v", green, n, g)
				}
			}
		})
	}
}

// TestLog10EAgainstOtherMixtures compares with values of a Beta(1/2,1/2) mixture over all rates. That
// mixture spends a part of its prior on rates below gamma.
func TestLog10EAgainstOtherMixtures(t *testing.T) {
	for _, c := range []struct {
		green, n int64
		gamma    float64
		beta     float64
	}{
		{50, 100, 0.25, 5.147791174},
		{140, 200, 0.5, 5.897813283},
		{600, 1000, 0.5, 7.146570897},
		{260000, 1000000, 0.25, 111.7078487},
	} {
		t.Run(fmt.Sprintf("%d of %d at %v", c.green, c.n, c.gamma), func(t *testing.T) {
			e := sequential.Log10E(c.green, c.n, c.gamma)
			p := float64(c.green) / float64(c.n)
			best := float64(c.n) * (p*math.Log10(p/c.gamma) + (1-p)*math.Log10((1-p)/(1-c.gamma)))
			t.Logf("grid %.6f, beta mixture %.6f, best ratio %.6f", e, c.beta, best)
			assert.Less(t, e, best)
			assert.Greater(t, e, best-math.Log10(7)-0.5, "the grid is close to every rate")
			assert.Greater(t, e, c.beta, "the grid has rates above gamma only")
		})
	}
}

// TestEProcessIsAMartingale: the mean over the next unit is the present value, and the mean over n units
// is 1. Both hold exactly for the definition, and up to rounding for the code.
func TestEProcessIsAMartingale(t *testing.T) {
	one := big.NewRat(1, 1)
	for _, gamma := range []*big.Rat{big.NewRat(1, 4), big.NewRat(1, 2), big.NewRat(3, 8), big.NewRat(251, 256)} {
		t.Run("gamma="+gamma.String(), func(t *testing.T) {
			g, _ := gamma.Float64()
			red := new(big.Rat).Sub(one, gamma)
			for n := range int64(25) {
				mean, code := new(big.Rat), 0.0
				for green := range n + 1 {
					law := new(big.Rat).SetInt(new(big.Int).Binomial(n, green))
					law.Mul(law, ratPower(gamma, green)).Mul(law, ratPower(red, n-green))
					mean.Add(mean, new(big.Rat).Mul(law, mixtureRat(green, n, gamma)))
					w, _ := law.Float64()
					code += w * math.Pow(10, sequential.Log10E(green, n, g))
					next := g*math.Pow(10, sequential.Log10E(green+1, n+1, g)) + (1-g)*math.Pow(10, sequential.Log10E(green, n+1, g))
					assert.InEpsilon(t, math.Pow(10, sequential.Log10E(green, n, g)), next, 1e-12)
				}
				require.Zero(t, one.Cmp(mean), "mean %v after %d", mean, n)
				assert.InDelta(t, 1, code, 1e-12)
			}
		})
	}
}

// stoppingLaw follows the exact law of an e-process under a green rate until it reaches 10^level. It
// returns the probability of each stopping time up to limit.
func stoppingLaw(gamma, rate, level float64, limit int64) []float64 {
	stop := make([]float64, limit+1)
	law := []float64{1} // of the green count, from low on
	low, barrier := int64(0), int64(0)
	for n := int64(1); n <= limit; n++ {
		next := make([]float64, len(law)+1)
		for i, w := range law {
			next[i] += w * (1 - rate)
			next[i+1] += w * rate
		}
		// The barrier rises with n: the value falls with n and rises with green.
		for barrier <= n && sequential.Log10E(barrier, n, gamma) < level {
			barrier++
		}
		for int64(len(next)) > 0 && low+int64(len(next))-1 >= barrier {
			stop[n] += next[len(next)-1]
			next = next[:len(next)-1]
		}
		// Drop counts that are too rare to matter. They count as never stopping.
		for len(next) > 1 && next[0] < 1e-18 {
			next, low = next[1:], low+1
		}
		for len(next) > 1 && next[len(next)-1] < 1e-30 {
			next = next[:len(next)-1]
		}
		law = next
	}
	return stop
}

// TestStoppingTimes compares exact laws of the stopping time with simulated means and medians, at alpha
// 1e-6.
func TestStoppingTimes(t *testing.T) {
	for _, c := range []struct {
		gamma, rate          float64
		mean, median, decile float64
		limit                int64
	}{
		{0.25, 0.34, 787, 756, 1123, 4000},
		{0.25, 0.29, 3759, 3586, 5427, 14000},
		{0.5, 0.55, 3102, 3086, 4551, 11000},
	} {
		t.Run(fmt.Sprintf("gamma=%v rate=%v", c.gamma, c.rate), func(t *testing.T) {
			stop := stoppingLaw(c.gamma, c.rate, 6, c.limit)
			var sum, mean, median, decile float64
			for n, w := range stop {
				sum += w
				mean += float64(n) * w
				if median == 0 && sum >= 0.5 {
					median = float64(n)
				}
				if decile == 0 && sum >= 0.9 {
					decile = float64(n)
				}
			}
			plan := plan.GreenList{Gamma: c.gamma, Green: c.rate}
			futile, err := plan.Tokens(0.99)
			require.NoError(t, err)
			var inTime float64
			for _, w := range stop[:futile+1] {
				inTime += w
			}
			t.Logf("mean %.1f median %.0f q90 %.0f; within n_99 = %d: %.4f; rule %.0f", mean/sum, median, decile, futile, inTime, plan.Sequential())
			assert.InDelta(t, 1, sum, 1e-4, "it stops")
			assert.InEpsilon(t, c.mean, mean, 0.03)
			assert.InEpsilon(t, c.median, median, 0.04)
			assert.InEpsilon(t, c.decile, decile, 0.04)
			assert.InEpsilon(t, plan.Sequential(), mean, 0.05)
			assert.Greater(t, inTime, 0.9, "silence at the futility bound")
		})
	}
}

// TestVille: under the null, the exact probability that the value ever reaches 1/alpha is at most alpha,
// and not far below it, for each alpha.
func TestVille(t *testing.T) {
	for _, gamma := range []float64{0.25, 0.5, 0.0625} {
		for _, alpha := range []float64{0.2, 0.05, 1e-2, 1e-3, 1e-6} {
			t.Run(fmt.Sprintf("gamma=%v alpha=%v", gamma, alpha), func(t *testing.T) {
				var ever float64
				for _, w := range stoppingLaw(gamma, gamma, -math.Log10(alpha), 3000) {
					ever += w
				}
				t.Logf("reaches 1/alpha within 3000 units with probability %.3g", ever)
				assert.LessOrEqual(t, ever, alpha)
				assert.Greater(t, ever, alpha/50)
			})
		}
	}
}

func TestEProcessKeepsItsSupremum(t *testing.T) {
	e := sequential.NewEProcess(0.5)
	assert.Zero(t, e.Log10E())
	assert.Zero(t, e.Log10P())
	for range 100 {
		e.Add(true)
	}
	top := e.Log10E()
	assert.Equal(t, -top, e.Log10P())
	for range 400 {
		e.Add(false)
	}
	assert.Less(t, e.Log10E(), 0.0)
	assert.Equal(t, -top, e.Log10P(), "it never rises again")
	green, n := e.Counts()
	assert.Equal(t, []int64{100, 500}, []int64{green, n})

	// AddCounts looks once, after its last unit.
	b := sequential.NewEProcess(0.5)
	b.AddCounts(100, 500)
	assert.Equal(t, e.Log10E(), b.Log10E())
	assert.Zero(t, b.Log10P())

	e.Reset()
	assert.Equal(t, sequential.NewEProcess(0.5), e)
	assert.Panics(t, func() { e.AddCounts(2, 1) })
	assert.Panics(t, func() { e.AddCounts(-1, 1) })
	for _, gamma := range []float64{0, 1, -1, math.NaN()} {
		t.Run(fmt.Sprintf("gamma=%v", gamma), func(t *testing.T) {
			assert.Panics(t, func() { sequential.NewEProcess(gamma) })
			assert.Panics(t, func() { sequential.Log10E(1, 1, gamma) })
		})
	}
}

func TestEProcessEncoding(t *testing.T) {
	e := sequential.NewEProcess(0.25)
	e.AddCounts(60, 100)
	e.AddCounts(10, 200)
	data, err := e.MarshalBinary()
	require.NoError(t, err)
	back := sequential.NewEProcess(0.25)
	require.NoError(t, back.UnmarshalBinary(data))
	assert.Equal(t, e, back)
	again, err := back.AppendBinary([]byte("x"))
	require.NoError(t, err)
	assert.Equal(t, append([]byte("x"), data...), again)

	assert.ErrorIs(t, sequential.NewEProcess(0.5).UnmarshalBinary(data), detect.ErrMismatch)
	for i := range data {
		bad := append([]byte(nil), data...)
		bad[i] ^= 1
		assert.ErrorIs(t, back.UnmarshalBinary(bad), detect.ErrMalformed)
		assert.ErrorIs(t, back.UnmarshalBinary(data[:i]), detect.ErrMalformed)
	}
	assert.Equal(t, e, back, "after errors the state is unchanged")
}

func TestEProcessRefusesImpossibleCounts(t *testing.T) {
	e := sequential.NewEProcess(0.25)
	data, err := e.MarshalBinary()
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		counts [4]int64 // green, n, and both where the value was largest
		ok     bool
	}{
		{"at its largest value", [4]int64{60, 100, 60, 100}, true},
		{"below its largest value", [4]int64{60, 200, 60, 100}, true},
		{"above its largest value", [4]int64{60, 100, 0, 0}, false},
		{"green units were lost", [4]int64{10, 200, 60, 100}, false},
		{"red units were lost", [4]int64{70, 105, 60, 100}, false},
		{"a largest value below 1", [4]int64{10, 200, 10, 100}, false},
		{"more green than all", [4]int64{60, 50, 60, 50}, false},
		{"green below 0", [4]int64{-1, 5, 0, 0}, false},
		{"all below 0", [4]int64{0, -5, 0, 0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := append([]byte(nil), data[:len(data)-sha256.Size]...)
			for i, n := range c.counts {
				binary.LittleEndian.PutUint64(bad[len(bad)-32+8*i:], uint64(n))
			}
			sum := sha256.Sum256(bad)
			err := sequential.NewEProcess(0.25).UnmarshalBinary(append(bad, sum[:]...))
			if c.ok {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, detect.ErrMalformed)
			}
		})
	}
}
