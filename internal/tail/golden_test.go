package tail_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/tail"
)

// TestGoldenBits: the results have the same bits on every machine. Never edit the numbers to make the
// test pass. They change only with the arithmetic, and then every oracle must still hold.
func TestGoldenBits(t *testing.T) {
	fifteen := ramp(1, 15, 1, 1000, 0.25)
	synthid := ramp(290, 29, -9, 200, 0.5)
	resonance := weights(0.25, 15, 300, 1, 5)
	great := weights(0.25, 2, 1e12, 1, 5)
	small := weights(0.1, 1, 5, 7, 3)
	five := []float64{0.1, 0.5, 0.9, 0.25, 0.125}
	mixed := []tail.Exponential{{1, 5}, {2.5, 4}, {3, 1}}
	dice := []tail.Lattice{
		{Min: 1, Count: 60, P: []float64{0.1, 0.2, 0, 0.3, 0.25, 0.15}},
		{Min: -3, Count: 7, P: []float64{0.5, 0, 0.5}},
	}
	binomial, weighted := tail.Binomial, tail.WeightedBernoulli
	for _, c := range []struct {
		name string
		got  float64
		want string
	}{
		{"Normal(-0.7)", tail.Normal(-0.7), "-0x1.ecca25853479cp-04"},
		{"Normal(5.3)", tail.Normal(5.3), "-0x1.cf301c148d9b6p+02"},
		{"Normal(123.4)", tail.Normal(123.4), "-0x1.9da39e4d7033ep+11"},
		{"Binomial(50, 100, 0.25)", binomial(50, 100, 0.25), "-0x1.cb6333ffae63ep+02"},
		{"Binomial(5, 100, 0.25)", binomial(5, 100, 0.25), "-0x1.0724a8cc5984ap-27"},
		{"Binomial(900, 1000, 0.1)", binomial(900, 1000, 0.1), "-0x1.7e61f1f4c8b1dp+09"},
		{"Binomial(260000, 1e6, 0.25)", binomial(260000, 1e6, 0.25), "-0x1.d23b4155ab1p+06"},
		{"Binomial(250002598076, 1e12, 0.25)", binomial(250002598076, 1e12, 0.25), "-0x1.202fdb640a4fep+03"},
		{"Binomial(3906250000, 1e12, 1/256)", binomial(3906250000, 1e12, 1.0/256), "-0x1.3440b849a1e0ap-02"},
		{"Binomial(2, 3, 0x1p-1074)", binomial(2, 3, 0x1p-1074), "-0x1.431151d1c7978p+09"},
		{"Gamma(7, 30)", tail.Gamma(7, 30), "-0x1.bb8f718526dd7p+02"},
		{"Gamma(1000, 1000.5)", tail.Gamma(1000, 1000.5), "-0x1.3db3f5dc45399p-02"},
		{"Gamma(1e9, 1.0001e9)", tail.Gamma(1e9, 1.0001e9), "-0x1.8d9a02e83adabp+01"},
		{"Gamma(50, 1e-3)", tail.Gamma(50, 1e-3), "-0x1.3abb52ad97c4fp-714"},
		{"LogGamma(1.5)", tail.LogGamma(1.5), "-0x1.eeb95b094c1p-04"},
		{"LogGamma(7.25)", tail.LogGamma(7.25), "0x1.c35701a50ff04p+02"},
		{"LogGamma(1e6 + 1.5)", tail.LogGamma(1e6 + 1.5), "0x1.87194a95b743cp+23"},
		{"Log1p(-0.3)", tail.Log1p(-0.3), "-0x1.6d3c324e13f4fp-02"},
		{"Log1p(1e-9)", tail.Log1p(1e-9), "0x1.12e0be801f1d9p-30"},
		{"Expm1(-0.3)", tail.Expm1(-0.3), "-0x1.0966f2c7907f6p-02"},
		{"Expm1(1e-9)", tail.Expm1(1e-9), "0x1.12e0be84bbb51p-30"},
		{"Sidak(-3.5, 1000)", tail.Sidak(-3.5, 1000), "-0x1.2233cfd7a76c6p-01"},
		{"Sidak(-1, 3)", tail.Sidak(-1, 3), "-0x1.2251d95f0b52dp-01"},
		{"Bonferroni(-9.5, 77)", tail.Bonferroni(-9.5, 77), "-0x1.e743bc67cb51cp+02"},
		{"WeightedBernoulli(fifteen, 30100)", weighted(fifteen, 30100), "-0x1.846fdefcf66p-02"},
		{"WeightedBernoulli(fifteen, 34822)", weighted(fifteen, 34822), "-0x1.653d26021421cp+04"},
		{"WeightedBernoulli(fifteen, 29000)", weighted(fifteen, 29000), "-0x1.0c7087efa7d67p-07"},
		{"WeightedBernoulli(synthid, 506000)", weighted(synthid, 506000), "-0x1.201a7eb7d84ep+02"},
		{"WeightedBernoulli(resonance, 1501)", weighted(resonance, 1501), "-0x1.95137711c16d1p+01"},
		{"WeightedBernoulli(great, 500003464102)", weighted(great, 500003464102), "-0x1.1ff4f7e8787b5p+02"},
		{"WeightedBernoulli(small, 20)", weighted(small, 20), "-0x1.7fffffffffff6p+01"},
		{"LatticeSum(dice, 270)", tail.LatticeSum(dice, 270), "-0x1.4f1685ab8e8aep+02"},
		{"LatticeSum(dice, 222)", tail.LatticeSum(dice, 222), "-0x1.c1fc0dd72107fp-02"},
		{"PoissonBinomial(five, 4)", tail.PoissonBinomial(five, 4), "-0x1.87056a2f375e2p+00"},
		{"WeightedExponential(mixed, 60)", tail.WeightedExponential(mixed, 60), "-0x1.3f6134c2a186bp+02"},
		{"WeightedExponential(mixed, 5)", tail.WeightedExponential(mixed, 5), "-0x1.fee33dc7864adp-12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, strconv.FormatFloat(c.got, 'x', -1, 64))
		})
	}
}
