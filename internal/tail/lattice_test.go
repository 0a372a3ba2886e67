package tail_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

// weights returns groups of one probability, from pairs of a weight and a count.
func weights(p float64, countOf ...int64) []tail.Bernoulli {
	var groups []tail.Bernoulli
	for i := 0; i < len(countOf); i += 2 {
		groups = append(groups, tail.Bernoulli{Weight: countOf[i], Count: countOf[i+1], P: p})
	}
	return groups
}

// ramp returns groups of count terms, with the weights from, from+step, ..., to.
func ramp(from, to, step, count int64, p float64) []tail.Bernoulli {
	var groups []tail.Bernoulli
	for w := from; w != to+step; w += step {
		groups = append(groups, tail.Bernoulli{Weight: w, Count: count, P: p})
	}
	return groups
}

func TestWeightedBernoulliReference(t *testing.T) {
	four := weights(0.25, 1, 40, 2, 30, 3, 20, 4, 10)
	fifteen := ramp(1, 15, 1, 1000, 0.25)
	synthid := ramp(290, 290-9*29, -9, 200, 0.5)
	poisson := []tail.Bernoulli{{1, 50, 0.1}, {1, 30, 0.25}, {1, 20, 0.5}}
	for _, c := range []struct {
		name   string
		groups []tail.Bernoulli
		s      int64
		want   float64
		digits float64
	}{
		{"four", four, 80, -2.71610064581939, 1e-14},
		{"four", four, 100, -5.95972477873405, 1e-14},
		{"four", four, 120, -10.6081581781641, 1e-13},
		{"four", four, 150, -20.8064177053163, 1e-13},
		{"four", four, 199, -58.1232137624798, 1e-13},
		{"four", four, 200, -60.2059991327962, 1e-13},
		{"fifteen", fifteen, 32411, -6.437523156114, 1e-12},
		{"fifteen", fifteen, 34822, -22.327428825493, 1e-12},
		{"fifteen", fifteen, 44466, -179.636046590897, 1e-12},
		{"resonance", weights(0.25, 10, 50, 20, 50), 600, -2.953512485327, 1e-12},
		{"resonance", weights(0.25, 2, 1000, 1, 1), 600, -3.713116357922, 1e-12},
		{"resonance", weights(0.25, 2, 1000, 1, 1), 601, -3.797663027436, 1e-12},
		{"resonance", weights(0.25, 15, 300, 1, 5), 1501, -3.164656528158, 1e-12},
		{"poisson", poisson, 30, -1.41305544771585, 1e-14},
		{"poisson", poisson, 40, -4.74985104427931, 1e-14},
		{"poisson", poisson, 60, -17.5151956852582, 1e-13},
		{"poisson", poisson, 90, -53.4319941034698, 1e-13},
		{"synthid", synthid, 492250, -1.6430511146, 1e-10},
		{"synthid", synthid, 506000, -4.5016171260, 1e-10},
		{"synthid", synthid, 533499, -15.2459575065, 1e-10},
		{"synthid", synthid, 615996, -90.209756255, 1e-9},
	} {
		t.Run(fmt.Sprintf("%s/s=%d", c.name, c.s), func(t *testing.T) {
			got := tail.WeightedBernoulli(c.groups, c.s)
			assert.InDelta(t, c.want, got, c.digits)
			t.Logf("%.15g, error %.1g", got, math.Abs(got-c.want))
		})
	}
}

// bernoulliLaw returns the exact law of a weighted Bernoulli sum.
func bernoulliLaw(groups []tail.Bernoulli) *law {
	l := newLaw()
	for _, g := range groups {
		low, span := min(g.Weight, 0), max(g.Weight, -g.Weight)
		p := make([]*big.Float, span+1)
		for i := range p {
			p[i] = bigZero()
		}
		yes, no := bigFloat(g.P), bigZero().Sub(bigInt(1), bigFloat(g.P))
		p[g.Weight-low].Add(p[g.Weight-low], yes)
		p[-low].Add(p[-low], no)
		for range g.Count {
			l.add(low, p)
		}
	}
	return l
}

// compareLaw checks P(S >= s) for every step-th s of the support and for s outside of it. It returns
// the worst error.
func compareLaw(t *testing.T, l *law, step int, got func(s int64) float64, name any) (worst float64) {
	t.Helper()
	tails := l.tails()
	top := l.min + int64(len(l.p)) - 1
	require.Equal(t, 0.0, got(l.min-1), "%v", name)
	require.Equal(t, 0.0, got(math.MinInt64), "%v", name)
	require.Equal(t, math.Inf(-1), got(top+1), "%v", name)
	require.Equal(t, math.Inf(-1), got(math.MaxInt64), "%v", name)
	last := 0.0
	for i := 0; i < len(tails)-1; i += step {
		s := l.min + int64(i)
		want, have := log10Big(t, tails[i]), got(s)
		if math.IsInf(want, -1) {
			require.Equal(t, want, have, "%v s=%d", name, s)
			continue
		}
		e := (have - want) / max(1, -want)
		if math.Abs(e) > math.Abs(worst) {
			worst = e
		}
		require.InDelta(t, 0, e, tolerance, "%v s=%d: want %v, got %v", name, s, want, have)
		require.LessOrEqual(t, have, last+tolerance*max(1, -last), "%v s=%d", name, s)
		last = have
	}
	return worst
}

func TestWeightedBernoulliWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	odds := []float64{0.25, 0.5, 0.1, 1.0 / 256, 0.9, 1e-9, 0.999999, 1e-100, 0, 1}
	worst := 0.0
	for i := range 400 {
		var groups []tail.Bernoulli
		span := int64(0)
		factor := []int64{1, 1, 1, 2, 5, -3}[random.IntN(6)]
		for range 1 + random.IntN(5) {
			g := tail.Bernoulli{
				Weight: factor * (random.Int64N(16) - random.Int64N(2)*random.Int64N(8)),
				Count:  random.Int64N(12),
				P:      odds[random.IntN(len(odds))],
			}
			if random.IntN(8) == 0 {
				g.Weight *= 37
			}
			if g.P > 0 && g.P < 1 {
				span += max(g.Weight, -g.Weight) * g.Count
			}
			groups = append(groups, g)
		}
		if span > 3000 {
			continue
		}
		e := compareLaw(t, bernoulliLaw(groups), 1+i%7, func(s int64) float64 {
			return tail.WeightedBernoulli(groups, s)
		}, groups)
		if math.Abs(e) > math.Abs(worst) {
			worst = e
			t.Logf("%.2g %v", worst, groups)
		}
	}
}

// latticeLaw returns the exact law of a sum of general integer laws. It scales the probabilities as the
// package does, in its own arithmetic.
func latticeLaw(groups []tail.Lattice) *law {
	l := newLaw()
	for _, g := range groups {
		sum := bigZero()
		p := make([]*big.Float, len(g.P))
		for i, x := range g.P {
			p[i] = bigFloat(x)
			sum.Add(sum, p[i])
		}
		for _, x := range p {
			x.Quo(x, sum)
		}
		for range g.Count {
			l.add(g.Min, p)
		}
	}
	return l
}

func TestLatticeSumWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	worst := 0.0
	for i := range 120 {
		var groups []tail.Lattice
		span := int64(0)
		for range 1 + random.IntN(4) {
			g := tail.Lattice{Min: random.Int64N(21) - 10, Count: random.Int64N(15)}
			g.P = make([]float64, 1+random.IntN(12))
			sum := 0.0
			stride := 1 + random.IntN(3)
			for i := range g.P {
				if i == 0 || i%stride == 0 {
					g.P[i] = math.Exp(random.NormFloat64() * float64(1+random.IntN(12)))
				}
				sum += g.P[i]
			}
			for i := range g.P {
				g.P[i] /= sum
			}
			span += g.Count * int64(len(g.P))
			groups = append(groups, g)
		}
		if span > 600 {
			continue
		}
		l := latticeLaw(groups)
		// The oracle keeps the largest values even if they have probability 0.
		for l.p[len(l.p)-1].Sign() == 0 {
			l.p = l.p[:len(l.p)-1]
		}
		e := compareLaw(t, l, 1+i%3, func(s int64) float64 { return tail.LatticeSum(groups, s) }, groups)
		if math.Abs(e) > math.Abs(worst) {
			worst = e
			t.Logf("%.2g", worst)
		}
	}
}

// TestWeightedBernoulliResonance adds a great and a small group. Such sums have an exact oracle at any
// size: the binomial tail of the great group, averaged over the small one. Nearly all values are
// multiples of the great weight, so these cases have resonances.
func TestWeightedBernoulliResonance(t *testing.T) {
	worst := 0.0
	for _, c := range []struct{ great, small tail.Bernoulli }{
		{tail.Bernoulli{2, 1000, 0.25}, tail.Bernoulli{1, 1, 0.25}},
		{tail.Bernoulli{2, 1e6, 0.25}, tail.Bernoulli{1, 5, 0.25}},
		{tail.Bernoulli{2, 1e12, 0.25}, tail.Bernoulli{1, 5, 0.25}},
		{tail.Bernoulli{15, 1e9, 0.25}, tail.Bernoulli{1, 5, 0.25}},
		{tail.Bernoulli{15, 1e12, 0.5}, tail.Bernoulli{4, 30, 0.25}},
		{tail.Bernoulli{7, 1e6, 0.001}, tail.Bernoulli{3, 40, 0.9}},
		{tail.Bernoulli{12, 300, 0.5}, tail.Bernoulli{9, 11, 0.5}},
		{tail.Bernoulli{14, 4000, 1.0 / 256}, tail.Bernoulli{15, 3, 0.75}},
		{tail.Bernoulli{1, 1e9, 0.25}, tail.Bernoulli{1000000, 3, 0.1}},
		{tail.Bernoulli{-3, 1e6, 0.75}, tail.Bernoulli{1, 20, 0.5}},
	} {
		groups := []tail.Bernoulli{c.great, c.small}
		var mean, variance float64
		for _, g := range groups {
			mean += float64(g.Weight) * float64(g.Count) * g.P
			variance += float64(g.Weight) * float64(g.Weight) * float64(g.Count) * g.P * (1 - g.P)
		}
		for _, z := range []float64{-6, -1, 0, 0.5, 2, 5, 12, 60} {
			for step := range int64(3) {
				s := int64(mean+z*math.Sqrt(variance)) + step
				want := 0.0
				terms := bigZero()
				weight := bigZero().Set(bigInt(1))
				exponent := math.Inf(1)
				for j := range c.small.Count + 1 {
					rest := s - j*c.small.Weight
					// Other tests compare binomial tails with exact ones.
					var x float64
					if w := c.great.Weight; w > 0 {
						x = tail.Binomial(ceilDiv(rest, w), c.great.Count, c.great.P)
					} else {
						n := c.great.Count
						x = tail.Binomial(n-floorDiv(-rest, -w), n, 1-c.great.P)
					}
					if math.IsInf(x, -1) {
						continue
					}
					if math.IsInf(exponent, 1) {
						exponent = x
					}
					weight.SetInt(new(big.Int).Binomial(c.small.Count, j))
					weight.Mul(weight, power(bigFloat(c.small.P), j))
					weight.Mul(weight, power(bigFloat(1-c.small.P), c.small.Count-j))
					weight.Mul(weight, bigPow10(x-exponent))
					terms.Add(terms, weight)
				}
				if math.IsInf(exponent, 1) {
					continue
				}
				want = exponent + lnBig(terms)/math.Ln10
				got := tail.WeightedBernoulli(groups, s)
				e := (got - want) / max(1, -want)
				if math.Abs(e) > math.Abs(worst) {
					worst = e
					t.Logf("%.2g %v z=%v", worst, groups, z)
				}
				require.InDelta(t, 0, e, 10*tolerance, "%v s=%d: want %v, got %v", groups, s, want, got)
				require.GreaterOrEqual(t, e, -tolerance, "%v s=%d: want %v, got %v", groups, s, want, got)
			}
		}
	}
}

// ceilDiv and floorDiv return a/b rounded up and down.
func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// bigPow10 returns 10^x. Its fraction has the precision of a float64.
func bigPow10(x float64) *big.Float {
	e := math.Floor(x / math.Log10(2))
	m := bigFloat(math.Exp((x - e*math.Log10(2)) * math.Ln10))
	return m.SetMantExp(m, int(e))
}

// TestLatticeSumSynthID compares two forms of the law of SynthID's weighted mean: thirty groups, and
// one group of about 4800 values.
func TestLatticeSumSynthID(t *testing.T) {
	layers := ramp(290, 29, -9, 1, 0.5)
	one := bernoulliLaw(layers)
	p := make([]float64, len(one.p))
	for i, x := range one.p {
		p[i], _ = x.Float64()
	}
	for _, s := range []int64{492250, 506000, 533499} {
		want := tail.WeightedBernoulli(ramp(290, 29, -9, 200, 0.5), s)
		got := tail.LatticeSum([]tail.Lattice{{Min: 0, Count: 200, P: p}}, s)
		require.InDelta(t, want, got, tolerance*max(1, -want), "s=%d", s)
	}
}

func TestPoissonBinomial(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 18))
	p := make([]float64, 60)
	for i := range p {
		p[i] = random.Float64() * random.Float64()
	}
	p[3], p[4], p[5] = 0, 1, p[6]
	groups := make([]tail.Bernoulli, len(p))
	for i := range p {
		groups[i] = tail.Bernoulli{Weight: 1, Count: 1, P: p[i]}
	}
	l := bernoulliLaw(groups)
	for l.p[len(l.p)-1].Sign() == 0 {
		l.p = l.p[:len(l.p)-1]
	}
	for l.p[0].Sign() == 0 {
		l.p = l.p[1:]
		l.min++
	}
	compareLaw(t, l, 1, func(s int64) float64 { return tail.PoissonBinomial(p, s) }, "poisson binomial")

	// Equal trials have a binomial law.
	for i := range p {
		p[i] = 0.375
	}
	for k := int64(-1); k <= 62; k++ {
		require.Equal(t, tail.Binomial(k, 60, 0.375), tail.PoissonBinomial(p, k))
	}
	assert.Equal(t, 0.0, tail.PoissonBinomial(nil, 0))
	assert.Equal(t, math.Inf(-1), tail.PoissonBinomial(nil, 1))
	assert.Panics(t, func() { tail.PoissonBinomial([]float64{0.5, 1.5}, 1) })
}

func TestLatticeEdges(t *testing.T) {
	inf := math.Inf(-1)
	// No terms, and terms that are not random.
	assert.Equal(t, 0.0, tail.WeightedBernoulli(nil, 0))
	assert.Equal(t, inf, tail.WeightedBernoulli(nil, 1))
	sure := []tail.Bernoulli{{5, 3, 1}, {-2, 4, 1}, {100, 7, 0}, {100, 0, 0.5}, {0, 9, 0.5}}
	assert.Equal(t, 0.0, tail.WeightedBernoulli(sure, 7))
	assert.Equal(t, inf, tail.WeightedBernoulli(sure, 8))
	assert.Equal(t, 0.0, tail.LatticeSum([]tail.Lattice{{Min: 5, Count: 2, P: []float64{1}}}, 10))
	assert.Equal(t, inf, tail.LatticeSum([]tail.Lattice{{Min: 5, Count: 2, P: []float64{1}}}, 11))

	// Common divisors, for every s.
	for s := int64(1); s <= 300; s++ {
		want := tail.Binomial((s+2)/3, 100, 0.25)
		require.Equal(t, want, tail.WeightedBernoulli(weights(0.25, 3, 60, 3, 40), s))
	}
	// The ends of the support are exact, at any depth.
	deep := weights(1e-300, 2, 1e9, 3, 1e9)
	assert.InEpsilon(t, -600e9, tail.WeightedBernoulli(deep, 5e9), 1e-15)
	assert.Less(t, tail.WeightedBernoulli(deep, 5e9-1), -599e9)
	assert.InEpsilon(t, -291, tail.WeightedBernoulli(deep, 3), 1e-13)
	// A rare 3 is as likely as a rare 2, and one saddle point cannot show both. The integral loses
	// all digits, and the result is an upper bound.
	assert.Greater(t, tail.WeightedBernoulli(deep, 1), math.Log10(2)-291)
	assert.Less(t, tail.WeightedBernoulli(deep, 1), -100.0)

	for _, bad := range [][]tail.Bernoulli{
		{{1, -1, 0.5}}, {{1, 1, -0.5}}, {{1, 1, 1.5}}, {{1, 1, math.NaN()}},
		{{math.MaxInt64, 1, 0.5}}, {{math.MinInt64, 1, 0.5}}, {{1 << 40, 1 << 40, 0.5}},
		{{1 << 61, 1, 0.5}, {1 << 61, 1, 0.5}, {1, 1, 0.5}},
	} {
		assert.Panics(t, func() { tail.WeightedBernoulli(bad, 1) }, "%v", bad)
	}
	for _, bad := range []tail.Lattice{
		{Count: 1}, {Count: 1, P: []float64{0.5}}, {Count: 1, P: []float64{1.5, -0.5}},
		{Count: 1, P: []float64{math.NaN(), 1}}, {Count: -1, P: []float64{1}},
		{Min: math.MaxInt64, Count: 1, P: []float64{0.5, 0.5}},
	} {
		assert.Panics(t, func() { tail.LatticeSum([]tail.Lattice{bad}, 1) }, "%v", bad)
	}
}

// TestWeightedBernoulliBound: a problem that is too large for the sum gets an upper bound.
func TestWeightedBernoulliBound(t *testing.T) {
	for _, c := range []struct {
		great, small tail.Bernoulli
	}{
		{tail.Bernoulli{1000003, 1e6, 0.25}, tail.Bernoulli{7, 5, 0.5}},
		{tail.Bernoulli{1 << 40, 1000, 0.25}, tail.Bernoulli{1, 3, 0.5}},
	} {
		n, w := c.great.Count, c.great.Weight
		for _, k := range []int64{n / 5, n/4 + n/50, n - 1} {
			exact := tail.Binomial(k, n, c.great.P)
			got := tail.WeightedBernoulli([]tail.Bernoulli{c.great, c.small}, k*w)
			require.GreaterOrEqual(t, got, exact-tolerance*max(1, -exact), "k=%d", k)
			require.LessOrEqual(t, got, 0.0)
			if k > n/4+1 {
				require.LessOrEqual(t, got, exact+5, "k=%d", k)
			}
		}
	}
}

// TestWeightedBernoulliWild checks laws of any size that have no oracle. The tail is a number, does not
// rise with s, and is not below the probability of the largest sum.
func TestWeightedBernoulliWild(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 22))
	laws := 200
	if testing.Short() {
		laws = 40
	}
	for range laws {
		var groups []tail.Bernoulli
		var top int64
		logTop := 0.0
		for range 1 + random.IntN(6) {
			g := tail.Bernoulli{
				Weight: 1 + random.Int64N(1<<random.IntN(12)),
				Count:  1 + random.Int64N(1<<random.IntN(40)),
				P:      math.Exp(-random.ExpFloat64() * math.Exp(6*random.Float64()-3)),
			}
			groups = append(groups, g)
			top += g.Weight * g.Count
			logTop += float64(g.Count) * math.Log10(g.P)
		}
		last := 0.0
		for i := range int64(12) {
			s := top/12*i + random.Int64N(1+top/12)
			if i == 11 {
				s = top - random.Int64N(3)
			}
			got := tail.WeightedBernoulli(groups, s)
			require.LessOrEqual(t, got, last+1e-9*max(1, -last), "%v s=%d", groups, s)
			require.GreaterOrEqual(t, got, logTop*(1+1e-12), "%v s=%d", groups, s)
			last = got
		}
	}
}

// TestWeightedBernoulliGap: in a gap between the values of S, the integral is a small difference of
// large numbers. The result may only be too large.
func TestWeightedBernoulliGap(t *testing.T) {
	groups := []tail.Bernoulli{{1, 1000, 0.25}, {100000, 3, 1e-6}}
	exact := math.Log10(-math.Expm1(3 * math.Log1p(-1e-6))) // one of the three or more
	for s := int64(1000); s < 99000; s += 9100 {
		got := tail.WeightedBernoulli(groups, s)
		require.GreaterOrEqual(t, got, exact-1e-13, "s=%d", s)
		require.InDelta(t, exact, got, 1e-8, "s=%d", s)
	}
	// The same gap from below, where the package integrates the complement.
	groups = []tail.Bernoulli{{-1, 1000, 0.25}, {-100000, 3, 1e-6}}
	exact = 3 * math.Log1p(-1e-6) / math.Ln10 // none of the three
	for s := int64(1000); s < 99000; s += 9100 {
		got := tail.WeightedBernoulli(groups, 1-s)
		require.GreaterOrEqual(t, got, exact*(1+1e-13), "s=%d", s)
		require.InEpsilon(t, exact, got, 1e-8, "s=%d", s)
	}
}

func BenchmarkWeightedBernoulli(b *testing.B) {
	fifteen := ramp(1, 15, 1, 1000, 0.25)
	huge := ramp(1, 15, 1, 1e9, 0.25)
	four := weights(0.25, 1, 40, 2, 30, 3, 20, 4, 10)
	synthid := ramp(290, 29, -9, 200, 0.5)
	for _, c := range []struct {
		law    string
		groups []tail.Bernoulli
		s      int64
	}{
		{"four", four, 60}, {"four", four, 120},
		{"resonant", weights(0.25, 15, 300, 1, 5), 1501},
		{"weights15", fifteen, 30100}, {"weights15", fifteen, 34822}, {"weights15", fifteen, 44466},
		{"weights15e9", huge, 30010000000},
		{"synthid", synthid, 492250}, {"synthid", synthid, 533499}, {"synthid", synthid, 615996},
	} {
		b.Run(fmt.Sprintf("law=%s/s=%d", c.law, c.s), func(b *testing.B) {
			for b.Loop() {
				tail.WeightedBernoulli(c.groups, c.s)
			}
		})
	}
}

func BenchmarkPoissonBinomial(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		p := make([]float64, n)
		for i := range p {
			p[i] = (float64(i) + 0.5) / float64(2*n)
		}
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			for b.Loop() {
				tail.PoissonBinomial(p, int64(n/3))
			}
		})
	}
}
