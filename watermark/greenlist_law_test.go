package watermark

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/tail"
)

// TestGreenLawBits holds on every machine: the bits are those of amd64, and `make qemu` tests them on
// others. The values are right to a unit or two in the last place.
func TestGreenLawBits(t *testing.T) {
	for _, c := range []struct {
		gamma, delta float64
		bits         uint64
	}{
		{0.5, 2, 0x3fec2f7d5a8a79ca},
		{0.25, 2, 0x3fe6c26f0d3fb91b},
		{0.25, 0.7, 0x3fd9b49093cfc019},
		{3. / 256, 5.3, 0x3fe685202b23051e},
		{255. / 256, 0.1, 0x3fefe308d0c0405b},
	} {
		law := greenLaw(c.gamma, tail.Exp(c.delta))
		assert.Equal(t, c.bits, math.Float64bits(law.Marked), "gamma %v, delta %v: %#x", c.gamma, c.delta, math.Float64bits(law.Marked))
		odds := math.Exp(c.delta)
		assert.InEpsilon(t, c.gamma*odds/(c.gamma*odds+1-c.gamma), law.Marked, 1e-14)
	}
}
