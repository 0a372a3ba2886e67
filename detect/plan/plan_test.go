package plan_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

func TestPlanPowerIsThatOfTheExactTest(t *testing.T) {
	p := plan.GreenList{Gamma: 0.25, Green: 0.34, Alpha: 1e-3, Tests: 10}
	for _, n := range []int64{0, 1, 10, 100, 1000} {
		var power float64
		for k := range n + 1 {
			if tail.Binomial(k, n, 0.25) <= -4 {
				power += math.Pow(10, tail.Binomial(k, n, 0.34)) - math.Pow(10, tail.Binomial(k+1, n, 0.34))
			}
		}
		assert.InDelta(t, power, p.Power(n), 1e-12)
	}
	assert.Equal(t, plan.GreenList{Gamma: 0.25, Green: 0.3, Alpha: 1e-6, Tests: 1}.Power(500), plan.GreenList{Gamma: 0.25, Green: 0.3}.Power(500))
}

func TestPlanTokensIsTheSmallest(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	for range 80 {
		gamma := []float64{0.5, 0.25, 0.0625, 0.875}[rng.IntN(4)]
		p := plan.GreenList{
			Gamma: gamma, Green: gamma + (1-gamma)*(0.15+0.85*rng.Float64()),
			Alpha: []float64{0.5, 0.05, 1e-3, 1e-6, 1e-20}[rng.IntN(5)], Tests: 1 + rng.Int64N(3),
		}
		power := []float64{0.01, 0.3, 0.5, 0.9, 0.99}[rng.IntN(5)]
		n, err := p.Tokens(power)
		require.NoError(t, err)
		want := int64(0)
		for p.Power(want) < power {
			want++
		}
		require.Equal(t, want, n, "%+v power %v", p, power)
	}
	n, err := plan.GreenList{Gamma: 0.5, Green: 1}.Tokens(0.9)
	require.NoError(t, err)
	assert.EqualValues(t, 20, n, "2^-20 is below 1e-6")
}

// TestPlanTokensOfLargeTests: the number has the power, and is about the smallest.
func TestPlanTokensOfLargeTests(t *testing.T) {
	for _, c := range []struct{ gamma, green float64 }{{0.25, 0.251}, {0.5, 0.5001}, {0.5, 0.500001}, {1. / 256, 0.004}} {
		t.Run(fmt.Sprintf("gamma=%v green=%v", c.gamma, c.green), func(t *testing.T) {
			p := plan.GreenList{Gamma: c.gamma, Green: c.green}
			n, err := p.Tokens(0.9)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, p.Power(n), 0.9)
			assert.Less(t, p.Power(n-n/2000), 0.9)
			assert.InEpsilon(t, p.Approximate(0.9), float64(n), 0.01)
		})
	}
	_, err := plan.GreenList{Gamma: 0.5, Green: 0.5 + 1e-9}.Tokens(0.9)
	assert.ErrorIs(t, err, plan.ErrOutOfReach)
	for _, green := range []float64{0, 0.4, 0.5} {
		t.Run(fmt.Sprintf("green=%v", green), func(t *testing.T) {
			p := plan.GreenList{Gamma: 0.5, Green: green}
			_, err := p.Tokens(0.9)
			assert.ErrorIs(t, err, plan.ErrNoEffect)
			assert.Equal(t, math.Inf(1), p.Approximate(0.9))
			assert.Equal(t, math.Inf(1), p.Sequential())
		})
	}
}

// TestPlanTokensOfTheTable has numbers of tokens for 50, 90 and 99 percent power at
// alpha 1e-6, computed by a normal quantile and an exact tail.
func TestPlanTokensOfTheTable(t *testing.T) {
	for _, c := range []struct {
		gamma, green float64
		tokens       [3]float64
	}{
		{0.25, 0.34, [3]float64{580, 928, 1297}},
		{0.25, 0.29, [3]float64{2776, 4476, 6176}},
		{0.5, 0.55, [3]float64{2299, 3673, 5020}},
		{0.25, 0.26, [3]float64{42900, 69188, 95296}},
	} {
		p := plan.GreenList{Gamma: c.gamma, Green: c.green}
		for i, power := range []float64{0.5, 0.9, 0.99} {
			t.Run(fmt.Sprintf("gamma=%v green=%v power=%v", c.gamma, c.green, power), func(t *testing.T) {
				n, err := p.Tokens(power)
				require.NoError(t, err)
				assert.InEpsilon(t, c.tokens[i], n, 0.03)
				assert.LessOrEqual(t, float64(n), c.tokens[i], "smallest")
			})
		}
	}
}

// TestClosedForms: with p(1-p) close to gamma(1-gamma) the closed form is
// (zA+zB)^2 gamma(1-gamma)/e^2 for an excess e.
func TestClosedForms(t *testing.T) {
	const z = 4.753424 + 1.281552
	n := plan.GreenList{Gamma: 0.25, Green: 0.25 + 1e-5}.Approximate(0.9)
	assert.InEpsilon(t, z*z*0.1875*1e10, n, 1e-4)
	assert.InEpsilon(t, 6.83*1e10, n, 1e-3)
	assert.InEpsilon(t, math.Pow(4.753424, 2)*0.25/1e-4, plan.GreenList{Gamma: 0.5, Green: 0.51}.Approximate(0.5), 1e-6)

	// n KL = (zA+zB)^2/(2c), whatever gamma and delta.
	for _, c := range []float64{0.188, 0.451} {
		for _, gamma := range []float64{0.25, 0.5} {
			e := plan.SmallDelta(gamma, 1e-4, c)
			assert.InEpsilon(t, z*z/(2*c), e.KL*e.Plan(1).Approximate(0.9), 1e-3)
		}
	}
	for _, c := range []struct{ c, delta, want float64 }{
		{0.188, 0.5, 16509}, {0.188, 1, 4127}, {0.188, 2, 1032}, {0.451, 0.5, 2860}, {0.451, 1, 715}, {0.451, 2, 179},
	} {
		e := plan.SmallDelta(0.5, c.delta, c.c)
		assert.InEpsilon(t, c.want, z*z*0.25/math.Pow(e.Green-0.5, 2), 0.01)
	}
}

func TestSmallDeltaIsTheLimitOfRows(t *testing.T) {
	for _, row := range [][]float64{{0.9, 0.1}, {0.5, 0.3, 0.2}, {1, 1, 1, 1, 1, 1}} {
		var sum, squares float64
		for _, p := range row {
			sum += p
			squares += p * p
		}
		for _, gamma := range []float64{0.25, 0.5} {
			const delta = 1e-3
			want := plan.SmallDelta(gamma, delta, 1-squares/sum/sum)
			got := testmark.Must(plan.Row(gamma, row)).Effect(delta)
			assert.InEpsilon(t, want.Green-gamma, got.Green-gamma, 2e-3)
			assert.InEpsilon(t, want.KL, got.KL, 2e-3)
		}
	}
}

func TestTiltReferences(t *testing.T) {
	two := []float64{9, 1}
	assert.InDelta(t, 0.6090096440, testmark.Must(plan.Row(0.5, two)).Effect(2).Green, 1e-10)
	assert.InDelta(t, 0.3317572330, testmark.Must(plan.Row(0.25, two)).Effect(2).Green, 1e-10)
	for _, c := range []struct{ gamma, delta, green, kl float64 }{
		{0.25, 2, 0.7112345942, 0.4680105957},
		{0.5, 2, 0.8807970780, 0.3278133255},
		{0.5, 1, 0.7310585786, 0.1109440717},
	} {
		e := plan.Indifferent(c.gamma).Effect(c.delta)
		assert.InDelta(t, c.green, e.Green, 1e-10)
		assert.InDelta(t, c.kl, e.KL, 1e-10)
		m := testmark.Mark(t, watermark.NewKey(), watermark.GreenList{Gamma: c.gamma, Delta: c.delta}, 10)
		assert.InDelta(t, m.Law().(watermark.Bernoulli).Marked, e.Green, 1e-12)
		assert.InDelta(t, c.delta, plan.Indifferent(c.gamma).Delta(e.KL), 1e-9)
	}
	for _, c := range [][2]float64{{0, 3}, {1, 3}, {0, 1e5}, {1, 1e5}, {0.3, 0}} {
		mass := c[0]
		green, kl := plan.Tilt(mass, c[1])
		assert.Equal(t, mass, green, "without a choice there is no mark")
		assert.InDelta(t, 0, kl, 1e-15)
	}
	green, kl := plan.Tilt(0.25, 1e5)
	assert.Equal(t, 1.0, green)
	assert.InDelta(t, math.Log(4), kl, 1e-12)
	// The KL of the definition.
	green, kl = plan.Tilt(0.2, 1.5)
	assert.InDelta(t, green*math.Log(green/0.2)+(1-green)*math.Log((1-green)/0.8), kl, 1e-14)
}

// TestEntropyTable has green rates, costs in nats and tokens for power 0.9 at 1e-6 by
// the entropy of a Zipf law of 2000 tokens.
func TestEntropyTable(t *testing.T) {
	for _, c := range []struct {
		entropy                      float64
		green, kl, n                 float64 // gamma 1/4, delta 2
		half, halfKL, nHalf, nHalf2n float64 // gamma 1/2, delta 1; tokens at delta 2
		n3                           float64 // gamma 1/4, delta 3
	}{
		{.10, .273, .028, 13469, .511, .006, 82243, 9935, 2525},
		{.25, .309, .069, 2133, .529, .015, 10746, 1574, 546},
		{.50, .362, .125, 621, .559, .031, 2629, 470, 199},
		{1.0, .448, .214, 211, .608, .055, 800, 178, 81},
		{1.5, .513, .280, 124, .642, .071, 459, 116, 50},
		{2.0, .562, .329, 89, .666, .082, 334, 89, 40},
		{3.0, .627, .392, 62, .696, .096, 236, 73, 29},
	} {
		t.Run(fmt.Sprintf("entropy=%v", c.entropy), func(t *testing.T) {
			quarter, half := plan.Entropy(0.25, c.entropy), plan.Entropy(0.5, c.entropy)
			tokens := func(l *plan.Mass, delta float64) float64 {
				n, err := l.Effect(delta).Plan(1).Tokens(0.9)
				require.NoError(t, err)
				return float64(n)
			}
			e, h := quarter.Effect(2), half.Effect(1)
			t.Logf("%.4f %.4f %v (%v); %.4f %.4f %v (%v); %v (%v); %v (%v)", e.Green, e.KL, tokens(quarter, 2), c.n,
				h.Green, h.KL, tokens(half, 1), c.nHalf, tokens(half, 2), c.nHalf2n, tokens(quarter, 3), c.n3)
			assert.InDelta(t, c.green, e.Green, 0.001)
			assert.InDelta(t, c.kl, e.KL, 0.001)
			assert.InDelta(t, c.half, h.Green, 0.001)
			assert.InDelta(t, c.halfKL, h.KL, 0.001)
			assert.InDelta(t, c.n, tokens(quarter, 2), 0.03*c.n+6)
			assert.InDelta(t, c.nHalf, tokens(half, 1), 0.03*c.nHalf+6)
			assert.InDelta(t, c.nHalf2n, tokens(half, 2), 0.03*c.nHalf2n+6)
			assert.InDelta(t, c.n3, tokens(quarter, 3), 0.03*c.n3+6)
		})
	}
}

func TestTextTable(t *testing.T) {
	type kind struct {
		text  string
		gamma float64
	}
	laws := make(map[kind]*plan.Mass)
	for _, c := range []struct {
		text         string
		gamma, delta float64
		kl, n50, n90 float64
	}{
		{"chat", 0.5, 0.5, .006, 10185, 16390}, {"web", 0.5, 0.5, 0, 1816, 2893},
		{"chat", 0.5, 1, .024, 2480, 3973}, {"web", 0.5, 1, 0, 468, 743},
		{"code", 0.25, 2, 0, 4269, 6921}, {"chat", 0.25, 2, .099, 573, 917}, {"web", 0.25, 2, 0, 117, 186},
		{"code", 0.5, 2, 0, 3973, 6381}, {"chat", 0.5, 2, .103, 575, 915}, {"web", 0.5, 2, 0, 131, 198},
		{"chat", 0.25, 3, .256, 211, 336}, {"chat", 0.25, 5, .795, 67, 104},
	} {
		t.Run(fmt.Sprintf("%s/gamma=%v delta=%v", c.text, c.gamma, c.delta), func(t *testing.T) {
			law := laws[kind{c.text, c.gamma}]
			if law == nil {
				var ok bool
				law, ok = plan.Text(c.gamma, c.text)
				require.True(t, ok)
				laws[kind{c.text, c.gamma}] = law
			}
			e := law.Effect(c.delta)
			n50, err := e.Plan(1).Tokens(0.5)
			require.NoError(t, err)
			n90, err := e.Plan(1).Tokens(0.9)
			require.NoError(t, err)
			t.Logf("green %.4f kl %.4f n50 %d (%v) n90 %d (%v)", e.Green, e.KL, n50, c.n50, n90, c.n90)
			if c.kl > 0 {
				assert.InDelta(t, c.kl, e.KL, 0.003)
			}
			assert.InDelta(t, c.n50, n50, 0.02*c.n50+6)
			assert.InDelta(t, c.n90, n90, 0.02*c.n90+6)
			assert.InEpsilon(t, c.delta, law.Delta(e.KL), 1e-9)
		})
	}
	_, ok := plan.Text(0.5, "poetry")
	assert.False(t, ok)
	assert.Equal(t, []string{"code", "chat", "web"}, plan.TextKinds())
}

// TestHistogramLaw logs the steps of a random model under a mark: the histogram predicts
// the effect that the rows themselves have.
func TestHistogramLaw(t *testing.T) {
	const words, temperature = 400, 0.8
	rng := rand.New(rand.NewPCG(53, 54))
	scheme := watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}
	m := testmark.Mark(t, testmark.Key(3).Derive("mass"), scheme, words)
	h, err := watermark.NewGreenMassHistogram(0.25, temperature)
	require.NoError(t, err)
	var green, kl, drift float64
	const steps = 4000
	row := make([]float32, words)
	for range steps {
		for i := range row {
			row[i] = float32(rng.NormFloat64() * 3)
		}
		mass, ok := m.GreenMass(row, testmark.Uniform(rng, 2, words), temperature)
		require.True(t, ok)
		h.Add(mass)
		g, d := plan.Tilt(mass, 2/temperature)
		green, kl, drift = green+g/steps, kl+d/steps, drift+mass/steps
	}
	e := testmark.Must(plan.Histogram(h)).Effect(2 / temperature)
	t.Logf("rise %.5f, logged %.5f; kl %.5f, logged %.5f; mean mass %.5f", e.Green-0.25, green-drift, e.KL, kl, drift)
	assert.InDelta(t, green-drift, e.Green-0.25, 1e-3)
	assert.InDelta(t, kl, e.KL, 1e-3)
	empty, err := watermark.NewGreenMassHistogram(0.25, 1)
	require.NoError(t, err)
	_, err = plan.Histogram(empty)
	assert.ErrorIs(t, err, plan.ErrEmpty)
}

func TestRowsOutOfRange(t *testing.T) {
	for _, c := range []struct {
		name  string
		gamma float64
		row   []float64
	}{
		{"gamma", 1, []float64{1}},
		{"a negative probability", 0.5, []float64{0.5, -0.1}},
		{"no number", 0.5, []float64{0.5, math.NaN()}},
		{"nothing", 0.5, nil},
		{"zeros", 0.5, []float64{0, 0}},
		{"infinite", 0.5, []float64{math.Inf(1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := plan.Row(c.gamma, c.row)
			assert.ErrorContains(t, err, "plan: ")
		})
	}
}

func TestMixLaws(t *testing.T) {
	a, b := plan.Entropy(0.5, 1), plan.Indifferent(0.5)
	mix := plan.Mix([]*plan.Mass{a, b, b}, []float64{1, 3, 0})
	assert.Equal(t, 0.5, mix.Gamma())
	assert.InDelta(t, a.Effect(1).Green/4+b.Effect(1).Green*3/4, mix.Effect(1).Green, 1e-12)
	assert.InDelta(t, a.Effect(1).KL/4+b.Effect(1).KL*3/4, mix.Effect(1).KL, 1e-12)
	assert.InDelta(t, 0, mix.Delta(0), 1e-15)
	assert.Equal(t, math.Inf(1), mix.Delta(50), "a mark costs at most -ln of the mass")
}

func TestStudentPlan(t *testing.T) {
	p := plan.Student{C1: 0.64}
	assert.InEpsilon(t, 36e3, p.Tokens(0.05, 0.9), 0.02)
	assert.InEpsilon(t, 0.89e6, p.Tokens(0.01, 0.9), 0.01)
	assert.InEpsilon(t, math.Pow(6.034976/0.64, 2), p.Tokens(1, 0.9), 1e-6)
	n := p.Tokens(0.03, 0.8)
	assert.InEpsilon(t, 0.03, p.Share(int64(n), 0.8), 1e-4)
	assert.Equal(t, math.Inf(1), p.Share(0, 0.9))
	// 10,000 tenants at a family-wise 1e-3, each with half of the contexts.
	p = plan.Student{C1: 0.64 * math.Sqrt(0.5), Alpha: 1e-3, Tests: 10_000}
	assert.InEpsilon(t, 5.1e3, p.Tokens(0.2, 0.9), 0.02)
	assert.InEpsilon(t, 2.1e6, p.Tokens(0.01, 0.9), 0.03)
}

func TestPlansOutOfRange(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"gamma", func() { plan.GreenList{Gamma: 1, Green: 0.5}.Power(1) }},
		{"green", func() { plan.GreenList{Gamma: 0.5, Green: 1.1}.Power(1) }},
		{"alpha", func() { plan.GreenList{Gamma: 0.5, Green: 0.6, Alpha: 0.6}.Sequential() }},
		{"tests", func() { plan.GreenList{Gamma: 0.5, Green: 0.6, Tests: -1}.Power(1) }},
		{"n", func() { plan.GreenList{Gamma: 0.5, Green: 0.6}.Power(-1) }},
		{"power", func() { plan.GreenList{Gamma: 0.5, Green: 0.6}.Approximate(1) }},
		{"power 0", func() { _, _ = plan.GreenList{Gamma: 0.5, Green: 0.6}.Tokens(0) }},
		{"share", func() { plan.Effect{Gamma: 0.5, Green: 0.6}.Plan(2) }},
		{"c", func() { plan.SmallDelta(0.5, 1, 2) }},
		{"delta", func() { plan.Indifferent(0.5).Effect(-1) }},
		{"delta nan", func() { plan.Indifferent(0.5).Effect(nan) }},
		{"kl", func() { plan.Indifferent(0.5).Delta(-1) }},
		{"gamma 0", func() { plan.Indifferent(0) }},
		{"entropy", func() { plan.Entropy(0.5, 9) }},
		{"mix", func() { plan.Mix(nil, nil) }},
		{"mix gamma", func() { plan.Mix([]*plan.Mass{plan.Indifferent(0.5), plan.Indifferent(0.25)}, []float64{1, 1}) }},
		{"mix weight", func() { plan.Mix([]*plan.Mass{plan.Indifferent(0.5)}, []float64{0}) }},
		{"mass", func() { plan.Tilt(1.5, 1) }},
		{"tilt", func() { plan.Tilt(0.5, -1) }},
		{"c1", func() { plan.Student{}.Tokens(1, 0.9) }},
		{"rho", func() { plan.Student{C1: 1}.Tokens(0, 0.9) }},
		{"negative", func() { plan.Student{C1: 1}.Share(-1, 0.9) }},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Panics(t, c.f) })
	}
}

func TestImpliedShare(t *testing.T) {
	p := plan.Student{C1: 0.5}
	share, low, high := p.Implied(10, 10_000, 0.95)
	assert.InDelta(t, 0.2, share, 1e-12)
	assert.InDelta(t, (10-1.959963985)/50, low, 1e-9)
	assert.InDelta(t, (10+1.959963985)/50, high, 1e-9)
	share, low, high = p.Implied(-1, 100, 0.5)
	assert.Zero(t, share+low)
	assert.Equal(t, 0.0, high, "-1 + 0.67 is below 0")
	share, _, high = p.Implied(1000, 100, 0.95)
	assert.Equal(t, 2.0, share+high)
	for _, c := range []struct {
		name        string
		p           plan.Student
		z, coverage float64
		n           int64
	}{
		{"no tokens", p, 1, 0.9, 0},
		{"z", p, math.NaN(), 0.9, 1},
		{"coverage", p, 1, 1, 1},
		{"no c1", plan.Student{}, 1, 0.9, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Panics(t, func() { c.p.Implied(c.z, c.n, c.coverage) })
		})
	}
}
