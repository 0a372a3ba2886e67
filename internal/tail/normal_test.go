package tail_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

func TestNormalReference(t *testing.T) {
	for _, c := range []struct{ z, want float64 }{
		{1, -0.799545541491970}, {5, -6.54264567239065}, {10, -23.1180534054861},
		{40, -349.437006459346}, {100, -2173.87154286903}, {1000, -217150.640041994},

		// Computed with 50 digits.
		{-10, -3.309260121306722299015e-24}, {-3, -0.0005866493137900666910233},
		{-0.5, -0.1602313922778490173286}, {0, -0.3010299956639811952137},
		{1e-9, -0.3010299960104980573045}, {0.5, -0.5106919892652407744713},
		{2, -1.643016080140937047984}, {3, -2.869699035929369077223},
		{6, -9.005864327476704209196}, {8.3, -16.28353173041462567694},
		{20, -88.56009534307559192032}, {38, -315.5397897039625078947},
		{10000, -21714728.49425252990456},
	} {
		t.Run(fmt.Sprintf("z=%v", c.z), func(t *testing.T) {
			assert.InEpsilon(t, c.want, tail.Normal(c.z), 1e-14)
		})
	}
}

// TestNormalErfc compares with the complementary error function of package math.
func TestNormalErfc(t *testing.T) {
	last := 0.0
	for z := -8.0; z < 36; z += 1.0 / 64 {
		got := tail.Normal(z)
		want := math.Log10(math.Erfc(z/math.Sqrt2) / 2)
		require.InDelta(t, want, got, 1e-13*max(1, -want), "z=%v", z)
		require.Less(t, got, last, "z=%v", z)
		last = got
	}
}

func TestNormalEdges(t *testing.T) {
	assert.Equal(t, 0.0, tail.Normal(math.Inf(-1)))
	assert.Equal(t, 0.0, tail.Normal(-40))
	assert.False(t, math.Signbit(tail.Normal(-1e300)))
	assert.Equal(t, math.Inf(-1), tail.Normal(math.Inf(1)))
	assert.InEpsilon(t, -2.171472409516259e299, tail.Normal(1e150), 1e-14)
	assert.Equal(t, -math.MaxFloat64, tail.Normal(1e200), "the logarithm is below all floats")
	assert.Panics(t, func() { tail.Normal(math.NaN()) })
}

func BenchmarkNormal(b *testing.B) {
	for b.Loop() {
		tail.Normal(7.5)
	}
}
